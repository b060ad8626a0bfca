"""Engines kept on the board that built them: building takes minutes, opening does not.

An engine belongs to one network, one shape, one GPU and one TensorRT; all of that is its key. A file is there whole or not at all, begins
with a line of JSON that says what it is, and is used only if its bytes are the ones that were written. Whatever else is found is built
again, and that is said. When an engine is built, those of the same network that were built with anything else are removed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from edge_runtime.errors import BundleError
from edge_runtime.models.hub import Say, cache_folder, megabytes, prepare_lock, quiet, sha256_of, write_atomic
from edge_runtime.models.tensorrt_cuda import Gpu
from edge_runtime.models.tensorrt_engine import WORKSPACE_BYTES, ForeignEngine, Shape, build_engine
from edge_runtime.models.tensorrt_library import library
from edge_runtime.models.tensorrt_run import Engine

_DIGITS = 16
_LONGEST_LINE = 4096


class EngineKey(msgspec.Struct, frozen=True):
    """What an engine belongs to.

    Attributes:
        onnx_sha256: Of the network's file.
        shape: Of its input.
        library: TensorRT's package and version.
        gpu: The GPU's name.
        sm: Its compute capability.
        workspace_bytes: What the builder was allowed.
    """

    onnx_sha256: str
    shape: Shape
    library: str
    gpu: str
    sm: int
    workspace_bytes: int


class TimingKey(msgspec.Struct, frozen=True):
    """What timings of kernels belong to.

    Attributes:
        library: TensorRT's package and version.
        gpu: The GPU's name.
        sm: Its compute capability.
        power_mode: In which they were taken: clocks change what is fastest. ``""`` if it is not known.
    """

    library: str
    gpu: str
    sm: int
    power_mode: str


def open_cached(
    onnx: Path,
    shape: Shape,
    *,
    gpu: Gpu,
    cache: Path | None = None,
    power_mode: str = "",
    workspace_bytes: int = WORKSPACE_BYTES,
    say: Say = quiet,
) -> Engine:
    """Open the engine of a network; build it first if this board has not.

    Args:
        onnx: The network, with one float32 input and one float32 output.
        shape: Of that input, whole.
        gpu: Where it is to run.
        cache: Where engines are kept; the usual cache if not given.
        power_mode: The board's, if known; see :class:`TimingKey`.
        workspace_bytes: What the builder may take on the GPU.
        say: Called with one line at a time.

    Raises:
        MissingExtra: TensorRT is not installed.
        UnsupportedOnTarget: The GPU does not have what the network needs.
        BundleError: The file is no such network.
        ModelError: Building fails, or there is not enough memory to run it.
        DeviceError: The cache cannot be written.
    """
    folder = _folder(cache)
    if not onnx.is_file():
        raise BundleError(f"there is no {onnx}", hint="export or pull the bundle again")
    key = EngineKey(sha256_of(onnx), shape, library().name, gpu.name, gpu.sm, workspace_bytes)
    file = folder / f"{key.onnx_sha256[:_DIGITS]}-{_digest(key)}.engine"
    with prepare_lock(folder / "engines.lock", say=say):
        # What a run that was killed left half written.
        for part in folder.glob(".part-*"):
            part.unlink()
        plan = _kept(file, key, say)
        if plan is not None:
            try:
                return Engine(plan, shape, gpu=gpu, name=onnx.name)
            except ForeignEngine as error:
                say(f"{file.name}: {error}; it is built again")
        plan = _build(onnx, key, file, power_mode, gpu, say)
        for other in engines_of(key.onnx_sha256, cache=cache):
            if other != file:
                other.unlink()
                say(f"removed {other.name}: it was built with something else")
        return Engine(plan, shape, gpu=gpu, name=onnx.name)


def engines_of(onnx_sha256: str, *, cache: Path | None = None) -> list[Path]:
    """The engines that were built from a network, so that they can be removed with it."""
    return sorted(_folder(cache).glob(f"{onnx_sha256[:_DIGITS]}-*.engine"))


def _folder(cache: Path | None) -> Path:
    return (cache or cache_folder()) / "engines"


def _build(onnx: Path, key: EngineKey, file: Path, power_mode: str, gpu: Gpu, say: Say) -> bytes:
    timing = TimingKey(key.library, key.gpu, key.sm, power_mode)
    timing_file = file.parent / f"{_digest(timing)}.timing"
    say(f"building the engine of {onnx.name} for {key.gpu} (SM {key.sm}) with {key.library}: minutes, and only this once")
    gpu.use()
    known = _kept(timing_file, timing, say) or b""
    built = build_engine(onnx, key.shape, sms=(key.sm,), workspace_bytes=key.workspace_bytes, timing=known)
    for line in built.warnings:
        say(f"TensorRT warns: {line}")
    _keep(file, key, built.plan)
    if built.timing:
        _keep(timing_file, timing, built.timing)
    say(f"{file.name}: {megabytes(len(built.plan))}, {built.layers} layers")
    return built.plan


def _kept(file: Path, key: EngineKey | TimingKey, say: Say) -> bytes | None:
    """What was kept under a key, if it is still what was written."""
    if not file.is_file():
        return None
    try:
        with file.open("rb") as handle:
            line, content = handle.readline(_LONGEST_LINE), handle.read()
    except OSError as error:
        say(f"{file.name} cannot be read ({error.strerror or error}); it is made again")
        return None
    if line == _first_line(key, content):
        return content
    say(f"{file.name} is damaged: its bytes are not those that were written; it is made again")
    return None


def _keep(file: Path, key: EngineKey | TimingKey, content: bytes) -> None:
    write_atomic(file, (_first_line(key, content), content))


def _first_line(key: EngineKey | TimingKey, content: bytes) -> bytes:
    return msgspec.json.encode({"key": key, "sha256": hashlib.sha256(content).hexdigest()}) + b"\n"


def _digest(key: EngineKey | TimingKey) -> str:
    return hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:_DIGITS]
