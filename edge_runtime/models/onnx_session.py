"""ONNX Runtime, and the only door to it: one network opened for inference, with threads that do not spin.

Asked for a provider that it cannot start, ONNX Runtime prints to standard error and gives a session on the processor, ten times slower,
without a word to the program. Its list of available providers is no evidence either. So what really runs is looked at after opening.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, ConfigError, MissingExtra, ModelError
from edge_runtime.models.onnx_providers import CPU, CPU_NAME, Provider

Array = npt.NDArray[np.float32]


class Session:
    """One network with one input, ready to run. Close it, or use it as a context manager, to let go of its threads and memory.

    Args:
        inner: ONNX Runtime's own session.
        path: The file it was opened from.
        fell_back: As :attr:`fell_back`.

    Attributes:
        path: The file it was opened from.
        provider: What runs it.
        fell_back: Why it does not run on what was asked for, in words; ``""`` if it does.
    """

    def __init__(self, inner: Any, path: Path, fell_back: str = "") -> None:
        self._inner = inner
        self._input: str = inner.get_inputs()[0].name
        self.path = path
        self.provider: str = inner.get_providers()[0]
        self.fell_back = fell_back

    def run(self, value: Array) -> Array:
        """Run the network once.

        Args:
            value: float32, its only input.

        Returns:
            Its first output, float32.

        Raises:
            ModelError: The runtime refuses the input, or the session is closed.
        """
        return self.run_all(value)[0]

    def run_all(self, value: Array) -> list[Array]:
        """Run the network once, for all of its outputs, in their order.

        Raises:
            ModelError: The runtime refuses the input, or the session is closed.
        """
        if self._inner is None:
            raise ModelError(f"{self.path.name} is closed", hint="open it again")
        try:
            outputs: list[Array] = self._inner.run(None, {self._input: value})
        except _refusals() as error:
            raise ModelError(f"{self.path.name} could not be run: {error}", hint="check the bundle's input geometry") from error
        return outputs

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says about itself, by key."""
        return dict(self._inner.get_modelmeta().custom_metadata_map)

    def close(self) -> None:
        """Let go of the network."""
        self._inner = None

    def __enter__(self) -> Session:
        """Return the session itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()


def open_session(path: Path, threads: int) -> Session:
    """Open a network on the CPU.

    Args:
        path: ONNX file.
        threads: Threads of one inference.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        BundleError: The file is no network that it can run.
        ModelError: It would run on another provider than the one asked for.
    """
    return open_session_on(path, CPU, threads=threads)


def open_session_on(path: Path, provider: Provider, *, threads: int, cpu_may_do: bool = False) -> Session:
    """Open a network on a provider, and make sure that it is the one that runs.

    Args:
        path: ONNX file.
        provider: What is to run it.
        threads: Threads of one inference, where the processor runs it.
        cpu_may_do: Whether the processor may run it where the provider cannot; :attr:`Session.fell_back` says so then.

    Raises:
        MissingExtra: ONNX Runtime is not installed, or was built without this provider.
        ConfigError: There is no such provider.
        BundleError: The file is no network that it can run.
        ModelError: It would run on another provider than the one asked for.
    """
    runtime = _runtime()
    if provider.name not in runtime.get_all_providers():
        raise ConfigError(f"ONNX Runtime knows no provider {provider.name}", hint=f"take one of {', '.join(runtime.get_all_providers())}")
    if provider.name not in runtime.get_available_providers():
        message = f"ONNX Runtime was built without {provider.name}"
        if not cpu_may_do:
            raise MissingExtra(message, hint="install the extra cuda, or allow the processor")
        return Session(_opened(runtime, path, CPU, threads), path, f"{message}; {CPU_NAME} runs {path.name}")
    inner = _opened(runtime, path, provider, threads)
    used = inner.get_providers()[0]
    if used == provider.name:
        return Session(inner, path)
    message = f"{path.name} runs on {used} instead of {provider.name}"
    if not (cpu_may_do and used == CPU_NAME):
        raise ModelError(message, hint="see what ONNX Runtime wrote to standard error; or allow the processor")
    return Session(inner, path, message)


def _opened(runtime: Any, path: Path, provider: Provider, threads: int) -> Any:
    """ONNX Runtime's own session.

    Several networks share the processor here, so waiting threads sleep: a pool that spins between two small inferences takes the time
    of the other networks.
    """
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # A memory plan is kept for every shape ever seen, and lines of text come in hundreds of widths.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    wanted = [(provider.name, provider.options), *([provider.helper] if provider.helper else [])]
    try:
        return runtime.InferenceSession(os.fspath(path), sess_options=options, providers=wanted)
    except _refusals() as error:
        raise BundleError(f"{path.name} cannot be opened: {error}", hint="prepare the bundle again") from error


def require_runtime() -> str:
    """Say which version of ONNX Runtime is installed.

    Raises:
        MissingExtra: None is.
    """
    return str(_runtime().__version__)


def _runtime() -> Any:
    # Read once, when the library loads its thread pool.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import onnxruntime
    except ImportError as error:
        hint = "install the extra cpu: scripts/install cpu,export"
        raise MissingExtra("running the models needs the package onnxruntime, which is not installed", hint=hint) from error
    return onnxruntime


def _refusals() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises when it says no; its classes have no documented common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented", "RuntimeException")
    return (ValueError, RuntimeError, *(getattr(state, name) for name in names))
