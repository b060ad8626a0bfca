"""Where ONNX Runtime may run a network, as data: the names of its execution providers, and their options as it wants them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CPU_NAME = "CPUExecutionProvider"
CUDA_NAME = "CUDAExecutionProvider"
TENSORRT_NAME = "TensorrtExecutionProvider"
ShapeRange = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""The smallest, the usual and the largest shape of an input."""


@dataclass(frozen=True)
class Provider:
    """One execution provider.

    Attributes:
        name: As ONNX Runtime calls it.
        options: By its own names and in its own words.
        helper: A provider that runs what this one does not take, before the processor does; ``""`` for none.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)
    helper: str = ""


CPU = Provider(CPU_NAME)
CUDA = Provider(CUDA_NAME)


@dataclass(frozen=True)
class TensorRtOptions:
    """How ONNX Runtime uses TensorRT. Precision is no option: it lies in the file.

    Attributes:
        cache: Folder of built engines and of the timings found while building. Both depend on the machine.
        workspace_bytes: Memory that building and running may take beside the weights.
        context_file: Where the network is written with its engine inside, so that the next process need not build; ``None`` for nowhere.
        cuda_graph: Record the launches once and play them back. ONNX Runtime wants fixed shapes and inputs bound to the GPU for it.
        shares_memory: Networks that never run at the same time use the same working memory.
        profiles: Shapes by the name of an input, where they are open.
    """

    cache: Path
    workspace_bytes: int = 512 << 20
    context_file: Path | None = None
    cuda_graph: bool = False
    shares_memory: bool = True
    profiles: dict[str, ShapeRange] = field(default_factory=dict)


def tensorrt(options: TensorRtOptions) -> Provider:
    """TensorRT through ONNX Runtime; what it does not take runs by CUDA."""
    cache = str(options.cache)
    chosen = {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": cache,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": cache,
        "trt_max_workspace_size": str(options.workspace_bytes),
        "trt_cuda_graph_enable": _switch(options.cuda_graph),
        "trt_context_memory_sharing_enable": _switch(options.shares_memory),
    }
    if options.context_file is not None:
        chosen |= {
            "trt_dump_ep_context_model": "1",
            "trt_ep_context_file_path": str(options.context_file),
            "trt_ep_context_embed_mode": "1",
        }
    for place, bound in enumerate(("min", "opt", "max")):
        if options.profiles:
            chosen[f"trt_profile_{bound}_shapes"] = ",".join(_shape(name, shapes[place]) for name, shapes in options.profiles.items())
    return Provider(TENSORRT_NAME, chosen, helper=CUDA_NAME)


def _switch(on: bool) -> str:
    return "1" if on else "0"


def _shape(name: str, sides: tuple[int, ...]) -> str:
    return f"{name}:{'x'.join(map(str, sides))}"
