"""Measuring goes on where something cannot be measured, and says on the screen why; the report keeps no words of an error."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from apps.field import log, minute
from apps.field.machine import Watch
from apps.field.measuring import Group, measure_groups
from apps.field.report import Cost
from apps.field.timing import Effort, Job, Jobs
from edge_runtime.core import Core
from edge_runtime.errors import StoreError
from edge_runtime.protocol import Eye, FrameSeen, Gaze, Looked, SpeechEnded, Stored, Tick
from edge_runtime.types import Session

ONCE = Effort(least=1, most=1, seconds=0.0)


def measure(*groups: Group) -> tuple[dict[str, Cost], dict[str, str], list[str]]:
    said: list[str] = []
    costs, left_out = measure_groups(groups, ONCE, Watch(Path("/nowhere")), said.append)
    return costs, left_out, said


def works(*names: str) -> Jobs:
    for name in names:
        yield Job(name, itertools.repeat(int))


def breaks(error: Exception) -> Jobs:
    yield Job("append", itertools.repeat(int))
    raise error


def test_what_fails_is_left_out_and_the_rest_is_measured() -> None:
    lost = StoreError("/home/somebody/log.db: the disk is full", hint="free some disk")
    costs, left_out, said = measure(
        Group(("append", "search"), lambda: breaks(lost)),
        Group(("gaze",), lambda: breaks(OSError("/home/somebody"))),
        Group(("jpeg",), lambda: works("jpeg")),
    )
    assert costs.keys() == {"append", "jpeg"}
    assert left_out == {"search": "it failed: StoreError", "gaze": "it failed: OSError"}
    assert "/home/somebody/log.db: the disk is full (free some disk)" in said


def test_what_no_job_offers_is_left_out_with_the_reason_of_its_group() -> None:
    costs, left_out, said = measure(Group(("encode", "read"), lambda: works("encode"), "these models cannot do it", "this takes a while"))
    assert costs.keys() == {"encode"}
    assert left_out == {"read": "these models cannot do it"}
    assert said[0] == "this takes a while"


def test_a_group_lets_go_of_what_it_opened_when_it_is_stopped() -> None:
    let_go = []

    def stopped() -> None:
        raise KeyboardInterrupt

    def jobs() -> Jobs:
        try:
            yield Job("append", itertools.repeat(stopped))
        finally:
            let_go.append(True)

    with pytest.raises(KeyboardInterrupt):
        measure(Group(("append",), jobs))
    assert let_go


def test_the_answers_of_the_minute_fit_a_fresh_core() -> None:
    events, config = minute.played()
    core = Core(config, Session(minute.CAN))
    for event in events:
        core.feed(event)
    assert len(events) > 3000
    assert {type(event) for event in events} >= {FrameSeen, Gaze, Eye, Tick, Looked, Stored, SpeechEnded}
    assert not {"result:late", "event:clock", "look:deadline"} & core.dropped.keys()


def test_the_log_is_measured_on_the_disk_of_the_state_folder_and_leaves_nothing_there(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = isolated / "state"
    assert log.state_folder() == isolated, "as long as it is not there, the folder that it would be made in"
    state.mkdir()
    assert log.state_folder() == state
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    (isolated / ".local" / "state").mkdir(parents=True)
    assert log.state_folder() == isolated / ".local" / "state"
    costs, left_out, _ = measure(Group(("append", "search"), lambda: log.jobs(state)))
    assert costs.keys() == {"append", "search"} and not left_out
    assert not list(state.iterdir())


def test_a_state_folder_that_cannot_be_written_leaves_the_log_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _, left_out, said = measure(Group(("append", "search"), lambda: log.jobs(tmp_path / "file")))
    assert left_out == {"append": "it failed: DeviceError", "search": "it failed: DeviceError"}
    assert "set XDG_STATE_HOME" in said[0]
