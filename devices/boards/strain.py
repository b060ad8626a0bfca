"""From readings to how much the board has to give: ``full``, ``reduced`` or ``low``, with hysteresis.

The runtime gives way before the board slows itself. A level is taken on at once and left one step at a time, when it has been cooler by
:data:`EASE_C` for :data:`CALM_NS`. What is not known asks for nothing, and eases nothing either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from devices.boards.heat import Throttling, Zone
from devices.boards.power import Rail
from devices.boards.readings import Readings
from edge_runtime.config import S

Power = Literal["full", "reduced", "low"]
WARM_C, HOT_C = 85.0, 95.0
"""Temperature of the hottest zone from which the level is ``reduced``, and ``low``; ours, for boards that do not say where they slow."""
NEAR_C, NEXT_C = 10.0, 3.0
"""The same as distance from where a zone's own trip point says that the board slows."""
EASE_C = 5.0
CALM_NS = 10 * S
_POWERS: tuple[Power, ...] = ("full", "reduced", "low")


@dataclass(frozen=True, slots=True)
class Strain:
    """What of the readings bears on the level.

    Attributes:
        hottest_c: Of all zones; ``None`` if no temperature is known.
        margin_c: Least distance of a zone from where it slows the board; ``None`` where no zone says.
        slowed: Whether the board is slowed by heat or its supply now; ``None`` where nothing tells.
    """

    hottest_c: float | None
    margin_c: float | None
    slowed: bool | None


@dataclass(frozen=True, slots=True)
class Level:
    """How much there is to give.

    Attributes:
        power: As the runtime is told.
        calm_ns: Since when less would have been asked for; ``None`` while it would not.
    """

    power: Power = "full"
    calm_ns: int | None = None


def strain_of(readings: Readings, before: Throttling | None) -> Strain:
    """What the readings amount to.

    Args:
        readings: Just taken.
        before: Throttling as it was last time: events are counted since the board was switched on, so only more of them are news.
    """
    zones, throttling = readings.zones.value, readings.throttling.value
    return Strain(
        hottest_c=max((zone.temperature_c for zone in zones), default=None),
        margin_c=min(_margins_c(zones), default=None),
        slowed=_slowed(readings.rails.value, throttling, before),
    )


def next_level(level: Level, strain: Strain, now_ns: int) -> Level:
    """The level after one more look at the board.

    Args:
        level: The one before.
        strain: What the board says.
        now_ns: Time on any monotonic clock, the same as before.
    """
    at = _POWERS.index(level.power)
    if _severity(strain) > at:
        return Level(_POWERS[_severity(strain)])
    known = strain.hottest_c is not None or strain.slowed is not None
    if at == 0 or not known or _severity(_warmer(strain)) >= at:
        return Level(level.power)
    if level.calm_ns is None or now_ns - level.calm_ns < CALM_NS:
        return Level(level.power, now_ns if level.calm_ns is None else level.calm_ns)
    return Level(_POWERS[at - 1], now_ns)


def _severity(strain: Strain) -> int:
    hottest_c = -273.0 if strain.hottest_c is None else strain.hottest_c
    margin_c = 273.0 if strain.margin_c is None else strain.margin_c
    if hottest_c >= HOT_C or margin_c <= NEXT_C:
        return 2
    return 1 if hottest_c >= WARM_C or margin_c <= NEAR_C or strain.slowed else 0


def _warmer(strain: Strain) -> Strain:
    """The same, warmer by what a level must ease by before it is left."""
    return Strain(
        hottest_c=None if strain.hottest_c is None else strain.hottest_c + EASE_C,
        margin_c=None if strain.margin_c is None else strain.margin_c - EASE_C,
        slowed=strain.slowed,
    )


def _margins_c(zones: Iterable[Zone]) -> Iterable[float]:
    return (zone.slows_at_c - zone.temperature_c for zone in zones if zone.slows_at_c is not None)


def _slowed(rails: Iterable[Rail], now: Throttling | None, before: Throttling | None) -> bool | None:
    alarms = [rail.alarm for rail in rails if rail.alarm is not None]
    if now is None:
        return any(alarms) if alarms else None
    counted = now.events is not None and before is not None and before.events is not None and now.events > before.events
    return bool(now.active) or counted or any(alarms)
