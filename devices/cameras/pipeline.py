"""A camera by a GStreamer pipeline: boards' own sensors, and whatever else GStreamer can open.

The pipeline runs as a child process, ``gst-launch-1.0``, so that no binding is needed, and a driver that crashes or hangs takes nothing
else along. Its pictures come uncompressed through a pipe. What the pipeline itself lets go (``queue leaky=...``) nobody counts.
"""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
import threading
import time
from collections.abc import Callable

from devices.cameras.child import ChildOutput
from devices.cameras.device import DeviceCamera
from devices.cameras.masked import masked
from devices.cameras.y4m import Y4mStream
from edge_runtime.errors import CameraError, UsageError
from edge_runtime.pixels import Picture

HFOV_DEG = 78.0
"""Assumed; no pipeline says it."""
PROGRAM = "gst-launch-1.0"
_INSTALL = "sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good"

# Rows of the encoder's planes are padded where a width is no multiple of 8, and nothing says so: such pictures are scaled to the nearest
# size without padding. Colours are asked for as our conversion takes them.
_AS_Y4M = (
    "! videoconvert ! videoscale add-borders=false "
    "! video/x-raw,format=I420,colorimetry=bt601,width=[8,16384,8],height=[2,16384,2] ! y4menc ! fdsink fd={fd}"
)


class Pipeline(DeviceCamera):
    """A GStreamer pipeline that ends in raw video, such as ``v4l2src device=/dev/video2 ! jpegdec``.

    Args:
        pipeline: As for ``gst-launch-1.0``, with a shell's quotes, without a sink. Of it only the names of its elements are shown.
        offered_hz: Pictures handed over a second, at most.
        hfov_deg: Horizontal field of view; :data:`HFOV_DEG` is assumed where it is not given.
        name: A word or two.
        remark: What else is to be known, at the end of its note.
        now_ns: The monotonic clock.

    Raises:
        UsageError: The pipeline is empty, or its quotes do not match.
    """

    def __init__(
        self,
        pipeline: str,
        *,
        offered_hz: float,
        hfov_deg: float | None = None,
        name: str = "pipeline",
        remark: str = "",
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        words = _words(pipeline)
        super().__init__(
            name,
            f"A GStreamer pipeline ({_elements(words)})",
            lambda ending: _Running(words, name, ending, now_ns),
            offered_hz=offered_hz,
            hfov_deg=hfov_deg,
            usual_hfov_deg=HFOV_DEG,
            remark=f" It does not say when its pictures were taken: their age counts from when they left the pipeline.{remark}",
            now_ns=now_ns,
        )


def csi_sensor(sensor: int, *, offered_hz: float, hfov_deg: float | None = None) -> Pipeline:
    """A sensor on a Jetson's own connector, 1280 x 720 at 30 pictures a second. It has never been run: no such board was there.

    Args:
        sensor: Its number.
        offered_hz: As for :class:`Pipeline`.
        hfov_deg: As for :class:`Pipeline`.
    """
    return Pipeline(
        f"nvarguscamerasrc sensor-id={sensor} ! 'video/x-raw(memory:NVMM),width=1280,height=720,framerate=30/1' "
        "! nvvidconv ! video/x-raw,format=I420",
        offered_hz=offered_hz,
        hfov_deg=hfov_deg,
        name=f"sensor {sensor}",
        remark=" This pipeline has never been tried on a board.",
    )


class _Running:
    """The pipeline while it runs."""

    def __init__(self, words: list[str], name: str, ending: threading.Event, now_ns: Callable[[], int]) -> None:
        if shutil.which(PROGRAM) is None:
            raise CameraError(f"{name} needs {PROGRAM}, which is not installed", hint=_INSTALL)
        self._name, self._now_ns, self._ending = name, now_ns, ending
        self._child = ChildOutput(lambda fd: [PROGRAM, "-q", *words, *_AS_Y4M.format(fd=fd).split()], ending)
        self._stream = Y4mStream(self._child.fill)

    def grab(self) -> int | None:
        """Wait for the next picture; when it had come whole."""
        if self._stream.advance():
            return self._now_ns()
        if self._ending.is_set():
            return None
        said = _complaint(self._child.last_words())
        if said:
            raise CameraError(f"{self._name} fails: {said}", hint=f"try it by hand: {PROGRAM} with this pipeline and '! fakesink'")
        raise CameraError(f"{self._name} has come to its end", hint="a film in a pipeline ends; a camera does not unless it is unplugged")

    def picture(self) -> Picture:
        """Convert it."""
        return self._stream.picture()

    def release(self) -> None:
        """End the child, and wait for it."""
        self._child.close()


def _words(pipeline: str) -> list[str]:
    try:
        words = shlex.split(pipeline)
    except ValueError as error:
        raise UsageError(f"this is no pipeline: {error}", hint="quotes are those of a shell: every one that opens must close") from None
    if not words:
        raise UsageError("the pipeline is empty", hint="gst:<pipeline>, such as 'gst:v4l2src device=/dev/video2 ! jpegdec'")
    return words


def _elements(words: list[str]) -> str:
    """The names of the elements without their properties, which may hold passwords, and without what only says a format."""
    firsts = [word for before, word in itertools.pairwise(["!", *words]) if before == "!" and word != "!"]
    return " ! ".join(word for word in firsts if "/" not in word and "=" not in word)


def _complaint(lines: list[str]) -> str:
    """What was wrong, of what the child said: its first error, or else its last line."""
    errors = [line for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    return masked(re.sub(r"^(ERROR|WARNING): ", "", errors[0]).rstrip(".")) if errors else ""
