"""A stand-in for the driver of a GPU: memory that is really there, work that is done only when it is waited for, and a record of all calls.

It is as strict as the real one where that catches mistakes. A call from a thread that did not choose the GPU fails; the GPU sees memory at
another address than the processor; and memory is not given back while work is waiting.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

BAD_CONTEXT, ILLEGAL_ADDRESS, OUT_OF_MEMORY, NO_DEVICE = 201, 700, 2, 100
_WORDS = {
    BAD_CONTEXT: b"invalid device context",
    ILLEGAL_ADDRESS: b"an illegal memory access was encountered",
    OUT_OF_MEMORY: b"out of memory",
    NO_DEVICE: b"no CUDA-capable device is detected",
}
_CONTEXT, _STREAM = 0xC0, 0x57
_SEEN_FROM_THE_GPU = 1 << 40
_NEEDS_CONTEXT = ("cuMem", "cuStream")


class StandInDriver:
    """What engines see of ``libcuda``.

    Args:
        name: Of its GPU.
        sm: Of its GPU.

    Attributes:
        calls: The names of the functions that were called, in order; stand-ins for TensorRT add theirs.
        fails: Error codes by function: what is named here does nothing but fail.
        waiting: Work on the stream.
    """

    def __init__(self, name: bytes = b"Orin", sm: int = 87) -> None:
        self.calls: list[str] = []
        self.fails: dict[str, int] = {}
        self.waiting: list[Callable[[], None]] = []
        self._gpu = (name, sm)
        self._memory: dict[int, Any] = {}
        self._held: set[str] = set()
        self._chosen = threading.local()

    @property
    def held(self) -> int:
        """How much of it is still held: pieces of memory, the stream, the context."""
        return len(self._memory) + len(self._held)

    def at(self, address: int, nbytes: int) -> npt.NDArray[np.uint8]:
        """Memory as the GPU sees it."""
        memory = self._memory[address - _SEEN_FROM_THE_GPU]
        assert nbytes <= len(memory)
        return np.ctypeslib.as_array(memory)[:nbytes]

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("cu"):
            raise AttributeError(name)
        body: Callable[..., int | None] = getattr(type(self), "_" + name)

        def called(*arguments: Any) -> int:
            self.calls.append(name)
            if name.startswith(_NEEDS_CONTEXT) and getattr(self._chosen, "context", None) != _CONTEXT:
                return BAD_CONTEXT
            return self.fails.get(name) or body(self, *arguments) or 0

        return called

    def _cuInit(self, flags: ctypes.c_uint) -> None: ...

    def _cuGetErrorString(self, code: ctypes.c_int, words: Any) -> None:
        words._obj.value = _WORDS[code.value]

    def _cuDeviceGet(self, device: Any, number: ctypes.c_int) -> None:
        device._obj.value = number.value

    def _cuDeviceGetName(self, name: Any, size: ctypes.c_int, device: ctypes.c_int) -> None:
        name.value = self._gpu[0]

    def _cuDeviceGetAttribute(self, value: Any, number: ctypes.c_int, device: ctypes.c_int) -> None:
        value._obj.value = {75: self._gpu[1] // 10, 76: self._gpu[1] % 10}[number.value]

    def _cuDevicePrimaryCtxRetain(self, context: Any, device: ctypes.c_int) -> None:
        context._obj.value = _CONTEXT
        self._held.add("context")

    def _cuDevicePrimaryCtxRelease_v2(self, device: ctypes.c_int) -> None:
        self._held.remove("context")

    def _cuCtxSetCurrent(self, context: ctypes.c_void_p) -> None:
        self._chosen.context = context.value

    def _cuMemHostAlloc(self, host: Any, nbytes: ctypes.c_size_t, flags: ctypes.c_uint) -> None:
        assert flags.value == 2, "memory that the GPU does not see"
        memory = (ctypes.c_uint8 * nbytes.value)()
        host._obj.value = ctypes.addressof(memory)
        self._memory[ctypes.addressof(memory)] = memory

    def _cuMemHostGetDevicePointer_v2(self, device: Any, host: ctypes.c_void_p, flags: ctypes.c_uint) -> None:
        device._obj.value = (host.value or 0) + _SEEN_FROM_THE_GPU

    def _cuMemFreeHost(self, host: ctypes.c_void_p) -> None:
        assert not self.waiting, "memory given back while work is waiting"
        del self._memory[host.value or 0]

    def _cuStreamCreate(self, stream: Any, flags: ctypes.c_uint) -> None:
        stream._obj.value = _STREAM
        self._held.add("stream")

    def _cuStreamDestroy_v2(self, stream: ctypes.c_void_p) -> None:
        self._held.remove("stream")

    def _cuStreamSynchronize(self, stream: ctypes.c_void_p) -> None:
        assert stream.value == _STREAM
        while self.waiting:
            self.waiting.pop(0)()
