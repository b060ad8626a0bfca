"""The first token of an answer with ten hours of memory and with one minute, as a running system gives it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.config import Config, S
from edge_runtime.models.bundle import Language, PromptShape, Tower
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.seeing import SeeingModel
from edge_runtime.protocol import Generate, Looked
from edge_runtime.records import RetrievalCue
from edge_runtime.remember.policies import MemoryPolicy
from edge_runtime.remember.policies.named import make_policy
from edge_runtime.types import WHOLE, Box, LookedRegion, RegionKind, Tokens

CONTEXT_ROWS = 4096
LOOK_EVERY_S = 2.0
SELDOM_S = 10.0
"""Before the last minute fewer looks fill the day: what memory keeps of them is full all the same."""
VISIT_S, SCENES = 120.0, 12
"""How long the wearer stays in one scene, and how many there are to come back to: what is asked about was seen all through the day."""
SIDE = 8
GAZE = Box(0.35, 0.35, 0.65, 0.65)
QUESTIONS = (
    "What is on the table?",
    "What colour is the door?",
    "Is anybody there?",
    "What am I doing?",
    "Is the light on?",
    "What is this made of?",
    "Is it raining?",
)
BETWEEN_LOOKS = 10
"""Looks from one question to the next: memory moves on meanwhile."""
PROMPT = PromptShape(before="<|im_start|>user\n", after="<|im_end|>\n<|im_start|>assistant\n", stop=("<|im_end|>",))
Array = npt.NDArray[np.float32]


class Wearer:
    """Somebody with a memory, who goes from scene to scene and back again, and asks about one now and then.

    Args:
        dim: Numbers in a token. Tokens are drawn with a length of about one, like the rows of an embedding.
        hours: How long ago the first look was.
    """

    def __init__(self, dim: int, hours: float) -> None:
        self._rng = np.random.default_rng(0)
        self._dim, self._t_s, self._asked = dim, 0.0, 0
        self._scenes = [self._rows() for _ in range(SCENES)]
        self._memory: MemoryPolicy = make_policy("tiered", Config().remember.token_bytes)
        self._newest = self._look()
        last_minute_s = 3600.0 * hours - 60.0
        while self._t_s < last_minute_s:
            self._go_on(min(SELDOM_S, last_minute_s - self._t_s))
        for _ in range(round(60.0 / LOOK_EVERY_S)):
            self._go_on(LOOK_EVERY_S)

    def goes_on(self) -> None:
        """Live on for twenty seconds."""
        for _ in range(BETWEEN_LOOKS):
            self._go_on(LOOK_EVERY_S)

    def asks(self) -> Generate:
        """Ask about this moment, with what memory shows for it."""
        self._asked += 1
        crop = self._newest.regions[0].tokens
        cue = RetrievalCue(tokens=None if crop is None else crop.emb, t_now_ns=self._newest.t_ns)
        return Generate(
            id=self._asked,
            deadline_ns=2**62,
            prompt=QUESTIONS[self._asked % len(QUESTIONS)],
            max_tokens=1,
            question=f"q{self._asked}",
            t_asked_ns=self._newest.t_ns,
            looks=self._newest.regions,
            t_look_ns=self._newest.t_capture_ns,
            slab=self._memory.view(Config().models.shown_rows, cue),
        )

    def _go_on(self, seconds: float) -> None:
        self._t_s += seconds
        self._newest = self._look()
        self._memory.insert(self._newest, (GAZE,))

    def _look(self) -> Looked:
        t_ns, scene = round(self._t_s * S), self._scenes[int(self._t_s / VISIT_S) % SCENES]
        crop = self._region("foveal", GAZE, 0.5 * scene + 0.9 * self._rows())
        overview = self._region("overview", WHOLE, scene + 0.3 * self._rows())
        return Looked(t_ns=t_ns, answers=0, frame_seq=round(10 * self._t_s), t_capture_ns=t_ns, regions=(crop, overview))

    def _rows(self) -> Array:
        rows: Array = self._rng.normal(0.0, self._dim**-0.5, (SIDE * SIDE, self._dim)).astype(np.float32)
        return rows

    def _region(self, kind: RegionKind, box: Box, rows: Array) -> LookedRegion:
        return LookedRegion(kind, box, tokens=Tokens((SIDE, SIDE), self._dim, rows.astype(np.float16)))


@dataclass
class Costs:
    """What first tokens cost, one after the other; ``recall_s`` is what memory takes of ``cpu_s`` to find what it shows."""

    cpu_s: list[float] = field(default_factory=list)
    recall_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    rows_read: list[int] = field(default_factory=list)

    def first_token(self, seeing: SeeingModel, wearer: Wearer) -> None:
        """From the question, over what memory shows for it, to one token."""
        read, cpu_s, wall_s = seeing.prefix.rows_read, time.process_time(), time.perf_counter()
        question = wearer.asks()
        self.recall_s.append(time.process_time() - cpu_s)
        for _ in seeing.generate(question):
            pass
        self.wall_s.append(time.perf_counter() - wall_s)
        self.cpu_s.append(time.process_time() - cpu_s)
        self.rows_read.append(seeing.prefix.rows_read - read)


def seeing_model(model: LlamaModel) -> SeeingModel:
    """A language model that takes the tokens of the wearer's memory for what it would see."""
    width = model.capabilities.embedding_width
    tower = Tower("none", "fp32", 1, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), SIDE, SIDE, width)
    language = Language("none", model.capabilities.architecture, "any", CONTEXT_ROWS, (), PROMPT)
    return SeeingModel(model, language, tower, shown_rows=Config().models.shown_rows)


def first_token(path: Path, threads: int, questions: int) -> dict[str, float]:
    """Questions twenty seconds apart, in turn with ten hours of memory and with one minute; the prompts of before are kept."""
    settings = LlamaSettings(context_rows=CONTEXT_ROWS, sequences=1, threads=threads)
    with open_llama(path, settings) as model, open_llama(path, settings) as other:
        width = model.capabilities.embedding_width
        wearers = {"ten hours": (Wearer(width, 10.0), seeing_model(model)), "one minute": (Wearer(width, 1.0 / 60.0), seeing_model(other))}
        costs = {name: Costs() for name in wearers}
        for wearer, seeing in wearers.values():
            Costs().first_token(seeing, wearer)
        for _ in range(questions):
            for name, (wearer, seeing) in wearers.items():
                wearer.goes_on()
                costs[name].first_token(seeing, wearer)
        wearer, seeing = wearers["ten hours"]
        cold, reused = Costs(), Costs()
        for _ in range(max(2, questions // 2)):
            seeing.forget()
            cold.first_token(seeing, wearer)
            reused.first_token(seeing, wearer)
    day, minute = costs["ten hours"], costs["one minute"]
    return {
        "first token, ten hours to one minute, CPU": _times(day.cpu_s, minute.cpu_s),
        "first token, ten hours to one minute, wall": _times(day.wall_s, minute.wall_s),
        "first token, ten hours, CPU s": statistics.median(day.cpu_s),
        "first token, ten hours, recall, CPU s": statistics.median(day.recall_s),
        "first token, ten hours, rows read": statistics.median(day.rows_read),
        "first token, one minute, CPU s": statistics.median(minute.cpu_s),
        "first token, one minute, recall, CPU s": statistics.median(minute.recall_s),
        "first token, one minute, rows read": statistics.median(minute.rows_read),
        "reuse of memory, times": _times(cold.cpu_s, reused.cpu_s),
        "memory read cold, rows": statistics.median(cold.rows_read),
        "memory reused, rows": statistics.median(reused.rows_read),
    }


def _times(several: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of what was taken in turn: other work slows both."""
    return statistics.median(a / b for a, b in zip(several, others, strict=True))
