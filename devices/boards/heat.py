"""How warm a board is and what it does about it: thermal zones, fans, throttling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devices.boards.tree import Tree

_LEAST_C, _MOST_C = -50.0, 150.0
"""No board works beyond: such a number is no temperature."""
_NOT_MEASURED = ("PMIC",)
"""Zones that report a constant."""
_PROCESSOR_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
_SLOWING = ("cpufreq-", "devfreq-", "thermal-cpufreq-", "thermal-devfreq-", "Processor")
"""Cooling devices that cool by making something slower begin with one of these, or end with :data:`_ALERTS`; others are fans."""
_ALERTS = "-throttle-alert"
_SUPPLY_EVENTS = ("oc1_event_cnt", "oc2_event_cnt")
"""Under-voltage, and too much current on average. Events of the third kind, single spikes, are daily bread in the highest power mode."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A place whose temperature is measured.

    Attributes:
        name: As the board calls it.
        temperature_c: Now.
        slows_at_c: From where the board begins to slow itself; ``None`` if it does not say.
    """

    name: str
    temperature_c: float
    slows_at_c: float | None = None


@dataclass(frozen=True, slots=True)
class Fan:
    """A fan: the share of its full drive, 0..1, and its turns a minute; ``None`` where it does not say."""

    drive: float | None
    turns_per_min: int | None


@dataclass(frozen=True, slots=True)
class Throttling:
    """What slows the board.

    Attributes:
        active: Cooling devices at work now that cool by slowing.
        events: How often since it was switched on heat or the supply forced it to slow; ``None`` if nobody counts.
    """

    active: tuple[str, ...]
    events: int | None


def read_zones(tree: Tree) -> tuple[Zone, ...]:
    """All thermal zones; the processor's own sensors where there are none."""
    zones = []
    for path in tree.matching("sys/class/thermal/thermal_zone*"):
        name = tree.text(f"{path}/type")
        if name is None or name.startswith(_NOT_MEASURED):
            continue
        temperature_c = _temperature_c(tree, f"{path}/temp")
        if temperature_c is not None:
            zones.append(Zone(name, temperature_c, min(_slowing_c(tree, path), default=None)))
    return tuple(zones) or tuple(_processor_zones(tree))


def read_fans(tree: Tree) -> tuple[Fan, ...]:
    """All fans. Drive and turns may come from two chips, in which case there are two half-known fans."""
    fans = []
    for path in tree.matching("sys/class/hwmon/hwmon*"):
        drive = tree.number(f"{path}/pwm1")
        turns = [tree.number(f"{path}/{name}") for name in ("fan1_input", "rpm")]
        turns_per_min = next((turn for turn in turns if turn is not None), None)
        if drive is not None and not 0 <= drive <= 255:
            tree.garbage()
            drive = None
        if drive is not None or turns_per_min is not None:
            fans.append(Fan(None if drive is None else drive / 255, turns_per_min))
    return tuple(fans)


def read_throttling(tree: Tree) -> Throttling | None:
    """What slows the board now and did so before; ``None`` where nothing tells."""
    active, known = [], False
    for path in tree.matching("sys/class/thermal/cooling_device*"):
        name = tree.text(f"{path}/type") or ""
        if name.startswith(_SLOWING) or name.endswith(_ALERTS):
            state = tree.number(f"{path}/cur_state")
            known = known or state is not None
            if state is not None and state > 0:
                active.append(name)
    counts = [tree.number(path) for path in _counters(tree)]
    events = [count for count in counts if count is not None]
    return Throttling(tuple(active), sum(events) if events else None) if known or events else None


def _counters(tree: Tree) -> Iterator[str]:
    yield from tree.matching("sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count")
    for path in tree.matching("sys/class/hwmon/hwmon*"):
        if tree.text(f"{path}/name") == "soctherm_oc":
            yield from (f"{path}/{name}" for name in _SUPPLY_EVENTS)


def _slowing_c(tree: Tree, path: str) -> Iterator[float]:
    for trip in tree.matching(f"{path}/trip_point_*_type"):
        if tree.text(trip) in ("passive", "hot"):
            temperature_c = _temperature_c(tree, trip.removesuffix("_type") + "_temp")
            if temperature_c is not None and temperature_c > 0:
                yield temperature_c


def _processor_zones(tree: Tree) -> Iterator[Zone]:
    for path in tree.matching("sys/class/hwmon/hwmon*"):
        chip = tree.text(f"{path}/name")
        if chip not in _PROCESSOR_CHIPS:
            continue
        for sensor in tree.matching(f"{path}/temp*_input"):
            temperature_c = _temperature_c(tree, sensor)
            if temperature_c is not None:
                yield Zone(tree.text(sensor.removesuffix("_input") + "_label") or chip, temperature_c)


def _temperature_c(tree: Tree, path: str) -> float | None:
    thousandths = tree.number(path)
    if thousandths is None:
        return None
    if not _LEAST_C <= thousandths / 1000 <= _MOST_C:
        tree.garbage()
        return None
    return thousandths / 1000
