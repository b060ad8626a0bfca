"""The models of a run, opened by its settings: what looks, and what puts into words. What cannot be opened is said, the rest runs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

import msgspec

from edge_runtime.config import ModelsConfig
from edge_runtime.errors import BundleError, DeviceError, EdgeError, MissingExtra
from edge_runtime.models import generation
from edge_runtime.models.bundle import Bundle, Language, load_bundle
from edge_runtime.models.hub import Say, megabytes, quiet
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_open import LlamaSettings, available_bytes, needed_bytes, open_llama
from edge_runtime.models.language_reply import Replies
from edge_runtime.models.looker import Looker, ThumbLooker, open_looker
from edge_runtime.models.seeing import SeeingModel
from edge_runtime.models.tensorrt_cuda import open_gpu
from edge_runtime.models.tensorrt_library import library as tensorrt_library
from edge_runtime.models.tower import TowerModel
from edge_runtime.models.tower_onnx import open_onnx_tower
from edge_runtime.models.tower_tensorrt import open_tensorrt_tower
from edge_runtime.models.vlm_looker import VlmLooker
from edge_runtime.types import Capabilities

_SEQUENCES = 3
"""The prompt, a fork for questions beside it, and one to spare."""
_BLOCK_ROWS = 256
_CPU_PRECISION = "dynamic-int8"
"""Of towers that are made for the processor."""
_TOWER_COPIES = 2
"""How often a tower's weights lie in memory at the worst, while it is opened."""


@dataclass(frozen=True)
class Opened:
    """Models that are open, until the stack they were opened on is closed.

    Attributes:
        looker: Carries out looks.
        language: Puts into words; ``None`` where no language model is loaded.
        capabilities: What they can do together.
        lacking: What was asked for and is not there, in words, with the reason.
        backend: What runs the tower; ``""`` without one.
    """

    looker: Looker
    language: generation.Language | None
    capabilities: Capabilities
    lacking: tuple[tuple[str, EdgeError], ...] = ()
    backend: str = ""

    @property
    def trouble(self) -> str:
        """What is lacking, in words for the wearer, with what to do; ``""`` if nothing is."""
        return ". ".join(f"{what}: {error}; {error.hint}" for what, error in self.lacking)

    def require(self) -> Opened:
        """Return itself, if nothing is lacking.

        Raises:
            EdgeError: Something is; the first of it.
        """
        for _, error in self.lacking:
            raise error
        return self


def only_looking(looker: Looker) -> Opened:
    """Models that look and do nothing else."""
    return Opened(looker, None, looker.capabilities)


def open_models(config: ModelsConfig, stack: ExitStack, *, say: Say = quiet) -> Opened:
    """Open the models that the settings name.

    Without the first bundle there is a looker that keeps small pictures; without the second one, or where it fails, no language model.
    Neither takes the other down.

    Args:
        config: The settings.
        stack: Closes what was opened.
        say: Called with one line at a time where opening takes long.
    """
    none = _looking(config, stack)
    if not config.vlm:
        return none
    try:
        with ExitStack() as opening:
            opened = _with_language(none, load_bundle(config.vlm), config, opening, say)
            stack.enter_context(opening.pop_all())
    except EdgeError as error:
        return replace(none, lacking=(*none.lacking, ("there is no language model", error)))
    return opened


def open_tower(bundle: Bundle, config: ModelsConfig, *, say: Say = quiet) -> TowerModel:
    """Open the tower of a bundle: on the GPU where there is one with TensorRT, else on the processor.

    What fails on a GPU that is there is not hidden.

    Raises:
        BundleError: The bundle has none, or it cannot be opened.
        MissingExtra: ONNX Runtime is not installed.
    """
    tower = bundle.manifest.tower
    if tower is None:
        raise BundleError(f"bundle {bundle.manifest.name} has no eyes", hint="name a bundle with a tower with models.vlm")
    if tower.precision == _CPU_PRECISION or not _has_tensorrt():
        return open_onnx_tower(bundle, threads=config.threads)
    return open_tensorrt_tower(bundle, say=say)


def capabilities_of(config: ModelsConfig) -> Capabilities:
    """What the models that the settings name can do, if they open; nothing is opened, and what is missing can do nothing."""
    found = Capabilities()
    for name in filter(None, (config.bundle, config.vlm)):
        try:
            found = joined(found, load_bundle(name).capabilities, reword=config.reword)
        except EdgeError:
            continue  # whoever opens the models says what is lacking
    return found


def joined(eyes: Capabilities, words: Capabilities, *, reword: bool) -> Capabilities:
    """What two bundles can do together.

    Args:
        eyes: What the first can do.
        words: What the second, with a language model, can do.
        reword: Whether a language model without eyes is wanted.
    """
    names = [can.bundle for can in (eyes, words) if can != Capabilities()]
    return msgspec.structs.replace(
        eyes,
        bundle=" + ".join(names) or eyes.bundle,
        vector=eyes.vector or words.vector,
        labels=eyes.labels or words.labels,
        text=eyes.text or words.text,
        tokens=eyes.tokens or words.tokens,
        language=eyes.language or words.language,
        rewording=reword and (eyes.rewording or words.rewording),
        vector_dim=eyes.vector_dim or words.vector_dim,
    )


def _looking(config: ModelsConfig, stack: ExitStack) -> Opened:
    try:
        return only_looking(stack.enter_context(open_looker(load_bundle(config.bundle), threads=config.threads)))
    except EdgeError as error:
        return replace(only_looking(ThumbLooker()), lacking=(("there are no models", error),))


def _with_language(before: Opened, bundle: Bundle, config: ModelsConfig, stack: ExitStack, say: Say) -> Opened:
    """The same, with the models of a bundle that has a language model."""
    language, tower = bundle.manifest.language, bundle.manifest.tower
    can = joined(before.capabilities, bundle.capabilities, reword=config.reword)
    if language is None:
        raise BundleError(f"bundle {bundle.manifest.name} has no language model", hint="name one that has with models.vlm")
    if tower is None and not config.reword:
        message = f"bundle {bundle.manifest.name} has no eyes, and rewording is off"
        raise BundleError(message, hint="set models.reword, or name a bundle with a tower with models.vlm")
    settings = LlamaSettings(
        context_rows=min(config.context_rows, language.context_rows),
        sequences=_SEQUENCES,
        threads=config.threads,
        gpu_layers=config.gpu_layers,
        block_rows=_BLOCK_ROWS if tower is None else max(_BLOCK_ROWS, tower.rows * tower.columns),
        special=language.special,
    )
    _check_room(bundle, language, settings)
    if tower is None:
        model, shape = stack.enter_context(open_llama(bundle.file(language.file), settings)), language.prompt
        # One fact, one line.
        replies = Replies(model, before=shape.before, after=shape.after, stop=(*shape.stop, "\n"))
        return replace(before, language=replies, capabilities=can)
    # The tower first: an engine that is built wants the memory that the language model takes.
    eye = stack.enter_context(open_tower(bundle, config, say=say))
    model = stack.enter_context(open_llama(bundle.file(language.file), settings))
    if model.capabilities.embedding_width != tower.dim:
        message = f"the tower gives rows of {tower.dim}, and the language model reads rows of {model.capabilities.embedding_width}"
        raise BundleError(message, hint="export the bundle again, both parts from one checkpoint")
    seeing = SeeingModel(model, language, tower, shown_rows=config.shown_rows)
    return replace(before, looker=VlmLooker(before.looker, eye, can), language=seeing, capabilities=can, backend=eye.backend)


def _has_tensorrt() -> bool:
    try:
        tensorrt_library()
        open_gpu().close()
    except (MissingExtra, DeviceError):
        return False
    return True


def _check_room(bundle: Bundle, language: Language, settings: LlamaSettings) -> None:
    """Refuse both models together before either is opened: each alone might still find room."""
    room, tower = available_bytes(), bundle.manifest.tower
    if room is None:
        return
    needed = needed_bytes(read_head(bundle.file(language.file)), settings)
    if tower is not None:
        needed += _TOWER_COPIES * bundle.file(tower.file).stat().st_size
    if needed > room:
        hint = "set fewer models.context_rows, take a smaller bundle, or end other programs"
        raise DeviceError(f"bundle {bundle.manifest.name} would take about {megabytes(needed)}, and {megabytes(room)} are free", hint=hint)
