"""What goes to the page, as JSON: :class:`Update`.

*Parts* are single values, of which the newest wins; *rolls* are lists of keyed items (:mod:`devices.page.items`).

Times named ``_ns`` are stream time. Positions are ``_norm``: 0..1 of the picture, origin top left. What comes back is in
:mod:`devices.page.requests`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_runtime.types import Box

# ---------------------------------------------------------------- parts


class View(msgspec.Struct, frozen=True):
    """Base of everything shown."""


class Mark(View, frozen=True):
    """A moment of a journal worth jumping to: a decision, a question, a lesson, a forgetting."""

    t_ns: int
    kind: Literal["spoke", "vetoed", "asked", "taught", "watch", "forgot", "seen"]
    text: str


class Film(View, frozen=True):
    """A journal's length and its moments; only in a replay."""

    t_from_ns: int
    t_to_ns: int
    marks: tuple[Mark, ...]


class SessionView(View, frozen=True):
    """What does not change during a run. Part ``session``.

    Attributes:
        mode: ``live`` or ``journal``.
        camera: Where pictures come from.
        camera_note: How they are made, in words.
        own_gaze: Whether the source brings gaze of its own, to be chosen instead of the pointer.
        hfov_deg: Of the camera.
        perifovea_deg: Radius looked at around the gaze.
        bundle: Which models.
        capabilities: What they can do: ``vector``, ``labels``, ``text``, ``language``.
        version: Of the runtime.
        folder: Where the run is kept.
        film: In a replay.
        gaze_note: Whose gaze counts, in words, where it is neither the pointer nor to be chosen.
        keeps_pixels: Whether the journal keeps small pictures, too.
    """

    mode: Literal["live", "journal"]
    camera: Literal["browser", "server", "video", "gallery", "journal", "daemon"]
    camera_note: str
    own_gaze: bool
    hfov_deg: float
    perifovea_deg: float
    bundle: str
    capabilities: tuple[str, ...]
    version: str
    folder: str
    film: Film | None = None
    gaze_note: str = ""
    keeps_pixels: bool = False


class FrameView(View, frozen=True):
    """The newest frame the core has seen. Part ``frame``.

    Attributes:
        seq: Its number.
        t_capture_ns: When it was taken.
        light: 0..1.
        blur: 0 sharp to 1.
        motion: 0..1.
        glimpse: 32 bytes of luma, an 8 x 4 grid row by row (base64 in JSON): all that a journal keeps of a frame.
    """

    seq: int
    t_capture_ns: int
    light: float
    blur: float
    motion: float
    glimpse: bytes


class EyeView(View, frozen=True):
    """What the eyes do. Part ``eye``.

    Attributes:
        t_ns: Time of the newest gaze sample; the dot is as old as this.
        x_norm: The gaze; ``None`` while there is none.
        y_norm: The gaze.
        source: ``pointer``, ``tracker`` ...
        kind: The eye movement under way: ``fixation``, ``pursuit``, ``saccade``, ``blink``, ``lost``, or ``""``.
        since_ns: When it began.
    """

    t_ns: int
    x_norm: float | None
    y_norm: float | None
    source: str
    kind: str
    since_ns: int


class Guess(View, frozen=True):
    """A name for what is looked at.

    Attributes:
        kind: ``concept`` (shown by the wearer), ``text`` (read), ``label`` (a guess), ``thing`` (no name).
        name: The name.
        score: 0..1.
        sure: Whether the memory stands by it.
        sighting: Its row in ``sightings``.
    """

    kind: str
    name: str
    score: float
    sure: bool
    sighting: int | None


class GazedView(View, frozen=True):
    """What the newest look at the gaze found. Part ``gazed``.

    Attributes:
        t_capture_ns: When the frame was taken.
        boxes: The regions looked at.
        why: Why it was looked at, in words.
        guesses: Best first; empty when nothing is known.
        reading: Text lines under the gaze as voted so far.
    """

    t_capture_ns: int
    boxes: tuple[Box, ...]
    why: str
    guesses: tuple[Guess, ...]
    reading: tuple[str, ...]


class LessonView(View, frozen=True):
    """A lesson under way. Part ``lesson``; ``name`` is ``""`` when there is none."""

    name: str
    views: int
    needed: int
    since_ns: int


class DoubtView(View, frozen=True):
    """A question of ours that waits for yes or no. Part ``doubt``; ``name`` is ``""`` when there is none."""

    decision: int
    name: str
    text: str
    t_ns: int
    thumb: str | None = None


class Store(View, frozen=True):
    """One store that is bounded in bytes."""

    name: str
    used_bytes: int
    limit_bytes: int
    note: str


class GaugesView(View, frozen=True):
    """Bytes, rates and ages, once a second. Part ``gauges``.

    Attributes:
        t_ns: When measured.
        stores: Memory, log, journal, frame ring: bytes in use against the budget.
        tiers: Memory by tier.
        frames_per_s: Frames taken in, over the last seconds.
        looks_per_s: Looks carried out.
        look_ms: Frame taken to look carried out, the newest one; ``None`` before the first.
        gaze_per_s: Gaze samples taken in.
        clock_offset_ms: Page clock minus host clock, as measured for the tab that wears; ``None`` if unknown.
        clock_error_ms: Half of the round trip it was measured with.
    """

    t_ns: int
    stores: tuple[Store, ...]
    tiers: dict[str, int]
    frames_per_s: float
    looks_per_s: float
    look_ms: float | None
    gaze_per_s: float
    clock_offset_ms: float | None
    clock_error_ms: float | None


class Drop(View, frozen=True):
    """Something let go, counted."""

    code: str
    words: str
    count: int


class DropsView(View, frozen=True):
    """Everything let go so far. Part ``drops``."""

    drops: tuple[Drop, ...]


class VoiceView(View, frozen=True):
    """When we may speak. Part ``voice``.

    Attributes:
        muted_until_ns: ``None``: not muted. A year or more ahead: until unmuted.
        quiet_from: ``"22:00"``, or ``""`` without quiet hours.
        quiet_to: ``"07:00"``, or ``""``.
        quiet_now: Whether it is a quiet hour.
        stopped_ns: When our voice was last told to stop; a page that speaks falls silent.
    """

    muted_until_ns: int | None
    quiet_from: str
    quiet_to: str
    quiet_now: bool
    stopped_ns: int = -1


class CameraView(View, frozen=True):
    """The camera and what is kept of it. Part ``camera``.

    Attributes:
        on: Whether pictures are wanted.
        state: ``waiting``, ``seeing``, ``off``, ``failed``, ``over``.
        words: The same for a person, with what to do.
        keeping: Whether frames are kept anywhere, this moment: the recording light.
        keeping_words: What is kept, where, for how long.
        gaze_from: ``pointer``, or ``recording`` where the source brings its own.
    """

    on: bool
    state: Literal["waiting", "seeing", "off", "failed", "over"]
    words: str
    keeping: bool
    keeping_words: str
    gaze_from: Literal["pointer", "recording"]


class TabView(View, frozen=True):
    """What this tab is. Part ``tab``; each tab has its own.

    Attributes:
        wears: Whether this tab's camera and pointer are the wearer's.
        tabs: How many are open.
        playing: In a replay, whether time runs.
        speed: In a replay, how fast.
    """

    wears: bool
    tabs: int
    playing: bool = False
    speed: float = 1.0


class Told(View, frozen=True):
    """What came of the request with this ``key``; in :class:`Update`.

    Attributes:
        key: The request's.
        ok: Whether it was taken.
        words: For a person; ``""`` if there is nothing to add.
    """

    key: int
    ok: bool
    words: str


# ---------------------------------------------------------------- all together

Part = Literal["session", "frame", "eye", "gazed", "lesson", "doubt", "gauges", "drops", "voice", "camera", "tab"]
Roll = Literal["said", "sightings", "decisions", "watches", "concepts"]


class Changes(View, frozen=True, omit_defaults=True):
    """What changed in a roll. With ``whole`` the items are all there is; else they are added, or replace those with their key."""

    items: tuple[View, ...] = ()
    whole: bool = False


class Update(View, frozen=True, omit_defaults=True):
    """One message to the page. The next comes after this one has been acknowledged.

    Attributes:
        n: Counts up for each tab; ``Got.n`` acknowledges.
        t_ns: Stream time of what is shown: ages are counted from here.
        parts: By name of the part.
        rolls: By name of the roll.
        fresh: The page forgets all it knows first: a first message, a seek, a forgetting.
        took: Pictures of this tab taken in so far, or refused: each makes room for another.
        told: What came of the requests of this tab.
    """

    n: int
    t_ns: int
    parts: dict[str, View] = {}
    rolls: dict[str, Changes] = {}
    fresh: bool = False
    took: int = 0
    told: tuple[Told, ...] = ()


ENCODER = msgspec.json.Encoder()
