"""The steps from a checkpoint to the files of a bundle. Each writes into an empty folder and says what it found out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from edge_runtime.models.hub import Say, megabytes
from export.checkpoint import Checkpoint
from export.gates import cosines, judge
from export.gguf_quant import Importance, Kind, quantise
from export.gguf_text import convert_language, convert_mmproj
from export.importance import collect, own_passages
from export.onnx_graph import load, save
from export.parity import exact_parity
from export.parity_quantised import quantised_parity
from export.pictures import tower_inputs
from export.precision import Precision, dynamic_eight_bit, eight_bit, half, ranges_of
from export.stages import Findings
from export.vision import export_tower

TOWER, LANGUAGE, MMPROJ = "tower.onnx", "language.gguf", "mmproj.gguf"
"""Names of the files, in every product and in the bundle."""

Pictures = Mapping[str, Path]
"""By their sha256."""

CALIBRATED: frozenset[Precision] = frozenset({"int8", "fp8"})
"""Precisions that need to know how large activations become."""

WEIGHED: frozenset[Kind] = frozenset({"q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q4_0", "q4_1", "iq4_nl", "iq3_xxs", "iq2_xs"})
"""Kinds with so few bits that it is worth knowing what each column of a matrix counts."""

_PARITY_PICTURES = 2
_WEIGHED_PICTURES = 16


def exact_tower(checkpoint: Checkpoint, out: Path, say: Say) -> Findings:
    """Export the tower in float32, compared with the original."""
    done = export_tower(checkpoint.folder, out / TOWER, say=say)
    return Findings(figures={"vision_fp32_max_abs": done.max_abs, "vision_nodes": float(done.nodes)})


def tower_in(precision: Precision, exact: Path, checkpoint: Checkpoint, calibration: Pictures, out: Path, say: Say) -> Findings:
    """Write the tower in a precision; only those of :data:`CALIBRATED` look at the pictures."""
    model = load(exact)
    if precision == "int8" or precision == "fp8":
        say(f"calibrating with {len(calibration)} pictures")
        written = eight_bit(model, ranges_of(model, tower_inputs(calibration, checkpoint.spec, checkpoint.scale)), precision)
    elif precision == "dynamic-int8":
        written = dynamic_eight_bit(model)
    else:
        written = half(model)
    save(written, out / TOWER)
    say(f"{TOWER}: {precision}, {megabytes((out / TOWER).stat().st_size)}")
    return Findings()


def tower_gate(precision: Precision, exact: Path, written: Path, checkpoint: Checkpoint, gate: Pictures, say: Say) -> Findings:
    """Compare both towers on pictures that nothing was calibrated with."""
    verdict = judge(precision, cosines(exact, written, tower_inputs(gate, checkpoint.spec, checkpoint.scale)))
    say(f"cosine on {verdict.pictures} pictures: mean {verdict.mean:.6f}, smallest {verdict.smallest:.6f}")
    return Findings(figures=verdict.figures(), failures=verdict.failures)


def exact_language(checkpoint: Checkpoint, converter: Path, out: Path, say: Say) -> Findings:
    """Convert the language model in float32."""
    convert_language(checkpoint.folder, out / LANGUAGE, converter=converter, kind="f32", say=say)
    return Findings()


def language_in(kind: Kind, exact: Path, tower: Path, checkpoint: Checkpoint, calibration: Pictures, out: Path, say: Say) -> Findings:
    """Quantise the language model; which types were really written is noted.

    For kinds of :data:`WEIGHED` it first reads texts, and questions behind pictures that the tower in float32 has seen.
    """
    importance: Importance = {}
    if kind in WEIGHED:
        images = islice(tower_inputs(calibration, checkpoint.spec, checkpoint.scale), _WEIGHED_PICTURES)
        importance = collect(exact, own_passages(exact, checkpoint.spec, tower, images), say=say)
    done = quantise(exact, out / LANGUAGE, kind, importance=importance, say=say)
    figures = {f"language_tensors_{name}": float(count) for name, count in sorted(done.types.items())}
    # Not a failure: they keep more bits, not fewer.
    figures["language_matrices_kept_whole"] = float(len(done.unfit))
    return Findings(figures={**figures, "language_matrices_weighed": float(len(importance))})


def exact_language_gate(checkpoint: Checkpoint, tower: Path, language: Path, pictures: Pictures, say: Say) -> Findings:
    """Compare the language model in float32, and the tower in float32 before it, with the original: numbers, tokens and prompt."""
    images = list(islice(tower_inputs(pictures, checkpoint.spec, checkpoint.scale), _PARITY_PICTURES))
    found = exact_parity(checkpoint.folder, language, tower, images, say=say)
    return Findings(found.figures(), found.failures)


def language_gate(kind: Kind, exact: Path, written: Path, say: Say) -> Findings:
    """Compare the language model with itself in float32, on plain text."""
    found = quantised_parity(exact, written, kind, say=say)
    return Findings(found.figures(), found.failures)


def mmproj(checkpoint: Checkpoint, converter: Path, out: Path, say: Say) -> Findings:
    """Convert the tower as llama.cpp reads it, 8-bit."""
    exact = out / f"float-{MMPROJ}"
    convert_mmproj(checkpoint.folder, exact, converter=converter, kind="f16", say=say)
    quantise(exact, out / MMPROJ, "q8_0", say=say)
    exact.unlink()
    return Findings()
