"""Running an engine: what is done in which order, and what is left when something fails. Against stand-ins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.tensorrt_cuda import Gpu
from edge_runtime.models.tensorrt_engine import ForeignEngine, build_engine
from edge_runtime.models.tensorrt_run import Engine
from tests.stand_in_cuda import ILLEGAL_ADDRESS, OUT_OF_MEMORY, StandInDriver
from tests.stand_in_tensorrt import StandInTensorRt, loaded
from tests.tiny_network import write_product

SHAPE = (1, 4)
ONES = np.ones(SHAPE, np.float32)


@pytest.fixture
def driver() -> StandInDriver:
    return StandInDriver()


@pytest.fixture
def package(driver: StandInDriver, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInTensorRt]:
    with loaded(StandInTensorRt("10.3.0", driver), monkeypatch) as package:
        yield package


@pytest.fixture
def plan(package: StandInTensorRt, tmp_path: Path) -> bytes:
    return build_engine(write_product(tmp_path / "net.onnx"), SHAPE, sms=(87,)).plan


def test_it_runs_and_gives_back_what_it_took(plan: bytes, driver: StandInDriver) -> None:
    with Gpu(driver) as gpu:
        with Engine(plan, SHAPE, gpu=gpu, name="net") as engine:
            assert engine.output_shape == SHAPE
            first = engine.run(ONES)
            # A result is the caller's: the next run does not write into it.
            assert np.array_equal(engine.run(3 * ONES), 6 * ONES)
            assert np.array_equal(first, 2 * ONES)
        assert driver.held == 1
    assert driver.held == 0


def test_what_is_done_in_which_order(plan: bytes, driver: StandInDriver) -> None:
    with Gpu(driver) as gpu:
        driver.calls.clear()
        with Engine(plan, SHAPE, gpu=gpu, name="net") as engine:
            opened = [call for call in driver.calls if call != "cuCtxSetCurrent"]
            driver.calls.clear()
            engine.run(ONES)
            ran = list(driver.calls)
            driver.calls.clear()
        closed = [call for call in driver.calls if call != "cuCtxSetCurrent"]
    memory = ["cuMemHostAlloc", "cuMemHostGetDevicePointer_v2"]
    assert opened[:3] == ["cuStreamCreate", "create_execution_context", "set_input_shape"]
    assert opened[3:] == [*memory, "set_tensor_address image", *memory, "set_tensor_address tokens"]
    assert ran == ["cuCtxSetCurrent", "execute_async_v3", "cuCtxSetCurrent", "cuStreamSynchronize"]
    assert closed == ["cuMemFreeHost", "cuMemFreeHost", "cuStreamDestroy_v2"]


def test_another_thread_may_use_it(plan: bytes, driver: StandInDriver) -> None:
    results: list[object] = []
    with Gpu(driver) as gpu, Engine(plan, SHAPE, gpu=gpu, name="net") as engine:
        thread = threading.Thread(target=lambda: results.append(engine.run(ONES).tolist()))
        thread.start()
        thread.join()
    assert results == [[[2.0, 2.0, 2.0, 2.0]]]


@pytest.mark.parametrize("value", [np.ones((2, 4), np.float32), np.ones(SHAPE, np.float64)], ids=["shape", "type"])
def test_an_input_of_another_kind(value: np.ndarray, plan: bytes, driver: StandInDriver) -> None:
    with (
        Gpu(driver) as gpu,
        Engine(plan, SHAPE, gpu=gpu, name="net") as engine,
        pytest.raises(ModelError, match=r"net takes float32 \(1, 4\)"),
    ):
        engine.run(value)


def test_a_closed_engine(plan: bytes, driver: StandInDriver) -> None:
    with Gpu(driver) as gpu:
        with Engine(plan, SHAPE, gpu=gpu, name="net") as engine:
            pass
        engine.close()
        with pytest.raises(ModelError, match="net is closed"):
            engine.run(ONES)


def test_a_gpu_that_fails_in_the_middle(plan: bytes, driver: StandInDriver) -> None:
    with Gpu(driver) as gpu, Engine(plan, SHAPE, gpu=gpu, name="net") as engine:
        driver.fails["cuStreamSynchronize"] = ILLEGAL_ADDRESS
        with pytest.raises(ModelError, match="illegal memory access"):
            engine.run(ONES)
        driver.fails.clear()
        assert np.array_equal(engine.run(ONES), 2 * ONES)
    assert driver.held == 0


def test_a_refusal_is_waited_for_before_it_is_told(plan: bytes, package: StandInTensorRt, driver: StandInDriver) -> None:
    with Gpu(driver) as gpu, Engine(plan, SHAPE, gpu=gpu, name="net") as engine:
        package.refuses.add("execute_async_v3")
        with pytest.raises(ModelError, match="net: TensorRT refuses to run: no reason given"):
            engine.run(ONES)
        assert driver.calls[-1] == "cuStreamSynchronize"


@pytest.mark.parametrize("step", ["create_execution_context", "set_input_shape", "set_tensor_address image", "set_tensor_address tokens"])
def test_what_was_taken_is_given_back_when_opening_fails(step: str, plan: bytes, package: StandInTensorRt, driver: StandInDriver) -> None:
    package.refuses.add(step)
    with Gpu(driver) as gpu:
        with pytest.raises(ModelError, match="net"):
            Engine(plan, SHAPE, gpu=gpu, name="net")
        assert driver.held == 1


def test_too_little_memory_for_the_ends(plan: bytes, driver: StandInDriver) -> None:
    driver.fails["cuMemHostAlloc"] = OUT_OF_MEMORY
    with Gpu(driver) as gpu:
        with pytest.raises(ModelError, match="out of memory"):
            Engine(plan, SHAPE, gpu=gpu, name="net")
        assert driver.held == 1


def test_an_engine_of_another_version(package: StandInTensorRt, driver: StandInDriver) -> None:
    with Gpu(driver) as gpu, pytest.raises(ForeignEngine):
        Engine(b"built by 10.2.0\n", SHAPE, gpu=gpu, name="net")
    assert driver.held == 0


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (lambda path: write_product(path, inputs=("image", "mask")), "a tower has one of each"),
        (lambda path: write_product(path, outputs=2), "a tower has one of each"),
        (lambda path: write_product(path, kind=TensorProto.FLOAT16), "image of net is HALF"),
    ],
    ids=["two inputs", "two outputs", "half ends"],
)
def test_a_network_that_is_no_tower(
    write: Callable[[Path], Path], what: str, package: StandInTensorRt, driver: StandInDriver, tmp_path: Path
) -> None:
    plan = b"built by 10.3.0\n" + write(tmp_path / "net.onnx").read_bytes()
    with Gpu(driver) as gpu, pytest.raises(BundleError, match=what):
        Engine(plan, SHAPE, gpu=gpu, name="net")
    assert driver.held == 0
