"""What the sample's wearer says, and what should come of it: five journeys with known answers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from devices.gallery.camera import project
from devices.gallery.gaze import Fixation, fixations
from devices.gallery.layout import THINGS
from devices.gallery.motion import Track, track
from devices.gallery.walk import DURATION_NS
from edge_runtime.config import MS, S
from edge_runtime.protocol import Asked, Event, Forget, Taught, WatchSet
from edge_runtime.records import Concept, Scope

Journey = Literal["read", "teach", "find", "alert", "forget"]
Outcome = Literal["read_aloud", "answer", "learned", "alert", "refusal"]

TAUGHT_NS = 11_400 * MS
MUG_WATCH_NS = 37_000 * MS
FORGET_NS = 72 * S
FORGET_FROM_NS = FORGET_NS - 20 * S
PRIVATE_NUMBER = "4071"
"""What nobody may find anywhere after it has been forgotten."""

SCRIPT: tuple[Event, ...] = (
    Taught(t_ns=TAUGHT_NS, concept=Concept(name="mug", t_taught_ns=TAUGHT_NS)),
    Asked(t_ns=17_600 * MS, question="before-mug", text="what did I look at before the mug?"),
    Asked(t_ns=22_400 * MS, question="sign", text="what did the sign say?"),
    Asked(t_ns=30_600 * MS, question="where-mug", text="where was my mug?"),
    Asked(t_ns=34_400 * MS, question="passport", text="did you see my passport?"),
    WatchSet(t_ns=MUG_WATCH_NS, watch="mug", text="tell me when I see my mug"),
    WatchSet(t_ns=42_500 * MS, watch="theremin", text="tell me when I see a theremin"),
    Forget(t_ns=FORGET_NS, scope=Scope(kind="since", t_from_ns=FORGET_FROM_NS)),
    Asked(t_ns=74_500 * MS, question="letter", text="what did the letter say?"),
    Asked(t_ns=82_000 * MS, question="pin", text="did you see the word PIN?"),
    Asked(t_ns=85_400 * MS, question="cat", text="how often did I look at the cat?"),
)


@dataclass(frozen=True)
class Expected:
    """What should come of a moment of the sample.

    Attributes:
        journey: Which of the five it belongs to.
        outcome: What kind of sentence it is.
        about: Id of the question or watch, or ``""``.
        from_ns: It is said no earlier than this ...
        to_ns: ... and no later than this.
        holds: Words of which at least one is in the sentence, in any case; empty allows all.
        never: Words that are not in it.
        times: How often it is said.
    """

    journey: Journey
    outcome: Outcome
    about: str
    from_ns: int
    to_ns: int
    holds: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    times: int = 1


@dataclass(frozen=True)
class Appearance:
    """A thing is in the picture, most of it, without a break.

    Attributes:
        name: The thing.
        start_ns: First moment.
        end_ns: Last moment.
    """

    name: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Truth:
    """Everything that is known about a sample.

    Attributes:
        appearances: What is in the picture when, in order of ``start_ns``.
        fixations: What the eye rests on when.
        expected: What should be said.
    """

    appearances: tuple[Appearance, ...]
    fixations: tuple[Fixation, ...]
    expected: tuple[Expected, ...]

    def in_view(self, name: str) -> tuple[Appearance, ...]:
        """Every appearance of a thing."""
        return tuple(found for found in self.appearances if found.name == name)

    def looked_at(self, name: str) -> tuple[Fixation, ...]:
        """Every fixation on a thing."""
        return tuple(found for found in self.fixations if found.what == name)


EXPECTED: tuple[Expected, ...] = (
    Expected("read", "read_aloud", "", 3_500 * MS, 8 * S, holds=("ROOM 204",)),
    Expected("teach", "learned", "", TAUGHT_NS, TAUGHT_NS + 6 * S, holds=("mug",)),
    Expected("find", "answer", "before-mug", 17_600 * MS, 20 * S, holds=("cat", "tabby")),
    Expected("read", "answer", "sign", 22_400 * MS, 25 * S, holds=("EXIT",), never=("ROOM",)),
    Expected("find", "answer", "where-mug", 30_600 * MS, 34 * S, holds=("mug",), never=("did not see",)),
    Expected("find", "answer", "passport", 34_400 * MS, 38 * S, holds=("no", "not"), never=("Yes",)),
    Expected("alert", "refusal", "theremin", 42_500 * MS, 46 * S, holds=("theremin",)),
    Expected("alert", "alert", "mug", 45 * S, 53 * S, holds=("mug",)),
    Expected("forget", "read_aloud", "", 62 * S, 67 * S, holds=(PRIVATE_NUMBER,)),
    Expected("forget", "answer", "letter", 74_500 * MS, 78 * S, never=(PRIVATE_NUMBER, "PRIVATE", "PIN")),
    Expected("forget", "answer", "pin", 82_000 * MS, 85 * S, holds=("no",), never=(PRIVATE_NUMBER, "PRIVATE", "yes")),
    Expected("find", "answer", "cat", 85_400 * MS, 89 * S, holds=("twice", "2 times", "two times"), never=("not",)),
)

_LOOK_EVERY_NS = 50 * MS
_MOSTLY = 0.6
_ACROSS, _UP = (axis.ravel() for axis in np.meshgrid(np.linspace(-0.45, 0.45, 7), np.linspace(-0.45, 0.45, 7)))


@functools.cache
def truth(seed: int = 7) -> Truth:
    """What is known about the sample of a seed."""
    return Truth(_appearances(track(seed)), fixations(seed), EXPECTED)


def shares_in_view(way: Track, t_ns: int) -> tuple[float, ...]:
    """How much of each thing of the layout is in the picture, 0..1; 0 where it is not on the wall at that time."""
    x = np.array([thing.x_m + _ACROSS * thing.width_m for thing in THINGS])
    y = np.array([thing.y_m + _UP * thing.height_m for thing in THINGS])
    seen = project(way.pose(t_ns), np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)).reshape(len(THINGS), -1, 2)
    shares = np.all((seen >= 0.0) & (seen <= 1.0), axis=2).mean(axis=1)
    return tuple(float(share) if thing.there(t_ns) else 0.0 for thing, share in zip(THINGS, shares, strict=True))


def _appearances(way: Track) -> tuple[Appearance, ...]:
    found, since = [], dict.fromkeys(range(len(THINGS)), -1)
    for t_ns in range(0, DURATION_NS + _LOOK_EVERY_NS, _LOOK_EVERY_NS):
        shares = shares_in_view(way, t_ns) if t_ns < DURATION_NS else (0.0,) * len(THINGS)
        for index, share in enumerate(shares):
            if share >= _MOSTLY and since[index] < 0:
                since[index] = t_ns
            elif share < _MOSTLY and since[index] >= 0:
                found.append(Appearance(THINGS[index].name, since[index], t_ns - _LOOK_EVERY_NS))
                since[index] = -1
    return tuple(sorted(found, key=lambda appearance: appearance.start_ns))
