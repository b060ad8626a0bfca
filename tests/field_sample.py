"""A field report that nobody measured, for tests of what is done with one."""

from __future__ import annotations

from typing import Any

import msgspec

from apps.field.report import FORMAT, WORDS, Clock, Cost, Machine, Report, Software, State, sealed

NANO = Machine(
    model="Jetson Orin Nano",
    compatible=("nvidia,p3768-0000+p3767-0005-super", "nvidia,tegra234"),
    profile="orin-nano",
    cpu="Cortex-A78AE",
    cores=6,
    memory_gib=7.4,
    gpu="nvidia,ga10b",
    l4t="36.4.3",
    jetpack="6.2",
)
CALM = State(power_mode="25W", temperatures_c={"cpu-thermal": 48.5}, clocks={"cpu 0": Clock(1510.4, 1728.0)}, power_mw=9250, load=0.3)
SOFTWARE = Software({"edge-runtime": "0.1.0", "numba": None}, {"CPUExecutionProvider": True, "CUDAExecutionProvider": False}, "pocket 1", 2)
NOT_THERE = {"prefill": "there is no language model yet", "generate": "there is no language model yet"}


def report(**changes: Any) -> Report:
    """A whole report of an Orin Nano that was not slowed, with these fields changed, and its digest."""
    costs = {name: Cost(n=20, median_us=1000.0 + n, p95_us=2000.0, cpu_us=900.0) for n, name in enumerate(WORDS) if name not in NOT_THERE}
    plain = Report(
        format=FORMAT,
        command="edge-runtime field-report",
        date="2025-03-09",
        machine=NANO,
        software=SOFTWARE,
        before=CALM,
        after=msgspec.structs.replace(CALM, temperatures_c={"cpu-thermal": 61.0}),
        hottest_c=63.5,
        slowed=False,
        unreadable={},
        costs=costs,
        left_out=NOT_THERE,
    )
    return sealed(msgspec.structs.replace(plain, **changes))
