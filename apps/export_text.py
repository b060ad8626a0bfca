"""What ``edge-runtime export`` prints for people."""

from __future__ import annotations

from collections.abc import Iterator

from edge_runtime.models.bundle import Bundle
from edge_runtime.models.hub import megabytes
from export.families import FAMILIES
from export.inspect_vlm import Anatomy, Inspection
from export.verify_vlm import Check


def summary_as_text(bundle: Bundle) -> str:
    """What was made, and what to do with it."""
    lines = [f"{bundle.folder}: {bundle.manifest.name} {bundle.manifest.version}, {megabytes(bundle.nbytes)}"]
    lines += [f"  written by force, it missed: {failure}" for failure in bundle.manifest.failed]
    lines += [f"  verify it:  edge-runtime export verify {bundle.folder}", f"  use it:     edge-runtime simulator --model {bundle.folder}"]
    return "\n".join(lines)


def checkpoint_as_text(inspection: Inspection) -> str:
    """What a checkpoint is, and what it becomes on each board."""
    lines = [f"{inspection.name}: {inspection.family}, licence {inspection.licence}"]
    if inspection.refusal:
        others = ", ".join(family.name for family in FAMILIES if not family.refusal)
        lines += [f"  not exported: {inspection.refusal}", f"  these are: {others}"]
    if inspection.anatomy is not None:
        lines += _anatomy(inspection.anatomy)
    for prospect in inspection.prospects:
        what = f"tower {prospect.vision}, language model {prospect.language}, about {megabytes(prospect.memory_bytes)} when it runs"
        lines.append(f"  {prospect.target}: {what}{'; too large, ' + prospect.short if prospect.short else ''}")
    return "\n".join(lines)


def bundle_as_text(bundle: Bundle) -> str:
    """What a bundle is made of, which figures it reached, and what it missed."""
    manifest = bundle.manifest
    lines = [f"{manifest.name} {manifest.version}, {megabytes(bundle.nbytes)}: {manifest.summary}"]
    for file in manifest.files:
        lines.append(f"  {file.path}, {megabytes(file.size_bytes)}, licence {file.licence}; {file.source}")
    if manifest.tower is not None:
        tower = manifest.tower
        lines.append(f"  tower {tower.precision}: {tower.input_px} px to {tower.rows} x {tower.columns} tokens of {tower.dim}")
    if manifest.language is not None:
        language = manifest.language
        lines.append(f"  language model {language.architecture} in {language.quantisation}, trained on {language.context_rows} rows")
    lines += [f"  {name} = {value:g}" for name, value in manifest.gates.items()]
    lines += [f"  missed: {failure}" for failure in manifest.failed]
    if manifest.made_with:
        lines.append(f"  made with {', '.join(f'{name} {version}' for name, version in manifest.made_with.items())}")
    return "\n".join(lines)


def check_line(check: Check) -> str:
    """One thing that was looked at, on one line; a second one with what to do where it failed."""
    figures = "".join(f", {name} {value:.4g}" for name, value in check.figures.items())
    hint = "" if check.passed else f"\nhint: {check.hint}"
    return f"{'ok' if check.passed else 'FAILED':<7}{check.name}: {check.detail}{figures}{hint}"


def _anatomy(anatomy: Anatomy) -> Iterator[str]:
    picture = f"{anatomy.tile_px} px to {anatomy.tokens_per_picture} tokens of {anatomy.width}"
    yield f"  a picture: {picture}, numbered {anatomy.positions}, attention {anatomy.image_attention}"
    yield f"  tower {anatomy.tower_weights / 1e6:.1f} million weights, language model {anatomy.language_weights / 1e6:.1f} million"
    rows = ", ".join(str(width) for width in anatomy.row_widths)
    honest = "all multiples of 256: K-quants are honest" if anatomy.k_quants else "not all multiples of 256: no K-quants"
    yield f"  language model {anatomy.language_arch}, rows of {rows}: {honest}"
