"""Which process says what to whom, and how much of it at most: the wire as data.

Every route goes one way, from one process. Where one answers another (``answers``), a bus may carry both under the topic of the first.

What is not here stays at home. The log lies in the core's process, in a thread of its own: forgetting is one order to log, journal and
decisions, and the file has one owner by its lock; in a process of its own every vector and thumbnail would travel twice, to spare the
core waiting that it does not do. The voice is timed by the core's host, so ``SpeechStarted`` and ``SpeechEnded`` begin and end there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edge_runtime import protocol as p
from edge_runtime.config import MIB
from edge_runtime.transport import messages as m
from edge_runtime.transport.messages import Role

MAJOR = 1
"""Of all messages together. It rises when one changes otherwise than by appended fields; the topic tells it before anything is decoded."""
KIB = 1024


@dataclass(frozen=True, slots=True)
class Route:
    """One way from one process to others.

    Attributes:
        name: Of the route; the topic is made of it.
        sender: Who sends; the only one.
        receivers: Who takes.
        messages: What may be sent.
        max_bytes: Of one message, encoded.
        max_waiting: Messages that may wait on either side.
        purpose: What for, one line.
        keep: Whether a receiver that is behind takes all, or only the newest.
        answers: The name of the route whose messages these answer, one for one.
    """

    name: str
    sender: Role
    receivers: tuple[Role, ...]
    messages: tuple[type[p.Message], ...]
    max_bytes: int
    max_waiting: int
    purpose: str
    keep: Literal["every", "newest"] = "every"
    answers: str = ""

    @property
    def topic(self) -> str:
        """What a message of this route is sent under: ``er1/frames``."""
        return f"er{MAJOR}/{self.name}"


FRAMES = Route("frames", "capture", ("core",), (p.FrameSeen,), 16 * KIB, 4, "a frame was captured; its pixels stay", keep="newest")
SENSES = Route(
    "senses", "capture", ("core",), (p.Gaze, p.Eye, p.Head, p.UserSpeech), 16 * KIB, 256, "what the wearer's eyes, head and voice do"
)
WORK = Route("work", "core", ("model",), (p.Look, p.Generate, p.Cancel), 256 * KIB, 16, "what the core wants looked at or put into words")
LOOKED = Route("looked", "model", ("core",), (p.Looked, p.Failed), 4 * MIB, 4, "what was seen, or why not")
WORDS = Route("words", "model", ("core",), (p.Token, p.Done, p.Failed), 16 * KIB, 256, "an answer in free language, piece by piece")
CUTS = Route("cuts", "model", ("capture",), (m.Cut,), 16 * KIB, 1, "which pixels the model needs, when it is about to use them")
CROPS = Route("crops", "capture", ("model",), (m.Crops, p.Failed), 32 * MIB, 1, "those pixels, or why not", answers="cuts")
FORGET = Route("forget", "core", ("capture",), (m.ForgetFrames,), 1 * KIB, 16, "frames that must not be kept")
CALLS = Route(
    "calls",
    "client",
    ("core",),
    (m.Question, m.Teach, m.SetWatch, m.RemoveWatch, m.ForgetWish, m.Mute, m.Unmute, m.Verdict, m.Report, m.Stop),
    64 * KIB,
    16,
    "what the wearer wants",
)
REPLIES = Route("replies", "core", ("client",), (m.Taken, m.Refused, m.Reported), 256 * KIB, 16, "whether it was taken in", answers="calls")
SAID = Route("said", "core", ("client",), (p.Say, p.StopSpeech, p.Show), 64 * KIB, 64, "what the wearer is told: to voices and displays")
ORDERS = Route("orders", "supervisor", ("capture", "core", "model"), (m.Stop, p.BoardChanged), 1 * KIB, 16, "the end, heat and power")
_STATUS = "how that process is, once a second"
CAPTURE_STATUS = Route("status/capture", "capture", ("supervisor", "core", "client"), (m.Status,), 64 * KIB, 2, _STATUS, keep="newest")
CORE_STATUS = Route("status/core", "core", ("supervisor", "client"), (m.Status,), 64 * KIB, 2, _STATUS, keep="newest")
MODEL_STATUS = Route("status/model", "model", ("supervisor", "core", "client"), (m.Status,), 64 * KIB, 2, _STATUS, keep="newest")

ROUTES: dict[str, Route] = {
    route.name: route
    for route in (
        *(FRAMES, SENSES, WORK, LOOKED, WORDS, CUTS, CROPS, FORGET),
        *(CALLS, REPLIES, SAID, ORDERS),
        *(CAPTURE_STATUS, CORE_STATUS, MODEL_STATUS),
    )
}
MESSAGES: dict[str, type[p.Message]] = {kind.__name__: kind for route in ROUTES.values() for kind in route.messages}
"""Everything that travels, by tag."""
AT_HOME: tuple[type[p.Message], ...] = tuple(kind for kind in get_args(p.Event | p.Command) if kind.__name__ not in MESSAGES)
"""Events and commands that do not leave the core's process."""
