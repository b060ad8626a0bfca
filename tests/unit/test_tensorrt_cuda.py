"""What engines ask of the driver, and what is said when it refuses. Against a stand-in: there is no GPU here."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edge_runtime.errors import DeviceError, ModelError
from edge_runtime.models import tensorrt_cuda
from edge_runtime.models.tensorrt_cuda import Gpu, open_gpu
from tests.stand_in_cuda import ILLEGAL_ADDRESS, NO_DEVICE, OUT_OF_MEMORY, StandInDriver


def test_a_gpu_says_what_it_is() -> None:
    with Gpu(StandInDriver(b"Orin", 87)) as gpu:
        assert (gpu.name, gpu.sm) == ("Orin", 87)
    with Gpu(StandInDriver(b"NVIDIA Thor", 110)) as gpu:
        assert (gpu.name, gpu.sm) == ("NVIDIA Thor", 110)


def test_memory_is_one_for_both() -> None:
    driver = StandInDriver()
    with Gpu(driver) as gpu, gpu.buffer(16) as buffer:
        buffer.array[:] = np.arange(16)
        assert driver.at(buffer.address, 16).tolist() == list(range(16))
        driver.at(buffer.address, 16)[:] = 7
        assert set(buffer.array.tolist()) == {7}
    assert driver.held == 0


def test_each_thread_is_given_the_gpu() -> None:
    driver = StandInDriver()
    lengths: list[int] = []

    def elsewhere(gpu: Gpu) -> None:
        with gpu.stream() as stream, gpu.buffer(8) as buffer:
            gpu.wait(stream)
            lengths.append(len(buffer.array))

    with Gpu(driver) as gpu:
        thread = threading.Thread(target=elsewhere, args=(gpu,))
        thread.start()
        thread.join()
    assert lengths == [8]
    assert driver.held == 0


def test_too_little_memory() -> None:
    driver = StandInDriver()
    driver.fails["cuMemHostAlloc"] = OUT_OF_MEMORY
    with Gpu(driver) as gpu, pytest.raises(ModelError, match="cuMemHostAlloc failed with 2, out of memory") as caught, gpu.buffer(1 << 40):
        pass
    assert "before the language model" in caught.value.hint
    assert "cuMemFreeHost" not in driver.calls


def test_memory_that_the_gpu_does_not_see_is_given_back() -> None:
    driver = StandInDriver()
    driver.fails["cuMemHostGetDevicePointer_v2"] = ILLEGAL_ADDRESS
    with Gpu(driver) as gpu, pytest.raises(ModelError, match="illegal memory access"), gpu.buffer(8):
        pass
    assert driver.held == 0


def test_work_that_fails_is_told_when_it_is_waited_for() -> None:
    driver = StandInDriver()
    driver.fails["cuStreamSynchronize"] = ILLEGAL_ADDRESS
    with Gpu(driver) as gpu, gpu.stream() as stream, pytest.raises(ModelError, match="cuStreamSynchronize failed with 700"):
        gpu.wait(stream)
    assert driver.held == 0


@pytest.mark.parametrize("step", ["cuInit", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain"])
def test_a_driver_without_a_gpu(step: str) -> None:
    driver = StandInDriver()
    driver.fails[step] = NO_DEVICE
    with pytest.raises(DeviceError, match=f"no GPU can be used: {step} failed with 100, no CUDA-capable device") as caught:
        Gpu(driver)
    assert "ONNX Runtime" in caught.value.hint
    assert driver.held == 0


def test_a_machine_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_cuda, "_DRIVER", "libcuda-of-no-machine.so.1")
    with pytest.raises(DeviceError, match="its driver is not there"):
        open_gpu()


def test_letting_go_twice_is_letting_go_once() -> None:
    driver = StandInDriver()
    gpu = Gpu(driver)
    gpu.close()
    gpu.close()
    assert driver.calls.count("cuDevicePrimaryCtxRelease_v2") == 1
