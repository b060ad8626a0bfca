"""What the core costs: the events of a synthetic minute, fed to a fresh core one by one.

The minute is played once with a scripted looker to learn its events, answers of models and log among them. A core that is fed the same
events commands the same things, so the answers fit, and nothing but the core is timed.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from apps.field.senses import ASPECT, HFOV_DEG, gaze_path
from apps.field.timing import Job, Jobs
from apps.playing import play
from devices.recording import Recording
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.hosts.capture import Frame
from edge_runtime.models.opening import only_looking
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.protocol import Asked, Command, Event, Look, Taught, WatchSet
from edge_runtime.records import Concept
from edge_runtime.types import Box, Capabilities, LabelHint, LookedRegion, Region, Session, TextLine, Tokens

_SECONDS, _FRAME_HZ, _THINGS = 60, 10, 12
_HEIGHT_PX = 90
_WIDTH_PX = round(_HEIGHT_PX * ASPECT)
CAN = Capabilities(bundle="scripted", vector=True, labels=True, text=True, tokens=True, vector_dim=384)
"""As the pocket bundle."""
_TOKENS_HW, _TOKEN_DIM = (8, 8), 384
_SCRIPT: tuple[Event, ...] = (
    Taught(t_ns=5 * S, concept=Concept("mug")),
    WatchSet(t_ns=12 * S, watch="w1", text="tell me when I see my mug"),
    Asked(t_ns=30 * S, question="q1", text="where was my mug?"),
    Asked(t_ns=45 * S, question="q2", text="what did I read?"),
)


def jobs() -> Jobs:
    """Every event of the minute, once."""
    events, config = played()
    core = Core(config, Session(CAN))
    yield Job("core_event", (functools.partial(core.feed, event) for event in events), most=len(events))


def played() -> tuple[list[Event], Config]:
    """The events of the minute in the order in which a core was fed them, and the settings of that core."""
    events: list[Event] = []

    def keep(event: Event, commands: tuple[Command, ...], core: Core) -> None:
        events.append(event)

    with (
        tempfile.TemporaryDirectory() as out,
        play(_minute(), Path(out), Config(), only_looking(ScriptedLooker(_see, CAN)), observers=[keep]) as run,
    ):
        return events, run.core.config


def _minute() -> Recording:
    return Recording(
        name="minute",
        frames=_frames,
        gaze=tuple(gaze_path(_SECONDS)),
        script=_SCRIPT,
        width_px=_WIDTH_PX,
        height_px=_HEIGHT_PX,
        hfov_deg=HFOV_DEG,
        offered_hz=float(_FRAME_HZ),
        duration_ns=_SECONDS * S,
        has_gaze=True,
        note="A synthetic minute.",
    )


def _frames() -> Iterator[Frame]:
    """The scene changes every five seconds."""
    for seq in range(_SECONDS * _FRAME_HZ):
        image = np.full((_HEIGHT_PX, _WIDTH_PX, 3), 60, np.uint8)
        left = seq // (5 * _FRAME_HZ) * _WIDTH_PX // _THINGS
        image[:, left : left + _WIDTH_PX // 3] = 200
        yield Frame(seq, seq * S // _FRAME_HZ, image)


def _see(command: Look) -> Sequence[LookedRegion]:
    """Another thing in every scene, with a name every third time and a line of text every fourth."""
    number = command.t_capture_ns // (5 * S)
    return [_region(region, number) for region in command.regions]


def _region(region: Region, number: int) -> LookedRegion:
    vector = np.zeros(CAN.vector_dim, np.float32)
    vector[number if region.kind == "foveal" else -1] = 1.0
    rows, columns = _TOKENS_HW
    tokens = np.tile(vector.astype(np.float16), (rows * columns, 1))
    line = TextLine(f"ROOM {100 + number}", 0.95, Box(0.4, 0.4, 0.6, 0.5))
    return LookedRegion(
        kind=region.kind,
        box=region.box,
        vector=vector if "vector" in region.want else None,
        tokens=Tokens(_TOKENS_HW, _TOKEN_DIM, tokens) if "tokens" in region.want else None,
        labels=(LabelHint("tabby", 0.9),) if "labels" in region.want and number % 3 == 0 else (),
        lines=(line,) if "text" in region.want and number % 4 == 0 else (),
    )
