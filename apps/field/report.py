"""What a field report says, and reading one that somebody sent.

A report travels: it is copied, mailed and pasted before anybody reads it. So it carries a digest of itself, every string in it has a
bound, and nothing in it tells whose machine it was: no names of host or user, no paths, addresses or serial numbers.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge_runtime.boards import STAGES
from edge_runtime.errors import InputError

FORMAT = 1
"""Of the report; another one is refused."""

COPIED_BYTES = 64 * 1024 * 1024
WORDS: dict[str, str] = {
    **{str(stage): words for stage, words in STAGES.items()},
    "tower": "see a crop, for the language model",
    "memcpy": "copy 64 MiB of memory",
    "gaze": "label a gaze sample",
    "gaze_compiled": "label a gaze sample, compiled",
    "signals_720": "measure a frame of 1280 x 720",
    "signals_1080": "measure a frame of 1920 x 1080",
    "jpeg": "turn a crop into a JPEG",
    "crop_request": "ask the capture side for a crop",
    "gaze_batch": "send four gaze samples",
    "core_event": "take an event into the core",
}
"""Everything that is measured, in words that say what one of it is. The first are the stages of a board's profile."""

Text = Annotated[str, Meta(max_length=160)]
Count = Annotated[int, Meta(ge=0)]
Number = Annotated[float, Meta(ge=0.0, le=1e12)]
Celsius = Annotated[float, Meta(ge=-100.0, le=200.0)]
Command = Literal["edge-runtime field-report", "edge-runtime field-report --quick"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of everything in a report."""


class Cost(Part, frozen=True):
    """What one of something takes, in microseconds.

    Attributes:
        n: How often it was timed, after a warm-up.
        median_us: Time on the clock.
        p95_us: Time on the clock that one in twenty exceeds.
        cpu_us: Processor time of all threads, mean.

    Raises:
        ValueError: The median is above the 95th percentile.
    """

    n: Annotated[int, Meta(ge=1)]
    median_us: Number
    p95_us: Number
    cpu_us: Number

    def __post_init__(self) -> None:
        if self.median_us > self.p95_us:
            raise ValueError("a median lies above the 95th percentile")


class Machine(Part, frozen=True):
    """What the machine says it is; ``None`` where it says nothing.

    Attributes:
        model: As the device tree or the firmware calls it.
        compatible: The device tree's strings, most particular first.
        profile: The board profile that fits for certain.
        cpu: Name of the processor.
        cores: That are switched on.
        memory_gib: That the system has.
        gpu: Name of the GPU.
        l4t: Release of Jetson Linux.
        jetpack: Version of JetPack.
    """

    model: Text | None
    compatible: tuple[Text, ...]
    profile: Text | None
    cpu: Text | None
    cores: Count | None
    memory_gib: Number | None
    gpu: Text | None
    l4t: Text | None
    jetpack: Text | None


class Clock(Part, frozen=True):
    """A clock in MHz: as it runs, and the most it may; ``None`` where that is not said."""

    now_mhz: Number
    most_mhz: Number | None


class State(Part, frozen=True):
    """What changes on a machine; empty or ``None`` where it says nothing.

    Attributes:
        power_mode: By name, or by number where the name is not known.
        temperatures_c: By zone.
        clocks: Of processor and GPU.
        power_mw: All that the module takes.
        load: Processes that want a processor, mean of the last minute.
    """

    power_mode: Text | None
    temperatures_c: dict[Text, Celsius]
    clocks: dict[Text, Clock]
    power_mw: Count | None
    load: Number | None


class Software(Part, frozen=True):
    """What ran.

    Attributes:
        versions: By package; ``None`` where it is not installed.
        providers: What ONNX Runtime offers, and whether each carries out a network here.
        bundle: Name and version of the models; ``None`` where none are prepared.
        threads: Of one inference.
    """

    versions: dict[Text, Text | None]
    providers: dict[Text, bool]
    bundle: Text | None
    threads: Count


class Report(Part, frozen=True):
    """A field report.

    Attributes:
        format: :data:`FORMAT`.
        command: That made it.
        date: When, in UTC.
        machine: What was measured.
        software: What ran on it.
        before: The machine before the first measurement.
        after: The machine after the last.
        hottest_c: Of all zones, at the end of any measurement; ``None`` where no temperature is known.
        slowed: Whether heat or supply slowed it meanwhile; ``None`` where nothing tells.
        unreadable: Files in which the machine describes itself that were there and of no use, by reason.
        costs: By the keys of :data:`WORDS`.
        left_out: Why the others are not there.
        sha256: Of all the rest.

    Raises:
        ValueError: Something is neither measured nor said to be left out, or both, or not known.
    """

    format: int
    command: Command
    date: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
    machine: Machine
    software: Software
    before: State
    after: State
    hottest_c: Celsius | None
    slowed: bool | None
    unreadable: dict[Text, Count]
    costs: dict[str, Cost]
    left_out: dict[str, Text]
    sha256: str = ""

    def __post_init__(self) -> None:
        if sorted([*self.costs, *self.left_out]) != sorted(WORDS):
            raise ValueError("not everything is either measured or left out")


def is_busy(machine: Machine, state: State) -> bool:
    """Whether the machine has other work: more than half of its cores' worth. Where its load is not known it is not called busy."""
    return state.load is not None and state.load > (machine.cores or 1) / 2


def sealed(report: Report) -> Report:
    """The report with its digest in it."""
    return msgspec.structs.replace(report, sha256=_digest(report))


def to_json(report: Report) -> bytes:
    """The report as the file that is sent, to be read by people too."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def from_json(data: bytes) -> Report:
    """Read a report that somebody sent.

    Raises:
        InputError: It is of another format, or is not what was written.
    """
    hint = "ask for the file as edge-runtime field-report wrote it"
    try:
        found = msgspec.json.decode(data, type=_Versioned).format
        if found != FORMAT:
            raise InputError(f"the report has format {found}, this version reads {FORMAT}", hint="measure again with this version")
        report = msgspec.json.decode(data, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"this is no field report: {error}", hint=hint) from None
    if report.sha256 != _digest(report):
        raise InputError("the report was changed after it was written: its digest does not fit", hint=hint)
    return report


class _Versioned(msgspec.Struct):
    format: int


def _digest(report: Report) -> str:
    bare = msgspec.structs.replace(report, sha256="")
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()
