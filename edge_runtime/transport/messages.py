"""What processes say to each other beyond the core's events and commands: crops of frames, calls of a client, orders.

How they are is in :mod:`edge_runtime.transport.statuses`. They are messages as in :mod:`edge_runtime.protocol`, with the same units. Times
are stream time: nanoseconds on the monotonic clock of the machine, from the start of the run, which every process is told. A client is
told nothing, so it says how long, never until when.

Fields are only ever appended, with a default; none is removed, renamed or given another type. What cannot go by that rule is a new message.
"""

from __future__ import annotations

from typing import Literal

from edge_runtime.protocol import Message
from edge_runtime.speech import Response
from edge_runtime.types import Box, Value

Encoding = Literal["raw", "jpeg"]


# ---------------------------------------------------------------- pixels, on request


class Piece(Value, frozen=True):
    """A part of a frame that is wanted.

    Attributes:
        box: Where in the frame.
        max_side_px: The longest side is shrunk to this; 0 leaves the pixels as they are.
        fine: From the original, where the camera gave more pixels than the frame is kept at, and they are still there.
    """

    box: Box
    max_side_px: int = 0
    fine: bool = False


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
        data: ``raw``: uint8, row by row from the top, 3 bytes a pixel, no padding; ``jpeg``: a JPEG file. A view of what was cut, and
            on the other side of what came: pixels are copied by the socket alone.
        encoding: How ``data`` is to be read.
        colour: Order of the channels in raw data.

    Raises:
        ValueError: The sides are not positive, or raw data has another length than they say.
    """

    box: Box
    width_px: int
    height_px: int
    data: memoryview
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
    """Let go of every frame captured at or after a time, and of every film that shows any of that time.

    Not answered: a frame that is gone answers ``Failed`` when it is asked for.
    """

    t_from_ns: int


class ForgetPrompts(Message, frozen=True):
    """Let go of all that the prompts so far have left in the language model."""


class Film(Message, frozen=True):
    """Keep what the camera sees from now on as a film on disk, for so long at most; the wearer asked for it."""

    for_ns: int


class EndFilm(Message, frozen=True):
    """End the film that is being taken, if any."""


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


class WhatStands(Message, frozen=True):
    """Say what is watched for, what is known by name, and whether there may be talk."""


class WhatWasSaid(Message, frozen=True):
    """Say what the glasses have said since.

    Attributes:
        after: The number of the last thing heard of; 0 for the oldest that is kept.
    """

    after: int = 0


class Stop(Message, frozen=True):
    """End, in good order. A client asks it of the core, the supervisor orders it of every process."""


class Reload(Message, frozen=True):
    """Take up settings, as far as they can be changed while a run goes on.

    Attributes:
        settings: All of them, :class:`edge_runtime.config.Config` in MessagePack; closed here, since settings take no field unknown.
    """

    settings: bytes


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


class Watched(Value, frozen=True):
    """A watch that stands: its name, its sentence, when it ends, and whether it goes when it has fired."""

    watch: str
    text: str
    expires_ns: int | None = None
    once: bool = False


class Known(Value, frozen=True):
    """Something known by name, and from how many views."""

    name: str
    views: int


class Stands(Message, frozen=True):
    """What stands.

    Attributes:
        t_ns: When.
        watches: What is watched for.
        concepts: What was taught.
        muted_until_ns: Until when there is silence; ``None`` while there may be talk.
        quiet: Whether it is a quiet hour.
    """

    t_ns: int
    watches: tuple[Watched, ...] = ()
    concepts: tuple[Known, ...] = ()
    muted_until_ns: int | None = None
    quiet: bool = False


class SaidThen(Value, frozen=True):
    """Something said, when, and its number, which counts up."""

    number: int
    t_ns: int
    response: Response


class WasSaid(Message, frozen=True):
    """What the glasses have said, oldest first; of very much only the newest.

    Attributes:
        t_ns: Now.
        last: The number to ask on from.
        said: What was said.
    """

    t_ns: int
    last: int
    said: tuple[SaidThen, ...] = ()


# ---------------------------------------------------------------- what a page shows


class ViewsSince(Message, frozen=True):
    """Show what has changed on the board of the core. Answered by ``Shown``.

    Attributes:
        revision: What the asker knows: the revision it was brought to; 0 for nothing.
        board: The board that this was one of; where there is another by now, everything is shown.
    """

    revision: int = 0
    board: int = 0


class Shown(Message, frozen=True):
    """What has changed on the board of the core.

    Attributes:
        t_ns: Now.
        revision: What this brings the asker to.
        board: The board: each that is made has another number.
        update: As the page has it, in JSON (``devices/page/views.py``, ``Update``); empty where nothing has changed.
    """

    t_ns: int
    revision: int
    board: int
    update: bytes = b""


class PictureOf(Message, frozen=True):
    """Give a small picture that is shown. Answered by ``Picture``, or by ``Refused`` where it is not kept (any more)."""

    thumb_id: str


class Picture(Message, frozen=True):
    """A small picture, as a JPEG file."""

    jpeg: bytes


class Peek(Message, frozen=True):
    """Show what the camera sees. Answered by ``Peeked``, or by ``Refused`` where no frame is held.

    Attributes:
        known_seq: The frame that the asker has already; -1 for none.
        max_side_px: The longest side is shrunk to this, and to 1280 at most.
    """

    known_seq: int = -1
    max_side_px: int = 960


class Peeked(Message, frozen=True):
    """The newest frame held.

    Attributes:
        seq: Its number.
        t_capture_ns: When it was captured.
        jpeg: A JPEG file; empty where it is the one that the asker has already.
    """

    seq: int
    t_capture_ns: int
    jpeg: bytes = b""
