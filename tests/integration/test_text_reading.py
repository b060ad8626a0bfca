"""Reading with the real weights: rendered cards in bad conditions, pages, pictures without text, and photographs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.text_onnx import ReadLine, TextReader
from edge_runtime.pixels import jpeg_decode
from edge_runtime.remember.text_votes import Reading, best, merge
from edge_runtime.types import Box, TextLine
from tests.text_scenes import CONDITIONS, TEXTS, Picture, draw, enlarged, scenes, textless

pytestmark = pytest.mark.weights

ACCEPT = 0.8
LETTER_PX = 12


@pytest.fixture
def reader(pocket_cache: Path) -> Iterator[TextReader]:
    bundle = load_bundle("pocket", cache=pocket_cache)
    text = bundle.manifest.text
    assert text is not None
    with TextReader(bundle.file(text.detector), bundle.file(text.recogniser), threads=2) as opened:
        yield opened


def accepted(lines: list[ReadLine]) -> list[str]:
    return [line.text for line in lines if line.confidence >= ACCEPT]


def card(*rows: tuple[str, int, int]) -> Picture:
    """A page of 640 x 480 px with lines of text centred at places."""
    page = np.full((480, 640, 3), 235, dtype=np.uint8)
    for text, x, y in rows:
        piece = draw(text, 20)
        middle, flank = piece[60:140], 130
        page[y - 40 : y + 40, x - flank : x + flank] = np.minimum(
            page[y - 40 : y + 40, x - flank : x + flank], middle[:, 200 - flank : 200 + flank]
        )
    return page


@pytest.mark.parametrize(("condition", "least"), [(name, 7 if name == "hard" else 9) for name in CONDITIONS])
def test_small_letters_are_read_exactly_when_enlarged(reader: TextReader, condition: str, least: int) -> None:
    tried = list(islice(scenes(condition, LETTER_PX), 0, None, 2))
    wrong = {scene.text: got for scene in tried if (got := accepted(reader.read(enlarged(scene.image)))) != [scene.text]}
    assert len(tried) == 10
    assert len(tried) - len(wrong) >= least, wrong


def test_a_page_is_read_row_by_row(reader: TextReader) -> None:
    page = card(("Soup 4.50", 160, 80), ("Bread 1.20", 480, 84), ("KEEP CLEAR", 320, 230), ("Room 214", 160, 380), ("Gate B12", 480, 376))
    assert accepted(reader.read(page)) == ["Soup 4.50", "Bread 1.20", "KEEP CLEAR", "Room 214", "Gate B12"]


@pytest.mark.parametrize("quarters", [1, 3], ids=["upwards", "downwards"])
def test_a_line_on_its_end_is_read_in_either_direction(reader: TextReader, quarters: int) -> None:
    lines = reader.read(np.ascontiguousarray(np.rot90(draw("Ticket office", 20), quarters)))
    assert accepted(lines) == ["Ticket office"]
    begins_below = lines[0].quad[0, 1] > lines[0].quad[1, 1]
    assert begins_below == (quarters == 1)


def test_a_line_that_leaves_the_picture_is_marked(reader: TextReader) -> None:
    whole = draw("DO NOT TOUCH", 20)
    (line,) = reader.read(np.ascontiguousarray(whole[:, :230]))
    assert line.cut
    (line,) = reader.read(whole)
    assert not line.cut


@pytest.mark.slow
def test_shapes_stripes_and_grain_are_not_read(reader: TextReader) -> None:
    false = {seed: lines for seed in range(40) if (lines := accepted(reader.read(textless(seed))))}
    assert false == {}


@pytest.mark.slow
def test_looks_put_together_read_better_than_any_look_alone(reader: TextReader) -> None:
    alone, together = [], []
    for number, text in enumerate(TEXTS[::2]):
        moves, reading = np.random.default_rng(number), Reading()
        for look in range(5):
            tilt, x, y = float(moves.uniform(-8, 8)), int(moves.integers(-20, 20)), int(moves.integers(-20, 20))
            seen = draw(text, LETTER_PX, colours=number % 4, seed=50 * number + look, turn_deg=tilt, blur_px=1.7, noise=16)
            image = enlarged(np.roll(seen, (y, x), (0, 1)))
            lines = reader.read(image)
            alone.append(accepted(lines) == [text])
            reading = merge(reading, [_in_frame(line, image) for line in lines])
        together.append([line.text for line in best(reading, ACCEPT)] == [text])
    assert sum(together) >= 8
    assert np.mean(together) > np.mean(alone)


@pytest.mark.slow
def test_photographs_without_text_read_as_nothing(reader: TextReader, shared_data: Path) -> None:
    subjects = ("backpack", "cat", "dog", "dog6", "fancy_boot", "poop_emoji", "shiny_sneaker")
    photographs = [path for subject in subjects for path in sorted((shared_data / "concepts" / subject).glob("*.jpg"))]
    assert len(photographs) >= 28
    false = {path: lines for path in photographs if (lines := accepted(reader.read(jpeg_decode(path.read_bytes()))))}
    assert false == {}


def test_a_can_is_read_in_both_of_its_languages(reader: TextReader, shared_data: Path) -> None:
    said = accepted(reader.read(jpeg_decode((shared_data / "concepts" / "can" / "00.jpg").read_bytes())))
    assert {"TRANSATLANTIC", "IPA", "横越大西洋"} <= set(said)


def _in_frame(line: ReadLine, image: Picture) -> TextLine:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = line.box
    return TextLine(line.text, line.confidence, Box(x0 / width, y0 / height, x1 / width, y1 / height))
