"""VideoITG (2025) as a contract: somebody else scores the frames, the best are shown in order of time.

The published scorer is a language model of 8 B parameters that reads all frames at once; it is neither kept here nor needed. What is
kept is where one plugs in: scores go in, the numbers of frames come out, and a ranking travels between programs as one JSON line for
each question, so that a ranking made elsewhere chooses the same frames as one made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import InputError
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies import select
from edge_runtime.remember.policies.frames import unit_rows

MOST_FRAMES = 32
"""Shown of a stream (published: 32 of at most 512)."""


class FrameScorer(Protocol):
    """Says how much each frame helps to answer a question."""

    def scores(self, vectors: npt.NDArray[np.float32], t_ns: npt.NDArray[np.int64], cue: RetrievalCue) -> npt.NDArray[np.float32]:
        """Score frames.

        Args:
            vectors: float32 [N,G], one a frame, in order of time.
            t_ns: int64 [N], when each was captured.
            cue: The question.

        Returns:
            float32 [N], higher is better.
        """
        ...


class CosineScorer:
    """The smallest scorer that works: the cosine to the cue's vector, with its trend over time taken out."""

    def scores(self, vectors: npt.NDArray[np.float32], t_ns: npt.NDArray[np.int64], cue: RetrievalCue) -> npt.NDArray[np.float32]:
        """Score frames; all alike if the cue has no vector of this length."""
        if cue.vector is None or cue.vector.shape != vectors.shape[1:]:
            return np.zeros(len(vectors), dtype=np.float32)
        return select.detrended(unit_rows(vectors) @ cue.vector, t_ns)


class Ranking(msgspec.Struct, frozen=True):
    """The frames of a stream by what they are worth to one question.

    Attributes:
        question: Its id.
        ranked: Numbers of the frames, best first, each once.
    """

    question: str
    ranked: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(set(self.ranked)) != len(self.ranked) or min(self.ranked, default=0) < 0:
            raise ValueError("a ranking names each frame once, by its number from 0 on")


def ranking_of(question: str, score: npt.NDArray[np.float32]) -> Ranking:
    """Rank frames by their scores float [N]; of equals the later first, and one that is not a number last."""
    return Ranking(question, tuple(int(number) for number in select.ranked(score)))


def chosen(ranking: Ranking, k: int = MOST_FRAMES) -> npt.NDArray[np.int64]:
    """The numbers of the ``k`` best frames in order of time, int64."""
    return np.sort(np.array(ranking.ranked[: max(0, k)], dtype=np.int64))


def to_jsonl(rankings: Iterable[Ranking]) -> bytes:
    """One JSON object a line, ``{"question": "q7", "ranked": [12, 3, 40]}``."""
    return b"".join(msgspec.json.encode(ranking) + b"\n" for ranking in rankings)


def from_jsonl(data: bytes) -> list[Ranking]:
    """Read what :func:`to_jsonl` or another program wrote; empty lines do not count.

    Raises:
        InputError: A line is no ranking.
    """
    rankings = []
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rankings.append(msgspec.json.decode(line, type=Ranking))
        except msgspec.DecodeError as error:
            raise InputError(f"line {number} is no ranking: {error}", hint='each line is {"question": "...", "ranked": [...]}') from error
    return rankings
