"""The board watch: what it makes of readings, when it tells the run, and that it is a thread like any other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from devices.boards import BoardWatch, Tree, read_board, strain_of
from devices.boards.heat import Throttling
from edge_runtime.config import S
from edge_runtime.protocol import BoardChanged
from edge_runtime.records import Dropped
from tests import fake_board


class Second:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.t_ns = 0

    def __call__(self) -> int:
        return self.t_ns


def warm_to(root: Path, celsius: float) -> None:
    fake_board.write(root, fake_board.zone(0, "cpu-thermal", celsius, 99.0))


def test_the_run_is_told_of_heat_at_once_and_of_relief_after_ten_seconds(tmp_path: Path) -> None:
    told: list[BoardChanged] = []
    clock = Second()
    watch = BoardWatch(told.append, root=fake_board.orin_nano(tmp_path), now_ns=clock)
    for second in range(60):
        clock.t_ns = second * S
        warm_to(tmp_path, {5: 90.0, 6: 97.0}.get(second, 48.5))
        watch.look()
    assert [(event.power, event.temperature_c) for event in told] == [("reduced", 90.0), ("low", 97.0), ("reduced", 48.5), ("full", 48.5)]


def test_a_board_that_stays_as_it_is_is_not_told_again(tmp_path: Path) -> None:
    told: list[BoardChanged] = []
    clock = Second()
    watch = BoardWatch(told.append, root=fake_board.orin_nano(tmp_path, celsius=91.0), now_ns=clock)
    for clock.t_ns in range(0, 30 * S, S):
        watch.look()
    assert [event.power for event in told] == ["reduced"]


def test_a_machine_without_sensors_is_never_called_hot(tmp_path: Path) -> None:
    told: list[BoardChanged] = []
    watch = BoardWatch(told.append, root=tmp_path, now_ns=Second())
    watch.look()
    assert told == []
    assert watch.readings is not None and watch.readings.zones.value == ()


def test_what_the_watch_cannot_read_is_counted(tmp_path: Path) -> None:
    fake_board.write(fake_board.orin_nano(tmp_path), {"sys/class/thermal/thermal_zone0/temp": "warm"})
    watch = BoardWatch(lambda event: None, root=tmp_path, now_ns=Second())
    watch.look()
    watch.look()
    assert watch.dropped() == (Dropped("board_file", "garbage", 2),)


@pytest.mark.parametrize(
    ("before", "slowed"),
    [(None, False), (Throttling((), 15), False), (Throttling((), 14), True), (Throttling((), None), False)],
    ids=["the first look", "as many as before", "one more", "nobody counted"],
)
def test_events_since_the_last_look_are_news_and_older_ones_are_not(tmp_path: Path, before: Throttling | None, slowed: bool) -> None:
    readings = read_board(Tree(fake_board.orin_nano(tmp_path)), lambda: 0)
    assert strain_of(readings, before).slowed is slowed


@pytest.mark.parametrize(
    "file",
    ["sys/class/thermal/cooling_device1/cur_state", "sys/class/hwmon/hwmon0/curr2_crit_alarm", "sys/class/hwmon/hwmon0/curr1_max_alarm"],
)
def test_a_brake_or_an_alarm_slows_the_board(tmp_path: Path, file: str) -> None:
    fake_board.write(fake_board.orin_nano(tmp_path), {file: 1})
    assert strain_of(read_board(Tree(tmp_path), lambda: 0), None).slowed is True


def test_the_strain_is_that_of_the_hottest_zone_and_of_the_one_nearest_its_limit(tmp_path: Path) -> None:
    fake_board.write(fake_board.orin_nano(tmp_path, celsius=80.0), fake_board.zone(3, "surface", 60.0, 65.0))
    strain = strain_of(read_board(Tree(tmp_path), lambda: 0), None)
    assert (strain.hottest_c, strain.margin_c) == (80.0, 5.0)


def test_it_looks_once_a_second_until_it_is_left(tmp_path: Path) -> None:
    waits: list[float] = []
    enough = threading.Event()

    def wait(ended: threading.Event, seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 3:
            enough.set()
            return ended.wait()
        return False

    with BoardWatch(lambda event: None, root=fake_board.orin_nano(tmp_path), wait=wait) as watch:
        assert enough.wait(10)
    assert waits == [1.0, 1.0, 1.0]
    assert watch.readings is not None
