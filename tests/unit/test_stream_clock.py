"""Stream time goes on over restarts: exactly within one boot, by the wall clock over another, and never back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.config import S
from edge_runtime.errors import DeviceError
from edge_runtime.hosts.stream_clock import CLOCK_NAME, Kept, StreamClock, go_on, read_boot_id

NOON_NS = 1_800_000_000 * S
"""Some day in 2027, Unix time."""


class Machine:
    """A machine whose clocks a test turns."""

    def __init__(self) -> None:
        self.monotonic_ns, self.wall_ns, self.boot_id = 50 * S, NOON_NS, "first boot"

    def pass_time(self, seconds: float) -> None:
        self.monotonic_ns += round(seconds * S)
        self.wall_ns += round(seconds * S)

    def boot(self, *, off_s: float, wall_s: float | None = None) -> None:
        """Be off for a while; the wall clock says ``wall_s`` of it, or all."""
        self.boot_id += "'"
        self.monotonic_ns = 20 * S
        self.wall_ns += round((off_s if wall_s is None else wall_s) * S)

    def clock(self, folder: Path, at_least_ns: int = -1) -> StreamClock:
        return StreamClock(
            folder,
            at_least_ns=at_least_ns,
            monotonic_ns=lambda: self.monotonic_ns,
            wall_ns=lambda: self.wall_ns,
            boot_id=lambda: self.boot_id,
        )


def kept_after(folder: Path, seconds: float) -> Machine:
    """A machine on which a run has kept its clock when it was so old."""
    machine = Machine()
    clock = machine.clock(folder)
    machine.pass_time(seconds)
    clock.keep()
    return machine


def test_a_first_run_begins_at_zero(tmp_path: Path) -> None:
    clock = Machine().clock(tmp_path)
    assert (clock.now_ns(), clock.known, clock.note) == (0, "first", "")


def test_within_one_boot_the_origin_stays_and_the_pause_is_measured(tmp_path: Path) -> None:
    machine = kept_after(tmp_path, 60)
    machine.pass_time(5)
    machine.wall_ns = 0  # whatever befalls the wall clock
    clock = machine.clock(tmp_path)
    assert (clock.origin_ns, clock.now_ns(), clock.known) == (50 * S, 65 * S, "measured")
    assert clock.note == "The run paused for about 5 s, as measured."


def test_over_another_boot_the_wall_clock_tells_how_long_the_pause_was_and_that_is_said(tmp_path: Path) -> None:
    machine = kept_after(tmp_path, 60)
    machine.boot(off_s=600)
    clock = machine.clock(tmp_path)
    assert (clock.now_ns(), clock.known) == (660 * S, "wall clock")
    assert clock.note == "The run paused for about 600 s by the machine's clock."
    machine.pass_time(1)
    assert clock.now_ns() == 661 * S


def test_a_wall_clock_that_was_set_back_counts_for_nothing_and_that_is_said(tmp_path: Path) -> None:
    machine = kept_after(tmp_path, 60)
    machine.boot(off_s=600, wall_s=-3600)
    clock = machine.clock(tmp_path)
    assert (clock.now_ns(), clock.known) == (60 * S, "not known")
    assert "for how long is not known" in clock.note


def test_a_wall_clock_that_was_never_set_does_not_tell_of_a_pause_of_decades(tmp_path: Path) -> None:
    machine = Machine()
    machine.wall_ns = 0
    machine.clock(tmp_path).keep()
    machine.boot(off_s=600, wall_s=NOON_NS / S)
    assert machine.clock(tmp_path).known == "not known"


def test_what_the_journal_tells_of_is_never_in_the_future(tmp_path: Path) -> None:
    machine = kept_after(tmp_path, 60)
    machine.boot(off_s=10)
    assert machine.clock(tmp_path, at_least_ns=100 * S).now_ns() == 100 * S
    assert machine.clock(tmp_path, at_least_ns=65 * S).now_ns() == 70 * S


@pytest.mark.parametrize("damage", [b"", b'{"boot_id":"first boot","ori', b"\xff\x00", b'{"boot_id":1}', b"[]"])
def test_a_file_that_is_torn_is_as_none_and_the_journal_tells_where_to_go_on(tmp_path: Path, damage: bytes) -> None:
    machine = kept_after(tmp_path, 60)
    (tmp_path / CLOCK_NAME).write_bytes(damage)
    clock = machine.clock(tmp_path, at_least_ns=58 * S)
    assert (clock.now_ns(), clock.known) == (58 * S, "not known")
    assert machine.clock(tmp_path).now_ns() == 0


def test_a_machine_that_does_not_tell_its_boots_apart_goes_by_the_wall_clock(tmp_path: Path) -> None:
    machine = Machine()
    machine.boot_id = ""
    machine.clock(tmp_path).keep()
    machine.pass_time(7)
    clock = machine.clock(tmp_path)
    assert (clock.now_ns(), clock.known) == (7 * S, "wall clock")
    assert read_boot_id(tmp_path / "no such file") == ""


def test_keeping_it_leaves_one_whole_file(tmp_path: Path) -> None:
    machine = kept_after(tmp_path / "state", 60)
    assert [path.name for path in (tmp_path / "state").iterdir()] == [CLOCK_NAME]
    kept = msgspec.json.decode((tmp_path / "state" / CLOCK_NAME).read_bytes(), type=Kept)
    assert kept == Kept("first boot", 50 * S, 60 * S, NOON_NS + 60 * S)
    assert machine.boot_id == kept.boot_id


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"a file where the folder should be")
    with pytest.raises(DeviceError, match="cannot be written") as caught:
        Machine().clock(tmp_path / "state").keep()
    assert caught.value.hint


@given(
    st.builds(Kept, st.sampled_from(["", "a", "b"]), st.integers(-(10**18), 10**18), st.integers(0, 10**18), st.integers(0, 2 * 10**18)),
    st.sampled_from(["", "a", "b"]),
    st.integers(0, 10**18),
    st.integers(0, 2 * 10**18),
    st.integers(-1, 10**18),
)
def test_stream_time_never_goes_back(kept: Kept, boot_id: str, monotonic_ns: int, wall_ns: int, at_least_ns: int) -> None:
    start = go_on(kept, boot_id=boot_id, monotonic_ns=monotonic_ns, wall_ns=wall_ns, at_least_ns=at_least_ns)
    assert monotonic_ns - start.origin_ns >= max(kept.stream_ns, at_least_ns)
