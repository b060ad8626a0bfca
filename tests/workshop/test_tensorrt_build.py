"""TensorRT-RTX reads and builds every kind of tower on a processor, for three generations of GPUs; and what it cannot build is said.

What this does not prove: that an engine gives the right numbers, or how fast. Nothing here runs on a GPU, and neither Orin (SM 87) nor
Thor (SM 110) is among the GPUs that TensorRT-RTX builds for.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.errors import BundleError
from edge_runtime.models.tensorrt_engine import ForeignEngine, UnsupportedOnTarget, build_engine, open_plan
from export.onnx_graph import load
from export.precision import LEAST_CALIBRATION, dynamic_eight_bit, eight_bit, half, ranges_of
from export.vision import export_tower

pytest.importorskip("tensorrt_rtx", reason="tensorrt absent")

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TOWERS = sorted(GOLDEN.glob("vlm*/*.onnx"))
TOWER = GOLDEN / "vlm" / "tower.onnx"
SHAPE = (1, 3, 64, 64)
LARGE_PX = 512
SMS = (86, 89, 120)
"""Ampere, Ada and Blackwell of PCs."""

KINDS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "fp32": lambda model: model,
    "fp16": half,
    # Which numbers the scales are is nothing to a builder.
    "int8": lambda model: eight_bit(model, defaultdict(lambda: 4.0)),
}


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    (folder / "tower.onnx").write_bytes(model.SerializeToString())
    return folder / "tower.onnx"


def shape_of(model: onnx.ModelProto) -> tuple[int, ...]:
    """Of one picture as the tower takes it; the count of pictures is open."""
    return tuple(size.dim_value or 1 for size in model.graph.input[0].type.tensor_type.shape.dim)


def quantised_product(folder: Path, kind: int, *, bias: bool = False) -> Path:
    """One product of a picture [N,64] with a matrix, both quantised to a type of 8 bits; its bias too, if asked for."""
    make, weight = helper.make_node, np.random.default_rng(0).normal(size=(64, 64)).astype(np.float16)
    zero = helper.make_tensor("zero", kind, [], [0])
    weights = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array(0.02, np.float16), "scale"), zero]
    nodes = [make("Cast", ["image"], ["half"], to=TensorProto.FLOAT16)]
    for source, result in (("half", "x"), ("w", "matrix")):
        nodes.append(make("QuantizeLinear", [source, "scale", "zero"], [f"{source}_8"]))
        nodes.append(make("DequantizeLinear", [f"{source}_8", "scale", "zero"], [result]))
    nodes.append(make("MatMul", ["x", "matrix"], ["product"]))
    if bias:
        weights.append(numpy_helper.from_array(np.ones(64, np.int32), "bias_32"))
        nodes.append(make("DequantizeLinear", ["bias_32", "scale"], ["bias"]))
        nodes.append(make("Add", ["product", "bias"], ["sum"]))
    nodes.append(make("Cast", [nodes[-1].output[0]], ["tokens"], to=TensorProto.FLOAT))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in ("image", "tokens")]
    graph = helper.make_graph(nodes, "product", ends[:1], ends[1:], weights)
    return saved(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), folder)


@pytest.fixture(scope="module")
def calibrated() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    images: list[npt.NDArray[np.float32]] = [rng.uniform(-1, 1, SHAPE).astype(np.float32) for _ in range(LEAST_CALIBRATION)]
    tower = load(TOWER)
    return eight_bit(tower, ranges_of(tower, images))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    """A tower as SmolVLM2-500M has it, 512 px in patches of 16 and 768 numbers wide, but of two layers."""
    pytest.importorskip("torch", reason="torch absent")
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    folder = tmp_path_factory.mktemp("large")
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 2, "num_attention_heads": 12}
    text = {"model_type": "llama", "hidden_size": 960, "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": 64}
    heads = {"num_attention_heads": 15, "num_key_value_heads": 5, "architectures": ["VLlama3ForCausalLM"]}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = SmolVLMConfig(
        scale_factor=4,
        image_token_id=2,
        vision_config={**vision, "image_size": LARGE_PX, "patch_size": 16},
        text_config={**text, **heads, **ends},
        **ends,
    )
    SmolVLMForConditionalGeneration(config).save_pretrained(folder)
    scale = {"do_normalize": True, "do_rescale": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255}
    (folder / "preprocessor_config.json").write_text(json.dumps(scale), encoding="utf-8")
    return load(export_tower(folder, folder / "tower.onnx").file)


@pytest.mark.parametrize("sm", SMS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tower", TOWERS, ids=lambda file: file.relative_to(GOLDEN).as_posix())
def test_every_tower_is_built_in_every_precision(tower: Path, kind: str, sm: int, tmp_path: Path) -> None:
    model = KINDS[kind](load(tower))
    built = build_engine(saved(model, tmp_path), shape_of(model), sms=(sm,))
    assert len(built.plan) > model.ByteSize()
    assert built.layers >= len(model.graph.node)
    assert (built.timing, built.warnings) == (b"", ())


@pytest.mark.parametrize("tower", TOWERS, ids=lambda file: file.relative_to(GOLDEN).as_posix())
def test_every_tower_in_fp8_is_built_from_ada_on(tower: Path, tmp_path: Path) -> None:
    file = saved(eight_bit(load(tower), defaultdict(lambda: 4.0), "fp8"), tmp_path)
    for sm in (89, 120):
        assert build_engine(file, shape_of(load(tower)), sms=(sm,)).plan
    with pytest.raises(UnsupportedOnTarget):
        build_engine(file, shape_of(load(tower)), sms=(86,))


def test_a_tower_with_measured_scales_is_built_for_all_at_once(calibrated: onnx.ModelProto, tmp_path: Path) -> None:
    assert build_engine(saved(calibrated, tmp_path), SHAPE, sms=SMS).plan


@pytest.mark.slow
@pytest.mark.parametrize("sm", SMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_tower_of_real_geometry_is_built(kind: str, sm: int, large: onnx.ModelProto, tmp_path: Path) -> None:
    assert build_engine(saved(KINDS[kind](large), tmp_path), (1, 3, LARGE_PX, LARGE_PX), sms=(sm,)).plan


def test_a_tower_for_processors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOnTarget, match="DynamicQuantizeLinear and MatMulInteger, which are for processors") as caught:
        build_engine(saved(dynamic_eight_bit(load(TOWER)), tmp_path), SHAPE, sms=(86,))
    assert "fp16 or int8" in caught.value.hint


def test_a_quantised_bias_is_refused_in_the_parsers_words(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"TensorRT does not read tower\.onnx: node \d+ DequantizeLinear .*bias"):
        build_engine(quantised_product(tmp_path, TensorProto.INT8, bias=True), (1, 64), sms=(86,))


def test_fp8_is_built_from_ada_on(tmp_path: Path) -> None:
    file = quantised_product(tmp_path, TensorProto.FLOAT8E4M3FN)
    for sms in ([89], [120], [89, 120]):
        assert build_engine(file, (1, 64), sms=sms).plan
    for sms in ([86], [86, 89, 120]):
        with pytest.raises(UnsupportedOnTarget, match="computes in FP8, which needs SM 89 or later, and is to run on SM 86"):
            build_engine(file, (1, 64), sms=sms)


@pytest.mark.parametrize("sm", [87, 110])
def test_the_boards_are_no_targets(sm: int) -> None:
    with pytest.raises(UnsupportedOnTarget, match=rf"tensorrt_rtx [\d.]+ does not build for SM {sm}") as caught:
        build_engine(TOWER, SHAPE, sms=(sm,))
    assert "on the board itself" in caught.value.hint


@pytest.mark.parametrize("keep", [0.0, 0.5, None], ids=["empty", "half of it", "absent"])
def test_a_damaged_file(keep: float | None, tmp_path: Path) -> None:
    file, whole = tmp_path / "tower.onnx", TOWER.read_bytes()
    if keep is not None:
        file.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(BundleError, match=r"tower\.onnx"):
        build_engine(file, SHAPE, sms=(86,))


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 64), (1, 1, 64, 64)])
def test_pictures_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(BundleError, match=r"takes pictures of \(-1, 3, 64, 64\)"):
        build_engine(TOWER, shape, sms=(86,))


@pytest.mark.parametrize("plan", [b"", b"junk", b"junk" * 5000], ids=["empty", "short", "long"])
def test_what_is_no_engine_is_not_opened(plan: bytes) -> None:
    with pytest.raises(ForeignEngine, match="does not open this engine"):
        open_plan(plan)
