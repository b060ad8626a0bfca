"""Engines are built once, opened ever after, and built again when anything that they depend on has changed. Against stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError, DeviceError, ModelError
from edge_runtime.models.hub import sha256_of
from edge_runtime.models.tensorrt_cache import engines_of, open_cached
from edge_runtime.models.tensorrt_cuda import Gpu
from tests.stand_in_cuda import StandInDriver
from tests.stand_in_tensorrt import StandInTensorRt, loaded
from tests.tiny_network import write_product

SHAPE = (1, 4)


@dataclass
class Board:
    """A board with one network and a cache."""

    onnx: Path
    cache: Path
    driver: StandInDriver
    package: StandInTensorRt
    said: list[str] = field(default_factory=list)

    def doubled(self, power_mode: str = "") -> list[float]:
        """Open the engine as this board is now, and run it on ones."""
        self.said.clear()
        with (
            Gpu(self.driver) as gpu,
            open_cached(self.onnx, SHAPE, gpu=gpu, cache=self.cache, power_mode=power_mode, say=self.said.append) as engine,
        ):
            values: list[float] = engine.run(np.ones(SHAPE, np.float32))[0].tolist()
        assert self.driver.held == 0
        return values

    def files(self, ending: str) -> list[Path]:
        return sorted((self.cache / "engines").glob(f"*.{ending}"))

    @property
    def rebuilt(self) -> bool:
        return any(line.startswith("building the engine of net.onnx for Orin (SM 87) with tensorrt") for line in self.said)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    driver = StandInDriver(b"Orin", 87)
    with loaded(StandInTensorRt("10.3.0", driver), monkeypatch) as package:
        yield Board(write_product(tmp_path / "net.onnx"), tmp_path / "cache", driver, package)


def test_it_is_built_once(board: Board) -> None:
    assert board.doubled() == [2, 2, 2, 2]
    assert board.rebuilt
    assert board.doubled() == [2, 2, 2, 2]
    assert board.said == []
    assert board.package.builders == 1


def test_another_network_is_another_engine(board: Board) -> None:
    board.doubled()
    write_product(board.onnx, factor=3.0)
    assert board.doubled() == [3, 3, 3, 3]
    first, second = board.files("engine")
    of_second = engines_of(sha256_of(board.onnx), cache=board.cache)
    assert of_second in ([first], [second])


def test_another_version_builds_anew_and_leaves_nothing_behind(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.doubled()
    (old,) = board.files("engine")
    with loaded(StandInTensorRt("10.16.1", board.driver), monkeypatch):
        assert board.doubled() == [2, 2, 2, 2]
    assert board.rebuilt
    assert f"removed {old.name}: it was built with something else" in board.said
    assert len(board.files("engine")) == 1


def test_another_gpu_builds_anew(board: Board) -> None:
    board.doubled()
    board.driver = board.package.driver = StandInDriver(b"NVIDIA Thor", 110)
    assert board.doubled() == [2, 2, 2, 2]
    assert any("for NVIDIA Thor (SM 110)" in line for line in board.said)


@pytest.mark.parametrize("damage", [b"", b"junk", b"{}\n"], ids=["empty", "junk", "another line"])
def test_a_damaged_engine_is_built_again(damage: bytes, board: Board) -> None:
    board.doubled()
    (file,) = board.files("engine")
    file.write_bytes(damage)
    assert board.doubled() == [2, 2, 2, 2]
    assert f"{file.name} is damaged: its bytes are not those that were written; it is made again" in board.said
    assert board.rebuilt
    board.doubled()
    assert board.said == []


def test_an_engine_that_tensorrt_refuses_is_built_again(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, under the right key, and refused all the same: as after a driver was changed."""
    with loaded(StandInTensorRt("10.3.0", board.driver), monkeypatch) as before:
        before.__version__ = "10.3.0 of another driver"
        board.doubled()
    assert board.doubled() == [2, 2, 2, 2]
    assert any("the version tag does not match; it is built again" in line for line in board.said)
    assert board.rebuilt


def test_timings_are_kept_for_a_gpu_and_its_power_mode(board: Board) -> None:
    board.doubled("15W")
    write_product(board.onnx, factor=3.0)
    board.doubled("15W")
    assert [file.read_bytes().partition(b"\n")[2] for file in board.files("timing")] == [b".."]
    write_product(board.onnx, factor=4.0)
    board.doubled("MAXN")
    assert sorted(file.read_bytes().partition(b"\n")[2] for file in board.files("timing")) == [b".", b".."]


def test_damaged_timings_are_taken_anew(board: Board) -> None:
    board.doubled()
    (file,) = board.files("timing")
    file.write_bytes(b"damaged")
    write_product(board.onnx, factor=3.0)
    assert board.doubled() == [3, 3, 3, 3]
    assert any(line.startswith(f"{file.name} is damaged") for line in board.said)


def test_what_a_killed_run_left_is_swept_away(board: Board) -> None:
    (board.cache / "engines").mkdir(parents=True)
    (board.cache / "engines" / ".part-of-an-engine").write_bytes(b"half")
    board.doubled()
    assert not list((board.cache / "engines").glob(".part-*"))


def test_what_the_builder_warns_of_is_said(board: Board) -> None:
    board.package.says = [("WARNING", "may overflow")]
    board.doubled()
    assert "TensorRT warns: may overflow" in board.said


def test_a_network_that_is_not_there(board: Board) -> None:
    board.onnx.unlink()
    with pytest.raises(BundleError, match=r"there is no .*net\.onnx"):
        board.doubled()


def test_a_cache_that_cannot_be_written(board: Board) -> None:
    board.cache.write_bytes(b"a file where a folder should be")
    with pytest.raises(DeviceError, match="cannot write") as caught:
        board.doubled()
    assert "EDGE_RUNTIME_CACHE" in caught.value.hint


def test_a_failed_build_leaves_nothing(board: Board) -> None:
    board.package.refuses.add("build_serialized_network")
    with pytest.raises(ModelError, match="cannot build"):
        board.doubled()
    assert board.files("engine") + board.files("timing") == []
