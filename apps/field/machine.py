"""The machine that is measured: what it is, how it stands, and whether heat or supply slowed it between two looks at it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from apps.field.report import Clock, Machine, State
from devices.boards import Readings, Tree, identify, read_board, strain_of, total_mw
from devices.boards.heat import Throttling
from devices.boards.power import PowerMode

_GIB = 2**30
_POLICY = "sys/devices/system/cpu/cpufreq/policy*"
_DEVICES = "sys/class/devfreq/*"


def machine_of(tree: Tree) -> Machine:
    """What a machine says it is."""
    found = identify(tree)
    return Machine(
        model=found.model,
        compatible=found.compatible,
        profile=found.profile,
        cpu=found.cpu,
        cores=found.cores,
        memory_gib=None if found.ram_bytes is None else round(found.ram_bytes / _GIB, 1),
        gpu=found.gpu,
        l4t=found.l4t,
        jetpack=found.jetpack,
    )


class Watch:
    """Looks at the machine whenever it is told to, and remembers the worst.

    Args:
        root: Where the machine's files are.
        now_ns: A monotonic clock.

    Attributes:
        tree: The files.
        hottest_c: Of all zones at any look; ``None`` where no temperature is known.
        slowed: Whether heat or supply slowed it at a look or between two; ``None`` where nothing tells.
    """

    def __init__(self, root: Path, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.tree = Tree(root)
        self.hottest_c: float | None = None
        self.slowed: bool | None = None
        self._now_ns = now_ns
        self._throttling: Throttling | None = None

    def look(self) -> Readings:
        """Look at it."""
        readings = read_board(self.tree, self._now_ns)
        strain = strain_of(readings, self._throttling)
        self._throttling = readings.throttling.value
        self.hottest_c = max((c for c in (self.hottest_c, strain.hottest_c) if c is not None), default=None)
        if strain.slowed is not None:
            self.slowed = bool(self.slowed) or strain.slowed
        return readings

    def state(self) -> State:
        """Look at it, and write down how it stands."""
        readings = self.look()
        rails = readings.rails.value
        load = re.match(r"[\d.]+", self.tree.text("proc/loadavg") or "")
        return State(
            power_mode=_mode(readings.power_mode.value),
            temperatures_c={zone.name: zone.temperature_c for zone in readings.zones.value},
            clocks=dict(_clocks(self.tree)),
            power_mw=total_mw(rails),
            load=None if load is None else float(load[0]),
        )


def _mode(mode: PowerMode | None) -> str | None:
    return None if mode is None else mode.name or f"number {mode.number}"


def _clocks(tree: Tree) -> Iterator[tuple[str, Clock]]:
    """Clocks of the processor's clusters and of whatever else has one that changes; of a virtual machine the one in its description."""
    policies = tree.matching(_POLICY)
    for path in policies:
        clock = _clock(tree, f"{path}/scaling_cur_freq", f"{path}/scaling_max_freq", 1e3)
        if clock is not None:
            yield f"cpu {path.rpartition('policy')[2]}", clock
    for path in tree.matching(_DEVICES):
        clock = _clock(tree, f"{path}/cur_freq", f"{path}/max_freq", 1e6)
        if clock is not None:
            yield path.rpartition("/")[2].rpartition(".")[2], clock
    described = re.search(r"^cpu MHz\s*:\s*([\d.]+)", tree.text("proc/cpuinfo") or "", re.MULTILINE)
    if described is not None and not policies:
        yield "cpu", Clock(round(float(described[1]), 1), None)


def _clock(tree: Tree, now: str, most: str, per_mhz: float) -> Clock | None:
    now_hz, most_hz = tree.number(now), tree.number(most)
    return None if now_hz is None else Clock(now_hz / per_mhz, None if most_hz is None else most_hz / per_mhz)
