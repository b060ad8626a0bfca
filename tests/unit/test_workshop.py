"""The workshop's small parts: class names, the manifest's TOML, 8-bit products, the classifier's graph, the whitening."""

from __future__ import annotations

import io
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from edge_runtime.errors import BundleError, MissingExtra
from edge_runtime.models.bundle import Manifest
from edge_runtime.models.onnx_session import open_session
from export import efficientnet_onnx
from export.class_names import class_names
from export.manifest_toml import manifest_toml
from export.onnx_graph import load, make_model, needed_nodes, quantise_products, save, saved_bytes, weights_of
from export.pocket import VISION, prepare_pocket
from export.pocket_sources import SOURCES
from export.whiten import CROPS_EACH, DIRECTIONS, PICTURES, crops_of, spread_of
from tests.tiny_bundle import NAMING, seal
from tests.tiny_bundle import VISION as TINY

FLOAT = TensorProto.FLOAT


def test_class_names_are_the_first_lemma_in_lower_case(tmp_path: Path) -> None:
    (tmp_path / "synsets.txt").write_text("n2\nn1\n", encoding="utf-8")
    (tmp_path / "lemmas.txt").write_text("n1\tTench, Tinca tinca\nn2\tcoffee mug\nn3\tunused\n", encoding="utf-8")
    assert class_names(tmp_path / "synsets.txt", tmp_path / "lemmas.txt") == ["coffee mug", "tench"]


def test_a_class_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "synsets.txt").write_text("n9\n", encoding="utf-8")
    (tmp_path / "lemmas.txt").write_text("n1\ttench\n", encoding="utf-8")
    with pytest.raises(BundleError, match="no name for 'n9'"):
        class_names(tmp_path / "synsets.txt", tmp_path / "lemmas.txt")


def test_a_manifest_survives_toml(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    manifest = msgspec.structs.replace(seal(tmp_path, vision=TINY, naming=NAMING), summary='quoted "words", a \\ and ä\nline')
    assert msgspec.toml.decode(manifest_toml(manifest), type=Manifest) == manifest
    bare = Manifest(format=1, name="bare", version="1", summary="", files=())
    assert msgspec.toml.decode(manifest_toml(bare), type=Manifest) == bare


def run(model: onnx.ModelProto, folder: Path, value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with open_session(folder / "model.onnx", threads=1) as session:
        return session.run(value)


def test_eight_bit_products_stay_close_and_keep_to_seven_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {
        "wide": rng.normal(size=(64, 32)).astype(np.float32) * np.linspace(0.01, 10, 32, dtype=np.float32),
        "more": rng.normal(size=(64, 8)).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "wide"], ["a"]),
        helper.make_node("MatMul", ["x", "more"], ["b"]),
        helper.make_node("Concat", ["a", "b"], ["y"], axis=1),
    ]
    ends = [helper.make_tensor_value_info("x", FLOAT, [5, 64])], [helper.make_tensor_value_info("y", FLOAT, [5, 40])]
    eight_nodes, eight_weights = quantise_products(nodes, weights)
    assert [node.op_type for node in eight_nodes].count("DynamicQuantizeLinear") == 1, "one for both products with x"
    assert [node.op_type for node in eight_nodes].count("MatMul") == 0
    assert max(int(np.abs(array).max()) for array in eight_weights.values() if array.dtype == np.int8) == 63
    x = rng.normal(size=(5, 64)).astype(np.float32)
    exact = run(make_model(nodes, weights, *ends, 14), tmp_path, x)
    eight = run(make_model(eight_nodes, eight_weights, *ends, 14), tmp_path, x)
    assert np.abs(exact - np.concatenate([x @ weights["wide"], x @ weights["more"]], axis=1)).max() < 1e-3
    # Columns differ a thousandfold in size; one scale for all would lose the small ones.
    assert (np.linalg.norm(eight - exact, axis=0) < 0.08 * np.linalg.norm(exact, axis=0)).all()


def test_products_of_two_activations_are_left_alone() -> None:
    node = helper.make_node("MatMul", ["x", "y"], ["z"])
    assert quantise_products([node], {}) == ([node], {})


def test_a_cut_keeps_what_the_outputs_need() -> None:
    nodes = [helper.make_node("Add", [a, b], [c]) for a, b, c in (("x", "w", "one"), ("one", "v", "two"), ("one", "u", "three"))]
    model = make_model(
        nodes,
        {name: np.ones(1, np.float32) for name in "wvu"},
        [helper.make_tensor_value_info("x", FLOAT, [1])],
        [helper.make_tensor_value_info("three", FLOAT, [1])],
        14,
    )
    kept = needed_nodes(model, ["two"])
    assert [node.output[0] for node in kept] == ["one", "two"]
    assert set(weights_of(model, kept)) == {"w", "v"}
    with pytest.raises(BundleError, match="has no four"):
        needed_nodes(model, ["four"])


def tiny_state(rng: np.random.Generator) -> dict[str, npt.NDArray[np.float32]]:
    """A state dict with the classifier's names and a few channels everywhere."""
    state: dict[str, npt.NDArray[np.float32]] = {}

    def layer(name: str, norm: str, shape: tuple[int, ...]) -> None:
        state[f"{name}.weight"] = rng.normal(0, 0.5, shape).astype(np.float32)
        state[f"{norm}.weight"] = rng.uniform(0.5, 1.5, shape[0]).astype(np.float32)
        state[f"{norm}.bias"] = rng.normal(0.5, 0.5, shape[0]).astype(np.float32)
        state[f"{norm}.running_mean"] = rng.normal(0, 0.2, shape[0]).astype(np.float32)
        state[f"{norm}.running_var"] = rng.uniform(0.5, 1.5, shape[0]).astype(np.float32)

    layer("_conv_stem", "_bn0", (4, 3, 3, 3))
    blocks = sum(repeats for repeats, _ in efficientnet_onnx.STAGES)
    for number in range(blocks):
        name, kernel = f"_blocks.{number}", 5 if number % 2 else 3
        wide = 6 if number else 4
        if number:
            layer(f"{name}._expand_conv", f"{name}._bn0", (6, 4, 1, 1))
        layer(f"{name}._depthwise_conv", f"{name}._bn1", (wide, 1, kernel, kernel))
        layer(f"{name}._project_conv", f"{name}._bn2", (4, wide, 1, 1))
    layer("_conv_head", "_bn1", (8, 4, 1, 1))
    state["_fc.weight"] = rng.normal(size=(5, 8)).astype(np.float32)
    state["_fc.bias"] = rng.normal(size=5).astype(np.float32)
    return state


def reference(state: dict[str, npt.NDArray[np.float32]], image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same network step by step, batch normalisation apart, padding as TensorFlow does it. ``image`` is [3,H,W]."""

    def convolve(x: npt.NDArray[Any], name: str, norm: str, stride: int, relu: bool) -> npt.NDArray[Any]:
        kernel = state[f"{name}.weight"].astype(np.float64)
        size = kernel.shape[2]
        pads = []
        for length in x.shape[1:]:
            total = max(0, (-(-length // stride) - 1) * stride + size - length)
            pads.append((total // 2, total - total // 2))
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, [(0, 0), *pads]), (size, size), axis=(1, 2))[:, ::stride, ::stride]
        path = "chwij,cij->chw" if kernel.shape[1] == 1 and x.shape[0] == kernel.shape[0] else "chwij,ocij->ohw"
        y: npt.NDArray[Any] = np.einsum(path, windows, kernel[:, 0] if path.endswith("->chw") else kernel)
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + 1e-3)
        y = (y - state[f"{norm}.running_mean"][:, None, None]) * scale[:, None, None] + state[f"{norm}.bias"][:, None, None]
        return np.clip(y, 0, 6) if relu else y

    x = convolve(image.astype(np.float64), "_conv_stem", "_bn0", 2, True)
    strides = [stride if repeat == 0 else 1 for repeats, stride in efficientnet_onnx.STAGES for repeat in range(repeats)]
    for number, stride in enumerate(strides):
        name, before = f"_blocks.{number}", x
        if number:
            x = convolve(x, f"{name}._expand_conv", f"{name}._bn0", 1, True)
        x = convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", stride, True)
        x = convolve(x, f"{name}._project_conv", f"{name}._bn2", 1, False)
        x = x + before if stride == 1 else x
    x = convolve(x, "_conv_head", "_bn1", 1, True).mean(axis=(1, 2))
    scores = np.exp(state["_fc.weight"] @ x + state["_fc.bias"])
    return np.asarray(scores / scores.sum(), np.float32)


def test_the_classifier_is_the_network_that_its_weights_were_trained_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    state = tiny_state(rng)
    image = rng.normal(size=(1, 3, 224, 224)).astype(np.float32)
    got = run(efficientnet_onnx.build(state), tmp_path, image)[0]
    assert np.allclose(got, reference(state, image[0]), atol=1e-4)


def test_weights_that_are_not_the_classifiers() -> None:
    state = tiny_state(np.random.default_rng(3))
    del state["_blocks.7._depthwise_conv.weight"]
    with pytest.raises(BundleError, match=r"lack '_blocks\.7\._depthwise_conv\.weight'"):
        efficientnet_onnx.build(state)


def test_whitening_gives_every_direction_the_same_spread() -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(4000, 2, 6)) * [9, 5, 3, 1, 1, 1] + 7).astype(np.float32)
    spread = spread_of(values, directions=3)
    assert (spread.mean.shape, spread.matrix.shape) == ((2, 6), (2, 6, 3))
    assert spread.matrix.dtype == np.float16
    white = (values[:, 0] - spread.mean[0]) @ spread.matrix[0].astype(np.float32)
    deviations = white.std(axis=0)
    # Damping keeps weak directions a little below the strong ones.
    assert 1.0 >= deviations[0] > deviations[1] > deviations[2] > 0.7
    assert np.abs(np.corrcoef(white.T) - np.eye(3)).max() < 0.01
    assert spread.npz() == spread_of(values, directions=3).npz()


def test_the_whitening_that_is_shipped_fits_the_encoder() -> None:
    data = resources.files("export").joinpath("whitening.npz").read_bytes()
    assert len(data) < 400_000
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        assert arrays["mean"].shape == (len(VISION.blocks), VISION.token_dim)
        assert arrays["matrix"].shape == (len(VISION.blocks), VISION.token_dim, DIRECTIONS)
        assert np.isfinite(arrays["matrix"].astype(np.float32)).all()
    assert VISION.vector_dim == len(VISION.blocks) * DIRECTIONS


def test_it_comes_from_a_thousand_crops_of_pictures_that_may_be_used() -> None:
    assert len(PICTURES) * CROPS_EACH >= 1000
    allowed = {"public domain", "CC0-1.0", "CC-BY-2.0", "no known copyright restrictions"}
    assert {picture.licence for picture in PICTURES} <= allowed
    assert all(source.licence for source in SOURCES)


def test_crops_are_parts_of_the_picture_and_the_same_every_time() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    first, second = (list(crops_of(picture, 20, np.random.default_rng(5))) for _ in range(2))
    assert len(first) == 20
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(20 <= part.shape[0] <= 90 and 20 <= part.shape[1] <= 120 for part in first)
    assert len({part.shape for part in first}) > 10


@pytest.mark.parametrize(("package", "extra"), [("onnx", "extra export"), ("onnxruntime", "extra cpu")])
def test_a_missing_package_is_said_before_anything_is_downloaded(
    package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=f"package {package}") as caught:
        prepare_pocket(cache=tmp_path)
    assert extra in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_model_too_large_for_one_message_is_saved_with_its_weights_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.onnx_graph.LARGEST_MESSAGE_BYTES", 100_000)
    tower = Path(__file__).resolve().parents[1] / "golden" / "vlm" / "tower.onnx"
    wanted = weights_of(load(tower), load(tower).graph.node)
    for _ in range(2):
        save(load(tower), tmp_path / "tower.onnx")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["tower.onnx", "tower.onnx.data"]
        # Once more does not make it longer.
        assert saved_bytes(tmp_path / "tower.onnx") < 1.1 * tower.stat().st_size
    again = load(tmp_path / "tower.onnx")
    assert {name: array.tobytes() for name, array in weights_of(again, again.graph.node).items()} == {
        name: array.tobytes() for name, array in wanted.items()
    }
    image = np.zeros((1, 3, 64, 64), np.float32)
    with open_session(tower, threads=1) as whole, open_session(tmp_path / "tower.onnx", threads=1) as parted:
        assert np.array_equal(whole.run(image), parted.run(image))
