"""What the four processes of a daemon say when all is well: the same numbers in every test."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.config import MS, S
from edge_runtime.records import Dropped
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Ages, Camera, Child, Heat, Kept, Role, Status, Talk, Tally
from edge_runtime.types import Capabilities

MIB = 2**20


def ages(stage: str, *within: tuple[int, int], newest_ms: int = 44) -> Ages:
    """Ages of a stage: so many within so many milliseconds each; 0 ms stands for older than is counted."""
    bounds = [bound_ns // MS for bound_ns in AGE_BOUNDS_NS]
    counts = [0] * (len(bounds) + 1)
    for bound_ms, count in within:
        counts[bounds.index(bound_ms) if bound_ms else -1] = count
    return Ages(stage, tuple(counts), sum(bound_ms * MS * count for bound_ms, count in within), newest_ms * MS)


def supervisor(t_ns: int) -> Status:
    children = (
        Child("capture", 4712, "running", since_ns=t_ns - 780 * S),
        Child("core", 4713, "running", 2, t_ns - 65 * S),
        Child("model", 4714, "running"),
    )
    return Status("supervisor", t_ns, "ready", pid=4711, children=children, heat=Heat(61.5, 7400))


def capture(t_ns: int) -> Status:
    return Status(
        "capture",
        t_ns,
        "ready",
        pid=4712,
        t_newest_ns=t_ns - 50 * MS,
        kept=(Kept("frames", 40 * MIB, 64 * MIB),),
        dropped=(Dropped("frame", "behind", 12), Dropped("frame", "slow", 0)),
        tallies=(Tally("frames", 10 * t_ns // S),),
        ages=(ages("capture", (20, 95), (50, 5)),),
        camera=Camera(1280, 720, 82.0, True, "webcam 0; gaze by the pointer."),
    )


def core(t_ns: int) -> Status:
    return Status(
        "core",
        t_ns,
        "ready",
        pid=4713,
        t_newest_ns=t_ns - 100 * MS,
        kept=(Kept("memory", 31 * MIB, 128 * MIB), Kept("log", 511 * MIB, 2048 * MIB)),
        dropped=(Dropped("look", "budget", 1234), Dropped("row", "store", 3)),
        tallies=(Tally("looks", 834), Tally("said", 3)),
        ages=(ages("look", (200, 90), (500, 10)),),
        talk=Talk(2, 5, None, False, 3.0, "reduced", ("fewer looks",)),
    )


def model(t_ns: int) -> Status:
    return Status("model", t_ns, "ready", pid=4714, capabilities=Capabilities("pocket 1.0", vector=True, labels=True, text=True))


ALL_WELL: dict[Role, Callable[[int], Status]] = {"supervisor": supervisor, "capture": capture, "core": core, "model": model}
