"""The pocket pack with its real weights."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle, load_bundle
from edge_runtime.models.looker import Crop, open_looker
from edge_runtime.models.naming_onnx import Namer
from edge_runtime.models.vision_onnx import Encoder
from edge_runtime.pixels import jpeg_decode
from edge_runtime.protocol import Look
from edge_runtime.types import WHOLE, Region
from export.pocket import VISION, prepare_pocket
from export.pocket_sources import ENCODER, SOURCES
from export.vit_onnx import cut
from tests.bench.concepts import pair_auc

pytestmark = [pytest.mark.weights, pytest.mark.slow]


@pytest.fixture
def bundle(pocket_cache: Path) -> Bundle:
    return load_bundle("pocket", cache=pocket_cache)


@pytest.fixture
def copied_cache(pocket_cache: Path, tmp_path: Path) -> Path:
    """A cache of the test's own with the downloads in it, and no bundle."""
    for source in SOURCES:
        original = pocket_cache / "wheels" / source.release / source.path
        if not original.is_file():
            pytest.skip("pocket pack not prepared")
        place = tmp_path / "wheels" / source.release / source.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, place)
    return tmp_path


def test_preparing_derives_once_and_the_second_time_does_nothing(copied_cache: Path) -> None:
    said: list[str] = []
    folder = prepare_pocket(cache=copied_cache, say=said.append)
    assert any("encoder" in line for line in said)
    before = {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}
    said.clear()
    assert prepare_pocket(cache=copied_cache, say=said.append) == folder
    assert said == [f"bundle pocket 1 is ready: {folder}"]
    assert {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()} == before
    bundle = load_bundle("pocket", cache=copied_cache)
    assert set(before) == {file.path for file in bundle.manifest.files} | {"bundle.toml"}
    assert all(file.licence and file.source for file in bundle.manifest.files)
    assert bundle.manifest.gates["int8_cosine"] > 0.99
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_a_damaged_bundle_is_refused_and_made_again_without_a_network(copied_cache: Path) -> None:
    folder = prepare_pocket(cache=copied_cache)
    with (folder / "vision.onnx").open("r+b") as handle:
        handle.seek(1000)
        handle.write(b"damage")
    (folder.parent / ".pocket-killed").mkdir()
    with pytest.raises(BundleError, match=r"vision\.onnx of bundle pocket is not the file") as caught:
        load_bundle("pocket", cache=copied_cache)
    assert caught.value.hint == "run: edge-runtime models prepare pocket"
    assert os.environ["PIP_NO_INDEX"], "the tests keep pip off the network"
    prepare_pocket(cache=copied_cache)
    assert load_bundle("pocket", cache=copied_cache).capabilities.text
    assert sorted(path.name for path in folder.parent.iterdir()) == ["pocket"]


def test_the_last_block_gives_the_same_class_token_when_only_that_is_computed(copied_cache: Path, tmp_path: Path) -> None:
    from edge_runtime.models.onnx_session import open_session

    source = copied_cache / "wheels" / ENCODER.release / ENCODER.path
    image = np.random.default_rng(0).normal(size=(1, 3, 140, 140)).astype(np.float32)
    tokens = []
    for blocks in ((9, 10), (9, 10, 11)):
        (tmp_path / "cut.onnx").write_bytes(cut(source, blocks=blocks, token_block=5, eight_bit=False).SerializeToString())
        with open_session(tmp_path / "cut.onnx", threads=2) as session:
            cls, patches = session.run_all(image)
        assert patches.shape == (1, 100, 384)
        tokens.append(cls[0, :2])
    assert np.abs(tokens[0] - tokens[1]).max() < 1e-3


def test_vectors_tell_personal_things_apart(bundle: Bundle, shared_data: Path) -> None:
    paths = sorted((shared_data / "concepts").glob("*/*.jp*g"))
    assert len(paths) > 50
    with Encoder(bundle, threads=2) as encoder:
        encoded = encoder.encode([jpeg_decode(path.read_bytes()) for path in paths])
    vectors = np.array([vector for vector, _ in encoded], np.float64)
    assert vectors.shape == (len(paths), VISION.vector_dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    tokens = encoded[0][1]
    assert tokens.emb is not None
    assert (tokens.emb.shape, tokens.hw) == ((64, 384), (8, 8))
    assert tokens.emb.dtype == np.float16
    assert pair_auc(vectors, np.array([path.parent.name for path in paths])) >= 0.92


@pytest.mark.parametrize(("photograph", "name"), [("bear_plushie/04.jpg", "teddy"), ("clock/03.jpg", "analog clock")])
def test_plain_photographs_get_the_right_name(photograph: str, name: str, bundle: Bundle, shared_data: Path) -> None:
    with Namer(bundle, threads=2) as namer:
        assert len(namer.names) == 1000
        (hints,) = namer.name([jpeg_decode((shared_data / "concepts" / photograph).read_bytes())])
    assert hints[0].label == name
    assert hints[0].confidence > 0.8
    assert [hint.confidence for hint in hints] == sorted((hint.confidence for hint in hints), reverse=True)
    assert len(hints) == 5


def test_one_look_carries_vector_tokens_labels_text_and_thumbnail(bundle: Bundle, shared_data: Path) -> None:
    image = jpeg_decode((shared_data / "concepts" / "can" / "00.jpg").read_bytes())
    region = Region("text", WHOLE, ("vector", "tokens", "labels", "text", "thumb"))
    command = Look(id=1, deadline_ns=0, frame_seq=3, t_capture_ns=0, regions=(region,), why="text")
    with open_looker(bundle, threads=2) as looker:
        (first,), (second,) = (looker.look(command, [Crop(region, image)]) for _ in range(2))
    assert first.vector is not None
    assert first.tokens is not None
    assert first.thumb is not None
    assert len(first.labels) == 5
    assert "TRANSATLANTIC" in [line.text for line in first.lines]
    assert np.array_equal(first.vector, second.vector)  # type: ignore[arg-type]
    assert first.lines == second.lines
