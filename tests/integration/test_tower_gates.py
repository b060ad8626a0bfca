"""The gates of the small towers, measured on photographs."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from edge_runtime.pixels import jpeg_decode
from export.gates import Verdict, cosines, judge, tower_input
from export.onnx_graph import load
from export.precision import LEAST_CALIBRATION, Precision, dynamic_eight_bit, eight_bit, half, ranges_of
from export.spec import pixel_scale_of, spec_of
from export.vision import read_json

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def measured(folder: Path, photographs: Path, scratch: Path) -> dict[Precision, Verdict]:
    """Every precision against float32, on photographs that nothing was calibrated with."""
    spec, scale = spec_of(read_json(folder / "config.json")), pixel_scale_of(read_json(folder / "preprocessor_config.json"))
    files = sorted(photographs.glob("*/*.jpg"))[: LEAST_CALIBRATION + 20]
    images = [tower_input(jpeg_decode(path.read_bytes()), spec, scale) for path in files]
    tower = load(folder / "tower.onnx")
    ranges = ranges_of(tower, images[:LEAST_CALIBRATION])
    written: dict[Precision, onnx.ModelProto] = {
        "fp16": half(tower),
        "int8": eight_bit(tower, ranges),
        "dynamic-int8": dynamic_eight_bit(tower),
        "fp8": eight_bit(tower, ranges, "fp8"),
    }
    verdicts = {}
    for precision, model in written.items():
        file = scratch / f"{precision}.onnx"
        file.write_bytes(model.SerializeToString())
        verdicts[precision] = judge(precision, cosines(folder / "tower.onnx", file, images[LEAST_CALIBRATION:]))
    return verdicts


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vlm", "vlm_qwen"])
def test_precisions_on_photographs_that_nothing_was_calibrated_with(name: str, shared_data: Path, tmp_path: Path) -> None:
    verdicts = measured(GOLDEN / name, shared_data / "concepts", tmp_path)
    assert {precision: verdict.failures for precision, verdict in verdicts.items() if precision != "fp8"} == {
        "fp16": (),
        "int8": (),
        "dynamic-int8": (),
    }
    # Four significant bits are as coarse for small numbers as for large ones. That pays where a few numbers are far larger than the
    # rest, and weights drawn at random have none: the mean of these towers falls short of 0.998, and the gate says so.
    assert [failure.split(" 0.")[0] for failure in verdicts["fp8"].failures] == ["vision fp8: mean cosine"]
    assert verdicts["fp8"].mean > 0.996
    assert verdicts["fp8"].smallest > 0.995
