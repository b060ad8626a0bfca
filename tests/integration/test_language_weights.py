"""The language backend with real weights: what tiny models of chance cannot show."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import overload

import numpy as np
import pytest

from edge_runtime.models.bundle import PromptShape
from edge_runtime.models.language import Interrupted, Refused, Sampling
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_open import LlamaSettings, needed_bytes, open_llama
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.language_reply import Replies, reread
from edge_runtime.models.seeing import SeeingModel
from edge_runtime.protocol import Generate
from tests.language_weights import weights
from tests.questions import language, looked, memory, question, tower
from tests.tiny_language import needs_llama

pytestmark = [needs_llama, pytest.mark.slow]
TURN = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
CHATML = PromptShape(before=TURN[0], after=TURN[1], stop=("<|im_end|>",))
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


def test_forks_go_on_each_with_its_own_question(smollm2: LlamaModel) -> None:
    smollm2.extend(0, smollm2.tokenize(LOG))
    before = smollm2.probs(0, range(smollm2.capabilities.vocabulary))
    asked = {1: (" The cup was on the", " table"), 2: (" The table was near the", " window")}
    for sequence, (text, _) in asked.items():
        smollm2.fork(0, sequence)
        smollm2.extend(sequence, smollm2.tokenize(text))
    for sequence, (_, word) in asked.items():
        assert [likeliest(smollm2, sequence)] == list(smollm2.tokenize(word))
        smollm2.clear(sequence)
    np.testing.assert_array_equal(smollm2.probs(0, range(smollm2.capabilities.vocabulary)), before)


def test_only_the_question_is_read_of_a_prompt_about_the_same_memory(smollm2: LlamaModel) -> None:
    """A hundred tokens of a memory and a look; what they say is not asked, for this model has no eyes."""
    of = tower(rows=8, columns=8, dim=smollm2.capabilities.embedding_width)
    seeing = SeeingModel(smollm2, language(CHATML), of, shown_rows=256)
    shown = memory(range(900, 1000), of)

    def answer(text: str) -> str:
        return "".join(seeing.generate(question(text, looks=[looked("foveal", of)], slab=shown)))

    first = answer("What is on the table?")
    read = seeing.prefix.rows_read
    assert read > 164
    answer("Is the door open?")
    assert seeing.prefix.rows_read - read < 20
    assert answer("What is on the table?") == first


def test_no_way_back_into_a_picture(smollm2: LlamaModel) -> None:
    rows = np.random.default_rng(0).normal(0.0, 0.04, (64, smollm2.capabilities.embedding_width)).astype(np.float32)
    smollm2.extend(0, smollm2.tokenize("There is"))
    start = smollm2.end(0)
    smollm2.extend(0, Picture(rows))
    smollm2.extend(0, smollm2.tokenize(" and a red cup"))
    with pytest.raises(Refused, match="inside the picture"):
        smollm2.rollback(0, start + 10)
    assert smollm2.end(0) == start + 64 + len(smollm2.tokenize(" and a red cup"))
    smollm2.rollback(0, start)
    smollm2.extend(0, smollm2.tokenize(" no"))


class Told(Sequence[int]):
    """Text that tells when a part of it is taken to be read.

    Attributes:
        taken: Tokens that were taken.
        begun: The first part was taken.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens
        self.taken, self.begun = 0, threading.Event()

    def __len__(self) -> int:
        return len(self._tokens)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            self.taken += len(self._tokens[index])
            self.begun.set()
        return self._tokens[index]


def test_reading_is_given_up_within_one_block(smollm2: LlamaModel) -> None:
    """While the engine works on the block, not only between two."""
    smollm2.extend(0, smollm2.tokenize("The cup was"))
    before, held = likeliest(smollm2), smollm2.end(0)
    text = Told(smollm2.tokenize(LOG * 4)[:1500])

    def interrupt() -> None:
        text.begun.wait()
        smollm2.interrupt()

    other = threading.Thread(target=interrupt)
    other.start()
    with pytest.raises(Interrupted):
        smollm2.extend(0, text)
    other.join()
    assert text.taken <= 2 * smollm2.capabilities.block_rows < len(text)
    assert (smollm2.end(0), likeliest(smollm2)) == (held, before)


def test_many_rows_at_once_cost_less_than_one_by_one(smollm2: LlamaModel) -> None:
    """Processor time, in one run: what reads token by token has lost its blocks."""
    tokens = smollm2.tokenize(LOG)[:192]

    def cpu_s(step: int) -> float:
        smollm2.clear(0)
        start_s = time.process_time()
        for first in range(0, len(tokens), step):
            smollm2.extend(0, tokens[first : first + step])
        return time.process_time() - start_s

    cpu_s(192)
    assert cpu_s(1) > 1.5 * cpu_s(192)


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
