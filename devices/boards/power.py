"""What a board may take and what it takes: power mode, and the rails that have a sensor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.boards.tree import Tree

_MODE = re.compile(r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>", re.MULTILINE)
_TOTAL_RAILS = ("VDD_IN",)
"""Rails that carry all that the module takes. AGX Orin has none: its sensors sit behind the input."""
_NOT_RAILS = ("", "NC", "sum of shunt voltages")
_CHANNEL = re.compile(r"in(\d+)_label$")


@dataclass(frozen=True, slots=True)
class PowerMode:
    """A power mode that is set.

    Attributes:
        number: As ``nvpmodel`` counts; ``None`` on a PC.
        name: ``None`` if the board's list of modes does not have the number.
        offered: Names of all modes in that list.
    """

    number: int | None
    name: str | None
    offered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rail:
    """One supply.

    Attributes:
        name: As the board labels it.
        power_mw: What it carries now.
        alarm: Whether its current is beyond the limit set in the sensor; ``None`` if the sensor does not say.
    """

    name: str
    power_mw: int
    alarm: bool | None = None


def read_power_mode(tree: Tree) -> PowerMode | None:
    """The power mode: of ``nvpmodel``'s own files, which need no rights, or the platform profile of a PC."""
    status = tree.text("var/lib/nvpmodel/status")
    if status is None:
        profile = tree.text("sys/firmware/acpi/platform_profile")
        return PowerMode(None, profile) if profile else None
    found = re.search(r"pmode:(\d+)", status)
    if found is None:
        tree.garbage()
        return None
    number = int(found[1])
    modes = {int(mode): name for mode, name in _MODE.findall(tree.text("etc/nvpmodel.conf") or "")}
    return PowerMode(number, modes.get(number), tuple(modes.values()))


def read_rails(tree: Tree) -> tuple[Rail, ...]:
    """All rails with an INA3221 (three each, voltage times current) or INA238 (the input of Thor's carrier board) on them."""
    rails: list[Rail] = []
    for path in tree.matching("sys/class/hwmon/hwmon*"):
        chip = tree.text(f"{path}/name")
        if chip == "ina3221":
            rails += _ina3221(tree, path)
        elif chip == "ina238":
            power_uw = tree.number(f"{path}/power1_input")
            if power_uw is not None:
                rails.append(Rail(tree.text(f"{path}/in1_label") or "input", round(power_uw / 1000)))
    return tuple(rails)


def total_mw(rails: tuple[Rail, ...]) -> int | None:
    """All that the module takes; ``None`` if no rail carries all of it: the sum of some would be a guess."""
    return next((rail.power_mw for rail in rails if rail.name in _TOTAL_RAILS), None)


def _ina3221(tree: Tree, path: str) -> list[Rail]:
    rails = []
    for label in tree.matching(f"{path}/in*_label"):
        name, channel = tree.text(label), _CHANNEL.search(label)
        if name is None or name in _NOT_RAILS or channel is None:
            continue
        voltage_mv, current_ma = tree.number(f"{path}/in{channel[1]}_input"), tree.number(f"{path}/curr{channel[1]}_input")
        if voltage_mv is not None and current_ma is not None:
            alarms = [tree.number(f"{path}/curr{channel[1]}_{limit}_alarm") for limit in ("max", "crit")]
            known = [bool(alarm) for alarm in alarms if alarm is not None]
            rails.append(Rail(name, round(voltage_mv * current_ma / 1000), any(known) if known else None))
    return rails
