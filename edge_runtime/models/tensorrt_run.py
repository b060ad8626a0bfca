"""An engine that runs: one picture in, one result out, in memory that is taken once.

A CUDA graph would save the launches of some hundred kernels, about a millisecond of a tower's tens: it is left out until it can be tried.
Nothing here ever ran on a GPU; its steps and their order were tried with stand-ins.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.tensorrt_cuda import Gpu
from edge_runtime.models.tensorrt_engine import Shape, open_plan
from edge_runtime.models.tensorrt_library import library

Array = npt.NDArray[np.float32]

_REBUILD = "remove the engine from the cache, and it is built again"


class Engine:
    """One network on the GPU, for pictures of one shape. Close it, or use it as a context manager, to let go of its memory.

    Args:
        plan: As :func:`~edge_runtime.models.tensorrt_engine.build_engine` made it.
        shape: Of its input, whole; both ends are float32.
        gpu: Where it runs. It must outlive the engine.
        name: What it is called in errors.

    Attributes:
        output_shape: Of what :meth:`run` returns.

    Raises:
        MissingExtra: TensorRT is not installed.
        ForeignEngine: It was not built for this GPU and this TensorRT, or is damaged.
        BundleError: It has not one float32 input and one float32 output.
        ModelError: There is not enough memory, or TensorRT refuses the shape.
    """

    def __init__(self, plan: bytes, shape: Shape, *, gpu: Gpu, name: str) -> None:
        self._gpu = gpu
        self._name = name
        gpu.use()
        engine = open_plan(plan)
        source, result = _ends(engine, name)
        with ExitStack() as stack:
            self._stream = stack.enter_context(gpu.stream())
            context = engine.create_execution_context()
            if context is None:
                message = f"there is no memory on the GPU to run {name}: {library().complaint()}"
                raise ModelError(message, hint="open the tower before the language model")
            self._accept(context.set_input_shape(source, shape), f"pictures of {shape}")
            self.output_shape: Shape = tuple(context.get_tensor_shape(result))
            self._source: Array = self._bind(stack, context, source, shape)
            self._result: Array = self._bind(stack, context, result, self.output_shape)
            self._running: tuple[Any, Any] | None = (engine, context)
            # Goes first: TensorRT holds the addresses of the buffers.
            stack.callback(self._drop)
            self._held = stack.pop_all()

    def run(self, value: Array) -> Array:
        """Run the network once.

        Args:
            value: float32, of the shape it was opened for.

        Returns:
            float32, of :attr:`output_shape`.

        Raises:
            ModelError: The input has another shape, the GPU fails, or the engine is closed.
        """
        if self._running is None:
            raise ModelError(f"{self._name} is closed", hint="open it again")
        if value.shape != self._source.shape or value.dtype != np.float32:
            message = f"{self._name} takes float32 {self._source.shape}, not {value.dtype} {value.shape}"
            raise ModelError(message, hint="check the bundle's input geometry")
        library().forget()
        self._gpu.use()
        np.copyto(self._source, value)
        _, context = self._running
        accepted = context.execute_async_v3(self._stream)
        # Whatever was queued before a refusal still writes into this memory.
        self._gpu.wait(self._stream)
        self._accept(accepted, "to run")
        result: Array = self._result.copy()
        return result

    def close(self) -> None:
        """Let go of the network and its memory."""
        self._held.close()

    def __enter__(self) -> Engine:
        """Return the engine itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _bind(self, stack: ExitStack, context: Any, tensor: str, shape: Shape) -> Array:
        buffer = stack.enter_context(self._gpu.buffer(math.prod(shape) * np.dtype(np.float32).itemsize))
        self._accept(context.set_tensor_address(tensor, buffer.address), f"the address of {tensor}")
        return buffer.array.view(np.float32).reshape(shape)

    def _drop(self) -> None:
        dropped, self._running = self._running, None
        self._gpu.use()
        del dropped

    def _accept(self, accepted: bool, what: str) -> None:
        if not accepted:
            raise ModelError(f"{self._name}: TensorRT refuses {what}: {library().complaint()}", hint=_REBUILD)


def _ends(engine: Any, name: str) -> tuple[str, str]:
    """The names of its input and its output."""
    tensors = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
    inputs, outputs = ([tensor for tensor in tensors if engine.get_tensor_mode(tensor).name == kind] for kind in ("INPUT", "OUTPUT"))
    if len(inputs) != 1 or len(outputs) != 1:
        raise BundleError(f"{name} goes from {inputs} to {outputs}, and a tower has one of each", hint="export the tower again")
    for tensor in tensors:
        kind = engine.get_tensor_dtype(tensor).name
        if kind != "FLOAT":
            raise BundleError(f"{tensor} of {name} is {kind}, and a tower has float32 at both ends", hint="export the tower again")
    return inputs[0], outputs[0]
