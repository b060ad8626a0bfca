"""A stand-in for the package ``tensorrt`` of version 10 or 11, which builds nothing without a GPU: engines are run by ONNX Runtime.

What TensorRT-RTX can do on a processor is tried with TensorRT-RTX itself, in ``tests/workshop``. Here an engine is the ONNX file behind a
line that says which version built it; it computes in the memory whose addresses it was given, when the stream is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, IntEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from edge_runtime.models import tensorrt_library
from tests.stand_in_cuda import StandInDriver

Named = Enum(
    "Named", ["FLOAT", "HALF", "INPUT", "OUTPUT", "ERROR", "WARNING", "INTERNAL_ERROR", "VERBOSE", "UNSUPPORTED_NODE", "INVALID_MODEL"]
)
_KINDS: dict[int, Named] = {onnx.TensorProto.FLOAT: Named.FLOAT, onnx.TensorProto.FLOAT16: Named.HALF}


class _Flag(IntEnum):
    STRONGLY_TYPED = 1


class _NoFlag(IntEnum):
    ANOTHER = 2


class _Pool(Enum):
    WORKSPACE = 0


class StandInTensorRt(ModuleType):
    """The package.

    Args:
        version: As the package says it.
        driver: The GPU's.
        strongly_typed: Whether there is a flag for it.

    Attributes:
        refuses: Names of functions that say no.
        says: Lines that the next builder says, with their severities.
        builders: How many were made.
        flags: What the last network was made with.
    """

    def __init__(self, version: str, driver: StandInDriver, *, strongly_typed: bool = True) -> None:
        super().__init__("tensorrt")
        self.__version__ = version
        self.driver = driver
        self.refuses: set[str] = set()
        self.says: list[tuple[str, str]] = []
        self.builders = 0
        self.flags = -1
        self.NetworkDefinitionCreationFlag = _Flag if strongly_typed else _NoFlag
        self.MemoryPoolType = _Pool
        self.ILogger = _Logger
        self.Builder = lambda listener: _Builder(self, listener)
        self.OnnxParser = _Parser
        self.Runtime = lambda listener: _Runtime(self, listener)

    def allows(self, what: str) -> bool:
        """Record a call, and whether it is granted."""
        self.driver.calls.append(what)
        return what not in self.refuses


@contextmanager
def loaded(package: StandInTensorRt, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInTensorRt]:
    """Have the package loaded in place of whatever is installed."""
    with monkeypatch.context() as patch:
        patch.setattr(tensorrt_library, "_loaded", [tensorrt_library.Library(package)])
        yield package


class _Logger:
    log: Callable[..., None]

    def say(self, severity: str, line: str) -> None:
        self.log(Named[severity], line)


class _Value:
    def __init__(self, item: onnx.ValueInfoProto) -> None:
        self.name: str = item.name
        self.shape = [size.dim_value or -1 for size in item.type.tensor_type.shape.dim]
        self.dtype = _KINDS[item.type.tensor_type.elem_type]


class _Tensor:
    dtype = Named.FLOAT


class _Layer:
    num_outputs = 1

    def get_output(self, number: int) -> _Tensor:
        return _Tensor()


class _Network:
    model: onnx.ModelProto

    @property
    def num_layers(self) -> int:
        return len(self.model.graph.node)

    @property
    def num_inputs(self) -> int:
        return len(self.model.graph.input)

    def get_layer(self, number: int) -> _Layer:
        return _Layer()

    def get_input(self, number: int) -> _Value:
        return _Value(self.model.graph.input[number])


class _ParserError:
    def node(self) -> int:
        return -1

    def node_operator(self) -> str:
        return ""

    def node_name(self) -> str:
        return ""

    def code(self) -> Named:
        return Named.INVALID_MODEL

    def desc(self) -> str:
        return "it cannot be parsed"


class _Parser:
    num_errors = 1

    def __init__(self, network: _Network, listener: _Logger) -> None:
        self._network = network

    def parse_from_file(self, path: str) -> bool:
        content = Path(path).read_bytes() if Path(path).is_file() else b""
        # Every ONNX file begins with the version of its format.
        if content.startswith(b"\x08"):
            self._network.model = onnx.load_model_from_string(content)
        return content.startswith(b"\x08")

    def get_error(self, number: int) -> _ParserError:
        return _ParserError()


class _Timings:
    def __init__(self, known: bytes) -> None:
        self._known = known

    def serialize(self) -> bytes:
        return self._known + b"."


class _Config:
    def __init__(self, package: StandInTensorRt) -> None:
        self._package = package

    def set_memory_pool_limit(self, pool: Enum, nbytes: int) -> None:
        assert pool.name == "WORKSPACE"

    def create_timing_cache(self, known: bytes) -> _Timings | None:
        """A damaged one gives none."""
        return _Timings(known) if known.strip(b".") == b"" else None

    def set_timing_cache(self, timings: _Timings, ignore_mismatch: bool) -> bool:
        return not ignore_mismatch

    def add_optimization_profile(self, profile: _Profile) -> int:
        assert profile.set
        return 0


class _Profile:
    set = False

    def set_shape(self, name: str, least: object, usual: object, most: object) -> None:
        self.set = least == usual == most


class _Builder:
    def __init__(self, package: StandInTensorRt, listener: Any) -> None:
        if not package.allows("Builder"):
            listener.say("ERROR", "CUDA initialization failure with error: 35")
            raise TypeError("factory function returned nullptr")
        self._package = package
        self._listener = listener
        package.builders += 1

    def create_network(self, flags: int) -> _Network:
        self._package.flags = flags
        return _Network()

    def create_builder_config(self) -> _Config:
        return _Config(self._package)

    def create_optimization_profile(self) -> _Profile:
        return _Profile()

    def build_serialized_network(self, network: _Network, config: _Config) -> bytes | None:
        for severity, line in self._package.says:
            self._listener.say(severity, line)
        if not self._package.allows("build_serialized_network"):
            return None
        model: bytes = network.model.SerializeToString()
        return f"built by {self._package.__version__}\n".encode() + model


class _Runtime:
    def __init__(self, package: StandInTensorRt, listener: Any) -> None:
        self._package = package
        self._listener = listener

    def deserialize_cuda_engine(self, plan: bytes) -> _Engine | None:
        line, _, model = plan.partition(b"\n")
        if line != f"built by {self._package.__version__}".encode():
            self._listener.say("ERROR", "the version tag does not match")
            return None
        return _Engine(self._package, self._listener, model)


class _Engine:
    def __init__(self, package: StandInTensorRt, listener: Any, model: bytes) -> None:
        self._package = package
        self._listener = listener
        graph = onnx.load_model_from_string(model).graph
        self.model = model
        self.values = {
            item.name: (_Value(item), kind) for items, kind in ((graph.input, Named.INPUT), (graph.output, Named.OUTPUT)) for item in items
        }

    @property
    def num_io_tensors(self) -> int:
        return len(self.values)

    def get_tensor_name(self, number: int) -> str:
        names: list[str] = list(self.values)
        return names[number]

    def get_tensor_mode(self, name: str) -> Named:
        return self.values[name][1]

    def get_tensor_dtype(self, name: str) -> Named:
        return self.values[name][0].dtype

    def create_execution_context(self) -> _Context | None:
        if not self._package.allows("create_execution_context"):
            self._listener.say("ERROR", "out of memory")
            return None
        return _Context(self._package, self)


class _Context:
    def __init__(self, package: StandInTensorRt, engine: _Engine) -> None:
        self._package = package
        self._engine = engine
        self._session = onnxruntime.InferenceSession(engine.model, providers=["CPUExecutionProvider"])
        self._addresses: dict[str, int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        # The rows that go in are those that come out, and nothing else is open.
        for tensor, (value, _) in self._engine.values.items():
            self._shapes[tensor] = tuple(shape[0] if size == -1 else size for size in value.shape)
        return self._package.allows("set_input_shape") and self._shapes[name] == shape

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return self._package.allows(f"set_tensor_address {name}")

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert set(self._addresses) == set(self._engine.values), "a tensor without an address"
        self._package.driver.waiting.append(self._compute)
        return self._package.allows("execute_async_v3")

    def _compute(self) -> None:
        seen = {name: self._seen(name) for name in self._addresses}
        inputs = {name: seen[name] for name, (_, mode) in self._engine.values.items() if mode is Named.INPUT}
        outputs = [name for name in self._engine.values if name not in inputs]
        for name, result in zip(outputs, self._session.run(outputs, inputs), strict=True):
            seen[name][:] = result

    def _seen(self, name: str) -> Any:
        shape = self._shapes[name]
        nbytes = 4 * int(np.prod(shape))
        return self._package.driver.at(self._addresses[name], nbytes).view(np.float32).reshape(shape)
