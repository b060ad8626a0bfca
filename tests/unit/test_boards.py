"""What a machine's own files say of it, and what becomes of files that are missing, unreadable or full of rubbish."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from apps.doctor_board import board
from devices.boards import Tree, identify, read_board, total_mw
from devices.boards.heat import Fan, Zone, read_fans, read_throttling, read_zones
from devices.boards.power import PowerMode, Rail, read_power_mode, read_rails
from edge_runtime.records import Dropped
from tests import fake_board


@pytest.mark.parametrize(
    ("build", "profile", "cpu", "gpu", "l4t"),
    [
        (fake_board.orin_nano, "orin-nano", "Cortex-A78AE", "nvidia,ga10b", "36.4.3"),
        (fake_board.orin_nx, "orin-nx", "Cortex-A78AE", "nvidia,ga10b", "36.4.3"),
        (fake_board.agx_orin, "agx-orin", "Cortex-A78AE", "nvidia,ga10b", "36.4.3"),
        (fake_board.thor, "thor", "Neoverse-V3AE", "gpu-gpc-0", "38.2.1"),
        (fake_board.pc, "pc", "Some Processor @ 2 GHz", "NVIDIA RTX A1000", None),
    ],
)
def test_a_board_is_known_by_its_own_files(
    tmp_path: Path, build: Callable[[Path], Path], profile: str, cpu: str, gpu: str, l4t: str | None
) -> None:
    tree = Tree(build(tmp_path))
    found = identify(tree)
    assert (found.profile, found.cpu, found.gpu, found.l4t) == (profile, cpu, gpu, l4t)
    assert found.model and found.cores in (6, 8) and found.ram_bytes
    assert tree.dropped() == ()


def test_of_an_empty_machine_nothing_is_known_and_nothing_guessed(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    found = identify(tree)
    assert (found.model, found.profile, found.l4t, found.jetpack, found.cpu, found.cores, found.ram_bytes, found.gpu) == (None,) * 8
    readings = read_board(tree, lambda: 0)
    assert readings.power_mode.value is None and readings.throttling.value is None
    assert not (readings.zones.value or readings.rails.value or readings.fans.value)
    assert tree.dropped() == ()


def test_a_module_without_a_profile_is_not_taken_for_its_sister(tmp_path: Path) -> None:
    fake_board.write(
        tmp_path, {"proc/device-tree/compatible": "nvidia,p3767-0004\x00nvidia,tegra234\x00", "proc/cpuinfo": fake_board.ORIN_CPU}
    )
    found = identify(Tree(tmp_path))
    assert found.compatible == ("nvidia,p3767-0004", "nvidia,tegra234")
    assert found.profile is None


def test_a_processor_without_a_known_name_is_called_by_its_numbers(tmp_path: Path) -> None:
    fake_board.write(tmp_path, {"proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x51\nCPU part\t: 0x801"})
    assert identify(Tree(tmp_path)).cpu == "implementer 0x51, part 0x801"


def test_jetpack_is_what_is_installed_and_not_what_the_release_usually_comes_with(tmp_path: Path) -> None:
    assert identify(Tree(fake_board.orin_nano(tmp_path / "nano"))).jetpack == "6.2+b77"
    assert identify(Tree(fake_board.orin_nx(tmp_path / "nx"))).jetpack is None


def test_the_power_mode_has_its_name_where_the_board_lists_it(tmp_path: Path) -> None:
    offered = ("15W", "25W", "MAXN_SUPER")
    assert read_power_mode(Tree(fake_board.orin_nano(tmp_path / "nano"))) == PowerMode(2, "MAXN_SUPER", offered)
    assert read_power_mode(Tree(fake_board.orin_nx(tmp_path / "nx"))) == PowerMode(7, None, offered)
    assert read_power_mode(Tree(fake_board.pc(tmp_path / "pc"))) == PowerMode(None, "balanced")


def test_rails_are_in_milliwatts_and_channels_that_carry_nothing_are_left_out(tmp_path: Path) -> None:
    rails = read_rails(Tree(fake_board.orin_nano(tmp_path / "nano")))
    assert rails == (Rail("VDD_IN", 9250, alarm=False), Rail("VDD_CPU_GPU_CV", 2990, alarm=False))
    assert total_mw(rails) == 9250
    assert read_rails(Tree(fake_board.thor(tmp_path / "thor"))) == (Rail("input", 31250),)


def test_where_no_rail_carries_all_the_total_is_not_known(tmp_path: Path) -> None:
    rails = read_rails(Tree(fake_board.agx_orin(tmp_path)))
    assert [(rail.name, rail.power_mw) for rail in rails] == [("VDD_GPU_SOC", 3800), ("VDD_CPU_CV", 1900), ("VIN_SYS_5V0", 4500)]
    assert total_mw(rails) is None


def test_a_rail_beyond_its_limit_says_so(tmp_path: Path) -> None:
    fake_board.write(fake_board.orin_nano(tmp_path), {"sys/class/hwmon/hwmon0/curr1_crit_alarm": 1})
    assert [rail.alarm for rail in read_rails(Tree(tmp_path))] == [True, False]


def test_zones_have_names_and_where_the_board_slows_itself(tmp_path: Path) -> None:
    assert read_zones(Tree(fake_board.orin_nano(tmp_path / "nano"))) == (Zone("cpu-thermal", 48.5, 99.0), Zone("gpu-thermal", 46.5, 99.0))
    assert read_zones(Tree(fake_board.pc(tmp_path / "pc"))) == (Zone("Package id 0", 61.0),)


def test_fans_have_a_drive_a_speed_or_both(tmp_path: Path) -> None:
    assert read_fans(Tree(fake_board.orin_nano(tmp_path / "nano"))) == (Fan(0.2, None), Fan(None, 2140))
    assert read_fans(Tree(fake_board.pc(tmp_path / "pc"))) == (Fan(None, 3200),)


def test_only_what_slows_the_board_is_throttling(tmp_path: Path) -> None:
    nano = read_throttling(Tree(fake_board.orin_nano(tmp_path / "nano")))
    assert nano is not None and (nano.active, nano.events) == ((), 15)
    pc = read_throttling(Tree(fake_board.pc(tmp_path / "pc")))
    assert pc is not None and (pc.active, pc.events) == ((), 4)
    fake_board.write(tmp_path / "nano", {"sys/class/thermal/cooling_device1/cur_state": 1})
    slowed = read_throttling(Tree(tmp_path / "nano"))
    assert slowed is not None and slowed.active == ("cpu-throttle-alert",)


@pytest.mark.parametrize("rubbish", ["", "warm", "12.5", "999000", "-60000", "\u00b5"], ids=repr)
def test_a_zone_full_of_rubbish_is_counted_and_costs_only_itself(tmp_path: Path, rubbish: str) -> None:
    tree = Tree(fake_board.write(fake_board.orin_nano(tmp_path), {"sys/class/thermal/thermal_zone0/temp": rubbish}))
    assert [zone.name for zone in read_zones(tree)] == ["gpu-thermal"]
    assert tree.dropped() == (Dropped("board_file", "garbage", 1),)


def test_files_that_cannot_be_read_or_are_no_text_are_counted_and_cost_only_themselves(tmp_path: Path) -> None:
    fake_board.orin_nano(tmp_path)
    sensor = tmp_path / "sys/class/thermal/thermal_zone0/temp"
    sensor.unlink()
    sensor.mkdir()  # reading a folder fails for any user, as reading the sensor of a part that is switched off does
    (tmp_path / "proc/device-tree/model").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "etc/nv_tegra_release").write_text("no release")
    (tmp_path / "var/lib/nvpmodel/status").write_text("pmode:")
    (tmp_path / "sys/class/hwmon/hwmon1/pwm1").write_text("300")
    tree = Tree(tmp_path)
    found, readings = identify(tree), read_board(tree, lambda: 0)
    assert (found.profile, found.model, found.l4t) == ("orin-nano", None, None)
    assert readings.power_mode.value is None
    assert [zone.name for zone in readings.zones.value] == ["gpu-thermal"]
    assert readings.fans.value == (Fan(None, 2140),)
    assert tree.dropped() == (Dropped("board_file", "garbage", 4), Dropped("board_file", "unreadable", 1))


def test_doctor_says_what_is_known_with_its_age_and_what_is_not(tmp_path: Path) -> None:
    clock = count(0, 1_000_000)
    said = {name: (known, detail) for known, name, detail in board(fake_board.orin_nano(tmp_path), lambda: next(clock))}
    assert said["board profile"] == (True, "orin-nano, Jetson Orin Nano 8 GB")
    assert said["processor"] == (True, "Cortex-A78AE, 6 cores")
    assert said["Jetson Linux"] == (True, "36.4.3, JetPack 6.2+b77")
    assert said["power mode"] == (True, "MAXN_SUPER (also 15W, 25W), 5.0 ms old")
    assert said["temperature"] == (True, "cpu-thermal 48.5 °C, gpu-thermal 46.5 °C, 4.0 ms old")
    assert said["power"] == (True, "VDD_IN 9250 mW, VDD_CPU_GPU_CV 2990 mW, 3.0 ms old")
    assert said["fan"] == (True, "20% of full drive, 2140 turns a minute, 2.0 ms old")
    assert said["throttling"] == (True, "not slowed, 15 times since it was switched on, 1.0 ms old")


def test_doctor_says_of_an_empty_machine_that_nothing_is_known(tmp_path: Path) -> None:
    said = list(board(tmp_path, lambda: 0))
    assert [name for known, name, _ in said if known] == []
    assert {detail for _, name, detail in said if name != "board profile"} == {"not known: this machine does not say"}


def test_doctor_counts_files_of_no_use(tmp_path: Path) -> None:
    fake_board.write(fake_board.orin_nano(tmp_path), {"sys/class/thermal/thermal_zone0/temp": "warm"})
    assert (False, "board files", "1 garbage: what they would say is left out") in list(board(tmp_path, lambda: 0))
