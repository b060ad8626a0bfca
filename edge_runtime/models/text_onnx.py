"""Reading text: a line detector and a line recogniser, run by ONNX Runtime.

The detector marks lines (:mod:`edge_runtime.models.text_detect`); each is cut out straight, 48 px high, and read by the
recogniser, whose output is decoded greedily (connectionist temporal classification, Graves et al., ICML 2006). What is read
is returned as read: no dictionary, no translation, no script left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, InputError
from edge_runtime.models.onnx_session import open_session
from edge_runtime.models.text_detect import STANDING, UPRIGHT, ProbabilityMap, Quad, even_out, find_text, straighten
from edge_runtime.pixels import Picture, limit_side

DETECT_SIDE_PX = 640
"""Longest side of the picture the detector is shown."""
STRIP_PX = 48
"""Height of a line as the recogniser takes it."""
STRIP_LONGEST_PX = 1600
"""Width of the longest line: at 48 px high, some 80 letters; a longer one is squeezed."""
LINES_PER_READ = 40
"""Lines read in one picture; the surest detections are."""

_STEP_PX = 32  # both networks halve their input five times
_WEAK_GLYPHS = 2
_WEAK_POWER = 5
_SURE = 0.5  # a line below this is no reading to keep: the picture may hold print that is merely faint


@dataclass(frozen=True, slots=True, eq=False)
class ReadLine:
    """One line of text in a picture.

    Attributes:
        text: Verbatim, without spaces at its ends.
        confidence: Mean character probability, 0..1. One or two characters are little evidence, as many a shape looks like
            some letter: their mean is raised to the fifth power.
        quad: float32 [4,2], pixels of the picture read: corners clockwise, the first where the text begins, on top.
        box: The upright rectangle around ``quad``, cut to the picture: x0, y0, x1, y1 in pixels.
        cut: Whether the line runs over the picture's edge: letters may be missing, and nothing in the confidence says so.
    """

    text: str
    confidence: float
    quad: Quad
    box: tuple[float, float, float, float]
    cut: bool = False


class Spelled(NamedTuple):
    """A line as decoded: its text and confidence."""

    text: str
    confidence: float


class TextReader:
    """Finds and reads the lines of text in a picture.

    Args:
        det: Line detector, ONNX: float32 [1,3,H,W] to a probability map.
        rec: Line recogniser, ONNX: float32 [1,3,48,W] to character probabilities [1,T,C]; the characters stand in its metadata
            under ``character``, one a line, without the blank (first) and the space (last).
        threads: Threads of one inference.

    Attributes:
        skipped: Lines found and not read so far, because there were more than ``LINES_PER_READ`` in a picture.

    Raises:
        BundleError: A file is missing or not such a network.
    """

    def __init__(self, det: Path, rec: Path, *, threads: int = 2) -> None:
        self._det = open_session(det, threads=threads)
        self._rec = open_session(rec, threads=threads)
        self._alphabet = ("", *self._rec.metadata.get("character", "").split("\n"), " ")
        if len(self._alphabet) < 4:
            raise BundleError(f"{rec.name} does not say which characters it reads", hint="run: edge-runtime models prepare pocket")
        self.skipped = 0

    def __enter__(self) -> TextReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._det.close()
        self._rec.close()

    def read(self, image: Picture) -> list[ReadLine]:
        """Read a picture.

        Small letters are not enlarged here: show what is to be read large enough, letters at least 12 px high.

        Args:
            image: uint8 BGR [H,W,3].

        Returns:
            Lines in reading order: rows from top to bottom, in a row from left to right. Lines read as nothing are left out.

        Raises:
            InputError: Not such a picture.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise InputError(f"text is read in uint8 BGR pictures, not in {image.dtype} {image.shape}", hint="decode the picture first")
        lines = self._lines(image, limit_side(image, DETECT_SIDE_PX))
        if any(line.confidence >= _SURE for line in lines):
            return lines
        # What shows nothing plain is searched once more for large, faint print, which the detector misses at full size.
        return self._lines(image, even_out(limit_side(image, DETECT_SIDE_PX // 2))) or lines

    def _lines(self, image: Picture, searched: Picture) -> list[ReadLine]:
        """Find lines in ``searched``, which is ``image`` made smaller, and read them in ``image``."""
        probability = self._probability(searched)
        scale = max(image.shape[:2]) / max(searched.shape[:2])
        found = find_text(probability)
        surest = sorted(found, key=lambda rect: -rect.score)[:LINES_PER_READ]
        self.skipped += len(found) - len(surest)
        lines = []
        for rect in found:
            if rect in surest:
                quad, spelled = self._spell(image, rect.scaled(scale).quad())
                if spelled.text:
                    lines.append(ReadLine(spelled.text, spelled.confidence, quad, _around(quad, image), _cut(quad, image)))
        return lines

    def _probability(self, image: Picture) -> ProbabilityMap:
        """The detector's map of a picture."""
        h, w = image.shape[:2]
        padded = np.pad(image, ((0, -h % _STEP_PX), (0, -w % _STEP_PX), (0, 0)), mode="edge")
        output: ProbabilityMap = self._det.run(_planes(padded)[np.newaxis])[0, 0, :h, :w]
        return output

    def _spell(self, image: Picture, quad: Quad) -> tuple[Quad, Spelled]:
        """Read one line as it stands; one that may stand on its end, in both directions too."""
        wide, high = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
        turns = [0] if high <= UPRIGHT * wide else [0, 1, 3] if high <= STANDING * wide else [1, 3]
        ways = [np.roll(quad, turn, axis=0) for turn in turns]
        read = [(way, self._recognise(straighten(image, way, STRIP_PX, STRIP_LONGEST_PX))) for way in ways]
        surest = max(read, key=lambda one: one[1].confidence)
        # A narrow character, not a line on its end: an H laid on its side is a sure reading too.
        return read[0] if turns[0] == 0 and len(surest[1].text) <= len(read[0][1].text) == 1 else surest

    def _recognise(self, strip: Picture) -> Spelled:
        """Read one straight strip, uint8 BGR [48,W,3]."""
        width = strip.shape[1]
        planes = np.zeros((1, 3, STRIP_PX, width + -width % _STEP_PX), dtype=np.float32)
        planes[0, :, :, :width] = _planes(strip)
        return spell(self._rec.run(planes)[0], self._alphabet)


def spell(probabilities: npt.NDArray[np.float32], alphabet: tuple[str, ...]) -> Spelled:
    """Decode greedily: the likeliest character of every step, repeats and blanks removed.

    Args:
        probabilities: float32 [T,C], rows summing to 1.
        alphabet: C characters; the first is the blank.

    Raises:
        BundleError: The alphabet has another size.
    """
    if probabilities.shape[1] != len(alphabet):
        message = f"the text recogniser has {probabilities.shape[1]} classes and an alphabet of {len(alphabet)}"
        raise BundleError(message, hint="run: edge-runtime models prepare pocket")
    likeliest = probabilities.argmax(axis=1)
    new = np.flatnonzero((likeliest != 0) & (np.diff(likeliest, prepend=0) != 0))
    glyphs = [(alphabet[likeliest[step]], float(probabilities[step, likeliest[step]])) for step in new]
    text = "".join(glyph for glyph, _ in glyphs).strip()
    sure = [probability for glyph, probability in glyphs if not glyph.isspace()]
    if not text:
        return Spelled("", 0.0)
    mean = sum(sure) / len(sure)
    return Spelled(text, mean**_WEAK_POWER if len(sure) <= _WEAK_GLYPHS else mean)


def _planes(image: Picture) -> npt.NDArray[np.float32]:
    """uint8 BGR [H,W,3] to float32 [3,H,W] in -1..1, as both networks were trained."""
    planes: npt.NDArray[np.float32] = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
    planes /= 127.5
    planes -= 1.0
    return planes


def _around(quad: Quad, image: Picture) -> tuple[float, float, float, float]:
    """The upright rectangle around a quadrilateral, cut to the picture."""
    height, width = image.shape[:2]
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return (max(0.0, float(x0)), max(0.0, float(y0)), min(float(width), float(x1)), min(float(height), float(y1)))


def _cut(quad: Quad, image: Picture) -> bool:
    """Whether the middle of a side lies outside the picture; a corner may, of a tilted line that is all there."""
    height, width = image.shape[:2]
    middles = (quad + np.roll(quad, -1, axis=0)) / 2
    return bool((middles < 0).any() or (middles > [width, height]).any())
