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
from edge_runtime.config import MIB, MS, S
from edge_runtime.transport import messages as m
from edge_runtime.transport import statuses as st
from edge_runtime.transport.bus import Channel, Lane
from edge_runtime.transport.statuses import Role

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
        max_age_ns: What is older when it is taken is let go; 0 sets no limit.
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
    max_age_ns: int = 0
    answers: str = ""

    @property
    def topic(self) -> str:
        """What a message of this route is sent under: ``er1/frames``."""
        return f"er{MAJOR}/{self.name}"

    @property
    def channel(self) -> Channel:
        """The channel that carries it."""
        return Channel(self.topic, self.keep, self.max_bytes, self.max_waiting, self.max_age_ns)

    def lane(self, answers: Route) -> Lane:
        """The lane that carries it, and the answers to it.

        Raises:
            ValueError: Those answer something else.
        """
        if answers.answers != self.name:
            raise ValueError(f"{answers.name} does not answer {self.name}")
        return Lane(self.topic, ask_bytes=self.max_bytes, answer_bytes=answers.max_bytes)


FRAMES = Route(
    "frames",
    "capture",
    ("core",),
    (p.FrameSeen,),
    16 * KIB,
    4,
    "a frame was captured; its pixels stay",
    keep="newest",
    max_age_ns=200 * MS,  # two frames at 10 Hz: what is older was true, and is not any more
)
SENSES = Route(
    "senses",
    "capture",
    ("core",),
    (p.Gaze, p.Eye, p.Head, p.UserSpeech),
    16 * KIB,
    256,
    "what the wearer's eyes, head and voice do",
    max_age_ns=400 * MS,  # no frame waits longer for its gaze
)
LOOKS = Route("looks", "core", ("model",), (p.Look,), 256 * KIB, 1, "what the core wants looked at")
LOOKED = Route("looked", "model", ("core",), (p.Looked, p.Failed), 4 * MIB, 1, "what was seen, or why not", answers="looks")
PROMPTS = Route("prompts", "core", ("model",), (p.Generate,), 8 * MIB, 1, "what the core wants put into words, with what it has seen")
ENDINGS = Route("endings", "model", ("core",), (p.Done, p.Failed), 64 * KIB, 1, "the end of those words, or why none", answers="prompts")
WORDS = Route(
    "words", "model", ("core",), (p.Prompted, p.Token), 32 * KIB, 256, "what the model is shown for them, and those words, piece by piece"
)
FORGETS = Route("forgets", "core", ("model",), (m.ForgetPrompts,), 1 * KIB, 1, "that what prompts left in the models must go")
FORGOT = Route("forgot", "model", ("core",), (m.Taken,), 1 * KIB, 1, "that it goes before the next prompt", answers="forgets")
CUTS = Route("cuts", "model", ("capture",), (m.Cut,), 16 * KIB, 1, "which pixels the model needs, when it is about to use them")
CROPS = Route("crops", "capture", ("model",), (m.Crops, p.Failed), 32 * MIB, 1, "those pixels, or why not", answers="cuts")
KEEPING = Route(
    "keeping", "core", ("capture",), (m.ForgetFrames, m.Film, m.EndFilm), 1 * KIB, 1, "frames that must not be kept, or shall be"
)
KEPT = Route("kept", "capture", ("core",), (m.Taken, m.Refused), 1 * KIB, 1, "that this was done", answers="keeping")
POINTS = Route("points", "client", ("capture",), (p.Gaze,), 16 * KIB, 1, "where the pointer of a page is, as gaze")
POINTED = Route("pointed", "capture", ("client",), (m.Taken, m.Refused), 1 * KIB, 1, "whether that counts", answers="points")
CALLS = Route(
    "calls",
    "client",
    ("core",),
    (
        *(m.Question, m.Teach, m.SetWatch, m.RemoveWatch, m.ForgetWish, m.Mute, m.Unmute, m.Verdict),
        *(m.Film, m.EndFilm, m.Report, m.WhatStands, m.WhatWasSaid, m.Stop),
    ),
    64 * KIB,
    16,
    "what the wearer wants",
)
REPLIES = Route(
    "replies",
    "core",
    ("client",),
    (m.Taken, m.Refused, st.Reported, m.Stands, m.WasSaid),
    512 * KIB,
    16,
    "whether it was taken in, or what was asked for",
    answers="calls",
)
VIEWS = Route("views", "client", ("core",), (m.ViewsSince, m.PictureOf), 1 * KIB, 4, "what a page wants to show")
SHOWN = Route(
    "shown", "core", ("client",), (m.Shown, m.Picture, m.Refused), 512 * KIB, 1, "what has changed, or a picture", answers="views"
)
PEEKS = Route("peeks", "client", ("capture",), (m.Peek,), 1 * KIB, 1, "that a page wants to show what the camera sees")
PEEKED = Route("peeked", "capture", ("client",), (m.Peeked, m.Refused), 2 * MIB, 1, "the newest frame, small", answers="peeks")
SAID = Route("said", "core", ("client",), (p.Say, p.StopSpeech, p.Show), 64 * KIB, 64, "what the wearer is told: to voices and displays")
ORDERS = Route("orders", "supervisor", ("capture", "core", "model"), (m.Stop, m.Reload), 64 * KIB, 16, "the end, and settings")
_STATUS = "how that process is, once a second"


def _status(role: Role, *receivers: Role) -> Route:
    return Route(f"status/{role}", role, receivers, (st.Status,), 64 * KIB, 2, _STATUS, keep="newest", max_age_ns=3 * S)


CAPTURE_STATUS = _status("capture", "supervisor", "core", "client")
CORE_STATUS = _status("core", "supervisor", "client")
MODEL_STATUS = _status("model", "supervisor", "core", "client")
SUPERVISOR_STATUS = _status("supervisor", "core", "client")
STATUS = {"capture": CAPTURE_STATUS, "core": CORE_STATUS, "model": MODEL_STATUS, "supervisor": SUPERVISOR_STATUS}
"""By whose it is."""

ROUTES: dict[str, Route] = {
    route.name: route
    for route in (
        *(FRAMES, SENSES, LOOKS, LOOKED, PROMPTS, ENDINGS, WORDS, FORGETS, FORGOT, CUTS, CROPS, KEEPING, KEPT),
        *(POINTS, POINTED, CALLS, REPLIES, VIEWS, SHOWN, PEEKS, PEEKED, SAID, ORDERS),
        *STATUS.values(),
    )
}
MESSAGES: dict[str, type[p.Message]] = {kind.__name__: kind for route in ROUTES.values() for kind in route.messages}
"""Everything that travels, by tag."""
AT_HOME: tuple[type[p.Message], ...] = tuple(kind for kind in get_args(p.Event | p.Command) if kind.__name__ not in MESSAGES)
"""Events and commands that do not leave the core's process."""
