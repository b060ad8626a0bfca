"""What a language model loses in fewer bits. Results are data.

The numbers cannot be the same; the measure is what matters of them on plain text: how often the likeliest next token is still the same,
and how much less likely the text has become.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.hub import Say, quiet
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from export.gguf_quant import Kind
from export.parity_texts import PASSAGES

_LONGEST_ROWS = 512


class Level(NamedTuple):
    """What a language model in fewer bits has to reach."""

    top1: float
    perplexity_ratio: float


LEVELS: Mapping[Kind, Level] = MappingProxyType({"f16": Level(0.98, 1.01), "bf16": Level(0.9, 1.02), "q8_0": Level(0.9, 1.02)})
"""Of the kinds that are taken for as good as the original."""
FEWEST = Level(0.5, 1.3)
"""Of all others. SmolLM2-135M, whose few weights forgive least, reaches it in q4_0."""


class QuantisedParity(msgspec.Struct, frozen=True):
    """A language model in fewer bits beside the same in float32, on plain text.

    Attributes:
        kind: Of the one in fewer bits.
        tokens: How many were foreseen.
        top1: Share of places where the likeliest next token is the same.
        exact_perplexity: Of the text, in float32.
        perplexity: In fewer bits.
    """

    kind: Kind
    tokens: int
    top1: float
    exact_perplexity: float
    perplexity: float

    @property
    def perplexity_ratio(self) -> float:
        """How much less likely the text has become; 1 if it has not."""
        return self.perplexity / self.exact_perplexity

    @property
    def failures(self) -> tuple[str, ...]:
        """Each figure that falls short, with its level."""
        level, found = LEVELS.get(self.kind, FEWEST), []
        if not self.top1 >= level.top1:
            found.append(f"language {self.kind}: {self.top1:.3f} of likeliest tokens are kept, at least {level.top1} is needed")
        if not self.perplexity_ratio <= level.perplexity_ratio:
            grown = f"perplexity {self.perplexity_ratio:.3f} times that of float32"
            found.append(f"language {self.kind}: {grown}, at most {level.perplexity_ratio} is allowed")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether nothing falls short."""
        return not self.failures

    def figures(self) -> dict[str, float]:
        """What ``bundle.toml`` keeps of it."""
        prefix = f"language_{self.kind}"
        return {
            f"{prefix}_top1": self.top1,
            f"{prefix}_perplexity_ratio": self.perplexity_ratio,
            f"{prefix}_tokens": float(self.tokens),
        }


def quantised_parity(
    exact: Path, written: Path, kind: Kind, *, texts: Sequence[str] = PASSAGES, threads: int = 2, say: Say = quiet
) -> QuantisedParity:
    """Compare a quantised language model with the same in float32. One of them is in memory at a time.

    Args:
        exact: GGUF in f32.
        written: GGUF in fewer bits.
        kind: Of the latter.
        texts: Plain running text, each some sentences long.
        threads: Of the processor.
        say: Called with one line at a time.

    Raises:
        MissingExtra: llama-cpp-python is not installed.
        BundleError: A file is damaged.
        ModelError: The files are of different models, or there is no text.
        DeviceError: There is not enough memory.
    """
    if not texts:
        raise ModelError("there is no text to compare on", hint="give some passages")
    settings = LlamaSettings(context_rows=_LONGEST_ROWS, sequences=1, threads=threads, gpu_layers=0)
    foreseen = []
    for path in (exact, written):
        with open_llama(path, settings) as model:
            foreseen.append([_foreseen(model, model.tokenize(text)[:_LONGEST_ROWS]) for text in texts])
    if [len(one.surprises) for one in foreseen[0]] != [len(one.surprises) for one in foreseen[1]]:
        raise ModelError(f"{exact.name} and {written.name} cut text differently", hint="quantise the file that is compared with")
    first, second = (np.concatenate([one.likeliest for one in model]) for model in foreseen)
    perplexities = [float(np.exp(np.mean(np.concatenate([one.surprises for one in model])))) for model in foreseen]
    tokens = sum(len(one.surprises) for one in foreseen[0])
    found = QuantisedParity(kind, tokens, float(np.mean(first == second)), *perplexities)
    say(f"{kind}: {found.top1:.3f} of likeliest tokens are kept, perplexity {found.perplexity_ratio:.3f} times that of float32")
    return found


class _Foreseen(NamedTuple):
    """How a text is foreseen: the likeliest token at every place, and how surprising the one is that stands there."""

    likeliest: npt.NDArray[np.int64]
    surprises: npt.NDArray[np.float64]


def _foreseen(model: LlamaModel, tokens: Sequence[int]) -> _Foreseen:
    model.clear(0)
    model.extend(0, tokens[:1])
    surprises = model.nll(0, tokens[1:])
    likeliest = []
    for token in tokens[1:]:
        likeliest.append(int(np.argmax(model.logits(0))))
        model.extend(0, [token])
    return _Foreseen(np.array(likeliest), surprises)
