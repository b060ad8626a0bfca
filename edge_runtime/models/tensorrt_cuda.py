"""What engines need of CUDA, from the driver's own library: a GPU's name, a stream, and memory that processor and GPU both see.

The driver is asked, not the CUDA runtime: there is one wherever there is a GPU, under one name, and its calls are the same for all versions
of CUDA. Its primary context is the one that TensorRT uses. Nothing here ever ran on a GPU.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import DeviceError, ModelError

_DRIVER = "libcuda.so.1"
_HINT = "towers run in ONNX Runtime without a GPU"
# Numbers of the driver's interface, as cuda.h has them.
_OUT_OF_MEMORY = 2
_SM_MAJOR, _SM_MINOR = 75, 76
_MAPPED = 0x02
_NON_BLOCKING = 0x01
_NAME_BYTES = 256


@dataclass(frozen=True)
class Buffer:
    """Memory that the processor and the GPU both see, without copies between them.

    On a Jetson there is only one memory. A GPU of its own reads it over the bus, once a picture, which costs less than the picture's
    encoding by far.

    Attributes:
        array: uint8 [n], as the processor sees it.
        address: As the GPU sees it.
    """

    array: npt.NDArray[np.uint8]
    address: int


class Gpu:
    """The first GPU. Close it, or use it as a context manager, to let go of it.

    Args:
        driver: The driver's library.

    Attributes:
        name: As the driver calls it.
        sm: Its compute capability, such as 87.

    Raises:
        DeviceError: There is no GPU, or the driver does not start.
    """

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._context = ctypes.c_void_p()
        self._device = ctypes.c_int()
        try:
            self._call("cuInit", ctypes.c_uint(0))
            self._call("cuDeviceGet", ctypes.byref(self._device), ctypes.c_int(0))
            name = ctypes.create_string_buffer(_NAME_BYTES)
            self._call("cuDeviceGetName", name, ctypes.c_int(_NAME_BYTES), self._device)
            self.name = name.value.decode("utf-8", "replace")
            self.sm = 10 * self._attribute(_SM_MAJOR) + self._attribute(_SM_MINOR)
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)
        except ModelError as error:
            raise DeviceError(f"no GPU can be used: {error}", hint=_HINT) from error

    def use(self) -> None:
        """Make it the GPU of the calling thread; each thread has to.

        Raises:
            ModelError: The driver refuses.
        """
        self._call("cuCtxSetCurrent", self._context)

    @contextmanager
    def buffer(self, nbytes: int) -> Iterator[Buffer]:
        """Memory that both see.

        Raises:
            ModelError: There is not so much left.
        """
        host, device = ctypes.c_void_p(), ctypes.c_uint64()
        self._on_gpu("cuMemHostAlloc", ctypes.byref(host), ctypes.c_size_t(nbytes), ctypes.c_uint(_MAPPED))
        try:
            self._on_gpu("cuMemHostGetDevicePointer_v2", ctypes.byref(device), host, ctypes.c_uint(0))
            memory = (ctypes.c_uint8 * nbytes).from_address(host.value or 0)
            yield Buffer(np.ctypeslib.as_array(memory), device.value)
        finally:
            self._on_gpu("cuMemFreeHost", host)

    @contextmanager
    def stream(self) -> Iterator[int]:
        """A queue of work, as the number that TensorRT wants.

        Raises:
            ModelError: The driver refuses.
        """
        stream = ctypes.c_void_p()
        self._on_gpu("cuStreamCreate", ctypes.byref(stream), ctypes.c_uint(_NON_BLOCKING))
        try:
            yield stream.value or 0
        finally:
            self._on_gpu("cuStreamDestroy_v2", stream)

    def wait(self, stream: int) -> None:
        """Wait until all the work of a stream is done.

        Raises:
            ModelError: Some of it failed.
        """
        self._on_gpu("cuStreamSynchronize", ctypes.c_void_p(stream))

    def close(self) -> None:
        """Let go of the GPU.

        Raises:
            ModelError: The driver refuses.
        """
        if self._context:
            self._context = ctypes.c_void_p()
            self._call("cuDevicePrimaryCtxRelease_v2", self._device)

    def __enter__(self) -> Gpu:
        """Return the GPU itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of it."""
        self.close()

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(number), self._device)
        return value.value

    def _on_gpu(self, name: str, *arguments: Any) -> None:
        self.use()
        self._call(name, *arguments)

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._driver, name)(*arguments)
        if code:
            words = ctypes.c_char_p()
            self._driver.cuGetErrorString(ctypes.c_int(code), ctypes.byref(words))
            hint = "open the tower before the language model, or take a smaller one" if code == _OUT_OF_MEMORY else _HINT
            raise ModelError(f"{name} failed with {code}, {(words.value or b'unknown').decode('utf-8', 'replace')}", hint=hint)


def open_gpu() -> Gpu:
    """The first GPU of this machine.

    Raises:
        DeviceError: There is none, or no driver for it.
    """
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError as error:
        raise DeviceError(f"no GPU can be used: its driver is not there ({error})", hint=_HINT) from error
    return Gpu(driver)
