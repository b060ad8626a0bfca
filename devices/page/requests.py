"""What comes from the page: JSON, tagged by ``type``, and one binary message, a picture.

Times named ``_ns`` are stream time; ``page_ms`` is the page's own clock (``performance.now()``), which only :mod:`devices.page.clock` may
compare with it. A binary message is a picture of the page's webcam: eight bytes ``page_ms`` (little-endian float64), then a JPEG.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Words = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=80)]
Minutes = Annotated[float, Meta(gt=0.0, le=525_600.0)]
Finite = Annotated[float, Meta(ge=-1e12, le=1e12)]
Key = Annotated[int, Meta(ge=0, le=2**53)]


class Request(msgspec.Struct, frozen=True, tag=True, tag_field="type", kw_only=True):
    """Base of what a page asks. ``key`` numbers it; the answer ``Told`` repeats it."""

    key: Key = 0


class Got(Request, frozen=True, tag="got"):
    """The update ``n`` came, at ``page_ms``: an acknowledgement and a measurement of the clock in one."""

    n: Key
    page_ms: Finite


class LookedAt(Request, frozen=True, tag="gaze"):
    """Pointer samples: ``(page_ms, x_norm, y_norm)``; both ``None`` when the pointer is not on the picture."""

    samples: Annotated[tuple[tuple[Finite, Finite | None, Finite | None], ...], Meta(max_length=64)]


class Ask(Request, frozen=True, tag="ask"):
    """A question."""

    text: Words


class Teach(Request, frozen=True, tag="teach"):
    """``This is my ...``: what is looked at now."""

    name: Name


class SetWatch(Request, frozen=True, tag="watch"):
    """A sentence such as ``tell me when I see my mug``."""

    text: Words
    minutes: Minutes | None = None
    once: bool = False


class RemoveWatch(Request, frozen=True, tag="unwatch"):
    """Withdraw a watch."""

    watch: Name


class ForgetWish(Request, frozen=True, tag="forget"):
    """Forget the last minutes, a thing by its name, or everything."""

    kind: Literal["last", "thing", "all"]
    minutes: Minutes = 10.0
    name: Annotated[str, Meta(max_length=200)] = ""


class Mute(Request, frozen=True, tag="mute"):
    """Be silent for so long; ``0``: until unmuted; ``None``: speak again."""

    minutes: Annotated[float, Meta(ge=0.0, le=525_600.0)] | None


class SetQuiet(Request, frozen=True, tag="quiet"):
    """Quiet hours, every day, on this machine's clock; both ``""`` for none."""

    start: Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]
    end: Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]


class Verdict(Request, frozen=True, tag="verdict"):
    """Yes or no to a question of ours, or how a sentence was taken."""

    decision: Key
    verdict: Literal["yes", "no", "accepted", "dismissed"]


class Wear(Request, frozen=True, tag="wear"):
    """From now on this tab's camera and pointer are the wearer's."""


class SwitchCamera(Request, frozen=True, tag="camera"):
    """Pictures wanted, or not."""

    on: bool


class CameraTrouble(Request, frozen=True, tag="camera_trouble"):
    """The page's webcam cannot be had: the browser's own name for it, such as ``NotAllowedError``."""

    name: Name


class GazeFrom(Request, frozen=True, tag="gaze_from"):
    """Whose gaze counts."""

    source: Literal["pointer", "recording"]


class Seek(Request, frozen=True, tag="seek"):
    """In a replay: show this moment, or step from the one shown.

    Attributes:
        t_ns: The moment, with ``step`` 0.
        step: So many frames on (or back), or with ``marks`` so many marks.
        marks: Step over marks, not frames.
    """

    t_ns: Annotated[int, Meta(ge=0, le=2**62)] = 0
    step: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    marks: bool = False


class Play(Request, frozen=True, tag="play"):
    """In a replay: let time run, or stop it."""

    on: bool
    speed: Annotated[float, Meta(ge=0.1, le=16.0)] = 1.0


AnyRequest = (
    Got
    | LookedAt
    | Ask
    | Teach
    | SetWatch
    | RemoveWatch
    | ForgetWish
    | Mute
    | SetQuiet
    | Verdict
    | Wear
    | SwitchCamera
    | CameraTrouble
    | GazeFrom
    | Seek
    | Play
)

DECODER = msgspec.json.Decoder(AnyRequest)
