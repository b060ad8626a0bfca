"""What goes wrong while a language model runs: it costs one answer at most, in words, and what worked goes on working."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.config import Config
from edge_runtime.errors import BundleError, DeviceError, EdgeError, HashMismatch
from edge_runtime.models.hub import sha256_of
from edge_runtime.models.language import Sampling
from edge_runtime.models.language_llama import LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.opening import capabilities_of
from edge_runtime.models.planner import NothingSeen
from edge_runtime.models.scripted import ScriptedLooker
from edge_runtime.models.seeing import SeeingModel
from edge_runtime.protocol import Command, Event, Looked, Say, Token
from edge_runtime.records import Dropped, Slab
from edge_runtime.transport.messages import Question, Report, Taken
from edge_runtime.transport.statuses import Reported, Status
from tests import world
from tests.feeding import until
from tests.model_peer import ANSWER, model_process, models_config
from tests.questions import SHAPE, language, memory, question, tower
from tests.three_processes import Three, three
from tests.tiny_bundle import tiny_bundle
from tests.tiny_language import needs_llama, tiny, tiny_path
from tests.tiny_vlm import write_vlm

pytestmark = needs_llama
TEXT = (10, 200, 31, 7, 7, 150, 90)
SMALL = LlamaSettings(context_rows=256)
TOWER = tower(dim=32)
PLAIN = msgspec.structs.replace(SHAPE, before="", after="", stop=(), picture_before="", picture_after="")
Spoil = Callable[[bytes], bytes]


def flipped(at: int) -> Spoil:
    """One bit of one byte turned round, counted from the end where ``at`` is negative."""

    def spoil(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 0x10
        return bytes(changed)

    return spoil


@pytest.mark.parametrize("at", [0, 4, 9, 40, 5000, -60_000, -1])
def test_one_bit_that_is_not_as_published(at: int, tmp_path: Path) -> None:
    """Some of these the engine would load without a word, and over some it would end the process."""
    path = tmp_path / "changed.gguf"
    path.write_bytes(flipped(at)(tiny_path("llama").read_bytes()))
    with pytest.raises(HashMismatch, match=r"changed\.gguf: expected sha256"):
        open_llama(path, LlamaSettings(context_rows=256, sha256=sha256_of(tiny_path("llama"))))


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.05, 0.5, 0.99])
def test_a_file_that_ends_anywhere(share: float, tmp_path: Path) -> None:
    whole = tiny_path("llama").read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(BundleError, match="is cut off") as refused:
        open_llama(path, SMALL)
    assert refused.value.hint


def absent(folder: Path) -> LlamaModel:
    return open_llama(folder / "absent.gguf", SMALL)


def junk(folder: Path) -> LlamaModel:
    path = folder / "junk.gguf"
    path.write_bytes(b"GGUF" + bytes(4000))
    return open_llama(path, SMALL)


def another_family(folder: Path) -> LlamaModel:
    path = folder / "other.gguf"
    # as long as the name that is there, so that all else stays where it is
    path.write_bytes(tiny_path("llama").read_bytes().replace(b"llama", b"alpac"))
    return open_llama(path, SMALL)


def another_file(folder: Path) -> LlamaModel:
    return tiny("gemma3", sha256="0" * 64)


def without_a_token(folder: Path) -> LlamaModel:
    return tiny("gemma3", special=["<fake_token_around_image>"])


def too_large(folder: Path) -> LlamaModel:
    return tiny("gemma3", room_bytes=1_000_000)


@pytest.mark.parametrize("second", [absent, junk, another_family, another_file, without_a_token, too_large])
def test_a_second_model_that_does_not_open_leaves_the_first_in_the_middle_of_its_answer(
    second: Callable[[Path], LlamaModel], tmp_path: Path
) -> None:
    with tiny("llama") as model:
        model.extend(0, TEXT)
        model.fork(0, 1)
        undisturbed = list(model.generate(1, Sampling(12)))
        pieces = model.generate(0, Sampling(12))
        begun = list(islice(pieces, 3))
        with pytest.raises(EdgeError) as refused:
            second(tmp_path)
        assert isinstance(refused.value, BundleError | HashMismatch | DeviceError)
        assert [*begun, *pieces] == undisturbed


def answer(model: LlamaModel, slab: Slab) -> tuple[str, tuple[Dropped, ...]]:
    generation = SeeingModel(model, language(PLAIN), TOWER, shown_rows=16).generate(question(slab=slab))
    return "".join(generation), generation.dropped


def spoilt(slab: Slab, *tokens: int, number: float = np.nan) -> Slab:
    emb = slab.emb.copy()
    emb[list(tokens), 3] = number
    return msgspec.structs.replace(slab, emb=emb)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_tokens_that_are_no_numbers_are_counted_and_never_reach_the_model(number: float) -> None:
    times = (100.0, 400.0, 700.0, 900.0)
    with tiny("llama") as model, tiny("llama") as fresh:
        without, dropped = answer(fresh, memory((100.0, 900.0), TOWER))
        assert dropped == ()
        assert answer(model, spoilt(memory(times, TOWER), 1, 2, number=number)) == (without, (Dropped("token", "not_finite", 2),))


def test_with_nothing_but_such_tokens_nothing_was_seen() -> None:
    with tiny("llama") as model:
        with pytest.raises(NothingSeen, match="2 not_finite"):
            answer(model, spoilt(memory((100.0, 400.0), TOWER), 0, 1))
        assert model.end(0) == 0


# ---------------------------------------------------------------- a process that is killed


def heard(kind: type[Event]) -> Callable[[Event, tuple[Command, ...]], bool]:
    return lambda event, commands: isinstance(event, kind)


def says(words: str) -> Callable[[Event, tuple[Command, ...]], bool]:
    return lambda event, commands: any(isinstance(command, Say) and words in command.response.text for command in commands)


def reported(run: Three) -> tuple[Status, ...]:
    message = run.client.call(Report())
    assert isinstance(message, Reported)
    return message.processes


def ask(run: Three) -> None:
    run.watch()
    assert isinstance(run.client.call(Question(text="what colour is the door?")), Taken)


@pytest.mark.slow
def test_a_model_killed_in_mid_token_costs_one_answer(tmp_path: Path) -> None:
    """With SIGKILL, after the first words have come; the process that takes its place answers the next question."""
    tiny_bundle(tmp_path / "pocket")
    write_vlm(tmp_path / "vlm")
    models = models_config(tmp_path / "pocket", tmp_path / "vlm")
    with three(tmp_path, ScriptedLooker(world.see, capabilities_of(models)), config=Config(models=models)) as run:
        run.leave_models_to_a_process()
        with model_process(tmp_path / "s", run.time_ns, models, hold=True) as first:
            run.watch_until(heard(Looked))
            # Who has never been heard of is not missed.
            until(lambda: first.pid in {status.pid for status in reported(run)})
            ask(run)
            run.steps.wait_for(heard(Token))
            first.kill()
            first.wait()
        with model_process(tmp_path / "s", run.time_ns, models):
            run.steps.wait_for(says("I was restarted while thinking about that."))
            ask(run)
            run.steps.wait_for(says(f"I think: {ANSWER}, by what I saw "))
