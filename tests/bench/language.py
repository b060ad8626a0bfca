"""What the language backend costs: ``python -m tests.bench.language [--quick] [--json] [--check]``.

For each model: reading a prompt whose beginning is known against reading it cold; the speed of writing against a bare loop over llama.cpp
with its own sampler; the first token of an answer with ten hours of memory against one minute; and a question about pictures whose tokens
are kept against llama.cpp's own eyes, which see them anew. All are ratios of processor time, taken in turn in one run. Printed beside
them: reading, writing, a fork, a question asked on a fork ("shall I speak?"), saving and loading. The models are SmolLM2-135M-Instruct and
Gemma 3 270M where they were fetched (``python -m tests.language_weights``), and one of random weights in SmolLM2's shape, which needs no
download and alone has eyes; ``--quick`` takes only that, with fewer repetitions. ``--check`` exits 1 beyond the levels.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.models.language import Sampling
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_library import library
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_reply import reread
from tests.bench.language_memory import first_token
from tests.bench.language_models import RANDOM, models, random_tower
from tests.bench.language_pictures import injection

LEAST = {"prefix reuse, times": 5.0, "reuse of memory, times": 5.0, "decode, share of llama.cpp's own speed": 0.95}
MOST = {"first token, ten hours to one minute, CPU": 1.1}
SETTINGS = LlamaSettings(context_rows=2048, sequences=2, threads=2)
PREFIX, QUESTION, WRITTEN = 600, 24, 16


def cpu_s(work: Callable[[], Any]) -> float:
    """Processor time of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def text(size: int, seed: int) -> list[int]:
    """Tokens that stand for bytes in every one of these models, or for other plain pieces."""
    return [int(token) for token in np.random.default_rng(seed).integers(100, 250, size)]


def prefix_reuse(model: LlamaModel, repetitions: int) -> dict[str, float]:
    """A long beginning with one question after the other, each read cold and then with what is held."""
    prefix, cold, reused = text(PREFIX, 0), [], []
    for k in range(repetitions):
        model.clear(0)
        cold.append(cpu_s(lambda k=k: reread(model, 0, [*prefix, *text(QUESTION, 2 * k + 1)])))  # type: ignore[misc]
        reused.append(cpu_s(lambda k=k: reread(model, 0, [*prefix, *text(QUESTION, 2 * k + 2)])))  # type: ignore[misc]
    return {
        "prefix reuse, times": statistics.median(a / b for a, b in zip(cold, reused, strict=True)),
        "reading, tokens per CPU second": (PREFIX + QUESTION) / statistics.median(cold),
    }


class BareLoop:
    """llama.cpp as its own examples use it: one token in, its sampler on its chances, and so on."""

    def __init__(self, path: Path) -> None:
        self._api = api = library().api
        self._model = api.llama_model_load_from_file(str(path).encode(), api.llama_model_default_params())
        params = api.llama_context_default_params()
        params.n_ctx = SETTINGS.context_rows
        params.n_threads = params.n_threads_batch = SETTINGS.threads
        self._context = api.llama_init_from_model(self._model, params)
        self._chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        api.llama_sampler_chain_add(self._chain, api.llama_sampler_init_greedy())

    def read(self, tokens: list[int]) -> None:
        """Begin anew."""
        self._api.llama_memory_clear(self._api.llama_get_memory(self._context), True)
        self._decode(tokens)

    def write(self, count: int) -> None:
        """Go on."""
        for _ in range(count):
            self._decode([self._api.llama_sampler_sample(self._chain, self._context, -1)])

    def _decode(self, tokens: list[int]) -> None:
        array = (self._api.llama_token * len(tokens))(*tokens)
        if self._api.llama_decode(self._context, self._api.llama_batch_get_one(array, len(tokens))):
            raise SystemExit("the bare loop could not decode")

    def close(self) -> None:
        """Let go of everything."""
        self._api.llama_sampler_free(self._chain)
        self._api.llama_free(self._context)
        self._api.llama_model_free(self._model)


def decode_share(model: LlamaModel, path: Path, repetitions: int) -> dict[str, float]:
    """Writing by the backend and by the bare loop, in turn, after the same text. The fastest of each counts: the rest is other work."""
    prompt, ours, bare = text(64, 5), [], []
    loop = BareLoop(path)
    try:
        for _ in range(4 * repetitions):
            model.clear(0)
            model.extend(0, prompt)
            ours.append(cpu_s(lambda: list(model.generate(0, Sampling(WRITTEN + 1)))) / max(1, model.end(0) - len(prompt)))
            loop.read(prompt)
            bare.append(cpu_s(lambda: loop.write(WRITTEN)) / WRITTEN)
    finally:
        loop.close()
    return {
        "decode, share of llama.cpp's own speed": min(bare) / min(ours),
        "writing, tokens per CPU second": 1.0 / min(ours),
        "tokens written at a time": model.end(0) - len(prompt),
    }


def other_costs(model: LlamaModel, repetitions: int, folder: Path) -> dict[str, float]:
    """A fork, a question on a fork, and what is on the disk."""
    model.clear(0)
    model.extend(0, text(PREFIX, 0))
    file = folder / "sequence"

    def probe() -> None:
        model.fork(0, 1)
        model.extend(1, text(11, 9))
        model.probs(1, [101, 102])
        model.clear(1)

    def median_ms(work: Callable[[], Any]) -> float:
        return 1e3 * statistics.median(cpu_s(work) for _ in range(repetitions))

    return {
        "fork, CPU ms": median_ms(lambda: model.fork(0, 1)),
        "question of 11 tokens on a fork, CPU ms": median_ms(probe),
        "save, CPU ms": median_ms(lambda: model.save(0, file)),
        "load, CPU ms": median_ms(lambda: model.load(1, file)),
        f"saved, MB for {PREFIX} tokens": file.stat().st_size / 1e6,
    }


def measure(name: str, path: Path, repetitions: int, folder: Path) -> dict[str, float]:
    """All of it for one model."""
    with open_llama(path, SETTINGS) as model:
        model.extend(0, text(64, 3))  # the first call sets up what later ones use
        width = model.capabilities.embedding_width
        own = {**prefix_reuse(model, repetitions), **decode_share(model, path, repetitions), **other_costs(model, repetitions, folder)}
    own |= first_token(path, SETTINGS.threads, repetitions)
    if name == RANDOM:
        own |= injection(path, random_tower(folder, width), SETTINGS.threads, max(1, repetitions // 3))
    return own


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the random model alone, under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check", action="store_true", help="exit 1 beyond the levels")
    args = parser.parse_args(argv)
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for model, path in models(Path(name), quick=args.quick):
            report[model] = measure(model, path, 3 if args.quick else 7, Path(name))
    missed = [line for model, own in report.items() for line in beyond(model, own)]
    print(json.dumps(report) if args.json else "\n".join(_lines(report)))
    print("\n".join(f"beyond its level: {line}" for line in missed), file=sys.stderr, end="\n" if missed else "")
    return 1 if args.check and missed else 0


def beyond(model: str, own: dict[str, float]) -> Iterator[str]:
    """The levels that were missed."""
    yield from (f"{model}, {what}: {own[what]:.3f}, at least {level}" for what, level in LEAST.items() if own[what] < level)
    yield from (f"{model}, {what}: {own[what]:.3f}, at most {level}" for what, level in MOST.items() if own[what] > level)


def _lines(report: dict[str, dict[str, float]]) -> Iterator[str]:
    yield f"{library().version}, {SETTINGS.threads} threads"
    for model, own in report.items():
        yield model
        for what, value in own.items():
            yield f"  {what:44} {value:10.3f}"


if __name__ == "__main__":
    sys.exit(main())
