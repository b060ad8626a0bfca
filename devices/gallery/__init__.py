"""The sample: a walk along a gallery wall with a head-worn camera and an eye tracker, rendered, with known answers.

The photographs and the lettering are real pictures; the wall, the head's motion, the eyes, blur and noise are computed. It is a test
piece, not a recording of a person, and says so.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from devices.gallery import pictures
from devices.gallery.camera import HEIGHT_PX, HFOV_DEG, WIDTH_PX
from devices.gallery.motion import track
from devices.gallery.pictures import PHOTOS
from devices.gallery.script import SCRIPT, truth
from devices.gallery.view import View
from devices.gallery.walk import DURATION_NS
from devices.recording import Recording
from edge_runtime.config import S
from edge_runtime.hosts.capture import Frame
from edge_runtime.models.hub import Say, quiet
from edge_runtime.pixels import Picture

__all__ = ["DEFAULT_SEED", "PICTURES", "prepare", "render", "sample", "truth"]

DEFAULT_SEED = 7
OFFERED_HZ = 10
_HOW = "Rendered: a virtual head-worn camera walks along a wall of real photographs and printed cards; head and eyes are computed."
PICTURES = PHOTOS
"""The photographs, with their sources and licences."""


def prepare(say: Say = quiet) -> None:
    """Fetch the photographs; says what it downloads, and downloads nothing that is already there.

    Raises:
        Unreachable: Something is missing and the package index does not answer.
        HashMismatch: A file is not the one that was asked for.
        DeviceError: The cache cannot be written.
    """
    pictures.load(say=say)


def render(t_ns: int, seed: int = DEFAULT_SEED) -> Picture:
    """Take the frame of one moment: uint8 BGR [540,960,3].

    Raises:
        Unreachable: The photographs are not there and cannot be fetched.
    """
    return _view(seed).render(t_ns)


def sample(seed: int = DEFAULT_SEED) -> Recording:
    """The whole walk as a recording: 90 s, ten frames a second, gaze 120 times a second.

    The photographs are read when the first frame is asked for; gaze and script need none.

    Args:
        seed: Fixes everything that varies. The same seed gives the same bytes.
    """

    def frames() -> Iterator[Frame]:
        view = _view(seed)
        for seq in range(DURATION_NS * OFFERED_HZ // S):
            t_ns = seq * S // OFFERED_HZ
            yield Frame(seq, t_ns, view.render(t_ns))

    return Recording(
        name="sample",
        frames=frames,
        gaze=_gaze(seed),
        script=SCRIPT,
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        hfov_deg=HFOV_DEG,
        offered_hz=float(OFFERED_HZ),
        duration_ns=DURATION_NS,
        has_gaze=True,
        note=f"{_HOW}\n\nThe photographs, as their packages state it:\n{pictures.credits()}",
    )


@functools.lru_cache(maxsize=1)
def _view(seed: int) -> View:
    return View(track(seed), pictures.load(), seed)


_gaze = functools.lru_cache(maxsize=2)(lambda seed: track(seed).samples())
