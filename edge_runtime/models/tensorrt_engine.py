"""A network in ONNX built into an engine of TensorRT, and an engine opened on the GPU.

One code path for TensorRT 10 (JetPack 6.2 to 7.2), TensorRT 11 and TensorRT-RTX. Where they differ, the package is asked what it has, never
which version it is. Precision lives in the ONNX file: networks are strongly typed, and no flag of precision is ever set.

What was proved: TensorRT-RTX 1.7.1 reads and builds every tower for SM 86, 89 and 120 on a processor. Nothing here ever ran on a GPU, and
with TensorRT 10 and 11 nothing was built: they need a GPU for that. Their Python bindings were only searched for the names used here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.tensorrt_library import Library, library

Shape = tuple[int, ...]

WORKSPACE_BYTES = 512 << 20
"""What the builder may take on the GPU while it tries kernels: little, because boards share their memory with the GPU."""

_LEAST_SM = {"BF16": 80, "FP8": 89, "E8M0": 100, "FP4": 100}
"""The first GPU that has a type: Orin is 87, Thor 110."""
_REFUSED_TIMINGS = "the timings kept from earlier are of no use here: all kernels are measured anew"
_FOR_PROCESSORS = frozenset({"DynamicQuantizeLinear", "MatMulInteger"})


class UnsupportedOnTarget(ModelError):
    """The network holds what the GPU it is for does not have, or TensorRT does not build for that GPU."""


class ForeignEngine(BundleError):
    """An engine that was built elsewhere, or whose bytes are damaged: TensorRT does not open it."""


@dataclass(frozen=True)
class Built:
    """An engine, and what was learnt while it was built.

    Attributes:
        plan: The engine's bytes.
        layers: Of the network, before the builder joined any.
        timing: How fast kernels were, so that the next engine is built sooner; empty where the package keeps no such thing.
        warnings: What the builder warned of, in its own words.
    """

    plan: bytes
    layers: int
    timing: bytes
    warnings: tuple[str, ...]


def build_engine(onnx: Path, shape: Shape, *, sms: Sequence[int], workspace_bytes: int = WORKSPACE_BYTES, timing: bytes = b"") -> Built:
    """Build an engine for pictures of one shape, in the precision that the file is written in.

    TensorRT-RTX builds for the GPUs that are named, and needs none; it keeps no timings. The others build for the GPU that they run on,
    which is then the one to name.

    Args:
        onnx: The network, with one input.
        shape: Of that input, whole.
        sms: The GPUs it is for, at least one: 87 is Orin, 110 Thor.
        workspace_bytes: What the builder may take on the GPU.
        timing: What :attr:`Built.timing` said before on this GPU.

    Raises:
        MissingExtra: TensorRT is not installed.
        UnsupportedOnTarget: The network holds a type or an operator that the GPU does not run, or there is no building for that GPU.
        BundleError: The file is no network that TensorRT reads, or takes another input.
        ModelError: The builder gives up.
        DeviceError: TensorRT needs a GPU for this, and finds none.
    """
    trt = library()
    trt.forget()
    builder = trt.builder()
    # The parser refers to the network, and the network to the parser's weights: both are kept until the engine is built.
    network = builder.create_network(_network_flags(trt.api))
    parser = trt.api.OnnxParser(network, trt.listener)
    if not parser.parse_from_file(os.fspath(onnx)):
        _refuse_unread(onnx, parser)
    _check_types(network, onnx, sms)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.api.MemoryPoolType.WORKSPACE, workspace_bytes)
    timings: _Timings | None = None
    if hasattr(config, "num_compute_capabilities"):
        _name_targets(trt, config, sms)
    elif len(sms) != 1:
        raise UnsupportedOnTarget(f"{trt.name} builds for the GPU it runs on, not for {len(sms)} at once", hint="build on each board")
    else:
        timings = _Timings(config, timing)
    _fix_shape(builder, network, config, onnx, shape)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(f"TensorRT cannot build {onnx.name}: {trt.complaint()}", hint="free memory on the GPU, or report these words")
    if timings is None:
        return Built(bytes(plan), network.num_layers, b"", trt.warnings())
    refused = (_REFUSED_TIMINGS,) if timings.refused else ()
    return Built(bytes(plan), network.num_layers, timings.measured(), refused + trt.warnings())


def open_plan(plan: bytes) -> Any:
    """Open an engine on the GPU whose context is current.

    Returns:
        TensorRT's own engine.

    Raises:
        MissingExtra: TensorRT is not installed.
        ForeignEngine: It was built with another version, for another GPU, or is damaged; or there is no GPU.
        DeviceError: TensorRT finds no GPU.
    """
    trt = library()
    trt.forget()
    engine = trt.runtime().deserialize_cuda_engine(plan)
    if engine is None:
        raise ForeignEngine(f"{trt.name} does not open this engine: {trt.complaint()}", hint="build it on this board, with this TensorRT")
    return engine


def _network_flags(api: Any) -> int:
    kinds = api.NetworkDefinitionCreationFlag
    return 1 << int(kinds.STRONGLY_TYPED) if hasattr(kinds, "STRONGLY_TYPED") else 0


def _refuse_unread(onnx: Path, parser: Any) -> NoReturn:
    errors = [parser.get_error(number) for number in range(parser.num_errors)]
    if operators := sorted(_FOR_PROCESSORS & {error.node_operator() for error in errors}):
        message = f"{onnx.name} holds {' and '.join(operators)}, which are for processors: TensorRT does not run them"
        raise UnsupportedOnTarget(message, hint="take the tower in fp16 or int8; dynamic-int8 is for ONNX Runtime")
    words = [f"node {e.node()} {e.node_operator()} {e.node_name()}: {e.code().name}: {e.desc()}" for e in errors[:1]]
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    raise BundleError(f"TensorRT does not read {onnx.name}: {''.join(words) or 'no reason given'}{more}", hint="export the tower again")


def _check_types(network: Any, onnx: Path, sms: Sequence[int]) -> None:
    """Refuse types that a GPU lacks. The builder would do so too, in words that nobody understands."""
    layers = [network.get_layer(number) for number in range(network.num_layers)]
    kinds = {layer.get_output(number).dtype.name for layer in layers for number in range(layer.num_outputs)}
    for kind, least in _LEAST_SM.items():
        if kind in kinds and min(sms) < least:
            message = f"{onnx.name} computes in {kind}, which needs SM {least} or later, and is to run on SM {min(sms)}"
            raise UnsupportedOnTarget(message, hint="take the tower in int8 or fp16")


def _name_targets(trt: Library, config: Any, sms: Sequence[int]) -> None:
    known = trt.api.ComputeCapability
    config.num_compute_capabilities = len(sms)
    for number, sm in enumerate(sms):
        if not hasattr(known, f"SM{sm}"):
            hint = "build on the board itself, with the TensorRT of its JetPack"
            raise UnsupportedOnTarget(f"{trt.name} does not build for SM {sm}", hint=hint)
        config.set_compute_capability(getattr(known, f"SM{sm}"), number)


class _Timings:
    """How fast kernels were, told to a builder beforehand and read back from it afterwards."""

    def __init__(self, config: Any, known: bytes) -> None:
        self._cache = config.create_timing_cache(known)
        self.refused = self._cache is None or not config.set_timing_cache(self._cache, ignore_mismatch=False)
        if self.refused:
            self._cache = config.create_timing_cache(b"")
            config.set_timing_cache(self._cache, ignore_mismatch=False)

    def measured(self) -> bytes:
        return bytes(self._cache.serialize())


def _fix_shape(builder: Any, network: Any, config: Any, onnx: Path, shape: Shape) -> None:
    if network.num_inputs != 1:
        raise BundleError(f"{onnx.name} has {network.num_inputs} inputs, a tower has one", hint="export the tower again")
    image = network.get_input(0)
    declared = tuple(image.shape)
    # -1 is a size that the file leaves open.
    if len(declared) != len(shape) or any(size not in (-1, wanted) for size, wanted in zip(declared, shape, strict=True)):
        raise BundleError(f"{onnx.name} takes pictures of {declared}, not of {shape}", hint="the manifest belongs to another file")
    profile = builder.create_optimization_profile()
    profile.set_shape(image.name, shape, shape, shape)
    config.add_optimization_profile(profile)
