"""How the processes of the daemon are, as each says of itself once a second.

Messages as in :mod:`edge_runtime.transport.messages`, with the same rules.
"""

from __future__ import annotations

from typing import Literal

from edge_runtime.config import MS
from edge_runtime.protocol import Message
from edge_runtime.records import Dropped
from edge_runtime.types import Capabilities, Value

Role = Literal["supervisor", "capture", "core", "model", "client"]
"""Who speaks. A client is whatever else runs on the machine: a command line, a voice, a page."""
AGE_BOUNDS_NS = tuple(ms * MS for ms in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000))
"""Ages are counted up to each of these, and beyond the last."""


class Ages(Value, frozen=True):
    """How old something was when a stage had done with it, since the process started.

    Attributes:
        stage: Which.
        counts: How many were at most as old as each of :data:`AGE_BOUNDS_NS` and older than the one before, and how many older still.
        sum_ns: Of all ages.
        newest_ns: The last age.

    Raises:
        ValueError: There is not one count for each bound and one for what lies beyond.
    """

    stage: str
    counts: tuple[int, ...]
    sum_ns: int
    newest_ns: int

    def __post_init__(self) -> None:
        if len(self.counts) != len(AGE_BOUNDS_NS) + 1:
            raise ValueError(f"there are {len(AGE_BOUNDS_NS) + 1} counts of ages, got {len(self.counts)}")


class Tally(Value, frozen=True):
    """How often something happened since the process started."""

    name: str
    count: int


class Kept(Value, frozen=True):
    """What is kept of something that has a bound."""

    name: str
    nbytes: int
    bound_bytes: int


class Camera(Value, frozen=True):
    """What the capture side brings.

    Attributes:
        width_px: Of its frames.
        height_px: Of its frames.
        hfov_deg: Horizontal field of view.
        has_gaze: Whether a gaze source is connected.
        note: Which camera, which gaze, and what of it is assumed.
        filming: Whether a film is being taken, and shown to be.
    """

    width_px: int
    height_px: int
    hfov_deg: float
    has_gaze: bool
    note: str = ""
    filming: bool = False


class Talk(Value, frozen=True):
    """How the core stands to talking.

    Attributes:
        watches: How many stand.
        concepts: How many things are known by name.
        muted_until_ns: Until when there is silence; ``None`` while there may be talk.
        quiet: Whether it is a quiet hour.
        unasked_left: Sentences that nobody asked for and that may be said now.
        power: What the board has to give.
        reduced: What is done less of for that reason.
    """

    watches: int
    concepts: int
    muted_until_ns: int | None
    quiet: bool
    unasked_left: float
    power: Literal["full", "reduced", "low"]
    reduced: tuple[str, ...] = ()


class Child(Value, frozen=True):
    """A process as its supervisor sees it.

    Attributes:
        role: Which.
        pid: Its number; 0 while there is none.
        state: ``failing``: it is started again and again.
        restarts: How often it was started again.
        since_ns: When it was last started.
        ended: How it last ended, in words.
    """

    role: Role
    pid: int
    state: Literal["starting", "running", "failing", "ended"]
    restarts: int = 0
    since_ns: int = 0
    ended: str = ""


class Heat(Value, frozen=True):
    """The board: its hottest zone and what it draws, as far as it says, and how much it has to give."""

    temperature_c: float | None = None
    power_mw: int | None = None
    power: Literal["full", "reduced", "low"] = "full"


class Status(Message, frozen=True):
    """A process is alive, and how it is: once a second, so that whoever comes late knows within one.

    Attributes:
        role: Whose.
        t_ns: When it was said.
        phase: ``ailing``: it runs, and something is wrong with it.
        trouble: What, in words.
        pid: The number of the process.
        t_newest_ns: Capture time of the newest frame it has dealt with; the age to show is ``t_ns`` less this.
        kept: What it keeps now of that which has a bound: frames, memory, log, films.
        dropped: What it has let go since it started, totals by what and reason.
        tallies: What it has done since it started.
        ages: How old things were.
        camera: From ``capture``.
        capabilities: From ``model``, once it is ready.
        talk: From ``core``.
        children: From ``supervisor``.
        heat: From ``supervisor``.
    """

    role: Role
    t_ns: int
    phase: Literal["starting", "ready", "ailing", "stopping"]
    trouble: str = ""
    pid: int = 0
    t_newest_ns: int | None = None
    kept: tuple[Kept, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    tallies: tuple[Tally, ...] = ()
    ages: tuple[Ages, ...] = ()
    camera: Camera | None = None
    capabilities: Capabilities | None = None
    talk: Talk | None = None
    children: tuple[Child, ...] = ()
    heat: Heat | None = None


class Reported(Message, frozen=True):
    """How things stand: the last status of every process heard from, and when that was asked."""

    t_ns: int
    processes: tuple[Status, ...]
