"""The language backend with real weights: what tiny models of chance cannot show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.models.language import Refused, Sampling
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_open import LlamaSettings, needed_bytes, open_llama
from edge_runtime.models.language_reply import Replies, reread
from edge_runtime.protocol import Generate
from tests.language_weights import weights
from tests.tiny_language import needs_llama

pytestmark = [needs_llama, pytest.mark.slow]
TURN = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
LOG = "".join(f"12:{minute:02d} the red cup was on the table near the window. " for minute in range(20))


@pytest.fixture(scope="module")
def smollm2() -> Iterator[LlamaModel]:
    with open_llama(weights("smollm2"), LlamaSettings(special=["<|im_start|>", "<|im_end|>"])) as model:
        yield model


@pytest.fixture(scope="module")
def gemma3() -> Iterator[LlamaModel]:
    """With no more than its window kept."""
    with open_llama(weights("gemma3"), LlamaSettings(context_rows=4096, sequences=1, keeps_window=True, special=["<bos>"])) as model:
        yield model


@pytest.fixture(autouse=True)
def emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"smollm2", "gemma3"} & set(request.fixturenames):
        model: LlamaModel = request.getfixturevalue(name)
        for sequence in range(model.capabilities.sequences):
            model.clear(sequence)


def likeliest(model: LlamaModel, sequence: int = 0) -> int:
    return int(np.argmax(model.probs(sequence, range(model.capabilities.vocabulary))))


def test_a_question_is_answered_and_ends_by_itself(smollm2: LlamaModel) -> None:
    replies = Replies(smollm2, before=TURN[0], after=TURN[1])
    command = Generate(id=1, deadline_ns=1, prompt="What is the capital of France? Answer in one sentence.", max_tokens=60)
    answer = "".join(replies.generate(command))
    assert "Paris" in answer
    assert smollm2.end(0) < 100


def test_a_prompt_with_a_known_beginning_leads_to_the_same(smollm2: LlamaModel) -> None:
    """Not to the last digit: quantised kernels round by how many rows are read at once."""
    beginning, question = smollm2.tokenize(LOG), smollm2.tokenize("Where was the cup? It was on the")
    reread(smollm2, 0, (*beginning, *question))
    cold, table = likeliest(smollm2), smollm2.tokenize(" table")
    assert [cold] == list(table)
    certain = float(smollm2.probs(0, table)[0])
    reread(smollm2, 0, (*beginning, *smollm2.tokenize("What did you see?")))
    assert reread(smollm2, 0, (*beginning, *question)) >= len(beginning)
    assert likeliest(smollm2) == cold
    assert float(smollm2.probs(0, table)[0]) == pytest.approx(certain, abs=0.05)


def test_candidates_are_weighed_on_a_fork(smollm2: LlamaModel) -> None:
    smollm2.extend(0, smollm2.tokenize("The capital of Italy is"))
    likely, unlikely = (np.exp(smollm2.nll(0, smollm2.tokenize(word)).mean()) for word in (" Rome.", " Banana."))
    assert likely < 10.0
    assert unlikely > 100.0 * likely


def test_a_grammar_makes_a_small_model_choose(smollm2: LlamaModel) -> None:
    smollm2.extend(0, smollm2.tokenize(f"{TURN[0]}Is the sky blue? Answer yes or no.{TURN[1]}", special=True))
    assert "".join(smollm2.generate(0, Sampling(10, grammar='root ::= "yes" | "no"'))) in ("yes", "no")


def test_an_answer_that_is_cut_short_leaves_the_model_ready(smollm2: LlamaModel) -> None:
    smollm2.extend(0, smollm2.tokenize(LOG))
    held = smollm2.end(0)
    pieces = smollm2.generate(0, Sampling(100))
    assert len(list(islice(pieces, 3))) == 3
    pieces.close()  # type: ignore[attr-defined]
    smollm2.rollback(0, held)
    smollm2.extend(0, smollm2.tokenize("The cup was on the"))
    assert likeliest(smollm2) == smollm2.tokenize(" table")[0]


def test_a_real_window(gemma3: LlamaModel) -> None:
    """The engine would go back to 1,000 without a word, and answer from a context with holes in it."""
    (start,) = gemma3.tokenize("<bos>", special=True)
    tokens = (start, *gemma3.tokenize(LOG * 8))[:2600]
    gemma3.extend(0, tokens)
    assert gemma3.capabilities.window_rows == 512
    with pytest.raises(Refused, match="left the window"):
        gemma3.rollback(0, 1000)
    assert gemma3.end(0) == 2600
    gemma3.rollback(0, 2590)
    gemma3.extend(0, tokens[2590:])
    after_going_back = likeliest(gemma3)
    assert reread(gemma3, 0, tokens) == 2599
    assert likeliest(gemma3) == after_going_back


def test_a_state_goes_to_another_context(smollm2: LlamaModel, tmp_path: Path) -> None:
    smollm2.extend(0, smollm2.tokenize(LOG))
    smollm2.save(0, tmp_path / "log")
    with open_llama(weights("smollm2"), LlamaSettings(context_rows=1024, sequences=1)) as other:
        other.load(0, tmp_path / "log")
        for model in (smollm2, other):
            model.extend(0, model.tokenize(" The cup"))
        assert likeliest(smollm2) == likeliest(other)


@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
def test_the_memory_that_is_taken_is_what_was_estimated(name: str) -> None:
    """From below by a third at the most: what is refused would not have fitted, and what is let in fits."""
    settings = LlamaSettings(context_rows=2048, sequences=1)
    code = (
        "import sys; from pathlib import Path; from edge_runtime.models.language_llama_library import library\n"
        "from edge_runtime.models.language_llama_open import LlamaSettings, open_llama\n"
        "rss = lambda: int(next(l for l in open('/proc/self/status') if l.startswith('VmRSS')).split()[1]) * 1024\n"
        "library(); before = rss()\n"
        "model = open_llama(Path(sys.argv[1]), LlamaSettings(context_rows=2048, sequences=1))\n"
        "model.extend(0, [100 + k % 100 for k in range(2000)]); print(rss() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(weights(name))], capture_output=True, text=True, check=True)  # noqa: S603
    taken, estimated = int(done.stdout), needed_bytes(read_head(weights(name)), settings)
    assert taken < estimated < 1.35 * taken
