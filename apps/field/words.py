"""What a vision-language model costs: seeing a crop, taking in a token, writing one."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

from apps.field.looks import CROP_PX, photograph
from apps.field.timing import Job, Jobs
from edge_runtime.config import ModelsConfig
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.language import LanguageModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.opening import open_tower

_READ_TOKENS = 64
"""Read at once: as many as a small model has for one picture."""
_BEFORE_TOKENS = 256
"""Read before a token is written: a token costs more the more stand before it."""
_CONTEXT_ROWS = 512


def jobs(config: ModelsConfig) -> Jobs:
    """The parts of an answer that the bundle of ``models.vlm`` can do.

    Raises:
        BundleError: There is no such bundle, or it cannot be opened.
        MissingExtra: The extra llm is not installed.
    """
    bundle = load_bundle(config.vlm)
    if bundle.manifest.tower is not None:
        with open_tower(bundle, config) as tower:
            yield Job("tower", itertools.repeat(functools.partial(tower.encode, [photograph(CROP_PX, CROP_PX)])))
    language = bundle.manifest.language
    if language is None:
        return
    rows = min(_CONTEXT_ROWS, language.context_rows)
    settings = LlamaSettings(context_rows=rows, sequences=1, threads=config.threads, gpu_layers=config.gpu_layers, special=language.special)
    with open_llama(bundle.file(language.file), settings) as model:
        yield Job("prefill", _behind(model, 0, _READ_TOKENS), units=_READ_TOKENS)
        model.clear(0)
        model.extend(0, _tokens(model, _BEFORE_TOKENS))
        yield Job("generate", _behind(model, _BEFORE_TOKENS, 1))


def _tokens(model: LanguageModel, count: int) -> tuple[int, ...]:
    """Different ones, so that nothing can be had twice."""
    return tuple(range(model.capabilities.vocabulary // 2, model.capabilities.vocabulary // 2 + count))


def _behind(model: LanguageModel, position: int, count: int) -> Iterator[Callable[[], None]]:
    """Reads so many tokens behind a position, over and over; the way back is not timed."""
    tokens = _tokens(model, count)
    while True:
        model.rollback(0, position)
        yield functools.partial(model.extend, 0, tokens)
