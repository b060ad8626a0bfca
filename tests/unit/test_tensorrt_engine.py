"""Building where a GPU is needed: TensorRT 10 and 11, against a stand-in. TensorRT-RTX itself is tried in ``tests/workshop``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.tensorrt_engine import ForeignEngine, UnsupportedOnTarget, build_engine, open_plan
from tests.stand_in_cuda import StandInDriver
from tests.stand_in_tensorrt import StandInTensorRt, loaded
from tests.tiny_network import write_product


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInTensorRt]:
    with loaded(StandInTensorRt("10.3.0", StandInDriver()), monkeypatch) as package:
        yield package


def test_a_network_is_built(package: StandInTensorRt, tmp_path: Path) -> None:
    package.says = [("WARNING", "layer normalisation in FP16 may overflow")]
    built = build_engine(write_product(tmp_path / "net.onnx"), (1, 4), sms=(87,))
    assert built.plan.startswith(b"built by 10.3.0\n")
    assert built.layers == 2
    assert built.warnings == ("layer normalisation in FP16 may overflow",)
    assert open_plan(built.plan).num_io_tensors == 2


@pytest.mark.parametrize(("flag", "flags"), [(True, 2), (False, 0)], ids=["there is a flag", "it is always so"])
def test_networks_are_strongly_typed(flag: bool, flags: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with loaded(StandInTensorRt("11.0", StandInDriver(), strongly_typed=flag), monkeypatch) as package:
        build_engine(write_product(tmp_path / "net.onnx"), (1, 4), sms=(87,))
    assert package.flags == flags


def test_timings_go_in_and_come_out(package: StandInTensorRt, tmp_path: Path) -> None:
    file = write_product(tmp_path / "net.onnx")
    first = build_engine(file, (1, 4), sms=(87,))
    assert build_engine(file, (1, 4), sms=(87,), timing=first.timing).timing == first.timing + b"."


def test_timings_that_are_refused_are_said(package: StandInTensorRt, tmp_path: Path) -> None:
    built = build_engine(write_product(tmp_path / "net.onnx"), (1, 4), sms=(87,), timing=b"of another GPU")
    assert built.timing == b"."
    assert "measured anew" in built.warnings[0]


def test_it_builds_for_the_gpu_it_runs_on(package: StandInTensorRt, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOnTarget, match="not for 2 at once"):
        build_engine(write_product(tmp_path / "net.onnx"), (1, 4), sms=(86, 87))


@pytest.mark.parametrize("content", [None, b"\xff junk"], ids=["absent", "junk"])
def test_a_file_that_is_no_network(content: bytes | None, package: StandInTensorRt, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=r"TensorRT does not read net\.onnx: .*INVALID_MODEL"):
        build_engine(tmp_path / "net.onnx", (1, 4), sms=(87,))


def test_a_network_with_another_input(package: StandInTensorRt, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has 2 inputs"):
        build_engine(write_product(tmp_path / "net.onnx", inputs=("image", "mask")), (1, 4), sms=(87,))
    for shape in ((1, 5), (1, 4, 1)):
        with pytest.raises(BundleError, match=r"takes pictures of \(-1, 4\)"):
            build_engine(write_product(tmp_path / "net.onnx"), shape, sms=(87,))


def test_a_builder_that_gives_up(package: StandInTensorRt, tmp_path: Path) -> None:
    package.refuses.add("build_serialized_network")
    package.says = [("ERROR", "could not find any implementation"), ("ERROR", "giving up")]
    with pytest.raises(ModelError, match=r"cannot build net\.onnx: could not find any implementation"):
        build_engine(write_product(tmp_path / "net.onnx"), (1, 4), sms=(87,))


def test_an_engine_from_elsewhere(package: StandInTensorRt) -> None:
    with pytest.raises(ForeignEngine, match="does not open this engine: the version tag does not match") as caught:
        open_plan(b"built by 10.2.0\n")
    assert "on this board" in caught.value.hint
