"""Whether a bundle sees and speaks on this machine: run once by what the runtime itself uses, and nothing of the workshop."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import numpy as np

from edge_runtime.errors import BundleError, MissingExtra, ModelError
from edge_runtime.models.bundle import Bundle, Language
from edge_runtime.models.language import LanguageModel, Sampling
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture as Rows
from edge_runtime.models.tower import TowerModel
from edge_runtime.pixels import Picture
from edge_runtime.types import Tokens

QUESTION = "What is in the picture?"
ANSWER_TOKENS = 16
_ROWS_BESIDE = 256


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        name: What it was.
        passed: Whether it is as it should be.
        detail: What was found, in words.
        figures: Of one run, in the unit that the name ends in; no benchmark.
        hint: What to do if it is not.
    """

    name: str
    passed: bool
    detail: str
    figures: dict[str, float] = {}
    hint: str = ""


def verify_vlm(bundle: Bundle, tower: TowerModel, picture: Picture) -> Iterator[Check]:
    """Look at one thing after the other; the first that is not as it should be is the last.

    Args:
        bundle: As :func:`edge_runtime.models.bundle.load_bundle` gives it, so that its files are those that were written.
        tower: Its tower, open.
        picture: uint8 BGR [H,W,3].

    Raises:
        BundleError: It has no language model.
        MissingExtra: llama-cpp-python is not installed.
    """
    language = bundle.manifest.language
    if language is None:
        raise BundleError(f"{bundle.manifest.name} has no language model", hint="models verify looks at every kind of bundle")
    name = "tower"
    try:
        begun = time.perf_counter()
        (tokens,) = tower.encode([picture])
        ms = (time.perf_counter() - begun) * 1e3
        shape = f"{tokens.hw[0]} x {tokens.hw[1]} tokens of {tokens.dim}"
        yield Check(name, True, f"{shape} on {tower.backend}", {"tower_ms": ms})
        name = "language model"
        rows = tokens.hw[0] * tokens.hw[1]
        settings = LlamaSettings(
            context_rows=min(language.context_rows, rows + _ROWS_BESIDE), sequences=1, block_rows=max(rows, 64), special=language.special
        )
        with open_llama(bundle.file(language.file), settings) as model:
            where = f"{layers} layers on a GPU" if (layers := model.capabilities.gpu_layers) else "on the processor"
            special = f"{len(language.special)} special tokens, one each"
            yield Check(name, True, f"{language.architecture} in {language.quantisation}, {where}; {special}")
            name = "picture and question"
            yield _read(model, language, tokens)
            name = "answer"
            yield _answer(model, language)
    except MissingExtra:
        raise
    except ModelError as error:
        yield Check(name, False, str(error), hint=error.hint)


def _read(model: LanguageModel, language: Language, tokens: Tokens) -> Check:
    """Read a turn with the picture in it; what is next must have chances that are numbers."""
    prompt = language.prompt
    rows = Rows(np.asarray(tokens.emb, np.float32), tokens.hw, causal=language.causal)
    begun = time.perf_counter()
    for part in (
        model.tokenize(prompt.before + prompt.picture_before, special=True),
        rows,
        (*model.tokenize(prompt.picture_after, special=True), *model.tokenize(QUESTION), *model.tokenize(prompt.after, special=True)),
    ):
        # A turn may begin with its picture.
        if isinstance(part, Rows) or part:
            model.extend(0, part)
    seconds = time.perf_counter() - begun
    chances = model.probs(0, range(model.capabilities.vocabulary))
    if not np.isfinite(chances).all() or not 0.99 < chances.sum() < 1.01:
        raise ModelError("what the language model expects next is no set of chances", hint="export the bundle again")
    read = model.end(0)
    return Check("picture and question", True, f"{read} rows read, all chances finite", {"read_rows_per_s": read / seconds})


def _answer(model: LanguageModel, language: Language) -> Check:
    """Write a few tokens; an empty answer is an answer."""
    begun, start = time.perf_counter(), model.end(0)
    text = "".join(model.generate(0, Sampling(max_tokens=ANSWER_TOKENS, stop=language.prompt.stop)))
    written = max(1, model.end(0) - start)
    return Check("answer", True, f"{QUESTION} {text.strip()!r}", {"write_tokens_per_s": written / (time.perf_counter() - begun)})
