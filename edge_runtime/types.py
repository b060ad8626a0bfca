"""The values that flow through the runtime. Frozen, validated once, at construction.

Times are integer nanoseconds on one monotonic clock (``t_ns``). Positions are normalised to the picture (``_norm``:
0..1, origin top left). Pictures never appear here: the core works on what was seen, not on pixels.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from gaze.types import EyeKind, GazeSample

Vector = npt.NDArray[np.float32]
"""float32 [G], unit norm."""
TokenArray = npt.NDArray[np.float16]
"""float16 [P, D]."""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """Base of every value: immutable, compared by content."""


class Box(Value, frozen=True, array_like=True):
    """A rectangle in the picture: ``0 <= x0 < x1 <= 1`` and the same for y.

    Raises:
        ValueError: The corners are out of order or outside the picture.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.x0 < self.x1 <= 1.0 and 0.0 <= self.y0 < self.y1 <= 1.0):
            raise ValueError(f"a box lies inside the picture with x0 < x1, y0 < y1; got {self}")

    @property
    def centre(self) -> tuple[float, float]:
        """The middle, ``(x_norm, y_norm)``."""
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


class Signals(Value, frozen=True):
    """What the capture side measures on every frame, without a model.

    Attributes:
        motion: Mean absolute luma change since the previous frame, 0..1 (64 x 36 luma).
        blur: Sharpness lost: 0 sharp to 1 without detail.
        light: Mean luma, 0..1.
        glimpse: 32 bytes: mean luma of an 8 x 4 grid, row by row. Enough to tell scenes apart, too little to be a picture.
    """

    motion: float
    blur: float
    light: float
    glimpse: bytes = b""


class Percept(Value, frozen=True):
    """One moment: a frame with the gaze of the same capture time.

    Attributes:
        frame_seq: The frame.
        t_capture_ns: When it was taken.
        gaze: The valid sample nearest in capture time, or ``None``: untracked, or none within the tolerance.
        residual_ns: Gaze time minus frame time, signed; ``None`` without gaze.
        eye_id: The eye movement under way at that time, if known.
        eye_kind: Its kind.
        signals: The frame's signals.
        quality: 0..1, how far this moment can be trusted (gaze confidence, light, sharpness).
        stay: Counts the things that gaze rests on, over several eye movements each; ``None`` while it rests on none.
    """

    frame_seq: int
    t_capture_ns: int
    gaze: GazeSample | None
    residual_ns: int | None
    eye_id: int | None
    eye_kind: EyeKind | None
    signals: Signals
    quality: float
    stay: int | None = None


RegionKind = Literal["foveal", "overview", "text", "watch"]
Want = Literal["vector", "labels", "tokens", "text", "thumb"]


class Region(Value, frozen=True):
    """A part of a frame to be looked at, and what is wanted of it."""

    kind: RegionKind
    box: Box
    want: tuple[Want, ...]


class LabelHint(Value, frozen=True):
    """A name the classifier proposes. A search key, never a statement.

    Attributes:
        label: ImageNet class name, lower case.
        confidence: Softmax probability, 0..1.
    """

    label: str
    confidence: float


class TextLine(Value, frozen=True):
    """One line of text as read.

    Attributes:
        text: Verbatim.
        confidence: Mean character probability, 0..1.
        box: Where it stands in the *frame*.
    """

    text: str
    confidence: float
    box: Box


class Tokens(Value, frozen=True):
    """Patch tokens of one region.

    Attributes:
        hw: Grid, rows and columns; ``P = h * w``.
        dim: ``D``.
        emb: float16 [P, D]; ``None`` where a journal was replayed without its token file.
    """

    hw: tuple[int, int]
    dim: int
    emb: TokenArray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes the tokens take, whether they are here or not."""
        return self.hw[0] * self.hw[1] * self.dim * 2


class Thumb(Value, frozen=True):
    """A small JPEG as evidence. The core carries it and never opens it.

    Attributes:
        id: Unique within a session, ``"<frame_seq>-<look>-<region>"``: two looks may be taken at one frame.
        nbytes: Size of the JPEG; counted against the budget even where ``data`` is absent.
        data: The JPEG; ``None`` in a journal, which keeps no pixels unless recording is on.
    """

    id: str
    nbytes: int
    data: bytes | None = None


class LookedRegion(Value, frozen=True):
    """What the models made of one region.

    Attributes:
        kind: Of the region asked for.
        box: Of the region asked for.
        vector: Unit vector float32 [G], or ``None`` if not asked for.
        tokens: Patch tokens, or ``None``.
        labels: Best first, at most five.
        lines: Text lines, top to bottom.
        thumb: A thumbnail, or ``None``.
        unread: Lines found and not given, because they run over the region's edge: half a line reads as another word.
    """

    kind: RegionKind
    box: Box
    vector: Vector | None = None
    tokens: Tokens | None = None
    labels: tuple[LabelHint, ...] = ()
    lines: tuple[TextLine, ...] = ()
    thumb: Thumb | None = None
    unread: int = 0

    def __post_init__(self) -> None:
        if self.vector is not None and self.vector.size:
            norm = float(np.linalg.norm(self.vector))
            if not math.isfinite(norm) or abs(norm - 1.0) > 1e-2:
                raise ValueError(f"a region's vector has unit norm, got {norm:.3f}")


class Capabilities(Value, frozen=True):
    """What the loaded models can do. The planner chooses by this and never assumes.

    Attributes:
        bundle: Name and version, for the record.
        vector: Can turn a crop into a unit vector.
        labels: Can propose a name.
        text: Can read.
        tokens: Gives patch tokens.
        language: Can answer in free language (a vision-language model is loaded).
        rewording: Can say a given fact in other words (a language model without eyes is loaded).
        vector_dim: ``G``; 0 without vectors.
    """

    bundle: str = "none"
    vector: bool = False
    labels: bool = False
    text: bool = False
    tokens: bool = False
    language: bool = False
    vector_dim: int = 0
    rewording: bool = False


class Session(Value, frozen=True):
    """What does not change during a run: what the core is told once.

    Attributes:
        capabilities: Of the loaded models.
        has_gaze: Whether a gaze source is connected. Without one no frame waits for gaze, and nothing is said to be gazed at.
    """

    capabilities: Capabilities = Capabilities()
    has_gaze: bool = True
