"""Facts in other words, by SmolLM2-135M-Instruct and behind the guard: ``python -m tests.bench.rewording [--quick] [--json]``.

Every answer of :mod:`tests.told_facts` is given to the model as the runtime gives it, and what comes back is held against the guard. There
is no level: the share that is let through is printed as it is, with what the rest was refused for, five sentences of each kind, and the
processor time. ``--quick`` takes every fifth answer. The model is fetched by ``python -m tests.language_weights``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_runtime.models.hub import cache_folder
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_reply import Replies
from edge_runtime.protocol import Generate
from edge_runtime.speak.rewording import objection, prompt_for, rewordable
from export.smollm2 import LANGUAGE
from tests.language_weights import places
from tests.told_facts import told_facts

TOKENS, LINE = 64, "\n"
"""The longest text; and what ends it beside the model's own end: behind a right line it would make up the next turn."""
_SHOWN = 5


@dataclass(frozen=True)
class Trial:
    """One answer, what the model made of it, why the guard refused that (``""`` if it did not), and the processor time."""

    template: str
    words: str
    refused: str
    cpu_s: float

    @property
    def outcome(self) -> str:
        """What becomes of it: ``reworded``, ``the same`` (word for word) or ``refused``."""
        return "refused" if self.refused else "the same" if self.words == self.template else "reworded"


def trials(replies: Replies, templates: Sequence[str]) -> Iterator[Trial]:
    """Have each answer in other words."""
    for number, template in enumerate(templates):
        start_s = time.process_time()
        command = Generate(id=number, deadline_ns=2**62, prompt=prompt_for(template), max_tokens=TOKENS, why="reword")
        words = "".join(replies.generate(command)).strip()
        yield Trial(template, words, objection(template, words), time.process_time() - start_s)


def measure(*, quick: bool) -> list[Trial]:
    """All trials with the model of the bundle ``smollm2``, spoken to as the bundle says."""
    path = places(cache_folder())["smollm2"]
    if not path.is_file():
        raise SystemExit("the model is not there; python -m tests.language_weights fetches it")
    templates = [template for template in told_facts() if rewordable(template)][:: 5 if quick else 1]
    with open_llama(path, LlamaSettings(sequences=1)) as model:
        shape = LANGUAGE.prompt
        return list(trials(Replies(model, before=shape.before, after=shape.after, stop=(*shape.stop, LINE)), templates))


def figures(done: Sequence[Trial]) -> dict[str, float]:
    """Counts and costs."""
    outcomes, reasons = Counter(trial.outcome for trial in done), Counter(trial.refused for trial in done if trial.refused)
    return {
        "answers from facts": len(told_facts()),
        "of these rewordable, and tried": len(done),
        "reworded": outcomes["reworded"],
        "reworded, share of those tried": outcomes["reworded"] / len(done),
        "the same word for word": outcomes["the same"],
        "refused": outcomes["refused"],
        **{f"refused: {reason}": count for reason, count in reasons.most_common()},
        "CPU s, median": statistics.median(trial.cpu_s for trial in done),
        "CPU s, longest": max(trial.cpu_s for trial in done),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every fifth answer")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every sentence")
    args = parser.parse_args(argv)
    done = measure(quick=args.quick)
    if args.json:
        sentences = [[trial.outcome, trial.refused, trial.template, trial.words] for trial in done]
        print(json.dumps({"figures": figures(done), "sentences": sentences}))
    else:
        print("\n".join(_lines(done)))
    return 0


def _lines(done: Sequence[Trial]) -> Iterator[str]:
    yield from (f"{what:44} {value:10.3f}" for what, value in figures(done).items())
    for outcome in ("reworded", "refused"):
        found = [trial for trial in done if trial.outcome == outcome]
        for trial in found[:: max(1, len(found) // _SHOWN)][:_SHOWN]:
            yield f"{outcome}{f' ({trial.refused})' if trial.refused else ''}\n  {trial.template}\n  {trial.words}"


if __name__ == "__main__":
    sys.exit(main())
