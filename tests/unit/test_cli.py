from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.main import VERBS, main
from edge_runtime import __version__
from edge_runtime.config import Config
from edge_runtime.settings import load
from edge_runtime.settings_schema import keys

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]


def help_of(words: list[str], capsys: Capture) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_help_texts_are_these(capsys: Capture, golden: Callable[[str, bytes], None]) -> None:
    calls = [[], *([verb] for verb in VERBS), *(["memory", action] for action in ("show", "search", "like", "stats", "export", "forget"))]
    calls += [*(["models", action] for action in ("list", "pull", "prepare", "verify", "remove")), ["config", "show"]]
    golden("help.txt", "\n".join(f"$ {' '.join(['edge-runtime', *words, '--help'])}\n{help_of(words, capsys)}" for words in calls).encode())


def test_alone_it_prints_its_help(capsys: Capture) -> None:
    assert main([]) == 0
    assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["version"], ["--version"]])
def test_it_says_its_version(words: list[str], capsys: Capture) -> None:
    try:
        assert main(words) == 0
    except SystemExit as ended:
        assert ended.code == 0
    assert capsys.readouterr().out == f"edge-runtime {__version__}\n"


def test_the_version_comes_as_json_too(capsys: Capture) -> None:
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == __version__


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["vrsion"], "there is no verb vrsion", "did you mean: edge-runtime version"),
        (["xyzzy"], "there is no verb xyzzy", "run: edge-runtime --help"),
        (["--jsn"], "unrecognized arguments: --jsn", "run: edge-runtime --help"),
        (["version", "--jsn"], "unrecognized arguments: --jsn", "run: edge-runtime --help"),
        (["config"], "the following arguments are required: ACTION", "run: edge-runtime config --help"),
        (["config", "show", "--set", "speak.quiet"], "--set speak.quiet has no value", "run: edge-runtime config show --help"),
        (["config", "show", "--set", "speak.quite=1"], "unknown setting speak.quite (flag)", "did you mean speak.quiet?"),
        (["config", "show", "--config", "no.toml"], "there is no settings file no.toml", "check the path after --config"),
        (["models", "prepare", "poket"], "no bundle poket can be prepared", "did you mean: edge-runtime models prepare pocket"),
        (["models", "prepare", "llama"], "no bundle llama can be prepared", "run: edge-runtime models list"),
        (["models", "prepare"], "the following arguments are required: NAME", "run: edge-runtime models prepare --help"),
    ],
)
def test_a_wrong_call_gets_one_line_and_a_hint(words: list[str], message: str, hint: str, capsys: Capture) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()[-2:]
    assert first.startswith(f"edge-runtime: {message}")
    assert second.startswith(f"hint: {hint}")
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_the_trace_is_shown_on_request_wherever_the_word_stands(capsys: Capture) -> None:
    for words in (["--debug", "config", "show", "--set", "a.b=1"], ["config", "show", "--set", "a.b=1", "--debug"]):
        assert main(words) == 2
        printed = capsys.readouterr().err
        assert printed.startswith("Traceback")
        assert printed.splitlines()[-2].startswith("edge-runtime: unknown setting a.b")


def test_what_config_show_prints_is_a_settings_file(capsys: Capture, tmp_path: Path) -> None:
    assert main(["config", "show", "--set", "speak.cooldown_ns=3s", "--set", "models.bundle=other"]) == 0
    file = tmp_path / "kept.toml"
    file.write_text(capsys.readouterr().out)
    kept = load(env={}, path=file).config
    assert (kept.speak.cooldown_ns, kept.models.bundle) == (3_000_000_000, "other")
    assert kept.remember == Config().remember


def test_config_show_says_where_values_come_from(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_RUNTIME_CAPTURE_OFFERED_HZ", "5")
    assert main(["config", "show", "--origin", "--set", "speak.cooldown_ns=3s"]) == 0
    lines = {line.split(" = ")[0]: line for line in capsys.readouterr().out.splitlines() if " = " in line}
    assert lines["cooldown_ns"].endswith("# * 3 s: between unasked sentences [flag]")
    assert lines["offered_hz"].endswith("# frames offered a second [env EDGE_RUNTIME_CAPTURE_OFFERED_HZ]")
    assert lines["quiet"].endswith("[default]")
    assert len(lines) == len(keys())
    assert {name for name, line in lines.items() if "# * " in line} == {key.leaf for key in keys().values() if key.reloadable}


def test_config_show_as_json_holds_every_setting(capsys: Capture) -> None:
    assert main(["config", "show", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert list(table) == list(keys())
    assert table["models.threads"] == {
        "value": 2,
        "origin": "default",
        "takes": "a whole number, >= 1",
        "reloadable": False,
        "meaning": "threads of one inference",
    }


def test_models_list_says_how_to_get_what_is_not_there(capsys: Capture) -> None:
    assert main(["models", "list"]) == 0
    assert "run: edge-runtime models prepare pocket" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["prepared"]) for row in listed["bundles"]] == [("pocket", False), ("smollm2", False)]
    assert listed["checkpoints"] == []


@pytest.mark.weights
def test_models_list_shows_what_is_prepared(capsys: Capture, pocket_cache: Path) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["bundles"]}
    assert rows["pocket"]["prepared"]
    assert all(file["licence"] and file["sha256"] for file in rows["pocket"]["files"])


def test_doctor_finds_a_healthy_machine_without_weights_and_leaves_no_trace(isolated: Path) -> None:
    # A process of its own, outside CI: libraries that keep files of their own do so at their first import, and not in CI.
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    done = subprocess.run([sys.executable, "-m", "apps.main", "doctor", "--json"], cwd=ROOT, env=env, capture_output=True, check=True)
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert findings["numpy"]["state"] == "ok"
    assert findings["bundle pocket"]["state"] == "missing"
    assert findings["bundle pocket"]["hint"] == "run: edge-runtime models prepare pocket"
    assert findings["cache folder"]["state"] in ("ok", "note")
    assert all(finding["hint"] for finding in findings.values() if finding["state"] == "missing")
    assert list(isolated.rglob("*")) == []


def test_doctor_prints_a_line_each(capsys: Capture) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.split()[0] in ("ok", "note", "missing") for line in lines)


@pytest.mark.weights
def test_doctor_checks_the_prepared_bundle(capsys: Capture, pocket_cache: Path) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["bundle pocket"]["state"] == "ok"


def test_doctor_reports_a_broken_bundle_and_ends_with_4(capsys: Capture, isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_RUNTIME_CACHE", str(isolated))
    manifest = isolated / "bundles" / "pocket" / "bundle.toml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("format = 'x'\n")
    assert main(["doctor"]) == 4
    assert "broken   bundles" in capsys.readouterr().out


def test_doctor_reports_a_cache_that_cannot_be_written_and_ends_with_5(
    capsys: Capture, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = isolated / "a file"
    file.touch()
    monkeypatch.setenv("EDGE_RUNTIME_CACHE", str(file / "cache"))
    assert main(["doctor"]) == 5
    assert "set EDGE_RUNTIME_CACHE to a folder that can be written" in capsys.readouterr().out


def test_doctor_reports_settings_that_do_not_fit_and_ends_with_2(capsys: Capture) -> None:
    assert main(["doctor", "--set", "models.threads=0"]) == 2
    assert "broken   settings" in capsys.readouterr().out


def test_an_unusable_input_ends_with_3(capsys: Capture, tmp_path: Path) -> None:
    assert main(["replay", str(tmp_path / "missing.mp4"), "--out", str(tmp_path / "out")]) == 3
    message, hint = capsys.readouterr().err.splitlines()[-2:]
    assert "missing.mp4" in message
    assert hint.startswith("hint: ")


def test_settings_reach_the_replay(capsys: Capture, tmp_path: Path) -> None:
    assert main(["replay", str(tmp_path / "missing.mp4"), "--set", "capture.offered_hz=0"]) == 2
    assert "capture.offered_hz = 0 (flag) is out of range" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "apps.main", "config", "show"]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, cwd=ROOT, check=False)  # noqa: S603
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")
