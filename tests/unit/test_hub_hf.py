"""Pulling from the Hub, on a stand-in of it: what is said first, what is taken, what is checked, and what goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest

from edge_runtime.errors import BundleError, DeviceError, Gated, HashMismatch, Unreachable, UsageError
from edge_runtime.models import hub_web
from edge_runtime.models.hub_address import HubName, parse_source
from edge_runtime.models.hub_checkpoint import checkpoints_folder, list_checkpoints, resolve_checkpoint
from edge_runtime.models.hub_hf import RECORD, list_hf, pull_hf, read_pulled
from tests.hub_stand_in import HubStandIn, Request

WEIGHTS = bytes(range(256)) * 4000
FILES = {
    "README.md": b"---\nlicense: apache-2.0\n---\n",
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
    "chat_template.jinja": b"{{ text }}",
    "LICENSE": b"terms",
    ".gitattributes": b"*.bin filter=lfs",
    "picture.png": b"png",
    "pytorch_model.bin": b"pickle" * 50,
    "onnx/model.onnx": b"onnx" * 100,
    "onnx/model_q4.onnx": b"onnx",
}
TAKEN = {"README.md", "config.json", "model.safetensors", "chat_template.jinja", "LICENSE"}
NAME = HubName("maker/model")


@pytest.fixture(autouse=True)
def published(hub: HubStandIn) -> None:
    hub.publish("maker/model", FILES, license="apache-2.0")


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_plain_data_at_the_top_is_taken_and_noted(hub: HubStandIn, tmp_path: Path) -> None:
    pulled = pull_hf(NAME, tmp_path / "model")
    assert there(tmp_path / "model") == TAKEN | {RECORD}
    assert all((tmp_path / "model" / name).read_bytes() == FILES[name] for name in TAKEN)
    assert pulled == read_pulled(tmp_path / "model")
    assert (pulled.repository, pulled.revision, pulled.licence) == ("maker/model", "main", "apache-2.0")
    assert pulled.commit == hub.repositories["maker/model"].commit
    assert {file.path: file.sha256 for file in pulled.files} == {name: hashlib.sha256(FILES[name]).hexdigest() for name in TAKEN}


def test_sizes_and_licence_and_what_is_left_out_are_said_before_the_download(hub: HubStandIn, tmp_path: Path) -> None:
    said: list[str] = []
    pull_hf(NAME, tmp_path, say=said.append)
    before = said[: next(number for number, line in enumerate(said) if line.startswith("downloading"))]
    assert before[0] == f"hf:maker/model, commit {hub.repositories['maker/model'].commit[:12]}: 5 files, 1.0 MB, licence apache-2.0"
    assert "  model.safetensors, 1.0 MB" in before
    assert "  left out, in folders: 2 files, 0.0 MB" in before
    assert "  left out, may run code when loaded: 1 file, 0.0 MB" in before
    assert "  left out, of no use here: 2 files, 0.0 MB" in before


def test_a_connection_that_is_cut_is_made_anew_and_nothing_comes_twice(hub: HubStandIn, tmp_path: Path) -> None:
    hub.repositories["maker/model"].cut_at["model.safetensors"] = [300_000, 700_000]
    pull_hf(NAME, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS
    of_it = [(request.from_byte, request.nbytes) for request in hub.requests if request.file == "model.safetensors"]
    assert of_it == [(0, 300_000), (300_000, 400_000), (700_000, len(WEIGHTS) - 700_000)]


def test_an_interrupted_download_goes_on_the_next_time_and_nothing_comes_twice(hub: HubStandIn, tmp_path: Path) -> None:
    hub.repositories["maker/model"].cut_at["model.safetensors"] = [500_000, -1]
    with pytest.raises(Unreachable, match=r"model\.safetensors broke off after 0\.5 MB of 1\.0 MB") as caught:
        pull_hf(NAME, tmp_path)
    assert caught.value.hint == "run this again: it goes on where it stopped"
    assert "model.safetensors" not in there(tmp_path)
    assert read_pulled(tmp_path) is None
    said: list[str] = []
    pull_hf(NAME, tmp_path, say=said.append)
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.bytes_given("model.safetensors") == len(WEIGHTS)
    assert hub.bytes_given("config.json") == len(FILES["config.json"])
    assert "  model.safetensors: 0.5 MB of it are here already" in said
    assert there(tmp_path) == TAKEN | {RECORD}


def test_a_server_that_pays_no_heed_to_ranges_gives_the_whole_file_again(hub: HubStandIn, tmp_path: Path) -> None:
    repository = hub.repositories["maker/model"]
    repository.cut_at["model.safetensors"], repository.heeds_ranges = [500_000], False
    pull_hf(NAME, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_another_file_than_the_one_listed_is_removed_and_both_hashes_are_named(file: str, hub: HubStandIn, tmp_path: Path) -> None:
    tampered = FILES[file][:-1] + b"?"
    hub.repositories["maker/model"].given[file] = tampered
    with pytest.raises(HashMismatch, match=file) as caught:
        pull_hf(NAME, tmp_path)
    wanted = next(entry.digest for entry in list_hf(NAME).files if entry.path == file)
    assert wanted in str(caught.value)
    assert not (tmp_path / file).exists()
    assert not list(tmp_path.glob(".part-*"))
    assert read_pulled(tmp_path) is None


def test_no_more_is_taken_than_was_listed(hub: HubStandIn, tmp_path: Path) -> None:
    hub.repositories["maker/model"].given["model.safetensors"] = WEIGHTS + b"x" * 10**6
    pull_hf(NAME, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS


def test_progress_of_a_large_file_is_said(hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_web, "_STEP_BYTES", 400_000)
    said: list[str] = []
    pull_hf(NAME, tmp_path, say=said.append)
    assert any(" %, " in line and line.startswith("  model.safetensors: ") and line.endswith(" of 1.0 MB") for line in said)


def test_what_is_gated_needs_a_token(hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories["maker/model"].opened_by = "opens-it"
    with pytest.raises(Gated, match="does not give") as caught:
        pull_hf(NAME, tmp_path)
    assert caught.value.hint == "accept its terms on its page on the Hub; set HF_TOKEN to a token of yours"
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with pytest.raises(Gated) as caught:
        pull_hf(NAME, tmp_path)
    assert "HF_TOKEN is set, and does not open it" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", "opens-it")
    pull_hf(NAME, tmp_path)
    assert there(tmp_path) == TAKEN | {RECORD}


def test_the_store_of_large_files_never_sees_the_token(hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "mine")
    pull_hf(NAME, tmp_path)
    tokens = {request.file: request.token for request in hub.requests}
    assert tokens["config.json"] == "Bearer mine"
    assert tokens["model.safetensors"] == ""


def test_a_repository_that_was_renamed_is_found_and_the_token_goes_along(
    hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.renamed["former/name"] = "maker/model"
    hub.repositories["maker/model"].opened_by = "opens-it"
    monkeypatch.setenv("HF_TOKEN", "opens-it")
    pull_hf(HubName("former/name"), tmp_path)
    assert there(tmp_path) == TAKEN | {RECORD}


def test_a_name_that_the_hub_does_not_have(hub: HubStandIn, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="the Hub has no hf:maker/modell") as caught:
        pull_hf(HubName("maker/modell"), tmp_path)
    assert caught.value.hint == "check the spelling; if it is private: set HF_TOKEN to a token of yours"


def test_a_revision_that_the_repository_does_not_have(hub: HubStandIn, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no such revision: hf:maker/model@v9") as caught:
        pull_hf(HubName("maker/model", "v9"), tmp_path)
    assert "branches and tags" in caught.value.hint


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_is_too_busy(status: int, hub: HubStandIn, tmp_path: Path) -> None:
    hub.busy = status
    with pytest.raises(Unreachable, match=f"too busy.*answered {status}") as caught:
        pull_hf(NAME, tmp_path)
    assert "it goes on where it stopped" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"sha": "main", "siblings": []},
        {"sha": "0" * 40, "siblings": [{"rfilename": "config.json", "size": None, "blobId": "0" * 40}]},
    ],
    ids=["a list", "nothing", "no commit", "no size"],
)
def test_an_answer_that_is_not_how_the_hub_answers(answer: object, hub: HubStandIn, tmp_path: Path) -> None:
    hub.repositories["maker/model"].answers = answer
    with pytest.raises(Unreachable, match="cannot be read") as caught:
        pull_hf(NAME, tmp_path)
    assert "HF_ENDPOINT" in caught.value.hint


@pytest.mark.parametrize("path", ["../outside.json", "/etc/outside.json", "a/../../outside.json", "..\\outside.json", "pulled.json"])
def test_no_file_lands_outside_its_folder_or_on_the_record(path: str, hub: HubStandIn, tmp_path: Path) -> None:
    hub.publish("maker/model", {**FILES, path: b"{}"})
    pull_hf(NAME, tmp_path / "in" / "model")
    assert there(tmp_path / "in" / "model") == TAKEN | {RECORD}
    assert there(tmp_path) == {"in"} and there(tmp_path / "in") == {"model"}


def test_weights_that_may_run_code_are_refused_before_anything_is_downloaded(hub: HubStandIn, tmp_path: Path) -> None:
    hub.publish("maker/model", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    with pytest.raises(BundleError, match="no weights as safetensors") as caught:
        pull_hf(NAME, tmp_path)
    assert "safetensors" in caught.value.hint
    assert hub.requests == []


def test_a_repository_of_something_else_is_refused_before_anything_is_downloaded(hub: HubStandIn, tmp_path: Path) -> None:
    hub.publish("maker/model", {"README.md": b"", "model.gguf": b"GGUF"})
    with pytest.raises(BundleError, match="neither a bundle nor a checkpoint"):
        pull_hf(NAME, tmp_path)
    assert hub.requests == []


def test_too_little_space_is_said_before_the_download(hub: HubStandIn, tmp_path: Path) -> None:
    listing = {"rfilename": "model.safetensors", "size": 10**16, "blobId": "", "lfs": {"sha256": "0" * 64}}
    config = {"rfilename": "config.json", "size": 2, "blobId": "0" * 40}
    hub.repositories["maker/model"].answers = {"sha": "0" * 40, "siblings": [listing, config]}
    with pytest.raises(DeviceError, match="are needed") as caught:
        pull_hf(NAME, tmp_path)
    assert "free some space" in caught.value.hint
    assert hub.requests == []


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ({"license": "mit"}, "mit"),
        ({"license": ["mit", "apache-2.0"]}, "mit, apache-2.0"),
        ({"license": "other", "license_name": "our-terms", "license_link": "LICENSE"}, "our-terms LICENSE"),
        ({}, "unknown"),
    ],
)
def test_the_licence_is_what_the_card_says(card: dict[str, object], licence: str, hub: HubStandIn) -> None:
    hub.publish("maker/model", FILES, **card)
    assert list_hf(NAME).licence == licence


def test_a_checkpoint_is_kept_in_the_cache_and_needs_no_network_from_then_on(
    hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = resolve_checkpoint("maker/model", cache=tmp_path)
    assert folder == checkpoints_folder(tmp_path) / "maker--model"
    assert [pulled.repository for pulled in list_checkpoints(cache=tmp_path)] == ["maker/model"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said: list[str] = []
    assert resolve_checkpoint("hf:maker/model", cache=tmp_path, say=said.append) == folder
    assert hub.listed == 1
    assert len(said) == 1 and "is here" in said[0]
    # Another revision is another checkpoint.
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert resolve_checkpoint("hf:maker/model@v1", cache=tmp_path).name == "maker--model@v1"


def test_a_damaged_file_is_fetched_again_and_what_another_commit_left_goes(hub: HubStandIn, tmp_path: Path) -> None:
    folder = resolve_checkpoint("maker/model", cache=tmp_path)
    (folder / "model.safetensors").write_bytes(b"damage" + WEIGHTS[6:])
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"of another commit")
    hub.requests.clear()
    resolve_checkpoint("maker/model", cache=tmp_path)
    assert [request.file for request in hub.requests] == ["model.safetensors"]
    assert there(folder) == TAKEN | {RECORD}


def test_offline_and_missing_says_what_to_do(hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE forbids fetching it") as caught:
        resolve_checkpoint("maker/model", cache=tmp_path)
    assert "HF_HUB_OFFLINE=0 edge-runtime models pull hf:maker/model" in caught.value.hint
    assert "a bundle to edge-runtime models pull file:/FOLDER, a checkpoint to edge-runtime export vlm FOLDER" in caught.value.hint
    assert hub.listed == 0


def test_no_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A port of this machine that nobody listens on.
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(Unreachable, match="the Hub did not answer while fetching hf:maker/model") as caught:
            resolve_checkpoint("maker/model", cache=tmp_path)
    assert caught.value.hint.startswith("connect to the network once and run this again")
    assert "a bundle to edge-runtime models pull file:/FOLDER" in caught.value.hint


def test_an_endpoint_that_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc")
    with pytest.raises(UsageError, match="HF_ENDPOINT"):
        resolve_checkpoint("maker/model", cache=tmp_path)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("hf:maker/model", HubName("maker/model")),
        ("maker/model.v2_x", HubName("maker/model.v2_x")),
        ("hf:maker/model@refs/pr/1", HubName("maker/model", "refs/pr/1")),
        ("file:/a/folder", Path("/a/folder")),
        ("file:///a/folder", Path("/a/folder")),
        ("file:folder", Path("folder")),
        ("/", Path("/")),
    ],
)
def test_where_a_source_is(source: str, place: HubName | Path) -> None:
    assert parse_source(source) == place


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("wheel:smollm2", "run: edge-runtime models prepare smollm2"),
        ("https://huggingface.co/maker/model/tree/main", "write hf:maker/model"),
        ("hf:model", "write hf:owner/name, "),
        ("hf:../../etc", "write hf:owner/name, "),
        ("hf:a/b@../c", "write hf:owner/name, "),
        ("hf:a/b@v..", "write hf:owner/name, "),
        ("file:", "write hf:owner/name, "),
        ("no such folder", "write hf:owner/name, "),
        ("", "write hf:owner/name, "),
    ],
)
def test_what_is_no_source_gets_a_hint(source: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(source)
    assert caught.value.hint.startswith(hint)


def test_a_name_comes_back_as_it_was_written() -> None:
    for text in ("hf:maker/model", "hf:maker/model@v1"):
        assert str(parse_source(text)) == text


@pytest.mark.parametrize(
    ("made", "what", "hint"),
    [
        ((), "no checkpoint: it has no config.json", "safetensors"),
        (("config.json",), "no weights as safetensors", "safetensors"),
        (("bundle.toml",), "is a bundle already", "edge-runtime models pull file:/"),
    ],
)
def test_a_folder_that_is_no_checkpoint(made: tuple[str, ...], what: str, hint: str, tmp_path: Path) -> None:
    for name in made:
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(BundleError, match=what) as caught:
        resolve_checkpoint(str(tmp_path))
    assert hint in caught.value.hint


def test_a_folder_that_is_a_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"{}")
    assert resolve_checkpoint(str(tmp_path)) == resolve_checkpoint(f"file:{tmp_path}") == tmp_path


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no folder") as caught:
        resolve_checkpoint(f"file:{tmp_path}/nowhere")
    assert "check the path" in caught.value.hint


def test_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(json.dumps({"repository": 3}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"pulled\.json cannot be read") as caught:
        read_pulled(tmp_path)
    assert "pull again" in caught.value.hint


def test_requests_tell_their_bytes(hub: HubStandIn, tmp_path: Path) -> None:
    # The stand-in itself is to be trusted before the tests above are.
    pull_hf(NAME, tmp_path)
    assert Request("config.json", 0, 2, "") in hub.requests
    assert hub.bytes_given("model.safetensors") == len(WEIGHTS)
