"""Whoever looks: crops in, what was seen out. The pocket looker runs a bundle's networks on the CPU."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle
from edge_runtime.models.naming_onnx import Namer
from edge_runtime.models.vision_onnx import Encoder
from edge_runtime.pixels import Picture, jpeg_encode, resize
from edge_runtime.protocol import Look
from edge_runtime.types import Box, Capabilities, LabelHint, LookedRegion, Region, TextLine, Thumb, Tokens, Vector

if TYPE_CHECKING:
    from edge_runtime.models.text_onnx import ReadLine, TextReader

THUMB_SIDE_PX = 160
THUMB_QUALITY = 80
TEXT_SCALE = 2
"""Small print is shown to the reader enlarged: it wants letters 20 px high, a scene camera gives 10."""
TEXT_SIDE_PX = 1280
"""Longest side of an enlarged crop; beyond it there is nothing to gain."""


class Crop(NamedTuple):
    """A region and its pixels.

    Attributes:
        region: What is wanted of it.
        image: uint8 BGR [h,w,3].
    """

    region: Region
    image: Picture


class Looker(Protocol):
    """Carries out looks."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        """Look at crops: one result for each, in their order.

        Raises:
            ModelError: A network cannot be run.
        """
        ...


@dataclass
class _Cost:
    """Processor time by part, nanoseconds, all threads together."""

    by_part: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        start = time.process_time_ns()
        try:
            yield
        finally:
            self.by_part[part] = self.by_part.get(part, 0) + time.process_time_ns() - start


class PocketLooker:
    """Looks with the networks of a bundle. A network is opened when something first wants it.

    What a bundle cannot do is left out of the results; :attr:`capabilities` says so beforehand.

    Args:
        bundle: A checked bundle.
        threads: Threads of one inference.

    Attributes:
        looks: Looks carried out.
    """

    def __init__(self, bundle: Bundle, *, threads: int) -> None:
        self._bundle = bundle
        self._threads = threads
        self._opened = ExitStack()
        self._encoder: Encoder | None = None
        self._namer: Namer | None = None
        self._reader: TextReader | None = None
        self._cost = _Cost()
        self.looks = 0

    @property
    def capabilities(self) -> Capabilities:
        """What the bundle can do."""
        return self._bundle.capabilities

    @property
    def cpu_ns(self) -> int:
        """Processor time spent in the networks so far, all threads of this process together, nanoseconds."""
        return sum(self._cost.by_part.values())

    @property
    def cpu_ns_by_part(self) -> dict[str, int]:
        """The same by part: ``vision``, ``naming``, ``text``, ``thumb``; opening a network counts for its part."""
        return dict(self._cost.by_part)

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        """Look at crops: one result for each, in their order.

        Raises:
            MissingExtra: ONNX Runtime is not installed.
            BundleError: A network does not open or does not fit the bundle's description.
            ModelError: A network cannot be run.
        """
        self.looks += 1
        return tuple(self._look(f"{command.frame_seq}-{command.id}-{index}", crop) for index, crop in enumerate(crops))

    def _look(self, thumb_id: str, crop: Crop) -> LookedRegion:
        region, image, can = crop.region, crop.image, self.capabilities
        vector, tokens = None, None
        if (can.vector and "vector" in region.want) or (can.tokens and "tokens" in region.want):
            vector, tokens = self._encode(image)
        lines, unread = self._read(region.box, image) if can.text and "text" in region.want else ((), 0)
        return LookedRegion(
            kind=region.kind,
            box=region.box,
            vector=vector if "vector" in region.want else None,
            tokens=tokens if "tokens" in region.want else None,
            labels=self._name(image) if can.labels and "labels" in region.want else (),
            lines=lines,
            thumb=self._thumb(thumb_id, image) if "thumb" in region.want else None,
            unread=unread,
        )

    def _encode(self, image: Picture) -> tuple[Vector, Tokens]:
        with self._cost.of("vision"):
            if self._encoder is None:
                self._encoder = self._opened.enter_context(Encoder(self._bundle, threads=self._threads))
            return self._encoder.encode([image])[0]

    def _name(self, image: Picture) -> tuple[LabelHint, ...]:
        with self._cost.of("naming"):
            if self._namer is None:
                self._namer = self._opened.enter_context(Namer(self._bundle, threads=self._threads))
            return self._namer.name([image])[0]

    def _read(self, box: Box, image: Picture) -> tuple[tuple[TextLine, ...], int]:
        with self._cost.of("text"):
            if self._reader is None:
                self._reader = self._open_reader()
            large = _enlarged(image)
            lines = self._reader.read(large)
        whole = [line for line in lines if not line.cut]
        return tuple(line_in_frame(line, box, large.shape[1], large.shape[0]) for line in whole), len(lines) - len(whole)

    def _open_reader(self) -> TextReader:
        from edge_runtime.models.text_onnx import TextReader

        text = self._bundle.manifest.text
        if text is None:
            raise BundleError(f"bundle {self._bundle.manifest.name} cannot read", hint="run: edge-runtime models prepare pocket")
        reader = TextReader(self._bundle.file(text.detector), self._bundle.file(text.recogniser), threads=self._threads)
        return self._opened.enter_context(reader)

    def _thumb(self, thumb_id: str, image: Picture) -> Thumb:
        with self._cost.of("thumb"):
            return _thumb(thumb_id, image)

    def close(self) -> None:
        """Let go of every network."""
        self._opened.close()
        self._encoder = self._namer = self._reader = None

    def __enter__(self) -> PocketLooker:
        """Return the looker itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of every network."""
        self.close()


class ThumbLooker:
    """Looks where no models are prepared: small pictures come back and nothing else, as its capabilities say.

    Attributes:
        cpu_ns: Processor time in models; none.
    """

    def __init__(self) -> None:
        self.cpu_ns = 0

    @property
    def capabilities(self) -> Capabilities:
        """Nothing."""
        return Capabilities()

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        """Answer with a thumbnail where one is wanted."""
        return tuple(
            LookedRegion(
                kind=crop.region.kind,
                box=crop.region.box,
                thumb=_thumb(f"{command.frame_seq}-{command.id}-{index}", crop.image) if "thumb" in crop.region.want else None,
            )
            for index, crop in enumerate(crops)
        )


def open_looker(bundle: Bundle, *, threads: int) -> PocketLooker:
    """Make the looker that a bundle calls for; use it in a ``with`` block."""
    return PocketLooker(bundle, threads=threads)


def _thumb(thumb_id: str, image: Picture) -> Thumb:
    data = jpeg_encode(image, THUMB_QUALITY, THUMB_SIDE_PX)
    return Thumb(id=thumb_id, nbytes=len(data), data=data)


def _enlarged(image: Picture) -> Picture:
    height, width = image.shape[:2]
    scale = min(TEXT_SCALE, TEXT_SIDE_PX / max(height, width))
    return resize(image, max(1, round(width * scale)), max(1, round(height * scale)))


def line_in_frame(line: ReadLine, box: Box, width_px: int, height_px: int) -> TextLine:
    """A line found in an enlarged crop, with its box in the frame the crop was cut from."""
    x0, y0, x1, y1 = line.box
    wide, high = (box.x1 - box.x0) / width_px, (box.y1 - box.y0) / height_px
    left, right = _ordered(box.x0 + x0 * wide, box.x0 + x1 * wide, wide)
    top, bottom = _ordered(box.y0 + y0 * high, box.y0 + y1 * high, high)
    return TextLine(text=line.text, confidence=min(1.0, max(0.0, line.confidence)), box=Box(left, top, right, bottom))


def _ordered(low: float, high: float, least: float) -> tuple[float, float]:
    """Keep an interval inside 0..1 and at least one pixel long."""
    low = min(max(low, 0.0), 1.0 - least)
    return low, min(1.0, max(high, low + least))
