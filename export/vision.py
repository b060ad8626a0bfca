"""A checkpoint's vision tower as ONNX, proved against the original. The tower is traced by ``torch``.

The tower is wrapped so that it takes pictures of one size (:mod:`export.vision_wrappers`). The wrapper must give the original's numbers
to the last bit; the graph that is traced from it must give them within :data:`MAX_ABS` in ONNX Runtime.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError, MissingExtra, ModelError
from edge_runtime.models.hub import Say, megabytes, quiet, writing
from edge_runtime.models.onnx_session import open_session, require_runtime
from export.onnx_graph import make_model, save, saved_bytes, weights_of
from export.original import WHOLE, load_without_layers, require_originals
from export.spec import ModelSpec, spec_of

if TYPE_CHECKING:
    from onnx import ModelProto

Array = npt.NDArray[np.float32]

OPSET = 20
"""The first in which GELU is one operator: taken apart it cubes its input, which float16 does not hold from 41 on."""
MAX_ABS = 1e-4
"""Largest difference of a number of a token between the graph and the original."""
SEED = 5


@dataclass(frozen=True)
class ExportedTower:
    """A tower that was exported and compared.

    Attributes:
        file: ONNX: ``image`` float32 [N,3,S,S], RGB as the checkpoint's preprocessor scales it, to ``tokens`` float32 [N,T,D].
            Weights of more than 2 GB lie in ``NAME.data`` beside it.
        spec: Of the checkpoint.
        nodes: Of the graph.
        max_abs: Largest difference from the original.
    """

    file: Path
    spec: ModelSpec
    nodes: int
    max_abs: float


def export_tower(checkpoint: Path, target: Path, *, say: Say = quiet) -> ExportedTower:
    """Export the vision tower of a checkpoint, projection into the language model included.

    Only weights in safetensors are read, nothing is unpickled, no code of the checkpoint is run, and nothing is downloaded.

    Args:
        checkpoint: Folder with ``config.json`` and the weights.
        target: The ONNX file to write, float32; an older one is replaced only when all went well.
        say: Called with one line at a time.

    Raises:
        MissingExtra: ``torch``, ``transformers``, ``onnxscript`` or ``onnxruntime`` is not installed.
        UnsupportedModel: The model is unknown or refused, or its tower is set up in a way that nobody has compared.
        ModelError: The checkpoint cannot be read, or the graph does not give the original's numbers.
        DeviceError: The file cannot be written.
    """
    spec = spec_of(read_json(checkpoint / "config.json"))
    require_runtime()
    _require_tracer()
    import torch

    from export.vision_wrappers import WRAPPERS

    say(f"reading {spec.family.name} from {checkpoint}")
    original, wrapped = WRAPPERS[spec.family.name](load_without_layers(checkpoint), spec)
    images = _made_up(spec, 3)
    with torch.inference_mode():
        wanted = original(torch.from_numpy(images)).numpy()
        if not np.array_equal(wrapped(torch.from_numpy(images)).numpy(), wanted):
            raise ModelError("the static tower does not give the numbers of the original", hint=_REPORT)
    say(f"tracing the tower: {spec.tile_px} px to {spec.tokens_per_tile} tokens of {spec.width}")
    model = _trace(wrapped.eval(), spec)
    largest = _write_proved(target, model, images, wanted)
    say(f"{target.name}: {len(model.graph.node)} nodes, {megabytes(saved_bytes(target))}, at most {largest:.1e} from the original")
    return ExportedTower(target, spec, len(model.graph.node), largest)


def read_json(path: Path) -> dict[str, Any]:
    """Read one of a checkpoint's JSON files.

    Raises:
        BundleError: It is not there, or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}", hint=WHOLE) from error
    if not isinstance(value, dict):
        raise BundleError(f"{path} holds no JSON object", hint=WHOLE)
    return value


_REPORT = "report this with the versions of torch, transformers and onnxruntime"


def _require_tracer() -> None:
    require_originals()
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        message = "exporting a vision tower needs the package onnxscript, which is not installed"
        raise MissingExtra(message, hint="install the extra export-vlm in an environment of its own") from error


def _trace(wrapped: Any, spec: ModelSpec) -> ModelProto:
    """The graph as torch gives it: static but for the number of pictures."""
    import torch

    # Two pictures: torch takes a batch of one for a constant.
    example = torch.zeros(2, 3, spec.tile_px, spec.tile_px)
    with warnings.catch_warnings():
        # torch warns of its own use of what it is about to remove.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.onnx.export(
            wrapped,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["tokens"],
            dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    traced: ModelProto = program.model_proto
    graph = traced.graph
    # torch notes at every node the lines of source that it comes from, with their paths.
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return make_model(graph.node, weights_of(traced, graph.node), graph.input, graph.output, OPSET)


def _write_proved(target: Path, model: ModelProto, images: Array, wanted: Array) -> float:
    """Put the graph in place only if it gives the original's tokens; returns the largest difference."""
    with writing(target), tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        unproved = Path(work) / target.name
        save(model, unproved)
        with open_session(unproved, threads=1) as session:
            # All pictures at once, and one alone: the number of pictures is open.
            largest = float(np.max([np.abs(session.run(images[:count]) - wanted[:count]).max() for count in (len(images), 1)]))
        # Not "greater than": a NaN must not pass.
        if not largest <= MAX_ABS:
            raise ModelError(f"the graph differs from the original by {largest:.1e}, at most {MAX_ABS:.0e} is allowed", hint=_REPORT)
        # Weights that lie beside it are in place before it is.
        for file in sorted(Path(work).iterdir(), reverse=True):
            file.replace(target.with_name(file.name))
    return largest


def _made_up(spec: ModelSpec, count: int) -> Array:
    """Pictures as the tower takes them, float32 [N,3,S,S] in -1..1: from coarse to fine noise."""
    rng = np.random.default_rng(SEED)
    images = []
    for number in range(count):
        cells = max(2, spec.tile_px // spec.patch_px * 4**number // 4)
        places = np.arange(spec.tile_px) * cells // spec.tile_px
        images.append(rng.uniform(-1, 1, (3, cells, cells))[:, places][:, :, places])
    return np.array(images, np.float32)
