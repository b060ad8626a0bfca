"""Events in, commands out: everything that passes between the core and the world.

Every event has ``t_ns`` (when it reached the core, stream time) and, where it answers a command, ``answers`` (that
command's id). Every command has an ``id`` and a ``deadline_ns``. They are msgspec structs, tagged by class name, so that the
journal and the wire write them as they are.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_runtime.records import Concept, Query, Receipt, Row, Scope, ShownTokens, Sighting, Slab
from edge_runtime.speech import Decision, Response
from edge_runtime.types import LookedRegion, Region, Signals
from gaze.types import EyeEvent, GazeSample


class Message(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Base of every event and command."""


# ---------------------------------------------------------------- events, from capture


class FrameSeen(Message, frozen=True):
    """A frame was captured. Its pixels stay with the capture side."""

    t_ns: int
    seq: int
    t_capture_ns: int
    width_px: int
    height_px: int
    signals: Signals


class Gaze(Message, frozen=True):
    """Gaze samples arrived, in order of their own times; they may be late against the frames."""

    t_ns: int
    samples: tuple[GazeSample, ...]


class Eye(Message, frozen=True):
    """The eye-event detector reports."""

    t_ns: int
    event: EyeEvent


class Head(Message, frozen=True):
    """The head turned since the last report: yaw (right positive), pitch (up positive), roll (clockwise), degrees."""

    t_ns: int
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    t_from_ns: int
    t_to_ns: int


# ---------------------------------------------------------------- events, from the models


class Looked(Message, frozen=True):
    """A look has been carried out."""

    t_ns: int
    answers: int
    frame_seq: int
    t_capture_ns: int
    regions: tuple[LookedRegion, ...]


class Prompted(Message, frozen=True):
    """A language model begins to read: what it is shown beside the words, in order."""

    t_ns: int
    answers: int
    shown: tuple[ShownTokens, ...]


class Token(Message, frozen=True):
    """A piece of generated text."""

    t_ns: int
    answers: int
    text: str


class Done(Message, frozen=True):
    """A generation is complete; ``pieces`` says of how many ``Token`` it is made, ``None`` where that is not known.

    Between processes a word may be lost on its way, and this may not: there it repeats what was said and shown.
    """

    t_ns: int
    answers: int
    pieces: int | None = None
    text: str = ""
    shown: tuple[ShownTokens, ...] = ()


class Failed(Message, frozen=True):
    """A command could not be carried out: ``evicted``, ``deadline``, ``backend``, ``unsupported``, ``store`` ..."""

    t_ns: int
    answers: int
    reason: str
    detail: str = ""


# ---------------------------------------------------------------- events, from the store


class Found(Message, frozen=True):
    """Rows the log found; ``places`` names the place of each."""

    t_ns: int
    answers: int
    rows: tuple[Sighting, ...]
    places: tuple[str, ...] = ()


class Stored(Message, frozen=True):
    """Rows are on disk."""

    t_ns: int
    answers: int
    receipt: Receipt


class Erased(Message, frozen=True):
    """Rows are gone from disk."""

    t_ns: int
    answers: int
    receipt: Receipt


# ---------------------------------------------------------------- events, from the wearer


class Asked(Message, frozen=True):
    """The wearer asks. With ``options`` the answer is one of them, or an abstention."""

    t_ns: int
    question: str
    text: str
    options: tuple[str, ...] = ()


class WatchSet(Message, frozen=True):
    """The wearer wants to be told. ``text`` is their sentence: "tell me when I see my mug"."""

    t_ns: int
    watch: str
    text: str
    expires_ns: int | None = None
    once: bool = False


class WatchRemoved(Message, frozen=True):
    """A watch is withdrawn."""

    t_ns: int
    watch: str


class Taught(Message, frozen=True):
    """The wearer names something: what is looked at now, unless the concept brings its own views."""

    t_ns: int
    concept: Concept


class Forget(Message, frozen=True):
    """The wearer wants something gone."""

    t_ns: int
    scope: Scope


class Feedback(Message, frozen=True):
    """The wearer's word on a decision: ``yes``/``no`` to a question of ours, or how a message was taken."""

    t_ns: int
    decision: int
    verdict: Literal["yes", "no", "accepted", "dismissed", "ignored"]


class UserSpeech(Message, frozen=True):
    """The wearer starts or stops talking."""

    t_ns: int
    phase: Literal["start", "end"]


class Muted(Message, frozen=True):
    """The wearer mutes (``until_ns``), or unmutes (``None``)."""

    t_ns: int
    until_ns: int | None


# ---------------------------------------------------------------- events, from the host


class QuietHours(Message, frozen=True):
    """A quiet hour begins or ends: the core knows no time of day, so who does says it."""

    t_ns: int
    on: bool


class SpeechStarted(Message, frozen=True):
    """Our own voice starts."""

    t_ns: int
    answers: int


class SpeechEnded(Message, frozen=True):
    """Our own voice stops; ``spoken_chars`` says how far it came."""

    t_ns: int
    answers: int
    spoken_chars: int = 0


class BoardChanged(Message, frozen=True):
    """Heat or power changed."""

    t_ns: int
    power: Literal["full", "reduced", "low"]
    temperature_c: float | None = None


class Tick(Message, frozen=True):
    """Time passes, ten times a second."""

    t_ns: int


Event = (
    FrameSeen
    | Gaze
    | Eye
    | Head
    | Looked
    | Prompted
    | Token
    | Done
    | Failed
    | Found
    | Stored
    | Erased
    | Asked
    | WatchSet
    | WatchRemoved
    | Taught
    | Forget
    | Feedback
    | UserSpeech
    | Muted
    | QuietHours
    | SpeechStarted
    | SpeechEnded
    | BoardChanged
    | Tick
)
Answer = Looked | Prompted | Token | Done | Failed | Found | Stored | Erased | SpeechStarted | SpeechEnded


# ---------------------------------------------------------------- commands


class Look(Message, frozen=True):
    """Look at regions of a frame.

    ``why`` is a machine code: ``fixation``, ``glance``, ``scene``, ``text``, ``teach``, ``heartbeat``, ``watch``, ``question``.
    ``eye_id`` is the eye movement that called for it: its duration, once final, is how long gaze rested on what the look finds.
    """

    id: int
    deadline_ns: int
    frame_seq: int
    t_capture_ns: int
    regions: tuple[Region, ...]
    why: str
    eye_id: int | None = None


class Generate(Message, frozen=True):
    """Put something into words: answer a question by what was seen, or say a fact in other words.

    Tokens are given along, because memory lies in the core; a journal keeps them without their numbers.

    ``why`` is a machine code: ``answer`` (``prompt`` is the question, with its options) or ``reword`` (``prompt`` is what to do, and the
    sentence to do it with). ``question`` is the id of the question, ``""`` for none.
    """

    id: int
    deadline_ns: int
    prompt: str
    max_tokens: int
    question: str = ""
    why: Literal["answer", "reword"] = "answer"
    t_asked_ns: int = 0
    """The moment the question is about: ages are told from here."""
    looks: tuple[LookedRegion, ...] = ()
    """What was looked at for this question: the crop that gaze rested on, or the middle (``watch``) where that is not known, and one
    overview."""
    t_look_ns: int = 0
    """When that was captured."""
    slab: Slab | None = None
    """What memory shows beside it."""


class Cancel(Message, frozen=True):
    """Stop working on a command; its answer will no longer be used."""

    id: int
    deadline_ns: int
    target: int


class Append(Message, frozen=True):
    """Write rows to the log; a row whose sighting id is known replaces it."""

    id: int
    deadline_ns: int
    rows: tuple[Row, ...]


class Search(Message, frozen=True):
    """Ask the log."""

    id: int
    deadline_ns: int
    query: Query


class Erase(Message, frozen=True):
    """Erase from the log, the thumbnails, the journal and the files."""

    id: int
    deadline_ns: int
    scope: Scope
    sightings: tuple[int, ...] = ()
    t_first_ns: int = 0
    """The earliest trace of what is forgotten: a journal must lose everything from here on."""
    rows: tuple[Row, ...] = ()
    """What of the sightings lives on in part: the log writes it in the same transaction, so that no crash can lose it."""


class Say(Message, frozen=True):
    """Say something to the wearer."""

    id: int
    deadline_ns: int
    response: Response


class StopSpeech(Message, frozen=True):
    """Stop talking, within 100 ms."""

    id: int
    deadline_ns: int


class Show(Message, frozen=True):
    """Show a cue on the display: a machine code and words."""

    id: int
    deadline_ns: int
    cue: str
    text: str


class Record(Message, frozen=True):
    """Write a decision to the decision log."""

    id: int
    deadline_ns: int
    decision: Decision


Command = Look | Generate | Cancel | Append | Search | Erase | Say | StopSpeech | Show | Record
