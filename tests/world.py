"""A small scripted world for tests of the core and its hosts: what is seen is given, everything else is real."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from apps.playing import Played, play
from devices.recording import Recording
from edge_runtime.config import MS, Config, S
from edge_runtime.hosts.capture import Frame
from edge_runtime.hosts.host import Observer
from edge_runtime.models.opening import only_looking
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Asked, Event, Look, Taught, WatchSet
from edge_runtime.records import Concept
from edge_runtime.types import Box, LabelHint, LookedRegion, Region, TextLine, Thumb, Tokens, Vector
from gaze.types import GazeSample

WIDTH_PX, HEIGHT_PX = 160, 90
JPEG = b"\xff\xd8 pixels of the %s \xff\xd9"


def axis(number: int) -> Vector:
    """A unit vector float32 [4] along one axis: four things that are nothing alike."""
    vector = np.zeros(4, np.float32)
    vector[number] = 1.0
    return vector


MUG, CAT, DOOR, WALL = (axis(n) for n in range(4))
LETTER = np.full(4, -0.5, np.float32)
"""Like none of them."""

# What the wearer looks at, from when to when (seconds): name, vector, label, text.
SCENES: tuple[tuple[float, float, str, Vector, str, str], ...] = (
    (0.0, 4.0, "door", DOOR, "", "ROOM 204"),
    (4.0, 10.0, "mug", MUG, "", ""),
    (10.0, 14.0, "cat", CAT, "tabby", ""),
    (14.0, 20.0, "wall", WALL, "", ""),
    (20.0, 24.0, "mug", MUG, "", ""),
    (24.0, 30.0, "letter", LETTER, "", "PIN 4071"),
    (30.0, 36.0, "cat", CAT, "tabby", ""),
)
LENGTH_NS = 36 * S


def scene_at(t_ns: int) -> tuple[float, float, str, Vector, str, str]:
    """What is looked at then."""
    return next(scene for scene in SCENES if scene[0] * S <= t_ns < scene[1] * S)


def see(command: Look) -> Sequence[LookedRegion]:
    """What a look finds."""
    return [_region(command, index, region) for index, region in enumerate(command.regions)]


def _region(command: Look, index: int, region: Region) -> LookedRegion:
    _, _, name, vector, label, text = scene_at(command.t_capture_ns)
    jpeg = JPEG % name.encode()
    foveal = region.kind == "foveal"
    return LookedRegion(
        kind=region.kind,
        box=region.box,
        vector=(vector if foveal else WALL) if "vector" in region.want else None,
        tokens=Tokens((2, 2), 4, np.tile(vector.astype(np.float16), (4, 1))) if "tokens" in region.want else None,
        labels=(LabelHint(label, 0.9),) if label and foveal else (),
        lines=(TextLine(text, 0.95, Box(0.4, 0.4, 0.6, 0.5)),) if text and region.kind == "text" else (),
        thumb=Thumb(f"{command.frame_seq}-{index}", len(jpeg), jpeg) if "thumb" in region.want else None,
    )


def frames(rate_hz: int = 10, length_ns: int = LENGTH_NS) -> Iterator[Frame]:
    """Frames whose brightness steps to the right from scene to scene."""
    for seq in range(length_ns * rate_hz // S):
        t_ns = seq * S // rate_hz
        image = np.full((HEIGHT_PX, WIDTH_PX, 3), 60, np.uint8)
        at = SCENES.index(scene_at(t_ns)) * WIDTH_PX // len(SCENES)
        image[:, at : at + WIDTH_PX // 3] = 200
        yield Frame(seq, t_ns, image)


def gaze(rate_hz: int = 100, length_ns: int = LENGTH_NS) -> tuple[GazeSample, ...]:
    """Gaze that rests on one place for a scene and jumps to another for the next."""
    samples = []
    for n in range(length_ns * rate_hz // S):
        t_ns = n * S // rate_hz
        side = 0.35 if SCENES.index(scene_at(t_ns)) % 2 else 0.65
        samples.append(GazeSample(t_ns, side, 0.5))
    return tuple(samples)


def recording(*script: Event, has_gaze: bool = True) -> Recording:
    """The world with these words in it."""
    return Recording(
        name="scripted world",
        frames=frames,
        gaze=gaze() if has_gaze else (),
        script=tuple(sorted(script, key=lambda event: event.t_ns)),
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        hfov_deg=90.0,
        offered_hz=10.0,
        duration_ns=LENGTH_NS,
        has_gaze=has_gaze,
        note="A scripted world for tests.",
    )


WORDS: tuple[Event, ...] = (
    Taught(t_ns=5 * S, concept=Concept("mug")),
    WatchSet(t_ns=12 * S, watch="w1", text="tell me when I see my mug"),
    WatchSet(t_ns=13 * S, watch="w2", text="tell me when I see a theremin"),
    Asked(t_ns=16 * S, question="q1", text="where was my mug?"),
    Asked(t_ns=18 * S, question="q2", text="did you see my passport?"),
    Asked(t_ns=34 * S, question="q3", text="how often did I see the cat?"),
)


def run(
    out: Path,
    *script: Event,
    config: Config | None = None,
    looker: ScriptedLooker | None = None,
    observers: Sequence[Observer] = (),
    gaze_delay_ns: int = 0,
    has_gaze: bool = True,
) -> Played:
    """Play the world; the files are closed when this returns."""
    with play(
        recording(*(script or WORDS), has_gaze=has_gaze),
        out,
        config or Config(),
        only_looking(looker or ScriptedLooker(see)),
        observers=observers,
        gaze_delay_ns=gaze_delay_ns,
    ) as played:
        pass
    return played


__all__ = ["LENGTH_NS", "MS", "WORDS", "axis", "frames", "gaze", "recording", "run", "scene_at", "see"]
