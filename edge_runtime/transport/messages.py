"""What processes say to each other beyond the core's events and commands: crops of frames, calls of a client, orders, status.

They are messages as in :mod:`edge_runtime.protocol`, with the same units. Times are stream time: nanoseconds on the monotonic clock
of the machine, from the start of the run, which every process is told. A client is told nothing, so it says how long, never until when.

Fields are only ever appended, with a default; none is removed, renamed or given another type. What cannot go by that rule is a new message.
"""

from __future__ import annotations

from typing import Literal

from edge_runtime.protocol import Message
from edge_runtime.records import Dropped
from edge_runtime.types import Box, Capabilities, Value

Role = Literal["supervisor", "capture", "core", "model", "client"]
"""Who speaks. A client is whatever else runs on the machine: a command line, a voice, a page."""
Encoding = Literal["raw", "jpeg"]


# ---------------------------------------------------------------- pixels, on request


class Piece(Value, frozen=True):
    """A part of a frame that is wanted.

    Attributes:
        box: Where in the frame.
        max_side_px: The longest side is shrunk to this; 0 leaves the pixels as they are.
    """

    box: Box
    max_side_px: int = 0


class Cut(Message, frozen=True):
    """Cut pieces out of a frame. Answered by ``Crops``, or by ``Failed``: ``evicted`` where the frame has been overwritten.

    Attributes:
        id: The asker's number for it.
        deadline_ns: After this nobody wants the crops.
        frame_seq: The frame.
        pieces: What of it.
        encoding: How the pixels shall travel.
    """

    id: int
    deadline_ns: int
    frame_seq: int
    pieces: tuple[Piece, ...]
    encoding: Encoding = "raw"


class CropPixels(Value, frozen=True):
    """The pixels of one piece.

    Attributes:
        box: Where in the frame, as asked for.
        width_px: Of the crop as it travels.
        height_px: Of the crop as it travels.
        data: ``raw``: uint8, row by row from the top, 3 bytes a pixel, no padding; ``jpeg``: a JPEG file.
        encoding: How ``data`` is to be read.
        colour: Order of the channels in raw data.

    Raises:
        ValueError: The sides are not positive, or raw data has another length than they say.
    """

    box: Box
    width_px: int
    height_px: int
    data: bytes
    encoding: Encoding = "raw"
    colour: Literal["bgr"] = "bgr"

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px) < 1:
            raise ValueError(f"a crop has at least one pixel, got {self.width_px} x {self.height_px}")
        if self.encoding == "raw" and len(self.data) != 3 * self.width_px * self.height_px:
            raise ValueError(f"{len(self.data)} bytes are no {self.width_px} x {self.height_px} pixels of 3 bytes")


class Crops(Message, frozen=True):
    """The pieces asked for, in their order.

    Attributes:
        t_ns: When they were cut.
        answers: The id of the ``Cut``.
        frame_seq: The frame.
        t_capture_ns: When it was captured.
        crops: One for each piece.
    """

    t_ns: int
    answers: int
    frame_seq: int
    t_capture_ns: int
    crops: tuple[CropPixels, ...]

    @property
    def age_ns(self) -> int:
        """How old the pixels were when they were cut."""
        return self.t_ns - self.t_capture_ns


class ForgetFrames(Message, frozen=True):
    """Let go of every frame captured at or after a time. Not answered: a frame that is gone answers ``Failed`` when it is asked for."""

    t_from_ns: int


# ---------------------------------------------------------------- calls of a client, and their replies


class Question(Message, frozen=True):
    """A question to the glasses; what they say to it goes the way of everything said. With ``options`` the answer is one of them."""

    text: str
    options: tuple[str, ...] = ()


class Teach(Message, frozen=True):
    """``This is my ...``: what is looked at now."""

    name: str


class SetWatch(Message, frozen=True):
    """A sentence such as ``tell me when I see my mug``.

    Attributes:
        text: The sentence.
        for_ns: How long it stands; ``None``: until it is removed.
        once: Whether it goes when it has fired.
    """

    text: str
    for_ns: int | None = None
    once: bool = False


class RemoveWatch(Message, frozen=True):
    """Withdraw a watch, by the name it was given."""

    watch: str


class ForgetWish(Message, frozen=True):
    """Forget.

    Attributes:
        kind: The time just past, a thing by its name, or everything.
        last_ns: With ``last``: how far back.
        name: With ``thing``.
    """

    kind: Literal["last", "thing", "all"]
    last_ns: int = 0
    name: str = ""


class Mute(Message, frozen=True):
    """Be silent for so long; ``None``: until unmuted."""

    for_ns: int | None = None


class Unmute(Message, frozen=True):
    """Speak again."""


class Verdict(Message, frozen=True):
    """Yes or no to a question of the glasses, or how a sentence was taken."""

    decision: int
    verdict: Literal["yes", "no", "accepted", "dismissed"]


class Report(Message, frozen=True):
    """Say how things stand."""


class Stop(Message, frozen=True):
    """End, in good order. A client asks it of the core, the supervisor orders it of every process."""


class Taken(Message, frozen=True):
    """A call was taken in; what it leads to is seen elsewhere.

    Attributes:
        name: What it is called from now on: the watch, or the question, which whatever answers it repeats.
    """

    name: str = ""


class Refused(Message, frozen=True):
    """A call was not taken in.

    Attributes:
        reason: Why, a sentence for a person.
        hint: What to do instead.
    """

    reason: str
    hint: str = ""


# ---------------------------------------------------------------- status


class Camera(Value, frozen=True):
    """What the capture side brings.

    Attributes:
        width_px: Of its frames.
        height_px: Of its frames.
        hfov_deg: Horizontal field of view.
        has_gaze: Whether a gaze source is connected.
    """

    width_px: int
    height_px: int
    hfov_deg: float
    has_gaze: bool


class Status(Message, frozen=True):
    """A process is alive, and how it is: once a second, so that whoever comes late knows within one.

    Attributes:
        role: Whose.
        t_ns: When it was said.
        phase: ``ailing``: it runs, and something is wrong with it.
        trouble: What, in words.
        t_newest_ns: Capture time of the newest frame it has dealt with; the age to show is ``t_ns`` less this.
        kept_bytes: What it keeps now of that which has a bound: frames, memory, weights.
        bound_bytes: The bound.
        dropped: What it has let go since it started, totals by what and reason.
        camera: From ``capture``.
        capabilities: From ``model``, once it is ready.
    """

    role: Role
    t_ns: int
    phase: Literal["starting", "ready", "ailing", "stopping"]
    trouble: str = ""
    t_newest_ns: int | None = None
    kept_bytes: int = 0
    bound_bytes: int = 0
    dropped: tuple[Dropped, ...] = ()
    camera: Camera | None = None
    capabilities: Capabilities | None = None


class Reported(Message, frozen=True):
    """How things stand: the last status of every process heard from, and when that was asked."""

    t_ns: int
    processes: tuple[Status, ...]
