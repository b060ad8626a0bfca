"""A bundle held against the checkpoint that it is said to be made of: every gate anew, with nothing taken from the bundle on trust."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle
from edge_runtime.models.hub import Say, quiet
from export import vlm_stages as stages
from export.checkpoint import read_checkpoint
from export.gguf_quant import KINDS, Kind
from export.gguf_source import converter_archive, unpacked
from export.pictures import pictures_in
from export.precision import PRECISIONS, Precision
from export.stages import Findings, disk
from export.verify_vlm import Check


def verify_against(bundle: Bundle, folder: Path, pictures: Path, *, converter: Path | None = None, say: Say = quiet) -> Iterator[Check]:
    """Export the checkpoint in float32 once more, compare that with the original, and the bundle with that.

    Args:
        bundle: A checked bundle.
        folder: Of the checkpoint.
        pictures: Folder of the pictures that towers are compared on.
        converter: Archive with llama.cpp's converter; fetched if ``None``.
        say: Called with one line at a time.

    Raises:
        MissingExtra: A package is not installed.
        UnsupportedModel: The model is unknown or refused.
        BundleError: The bundle is of another model, or the checkpoint is damaged.
        InputError: There are too few pictures.
        ModelError: The checkpoint does not give the original's numbers when it is exported.
        DeviceError: The disk is full.
    """
    tower, language = bundle.manifest.tower, bundle.manifest.language
    checkpoint = read_checkpoint(folder)
    if tower is None or language is None or tower.dim != checkpoint.spec.injected_width or tower.input_px != checkpoint.spec.tile_px:
        message = f"{bundle.manifest.name} is not made of {checkpoint.name}: it is of another shape"
        raise BundleError(message, hint=f"its files are from: {bundle.manifest.files[0].source if bundle.manifest.files else 'nowhere'}")
    precision, kind = _known(tower.precision, language.quantisation)
    gate = pictures_in(pictures).gate
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch, disk(Path(scratch)):
        out = Path(scratch)
        exact, words = out / stages.TOWER, out / stages.LANGUAGE
        yield _check("tower in float32", stages.exact_tower(checkpoint, out, say))
        yield _check(f"tower in {precision}", stages.tower_gate(precision, exact, bundle.file(tower.file), checkpoint, gate, say))
        with unpacked(converter_archive(file=converter, say=say)) as tree:
            stages.exact_language(checkpoint, tree, out, say)
        yield _check("language model in float32", stages.exact_language_gate(checkpoint, exact, words, gate, say))
        yield _check(f"language model in {kind}", stages.language_gate(kind, words, bundle.file(language.file), say))


def _known(precision: str, kind: str) -> tuple[Precision, Kind]:
    if precision not in PRECISIONS or kind not in KINDS:
        message = f"there are no gates for a tower in {precision} and a language model in {kind}"
        raise BundleError(message, hint="take a bundle that edge-runtime export vlm made")
    return precision, kind


def _check(name: str, found: Findings) -> Check:
    detail = "; ".join(found.failures) or "as it should be"
    hint = "it was not made of this checkpoint, or was written by force" if found.failures else ""
    return Check(name, not found.failures, detail, found.figures, hint)
