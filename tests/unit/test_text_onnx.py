"""A picture goes in; lines of text come out, verbatim and in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.errors import BundleError, InputError, ModelError
from edge_runtime.models.text_onnx import LINES_PER_READ, TextReader, spell
from tests.tiny_reader import BAR_HEIGHT_PX, BAR_WIDTH_PX, GAP_PX, paper, write, write_networks

ALPHABET = ("", "a", "b", "c", " ")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[TextReader]:
    with TextReader(*write_networks(tmp_path), threads=1) as opened:
        yield opened


def steps(*classes: int, sure: float = 1.0) -> npt.NDArray[np.float32]:
    """Probabilities of a recogniser that names one class after another."""
    rows = np.full((len(classes), len(ALPHABET)), (1 - sure) / (len(ALPHABET) - 1), dtype=np.float32)
    rows[np.arange(len(classes)), classes] = sure
    return rows


def texts(reader: TextReader, page: npt.NDArray[np.uint8]) -> list[str]:
    return [line.text for line in reader.read(page)]


# ---------------------------------------------------------------- decoding


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ((1, 2, 3), "abc"),
        ((1, 1, 1, 2, 2), "ab"),
        ((1, 0, 1), "aa"),
        ((0, 0, 1, 0, 0, 3, 0), "ac"),
        ((1, 4, 4, 2), "a b"),
        ((4, 1, 2, 4, 0), "ab"),
        ((0, 0), ""),
        ((4, 4), ""),
    ],
)
def test_repeats_are_one_letter_unless_a_blank_parts_them(classes: tuple[int, ...], text: str) -> None:
    assert spell(steps(*classes), ALPHABET).text == text


def test_confidence_is_the_mean_over_the_letters_not_over_blanks_and_spaces() -> None:
    probabilities = steps(0, 1, 4, 2, 0, 3, sure=0.9)
    probabilities[[0, 2, 4]] = 0.0
    probabilities[[0, 4], 0] = 0.5
    probabilities[2, 4] = 0.4
    assert spell(probabilities, ALPHABET).confidence == pytest.approx(0.9)


def test_one_or_two_letters_are_weak_evidence() -> None:
    assert spell(steps(1, 2, sure=0.9), ALPHABET).confidence == pytest.approx(0.9**5)
    assert spell(steps(1, 4, 2, sure=0.9), ALPHABET).confidence == pytest.approx(0.9**5)
    assert spell(steps(1, 2, sure=1.0), ALPHABET).confidence == pytest.approx(1.0)
    assert spell(steps(1, 2, 3, sure=0.9), ALPHABET).confidence == pytest.approx(0.9)


def test_a_line_without_letters_has_no_confidence() -> None:
    assert spell(steps(0, 0), ALPHABET) == ("", 0.0)
    assert spell(np.zeros((0, len(ALPHABET)), dtype=np.float32), ALPHABET) == ("", 0.0)


# ---------------------------------------------------------------- reading


def test_an_empty_page_reads_as_nothing(reader: TextReader) -> None:
    assert reader.read(paper(320, 240)) == []


def test_a_line_is_read_verbatim_with_its_place(reader: TextReader) -> None:
    page = paper(320, 240)
    write(page, "rgb", 100, 80)
    (line,) = reader.read(page)
    assert line.text == "rgb"
    assert line.confidence > 0.95
    assert line.quad.shape == (4, 2)
    assert line.quad.dtype == np.float32
    x0, y0, x1, y1 = line.box
    assert x0 < 100 < 100 + 3 * BAR_WIDTH_PX + 2 * GAP_PX < x1
    assert y0 < 80 < 80 + BAR_HEIGHT_PX < y1
    assert not line.cut


def test_lines_come_in_reading_order(reader: TextReader) -> None:
    page = paper(640, 400)
    for text, x, y in (("bbb", 380, 300), ("rgb", 380, 40), ("ggg", 60, 306), ("rrr", 60, 44), ("brg", 60, 180)):
        write(page, text, x, y)
    assert texts(reader, page) == ["rrr", "rgb", "brg", "ggg", "bbb"]


def test_a_line_on_its_end_is_turned_and_read_from_its_beginning(reader: TextReader) -> None:
    page = paper(400, 160)
    write(page, "rgbrg", 100, 60, gap_px=0)
    upwards = np.ascontiguousarray(np.rot90(page))
    # Bars look the same from both ends, so either direction may be read; the quadrilateral says which.
    (line,) = reader.read(upwards)
    assert line.text in ("rgbrg", "grbgr")
    begins_below = line.quad[0, 1] > line.quad[1, 1]
    assert line.text == ("rgbrg" if begins_below else "grbgr")


def test_a_large_picture_is_read_in_its_own_pixels(reader: TextReader) -> None:
    page = paper(1600, 1200)
    write(page, "rgb", 900, 700)
    (line,) = reader.read(page)
    assert line.text == "rgb"
    assert line.box[0] < 900 < 1000 < line.box[2]
    assert line.box[1] < 700 < 740 < line.box[3]


def test_a_picture_of_an_odd_size_is_padded_not_stretched(reader: TextReader) -> None:
    page = paper(217, 93)
    write(page, "rgb", 60, 28)
    (line,) = reader.read(page)
    assert line.text == "rgb"
    assert line.box[2] < 217 and line.box[3] <= 93


def test_a_line_that_runs_out_of_the_picture_says_so(reader: TextReader) -> None:
    page = paper(320, 240)
    write(page, "rgb", 230, 100)
    (line,) = reader.read(page)
    assert line.cut
    assert line.box[2] == 320.0


def test_no_more_lines_are_read_than_a_look_has_time_for_and_the_rest_is_counted(reader: TextReader) -> None:
    page = paper(640, 640)
    for row in range(9):
        for column in range(6):
            page[20 + row * 70 : 30 + row * 70, 15 + column * 105 : 45 + column * 105] = (0, 0, 255)
    assert len(reader.read(page)) == LINES_PER_READ
    assert reader.skipped == 9 * 6 - LINES_PER_READ


def test_the_picture_is_left_as_it_was(reader: TextReader) -> None:
    page = paper(320, 240)
    write(page, "rgb", 100, 80)
    before = page.copy()
    reader.read(page)
    np.testing.assert_array_equal(page, before)


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize("shape", [(240, 320), (240, 320, 4), (0, 320, 3)])
def test_what_is_no_colour_picture_is_refused(reader: TextReader, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="uint8 BGR") as caught:
        reader.read(np.zeros(shape, dtype=np.uint8))
    assert "decode" in caught.value.hint


def test_a_picture_of_numbers_is_refused(reader: TextReader) -> None:
    with pytest.raises(InputError, match="float64"):
        reader.read(np.zeros((240, 320, 3)))  # type: ignore[arg-type]


def test_a_recogniser_without_an_alphabet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"rec\.onnx does not say which characters") as caught:
        TextReader(*write_networks(tmp_path, alphabet=None))
    assert "models prepare" in caught.value.hint


def test_an_alphabet_of_another_size_is_refused(tmp_path: Path) -> None:
    page = paper(320, 240)
    write(page, "rgb", 100, 80)
    with (
        TextReader(*write_networks(tmp_path, alphabet="r\ng\nb\nx"), threads=1) as reader,
        pytest.raises(BundleError, match="5 classes and an alphabet of 6"),
    ):
        reader.read(page)


def test_a_closed_reader_does_not_read(tmp_path: Path) -> None:
    with TextReader(*write_networks(tmp_path), threads=1) as reader:
        pass
    with pytest.raises(ModelError, match="closed"):
        reader.read(paper(64, 64))
