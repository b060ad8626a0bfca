"""What a report says of the machine: what its files say, the worst between two looks, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.field.machine import Watch, machine_of
from apps.field.report import Clock, State
from apps.field.software import providers, versions
from devices.boards import Tree
from edge_runtime import __version__
from tests import fake_board

CLOCKS: dict[str, str | int] = {
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": 1510400,
    "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": 1728000,
    "sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": 1344000,
    "sys/class/devfreq/17000000.gpu/cur_freq": 612000000,
    "sys/class/devfreq/17000000.gpu/max_freq": 1020000000,
}


def state(root: Path) -> State:
    return Watch(root, lambda: 0).state()


def test_a_board_is_written_down_as_it_describes_itself(tmp_path: Path) -> None:
    machine = machine_of(Tree(fake_board.orin_nano(tmp_path)))
    assert (machine.profile, machine.cpu, machine.cores, machine.memory_gib) == ("orin-nano", "Cortex-A78AE", 6, 7.4)
    assert (machine.l4t, machine.jetpack, machine.gpu) == ("36.4.3", "6.2+b77", "nvidia,ga10b")


def test_so_is_how_it_stands(tmp_path: Path) -> None:
    found = state(fake_board.write(fake_board.orin_nano(tmp_path), {**CLOCKS, "proc/loadavg": "2.25 1.10 0.50 1/200 4711"}))
    assert found == State(
        power_mode="MAXN_SUPER",
        temperatures_c={"cpu-thermal": 48.5, "gpu-thermal": 46.5},
        clocks={"cpu 0": Clock(1510.4, 1728.0), "cpu 4": Clock(1344.0, None), "gpu": Clock(612.0, 1020.0)},
        power_mw=9250,
        load=2.25,
    )


def test_a_power_mode_without_a_name_is_called_by_its_number(tmp_path: Path) -> None:
    assert state(fake_board.orin_nx(tmp_path)).power_mode == "number 7"


def test_a_virtual_machine_has_the_clock_of_its_description(tmp_path: Path) -> None:
    root = fake_board.write(tmp_path, {"proc/cpuinfo": "processor : 0\ncpu MHz : 2596.098"})
    assert state(root).clocks == {"cpu": Clock(2596.1, None)}


def test_where_a_machine_says_nothing_nothing_is_known(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    assert watch.state() == State(power_mode=None, temperatures_c={}, clocks={}, power_mw=None, load=None)
    assert (watch.hottest_c, watch.slowed) == (None, None)
    assert machine_of(watch.tree).profile is None


def test_the_hottest_moment_is_remembered(tmp_path: Path) -> None:
    watch = Watch(fake_board.orin_nano(tmp_path))
    for celsius in (50.0, 71.5, 60.0):
        fake_board.write(tmp_path, fake_board.zone(0, "cpu-thermal", celsius, 99.0))
        watch.look()
    assert watch.hottest_c == 71.5
    assert watch.slowed is False


@pytest.mark.parametrize(
    "files",
    [
        {"sys/class/thermal/cooling_device1/cur_state": 1},
        {"sys/class/hwmon/hwmon3/oc1_event_cnt": 1},
        {"sys/class/hwmon/hwmon0/curr1_crit_alarm": 1},
    ],
    ids=["slowed now", "slowed since the last look", "supply over its limit"],
)
def test_a_machine_that_was_slowed_once_was_slowed(tmp_path: Path, files: dict[str, str | int]) -> None:
    watch = Watch(fake_board.orin_nano(tmp_path))
    watch.look()
    fake_board.write(tmp_path, files)
    watch.look()
    fake_board.write(tmp_path, {name: 0 for name in files if "event" not in name})
    watch.look()
    assert watch.slowed is True


def test_versions_are_those_of_what_is_imported() -> None:
    found = versions()
    assert found["edge-runtime"] == __version__
    assert found["numpy"] and found["opencv"] and found["pyzmq"]


def test_a_provider_runs_only_if_it_carries_out_a_network_by_itself() -> None:
    found = providers()
    assert found["CPUExecutionProvider"]
    assert not found.get("AzureExecutionProvider", False), "it is offered everywhere and carries out nothing"
