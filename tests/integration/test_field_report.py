"""``edge-runtime field-report``: one run on a machine of files, with real sockets and a real disk; and what becomes of its files."""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest

from apps import field_report
from apps.field import looks
from apps.field.measuring import measure
from apps.field.merging import merged, table
from apps.field.page import render
from apps.field.report import WORDS, Report, from_json, to_json
from apps.main import build_parser
from edge_runtime.boards import read_boards
from edge_runtime.config import Config
from edge_runtime.errors import DeviceError, EdgeError, InputError, UsageError
from edge_runtime.models.bundle import load_bundle
from tests import fake_board
from tests.field_sample import report
from tests.integration.test_replay_as import run as play_as

Capture = pytest.CaptureFixture[str]
PRIVATE: dict[str, str | int] = {
    "etc/hostname": "somebodys-host",
    "etc/machine-id": "0123456789abcdef0123456789abcdef",
    "proc/device-tree/serial-number": "1424021000042",
    "proc/sys/kernel/hostname": "somebodys-host",
    "proc/version": "Linux version 5.15 (somebody@somebodys-host)",
    "proc/cmdline": "root=UUID=8c0f-11 androidboot.serialno=1424021000042",
    "sys/class/dmi/id/product_serial": "1424021000042",
    "sys/class/dmi/id/product_uuid": "8c0f4a52-0000-1111-2222-333344445555",
    "sys/class/net/eth0/address": "48:b0:2d:aa:bb:cc",
    "etc/nv_boot_control.conf": "TNSPEC 3767-300-0005 48:b0:2d:aa:bb:cc",
}
TELLTALE = re.compile(r"somebody|1424021000042|0123456789abcdef|8c0f|48:b0:2d|(\d+\.){3}\d+(?!\d|\.)|/(home|tmp|root|work|etc|proc|sys)/")


def call(*arguments: str | Path) -> int:
    """Run the verb."""
    return field_report.run(build_parser(["field_report"]).parse_args(["field-report", *map(str, arguments)]))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[[Report | BaseException], None]:
    """What measuring comes to, from now on."""

    def come_to(outcome: Report | BaseException) -> None:
        def pretended(*_: object, **__: object) -> Report:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(field_report, "measure", pretended)

    return come_to


def test_a_run_measures_what_is_there_says_what_is_not_and_tells_nothing_of_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "somebodys-host")
    for name in ("USER", "LOGNAME", "HOSTNAME"):
        monkeypatch.setenv(name, "somebody")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebodys-state"))
    root = fake_board.write(fake_board.orin_nano(tmp_path / "somebodys-board"), {**PRIVATE, "proc/loadavg": "0.50 0.10 0.10 1/200 4711"})
    said: list[str] = []
    found = measure(Config(), quick=True, today=date(2025, 3, 9), say=said.append, root=root)
    assert found.left_out == {
        **dict.fromkeys(("encode", "name", "read", "thumb"), "the models are not prepared"),
        **dict.fromkeys(("tower", "prefill", "generate"), "no bundle with a language model is named"),
        "gaze_compiled": "compiling it may take too long for --quick",
    }
    assert found.costs.keys() == WORDS.keys() - found.left_out.keys()
    assert all(cost.n >= 10 and cost.median_us > 0 and cost.cpu_us > 0 for cost in found.costs.values())
    assert (found.machine.profile, found.before.power_mode, found.slowed, found.hottest_c) == ("orin-nano", "MAXN_SUPER", False, 48.5)
    assert "no model bundle called pocket; looks are left out (run: edge-runtime models prepare pocket)" in said
    assert from_json(to_json(found)) == found
    for written in (to_json(found).decode(), re.sub(r"<style>.*?</style>", "", render(found), flags=re.DOTALL)):
        assert (mark := TELLTALE.search(re.sub(r"\b[0-9a-f]{64}\b|</", "", written))) is None, mark


@pytest.mark.weights
@pytest.mark.slow
def test_on_this_machine_everything_that_can_be_is_measured_and_written(tmp_path: Path, pocket_cache: Path, capsys: Capture) -> None:
    assert call("--quick", "--out", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [field_report.PAGE_NAME, field_report.JSON_NAME]
    written = (tmp_path / "out" / field_report.JSON_NAME).read_text()
    found = from_json(written.encode())
    assert found.left_out.keys() == {"tower", "prefill", "generate", "gaze_compiled"}
    assert found.software.bundle == load_bundle("pocket").capabilities.bundle
    assert "append a row to the log" in capsys.readouterr().out
    said = written + re.sub(r"<style>.*?</style>", "", (tmp_path / "out" / field_report.PAGE_NAME).read_text(), flags=re.DOTALL)
    for secret in (socket.gethostname(), getpass.getuser(), str(tmp_path), str(Path.home()), str(pocket_cache)):
        assert not re.search(rf"\b{re.escape(secret)}\b", said), secret


@pytest.mark.weights
def test_what_is_timed_as_reading_reads_both_lines_of_the_sign(pocket_cache: Path) -> None:
    with contextlib.closing(looks.jobs(load_bundle("pocket"), threads=1)) as jobs:
        read = next(call for job in jobs if job.name == "read" for call in job.calls)
        regions = read()
        assert isinstance(regions, tuple)
        assert [line.text for line in regions[0].lines] == ["ROOM 204", "QUIET PLEASE"]


def test_a_merged_report_is_played_as(tmp_path: Path) -> None:
    """From the file that was sent to a replay that answers as late as the board did."""
    costs = {**report().costs, "encode": msgspec.structs.replace(report().costs["encode"], median_us=700_000.0, p95_us=800_000.0)}
    sent = report(costs=costs)
    profile = read_boards(table(merged(from_json(to_json(sent)))))["orin-nano"]
    _, log = play_as(tmp_path / "run", profile)
    look, asked_ns = log.asked[log.looked[0].answers]
    assert "vector" in look.regions[0].want
    assert log.looked[0].t_ns - asked_ns >= 700_000_000


def test_merge_prints_a_table_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sent.json").write_bytes(to_json(report()))
    assert call("--merge", "sent.json") == 0
    assert read_boards(capsys.readouterr().out)["orin-nano"].stages["encode"].kind == "measured"
    assert [path.name for path in tmp_path.iterdir()] == ["sent.json"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["--merge", "absent.json"], InputError, "absent.json cannot be read"),
        (["--merge", "large.json"], InputError, "too large"),
        (["--merge", "page.html"], InputError, "no field report"),
        (["--as", "thor"], UsageError, "--as is for --merge"),
    ],
)
def test_what_cannot_be_merged_is_refused_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], kind: type[EdgeError], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large.json").write_bytes(b" " * (2**20 + 1))
    (tmp_path / "page.html").write_text(render(report()))
    with pytest.raises(kind, match=message) as refused:
        call(*arguments)
    assert refused.value.hint


def test_a_second_report_takes_the_place_of_the_first(tmp_path: Path, measured: Callable[[Report], None]) -> None:
    for found in (report(), report(date="2025-03-10")):
        measured(found)
        assert call("--out", tmp_path) == 0
        assert from_json((tmp_path / field_report.JSON_NAME).read_bytes()) == found
        assert found.sha256 in (tmp_path / field_report.PAGE_NAME).read_text()
    assert len(list(tmp_path.iterdir())) == 2


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, measured: Callable[[BaseException], None]
) -> None:
    measured(AssertionError("measured"))
    (tmp_path / "file").touch()
    with pytest.raises(DeviceError, match="cannot be written") as refused:
        call("--out", tmp_path / "file" / "out")
    assert "--out" in refused.value.hint


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, measured: Callable[[Report], None]) -> None:
    measured(report())
    call("--out", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / f"{field_report.PAGE_NAME}.part").symlink_to("/dev/full")
    measured(report(date="2025-03-10"))
    with pytest.raises(DeviceError, match="No space left"):
        call("--out", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_ctrl_c_leaves_nothing_half_written(
    tmp_path: Path, measured: Callable[[Report | BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        call("--out", tmp_path)
    assert not list(tmp_path.iterdir())

    def interrupted(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    measured(report())
    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call("--out", tmp_path)
    assert not list(tmp_path.iterdir())
