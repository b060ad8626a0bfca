"""Lookers: each region gets what it wants and nothing else. The networks are tiny, the sessions are real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import Crop, PocketLooker, ThumbLooker, line_in_frame, open_looker
from edge_runtime.models.naming_onnx import Namer
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.models.text_onnx import ReadLine
from edge_runtime.models.vision_onnx import Encoder, Whitening, unit
from edge_runtime.pixels import Picture, jpeg_decode
from edge_runtime.protocol import Look
from edge_runtime.types import Box, Capabilities, LabelHint, LookedRegion, Region, Want
from tests.tiny_bundle import VISION, seal, tiny_bundle, whitened_bundle, write_naming, write_vision

BOX = Box(0.25, 0.5, 0.75, 1.0)


def colour(red: int, green: int, blue: int) -> Picture:
    return np.full((60, 90, 3), (blue, green, red), np.uint8)


def look(*regions: Region, frame_seq: int = 12) -> Look:
    return Look(id=1, deadline_ns=0, frame_seq=frame_seq, t_capture_ns=0, regions=regions, why="fixation")


@pytest.fixture
def looker(tmp_path: Path) -> Iterator[PocketLooker]:
    with open_looker(tiny_bundle(tmp_path / "tiny"), threads=1) as looker:
        yield looker


def one(looker: PocketLooker, image: Picture, *want: Want) -> LookedRegion:
    region = Region("foveal", BOX, want)
    (result,) = looker.look(look(region), [Crop(region, image)])
    assert (result.kind, result.box) == ("foveal", BOX)
    return result


def test_a_vector_is_a_unit_vector_that_tells_pictures_apart(looker: PocketLooker) -> None:
    red, dark_red, blue = (one(looker, image, "vector").vector for image in (colour(250, 0, 0), colour(120, 0, 0), colour(0, 0, 250)))
    assert red is not None
    assert dark_red is not None
    assert blue is not None
    assert red.dtype == np.float32
    assert red.tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert float(red @ dark_red) == pytest.approx(1.0)
    assert float(red @ blue) == pytest.approx(0.0)


def test_tokens_keep_their_place(looker: PocketLooker) -> None:
    image = colour(0, 0, 0)
    image[:30, 45:] = (0, 0, 255)  # red, top right
    tokens = one(looker, image, "tokens").tokens
    assert tokens is not None
    assert tokens.emb is not None
    assert (tokens.hw, tokens.dim, tokens.emb.shape) == ((8, 8), 3, (64, 3))
    assert tokens.emb.dtype == np.float16
    red = tokens.emb.reshape(8, 8, 3)[:, :, 0]
    assert (red[:3, 5:] > 0.9).all()
    assert (red[5:, :] < 0.1).all()
    assert (red[:, :3] < 0.1).all()


def test_labels_come_likeliest_first_with_their_probability(looker: PocketLooker) -> None:
    labels = one(looker, colour(0, 255, 51), "labels").labels
    assert [hint.label for hint in labels] == ["lettuce", "sea", "tomato"]
    assert labels[0].confidence == pytest.approx(np.exp(10) / (np.exp(10) + np.exp(2) + 1), abs=1e-3)
    assert sum(hint.confidence for hint in labels) == pytest.approx(1.0)


def test_a_thumbnail_is_a_small_jpeg_named_after_frame_look_and_region(looker: PocketLooker) -> None:
    region = Region("overview", BOX, ("thumb",))
    image = np.full((300, 480, 3), 90, np.uint8)
    first, second = looker.look(look(region, region, frame_seq=7), [Crop(region, image), Crop(region, image)])
    assert first.thumb is not None
    assert second.thumb is not None
    assert (first.thumb.id, second.thumb.id) == ("7-1-0", "7-1-1")
    assert first.thumb.data is not None
    assert first.thumb.nbytes == len(first.thumb.data)
    assert jpeg_decode(first.thumb.data).shape == (100, 160, 3)


@pytest.mark.parametrize("want", [(), ("vector",), ("tokens",), ("labels",), ("thumb",), ("vector", "labels", "thumb")])
def test_a_region_gets_what_it_wants_and_nothing_else(want: tuple[Want, ...], looker: PocketLooker) -> None:
    result = one(looker, colour(9, 200, 9), *want)
    got = {"vector": result.vector is not None, "tokens": result.tokens is not None, "thumb": result.thumb is not None}
    got |= {"labels": result.labels != (), "text": result.lines != ()}
    assert {name for name, there in got.items() if there} == set(want)


def test_what_the_bundle_cannot_do_is_left_out(looker: PocketLooker) -> None:
    assert looker.capabilities == Capabilities(bundle="tiny 3", vector=True, labels=True, tokens=True, vector_dim=3)
    assert one(looker, colour(9, 9, 9), "text", "vector").lines == ()


def test_the_result_of_one_region_does_not_depend_on_its_neighbours(looker: PocketLooker) -> None:
    regions = [Region("foveal", BOX, ("vector", "labels")) for _ in range(3)]
    images = [colour(200, 10, 10), colour(10, 200, 90), colour(0, 0, 255)]
    together = looker.look(look(*regions), [Crop(*pair) for pair in zip(regions, images, strict=True)])
    for result, region, image in zip(together, regions, images, strict=True):
        alone = looker.look(look(region), [Crop(region, image)])[0]
        assert np.array_equal(alone.vector, result.vector)  # type: ignore[arg-type]
        assert alone.labels == result.labels


def test_processor_time_is_counted_by_part(looker: PocketLooker) -> None:
    assert looker.cpu_ns == 0
    one(looker, colour(9, 9, 9), "vector")
    after_one = looker.cpu_ns
    assert after_one > 0
    one(looker, colour(9, 9, 9), "labels")
    assert set(looker.cpu_ns_by_part) == {"vision", "naming"}
    assert looker.cpu_ns == sum(looker.cpu_ns_by_part.values()) > after_one
    assert looker.looks == 2


def test_a_closed_looker_opens_its_networks_again(looker: PocketLooker) -> None:
    before = one(looker, colour(9, 99, 9), "vector").vector
    looker.close()
    assert np.array_equal(one(looker, colour(9, 99, 9), "vector").vector, before)  # type: ignore[arg-type]


def test_a_line_of_text_is_placed_in_the_frame() -> None:
    # Read in a crop of the lower middle of the frame, enlarged to 200 x 100 pixels.
    line = ReadLine("TAXI", 0.9, np.zeros((4, 2), np.float32), (50.0, 25.0, 150.0, 50.0))
    placed = line_in_frame(line, BOX, 200, 100)
    assert (placed.text, placed.confidence) == ("TAXI", 0.9)
    assert [placed.box.x0, placed.box.y0, placed.box.x1, placed.box.y1] == pytest.approx([0.375, 0.625, 0.625, 0.75])


@pytest.mark.parametrize("box", [(200.0, 100.0, 200.0, 100.0), (-5.0, -5.0, 300.0, 300.0), (10.0, 10.0, 10.0, 10.0)])
def test_a_line_at_the_edge_or_without_area_still_has_a_box_inside_the_frame(box: tuple[float, float, float, float]) -> None:
    for region in (BOX, Box(0.0, 0.0, 1.0, 1.0), Box(0.9, 0.9, 1.0, 1.0)):
        placed = line_in_frame(ReadLine("x", 1.0, np.zeros((4, 2), np.float32), box), region, 200, 100).box
        assert 0 <= placed.x0 < placed.x1 <= 1


def test_whitening_makes_each_block_equal_in_weight() -> None:
    # Two blocks; the second varies ten times as much along its first axis.
    matrix = np.array([np.eye(3), np.diag([0.1, 1.0, 1.0])], np.float32)
    vector = Whitening(np.zeros((2, 3), np.float32), matrix).apply(np.array([[2.0, 0.0, 0.0], [30.0, 4.0, 0.0]], np.float32))
    assert vector.tolist() == pytest.approx((np.array([1.0, 0, 0, 0.6, 0.8, 0]) / np.sqrt(2)).tolist())


def test_a_whitened_bundle_gives_joined_vectors(tmp_path: Path) -> None:
    bundle = whitened_bundle(tmp_path / "w", np.array([np.eye(3)[:, :2]] * 2), np.zeros((2, 3)))
    with Encoder(bundle, threads=1) as encoder:
        ((vector, _),) = encoder.encode([colour(255, 0, 0)])
    assert vector.tolist() == pytest.approx([0.5**0.5, 0, 0.5**0.5, 0], abs=1e-3)


def test_a_vector_of_nothing_stays_nothing() -> None:
    assert unit(np.zeros(3, np.float32)).tolist() == [0, 0, 0]


def test_a_bundle_without_an_encoder_or_a_classifier(tmp_path: Path) -> None:
    seal(tmp_path)
    bundle = load_bundle(tmp_path)
    for part in (Encoder, Namer):
        with pytest.raises(BundleError, match="bundle tiny cannot") as caught:
            part(bundle, threads=1)
        assert caught.value.hint


def test_a_whitening_that_does_not_fit(tmp_path: Path) -> None:
    bundle = whitened_bundle(tmp_path / "w", np.zeros((2, 3, 2)), np.zeros((2, 3)))
    (bundle.folder / "whitening.npz").write_bytes(b"junk")
    with pytest.raises(BundleError, match="holds no whitening"):
        Encoder(bundle, threads=1)


def test_names_that_do_not_fit_the_classes(tmp_path: Path) -> None:
    write_vision(tmp_path)
    write_naming(tmp_path)
    bundle = tiny_bundle(tmp_path)
    (tmp_path / "names.txt").write_text("only one\n", encoding="utf-8")
    with Namer(bundle, threads=1) as namer, pytest.raises(BundleError, match="1 names for 3 classes"):
        namer.name([colour(1, 2, 3)])


def test_a_scripted_looker_answers_by_frame_and_remembers_what_was_asked() -> None:
    region = Region("foveal", BOX, ("labels",))
    seen = LookedRegion("foveal", BOX, labels=(LabelHint("cup", 0.9),))
    looker = ScriptedLooker({4: (seen,)})
    assert looker.look(look(region, frame_seq=4), []) == (seen,)
    assert looker.look(look(region, frame_seq=5), []) == (LookedRegion("foveal", BOX),)
    assert [command.frame_seq for command in looker.asked] == [4, 5]


def test_a_scripted_looker_answers_by_a_function_of_the_look() -> None:
    with ScriptedLooker(lambda command: [LookedRegion(command.regions[0].kind, command.regions[0].box)], VISION_ONLY) as looker:
        assert looker.capabilities == VISION_ONLY
        assert looker.look(look(Region("watch", BOX, ())), [])[0].kind == "watch"


VISION_ONLY = Capabilities(bundle="eyes", vector=True, vector_dim=VISION.vector_dim)


def test_without_models_only_small_pictures_are_kept() -> None:
    looker = ThumbLooker()
    region = Region("foveal", BOX, ("vector", "labels", "text", "thumb"))
    (result,) = looker.look(look(region), [Crop(region, colour(200, 0, 0))])
    assert looker.capabilities == Capabilities()
    assert (result.vector, result.labels, result.lines) == (None, (), ())
    assert result.thumb is not None and result.thumb.data is not None
    assert result.thumb.id == "12-1-0" and result.thumb.nbytes == len(result.thumb.data)
    assert jpeg_decode(result.thumb.data).shape == (60, 90, 3)
