"""What ``doctor`` says of the board: what it is, how warm, what it takes, with the age of each reading. What is not known is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from devices.boards import Identity, Reading, Readings, Tree, identify, read_board, total_mw
from devices.boards.heat import Fan, Throttling
from devices.boards.power import PowerMode
from edge_runtime.boards import boards

_GIB = 2**30
_MOST_ZONES = 4
_NOT_KNOWN = "not known: this machine does not say"


class Said(NamedTuple):
    """One thing about the board: whether it is known, its name, and what is to be said."""

    known: bool
    name: str
    detail: str


def board(root: Path, now_ns: Callable[[], int]) -> Iterator[Said]:
    """Look at the board once and say what there is to say.

    Args:
        root: Where the machine's files are.
        now_ns: A monotonic clock.
    """
    tree = Tree(root)
    identity = identify(tree)
    readings = read_board(tree, now_ns)
    yield from _identity(identity)
    now = now_ns()
    for name, reading, detail in _state(readings):
        yield Said(True, name, f"{detail}, {_age(reading, now)}") if detail else Said(False, name, _NOT_KNOWN)
    lost = [f"{drop.count} {drop.reason}" for drop in tree.dropped()]
    if lost:
        yield Said(False, "board files", f"{', '.join(lost)}: what they would say is left out")


def _identity(identity: Identity) -> Iterator[Said]:
    yield _said("board", identity.model)
    profile = boards()[identity.profile] if identity.profile is not None else None
    yield (
        Said(True, "board profile", f"{profile.name}, {profile.title}")
        if profile
        else Said(False, "board profile", "none fits for certain")
    )
    cores = f", {identity.cores} cores" if identity.cores is not None else ""
    yield _said("processor", f"{identity.cpu}{cores}" if identity.cpu is not None else None)
    yield _said("board memory", f"{identity.ram_bytes / _GIB:.1f} GiB" if identity.ram_bytes is not None else None)
    yield _said("GPU", identity.gpu)
    if identity.l4t is not None:
        jetpack = f"JetPack {identity.jetpack}" if identity.jetpack is not None else "the JetPack package is not installed"
        yield Said(True, "Jetson Linux", f"{identity.l4t}, {jetpack}")


def _state(readings: Readings) -> Iterator[tuple[str, Reading[object], str]]:
    """Name, reading and words of everything that changes; no words where nothing is known."""
    yield "power mode", readings.power_mode, _mode(readings.power_mode.value)
    zones = sorted(readings.zones.value, key=lambda zone: -zone.temperature_c)
    warmest = ", ".join(f"{zone.name} {zone.temperature_c:.1f} °C" for zone in zones[:_MOST_ZONES])
    yield "temperature", readings.zones, warmest + (f" and {len(zones) - _MOST_ZONES} cooler" if len(zones) > _MOST_ZONES else "")
    rails, total = readings.rails.value, total_mw(readings.rails.value)
    parts = [f"{rail.name} {rail.power_mw} mW{' (over its limit)' if rail.alarm else ''}" for rail in rails]
    yield "power", readings.rails, ", ".join(parts) + ("; no rail carries all of it" if rails and total is None else "")
    yield "fan", readings.fans, ", ".join(map(_fan, readings.fans.value))
    yield "throttling", readings.throttling, _throttling(readings.throttling.value)


def _mode(mode: PowerMode | None) -> str:
    if mode is None:
        return ""
    others = [name for name in mode.offered if name != mode.name]
    return (mode.name or f"number {mode.number}, whose name is not known") + (f" (also {', '.join(others)})" if others else "")


def _fan(fan: Fan) -> str:
    drive = f"{fan.drive:.0%} of full drive" if fan.drive is not None else ""
    turns = f"{fan.turns_per_min} turns a minute" if fan.turns_per_min is not None else ""
    return " at ".join(filter(None, (drive, turns)))


def _throttling(throttling: Throttling | None) -> str:
    if throttling is None:
        return ""
    now = f"slowed by {', '.join(throttling.active)}" if throttling.active else "not slowed"
    return now if throttling.events is None else f"{now}, {throttling.events} times since it was switched on"


def _said(name: str, detail: str | None) -> Said:
    return Said(detail is not None, name, detail if detail is not None else _NOT_KNOWN)


def _age(reading: Reading[object], now_ns: int) -> str:
    return f"{reading.age_ns(now_ns) / 1e6:.1f} ms old"
