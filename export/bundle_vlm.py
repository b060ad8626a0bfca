"""A bundle that sees and speaks, out of a published checkpoint: proved step by step, resumable, there whole or not at all.

The products of the stages lie in ``BUNDLE.unfinished`` until the bundle is in its place. A bundle that misses a gate is not written,
unless somebody insists; then it says so itself, for ever.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import DeviceError, ModelError, UsageError
from edge_runtime.models.bundle import FORMAT, Bundle, BundleFile, Language, Manifest, Tower, load_bundle
from edge_runtime.models.hub import Say, megabytes, quiet, sha256_of
from edge_runtime.models.language_llama_gguf import read_head
from export import vlm_stages as stages
from export.checkpoint import revision_of
from export.gguf_source import converter_archive, unpacked
from export.licence import TEXTS
from export.manifest_toml import manifest_toml
from export.sizes import disk_bytes
from export.stages import Findings, Make, Product, Stage, Work, disk
from export.vlm_plan import Order, Plan, settle, versions

UNFINISHED = ".unfinished"
_BEFORE = "bundle.before"


class GateMissed(ModelError):
    """A bundle was not written, because it falls short of what every bundle has to reach."""


@dataclass(frozen=True)
class _Parts:
    """What a bundle is put together from."""

    tower: Product
    language: Product
    mmproj: Product | None
    findings: Findings


def export_vlm(order: Order, folder: Path, *, say: Say = quiet) -> Bundle:
    """Turn a checkpoint into a bundle, or go on where an earlier run was cut short.

    Args:
        order: What is wanted.
        folder: Of the bundle. A bundle that lies there is replaced, at the very end.
        say: Called with one line at a time.

    Raises:
        MissingExtra: A package is not installed.
        UsageError: The folder holds something that is no bundle.
        UnsupportedModel: The model is unknown or refused.
        UnsupportedPrecision: The board cannot have that precision.
        UnsupportedQuantisation: The language model cannot be had in that kind.
        InputError: There are too few pictures.
        GateMissed: A gate was missed; what was done is kept, and ``force`` writes the bundle all the same.
        BundleError: The checkpoint is incomplete or damaged.
        Unreachable: llama.cpp's converter has to be fetched, and the package index does not answer.
        Locked: Another process exports into this folder.
        DeviceError: The board has no room for the model; or this machine's disk has none, or cannot be written.
    """
    folder = folder.resolve()
    _refuse_strangers(folder)
    unfinished = folder.with_name(folder.name + UNFINISHED)
    plan = settle(order, say=say)
    if (ready := _ready(folder, plan.version)) is not None:
        say(f"{folder} is ready: it was made of just this")
        if unfinished.exists():
            with Work(unfinished, say) as work:
                work.clear()
        return ready
    if plan.short and not order.force:
        raise DeviceError(plan.short, hint="choose fewer bits with --language, a smaller model, or --force")
    with Work(unfinished, say) as work:
        _restore(folder, work.folder)
        _need_disk(plan, work.folder)
        parts = _make(plan, order.converter, work, say)
        failed = (*([plan.short] if plan.short else []), *parts.findings.failures)
        if failed and not order.force:
            for failure in failed:
                say(f"missed: {failure}")
            hint = "choose more bits, or insist with --force; the bundle then says for ever what it missed"
            raise GateMissed(f"the bundle is not written, it missed {len(failed)} of its gates: {failed[0]}", hint=hint)
        with disk(folder):
            built = _assemble(plan, parts, failed, folder.name, work.folder / "bundle.part")
            _put_in_place(built, folder)
        work.clear()
    return load_bundle(folder)


def _refuse_strangers(folder: Path) -> None:
    if folder.exists() and not (folder / "bundle.toml").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there and is no bundle", hint="choose a folder that is not there yet with -o")


def _ready(folder: Path, version: str) -> Bundle | None:
    try:
        bundle = load_bundle(folder)
    except ModelError:
        return None
    return bundle if bundle.manifest.version == version else None


def _need_disk(plan: Plan, folder: Path) -> None:
    needed = disk_bytes(plan.checkpoint, plan.vision, plan.language, mmproj=plan.mmproj)
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if free + there < needed:
        message = f"the export takes about {megabytes(needed)} of disk until it is done, and {folder.parent} has {megabytes(free)} left"
        raise DeviceError(message, hint="free some space, or choose a folder on another disk with -o")


def _make(plan: Plan, archive: Path | None, work: Work, say: Say) -> _Parts:
    """Carry out the stages. Each names what it is made of, so that a changed setting repeats no more than it has to."""
    checkpoint, pictures = plan.checkpoint, plan.pictures
    products: list[Product] = []

    def product(name: str, make: Make, *made_of: Product | str) -> Product:
        inputs = (plan.inputs["checkpoint"], plan.inputs["made with"], *(x if isinstance(x, str) else x.digest for x in made_of))
        products.append(work.product(Stage(name, make, inputs)))
        return products[-1]

    exact = product("tower in float32", lambda out: stages.exact_tower(checkpoint, out, say))
    exact_file = exact.file(stages.TOWER)
    tower = product(
        f"tower in {plan.vision}",
        lambda out: stages.tower_in(plan.vision, exact_file, checkpoint, pictures.calibration, out, say),
        exact,
        plan.inputs["calibration"] if plan.vision in stages.CALIBRATED else "",
    )
    product(
        f"gate of the tower in {plan.vision}",
        lambda _: stages.tower_gate(plan.vision, exact_file, tower.file(stages.TOWER), checkpoint, pictures.gate, say),
        exact,
        tower,
        plan.inputs["gate"],
    )
    with ExitStack() as stack:
        converter = _once(lambda: stack.enter_context(unpacked(converter_archive(file=archive, say=say))))
        words = product("language model in float32", lambda out: stages.exact_language(checkpoint, converter(), out, say))
        mmproj = product("tower for llama.cpp", lambda out: stages.mmproj(checkpoint, converter(), out, say)) if plan.mmproj else None
    words_file = words.file(stages.LANGUAGE)
    product(
        "gate of the language model in float32",
        lambda _: stages.exact_language_gate(checkpoint, exact_file, words_file, pictures.gate, say),
        exact,
        words,
        plan.inputs["gate"],
    )
    language = product(
        f"language model in {plan.language}",
        lambda out: stages.language_in(plan.language, words_file, exact_file, checkpoint, pictures.calibration, out, say),
        words,
        *((exact, plan.inputs["calibration"]) if plan.language in stages.WEIGHED else ()),
    )
    product(
        f"gate of the language model in {plan.language}",
        lambda _: stages.language_gate(plan.language, words_file, language.file(stages.LANGUAGE), say),
        words,
        language,
    )
    return _Parts(tower, language, mmproj, _joined(products))


def _once(make: Callable[[], Path]) -> Callable[[], Path]:
    """Make something when it is first asked for: no converter is fetched for what is taken up from an earlier run."""
    return functools.cache(make)


def _joined(products: Sequence[Product]) -> Findings:
    figures = {name: value for product in products for name, value in product.findings.figures.items()}
    return Findings(figures, tuple(failure for product in products for failure in product.findings.failures))


def _assemble(plan: Plan, parts: _Parts, failed: tuple[str, ...], name: str, folder: Path) -> Path:
    """Put the files and their manifest into a folder; returns it."""
    checkpoint, spec = plan.checkpoint, plan.checkpoint.spec
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    published = f"{checkpoint.name}, {revision_of(checkpoint.folder, plan.digests)}"
    of_products = [(parts.tower, f"vision tower in {plan.vision}"), (parts.language, f"language model in {plan.language}")]
    if parts.mmproj:
        of_products.append((parts.mmproj, "vision tower in q8_0, for llama.cpp"))
    # A tower of more than 2 GB has its weights in a file beside it.
    contents = {file: (product.file(file), what) for product, what in of_products for file in product.files}
    contents |= {text: (checkpoint.folder / text, "as published") for text in TEXTS if (checkpoint.folder / text).is_file()}
    files = []
    for file, (source, what) in contents.items():
        shutil.copyfile(source, folder / file)
        size_bytes = (folder / file).stat().st_size
        files.append(BundleFile(file, sha256_of(folder / file), size_bytes, checkpoint.licence, f"{published}: {what}"))
    side = spec.tile_px // spec.patch_px // spec.merge
    head = read_head(folder / stages.LANGUAGE)
    manifest = Manifest(
        format=FORMAT,
        name=name,
        version=plan.version,
        summary=f"{spec.family.name}: sees, and answers in words of its own",
        tower=Tower(
            file=stages.TOWER,
            precision=plan.vision,
            input_px=spec.tile_px,
            mean=checkpoint.scale.mean,
            scale=checkpoint.scale.scale,
            rows=side,
            columns=side,
            dim=spec.injected_width,
        ),
        language=Language(
            file=stages.LANGUAGE,
            architecture=head.architecture,
            quantisation=plan.language,
            context_rows=max(head.numbers("context_length")),
            special=spec.family.special_tokens,
            prompt=spec.family.prompt,
            causal=spec.family.image_attention == "causal",
            mmproj=stages.MMPROJ if parts.mmproj else "",
        ),
        files=tuple(files),
        gates=parts.findings.figures,
        failed=failed,
        made_with=versions(),
    )
    (folder / "bundle.toml").write_text(manifest_toml(manifest), encoding="utf-8")
    return folder


def _put_in_place(built: Path, folder: Path) -> None:
    """Let a bundle take the place of the one before it, which is kept until then."""
    before = built.with_name(_BEFORE)
    if folder.exists():
        folder.rename(before)
    built.rename(folder)


def _restore(folder: Path, work: Path) -> None:
    """Put a bundle back that a run was about to replace when it was killed."""
    before = work / _BEFORE
    if before.exists() and not folder.exists():
        before.rename(folder)
    shutil.rmtree(before, ignore_errors=True)
