"""Figures of a report as a person reads them, on the screen and on the page."""

from __future__ import annotations

from apps.field.report import COPIED_BYTES, Cost, Machine, State, is_busy

NOT_KNOWN = "not known"


def told(us: float) -> str:
    """A time in the unit that suits it, to three digits."""
    value, unit = (us / 1e6, "s") if us >= 1e6 else (us / 1e3, "ms") if us >= 1e3 else (us, "µs")
    return f"{value:#.3g}".rstrip(".") + f" {unit}"


def bandwidth(cost: Cost) -> str:
    """What ``memcpy`` copied, in 10^9 bytes a second; each was read once and written once."""
    return f"{COPIED_BYTES / 1000 / cost.median_us:.1f} GB/s" if cost.median_us else NOT_KNOWN


def name_of(machine: Machine) -> str:
    """The machine in a few words."""
    cores = f" with {machine.cores} cores" if machine.cores is not None else ""
    return (machine.model or machine.cpu or "a machine that does not say what it is") + cores


def load_of(machine: Machine, state: State) -> str:
    """How much other work there is."""
    if state.load is None:
        return NOT_KNOWN
    return f"{state.load:.1f}" + (", so it has other work, and the times may be too long" if is_busy(machine, state) else "")


def slowed(found: bool | None) -> str:
    """Whether heat or supply slowed the machine."""
    return {None: "not known whether heat or supply slowed it", True: "slowed by heat or supply", False: "not slowed"}[found]
