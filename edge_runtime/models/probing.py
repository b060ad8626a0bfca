"""Questions to a language model that leave its stream untouched: should I speak, and does what I said last still hold?

Both are asked on a copy of the sequence. :func:`edge_runtime.models.language.LanguageModel.fork` costs nothing until they differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from edge_runtime.errors import ModelError
from edge_runtime.models.language import LanguageModel

YES = ("yes", "Yes", " yes", " Yes")
NO = ("no", "No", " no", " No")
STALE = 1.04
"""How many times its first perplexity an utterance must have to be stale: the factor that LiveStar is evaluated with."""


@dataclass(frozen=True)
class Inclination:
    """How a model leans on a question of yes and no.

    Attributes:
        yes: Chance that it goes on with a yes.
        no: That it goes on with a no. What is missing to 1 is neither.
    """

    yes: float
    no: float

    @property
    def share(self) -> float:
        """Of yes among both; 0.5 where the model would say neither."""
        both = self.yes + self.no
        return self.yes / both if both > 0.0 else 0.5


def inclination(
    model: LanguageModel, sequence: int, question: str, *, fork: int, yes: Sequence[str] = YES, no: Sequence[str] = NO
) -> Inclination:
    """Ask a question of yes and no behind what a sequence holds. The sequence does not change.

    Args:
        model: The model.
        sequence: Where the stream is.
        question: How it is asked, the beginning of the answer's turn included; names of special tokens in it become those tokens, so
            nothing that was heard or read belongs here.
        fork: Another sequence; it is empty afterwards.
        yes: Forms of a yes; the first token of each counts, unless a form of the other side begins with the same.
        no: Forms of a no.

    Raises:
        Refused: The model cannot be forked.
        ContextFull: There is no room for the question.
        ModelError: Yes and no cannot be told apart by their first tokens.
    """
    begins = [{model.tokenize(form)[0] for form in forms if form} for forms in (yes, no)]
    agreed, denied = sorted(begins[0] - begins[1]), sorted(begins[1] - begins[0])
    if not agreed or not denied:
        raise ModelError(f"{yes} and {no} begin with the same tokens", hint="give forms that begin differently")
    with _forked(model, sequence, fork):
        model.extend(fork, model.tokenize(question, special=True))
        chances = model.probs(fork, (*agreed, *denied))
    return Inclination(float(chances[: len(agreed)].sum()), float(chances[len(agreed) :].sum()))


def perplexity(model: LanguageModel, sequence: int, before: str, utterance: str, *, fork: int) -> float:
    """How much it would surprise the model to say this now. The sequence does not change.

    Args:
        model: The model.
        sequence: Where the stream is.
        before: What stands before the utterance, such as the beginning of a turn; special tokens by their names.
        utterance: What was said.
        fork: Another sequence; it is empty afterwards.

    Returns:
        The perplexity: 1 where it would say nothing else.

    Raises:
        Refused: The model cannot be forked.
        ContextFull: There is no room.
        ModelError: The utterance is empty.
    """
    tokens = model.tokenize(utterance)
    if not tokens:
        raise ModelError("an empty utterance surprises nobody", hint="give what was said")
    with _forked(model, sequence, fork):
        opening = model.tokenize(before, special=True)
        if opening:
            model.extend(fork, opening)
        return float(np.exp(model.nll(fork, tokens).mean()))


def is_stale(now: float, at_first: float, factor: float = STALE) -> bool:
    """Whether an utterance no longer fits what is seen: its perplexity rose beyond ``factor`` times what it was when it was said.

    LiveStar's response-silence decoding (arXiv:2511.05299, NeurIPS 2025); there the model was trained for it.
    """
    return now > factor * at_first


@contextmanager
def _forked(model: LanguageModel, sequence: int, fork: int) -> Iterator[None]:
    if fork == sequence:
        raise ModelError(f"sequence {sequence} cannot be its own fork", hint="give a sequence that is free")
    model.fork(sequence, fork)
    try:
        yield
    finally:
        model.clear(fork)
