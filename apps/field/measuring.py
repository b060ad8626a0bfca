"""Everything measured, one group after another; what cannot be measured is left out with the reason, and the rest goes on."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from apps.field import bus, log, looks, minute, senses, words
from apps.field.machine import Watch, machine_of
from apps.field.report import FORMAT, WORDS, Command, Cost, Report, Software, sealed
from apps.field.software import providers, versions
from apps.field.timing import QUICK, THOROUGH, Effort, Jobs, timed
from apps.field.wording import NOT_KNOWN, bandwidth, load_of, name_of, told
from edge_runtime.config import Config, ModelsConfig
from edge_runtime.errors import BundleError, EdgeError
from edge_runtime.models.bundle import Bundle, load_bundle
from edge_runtime.models.opening import capabilities_of
from edge_runtime.types import Capabilities

Say = Callable[[str], None]


class Group(NamedTuple):
    """What is measured together.

    Attributes:
        names: Keys of :data:`~apps.field.report.WORDS`.
        jobs: Opens what is needed and offers the jobs.
        otherwise: Why one of these names is offered by no job.
        notice: Said before, where it takes long.
    """

    names: tuple[str, ...]
    jobs: Callable[[], Jobs]
    otherwise: str = ""
    notice: str = ""


def measure(config: Config, *, quick: bool, today: date, say: Say, root: Path = Path("/")) -> Report:
    """Measure everything that can be.

    Args:
        config: Which models, and on how many threads.
        quick: Fewer calls of each.
        today: For the report.
        say: Takes a line whenever there is something to tell.
        root: Where the machine's files are.
    """
    watch = Watch(root)
    before = watch.state()
    machine = machine_of(watch.tree)
    say(f"{name_of(machine)}, power mode {before.power_mode or NOT_KNOWN}, load {load_of(machine, before)}")
    bundle = _bundle(config, say)
    costs, left_out = measure_groups(_groups(bundle, config.models, quick=quick), QUICK if quick else THOROUGH, watch, say)
    command: Command = "edge-runtime field-report --quick" if quick else "edge-runtime field-report"
    report = Report(
        format=FORMAT,
        command=command,
        date=today.isoformat(),
        machine=machine,
        software=Software(versions(), providers(), _bundles(config.models), config.models.threads),
        before=before,
        after=watch.state(),
        hottest_c=watch.hottest_c,
        slowed=watch.slowed,
        unreadable={drop.reason: drop.count for drop in watch.tree.dropped()},
        costs=costs,
        left_out=left_out,
    )
    return sealed(report)


def _bundles(models: ModelsConfig) -> str | None:
    """Names and versions of the models that are prepared."""
    can = capabilities_of(models)
    return None if can == Capabilities() else can.bundle


def measure_groups(groups: Sequence[Group], effort: Effort, watch: Watch, say: Say) -> tuple[dict[str, Cost], dict[str, str]]:
    """Measure groups one after another, and whatever one of them fails at, go on with the next.

    Args:
        groups: What to measure.
        effort: How often to time each thing.
        watch: Looks at the machine after each thing.
        say: Takes a line a thing.

    Returns:
        What each thing costs, and why the others were left out.
    """
    costs: dict[str, Cost] = {}
    left_out: dict[str, str] = {}
    for group in groups:
        why = group.otherwise
        if group.notice:
            say(group.notice)
        try:
            _measure_group(group, effort, watch, costs, say)
        except (EdgeError, OSError) as error:
            # The words of an error may hold a path or a name of this machine: they are for the screen, not for the report.
            why = f"it failed: {type(error).__name__}"
            say(f"{error} ({error.hint})" if isinstance(error, EdgeError) else str(error))
        for name in group.names:
            if name not in costs:
                left_out[name] = why
                say(f"{WORDS[name]:<38}not measured: {why}")
    return costs, left_out


def _measure_group(group: Group, effort: Effort, watch: Watch, costs: dict[str, Cost], say: Say) -> None:
    with contextlib.closing(group.jobs()) as jobs:
        for job in jobs:
            cost = costs[job.name] = timed(job, effort)
            watch.look()
            times = f"{told(cost.median_us):>8}, p95 {told(cost.p95_us):>8}, processor {told(cost.cpu_us):>8}, n {cost.n}"
            say(f"{WORDS[job.name]:<38}{times}" + (f", {bandwidth(cost)}" if job.name == "memcpy" else ""))


def _bundle(config: Config, say: Say) -> Bundle | None:
    try:
        return load_bundle(config.models.bundle)
    except BundleError as error:
        say(f"{error}; looks are left out ({error.hint})")
        return None


def _groups(bundle: Bundle | None, models: ModelsConfig, *, quick: bool) -> tuple[Group, ...]:
    no_models = "the models are not prepared" if bundle is None else "these models cannot do it"
    look_jobs = _nothing if bundle is None else functools.partial(looks.jobs, bundle, models.threads)
    return (
        Group(("memcpy",), senses.memory_jobs),
        Group(("encode", "name", "read", "thumb"), look_jobs, no_models),
        _language(models),
        Group(("append", "search"), lambda: log.jobs(log.state_folder())),
        Group(("gaze",), senses.gaze_jobs),
        _compiled_gaze(quick=quick),
        Group(("signals_720", "signals_1080", "jpeg"), senses.picture_jobs),
        Group(("crop_request", "gaze_batch"), bus.jobs),
        Group(("core_event",), minute.jobs),
    )


def _language(models: ModelsConfig) -> Group:
    names = ("tower", "prefill", "generate")
    if not models.vlm:
        return Group(names, _nothing, "no bundle with a language model is named")
    return Group(names, functools.partial(words.jobs, models), "this bundle cannot do it")


def _compiled_gaze(*, quick: bool) -> Group:
    if quick:
        return Group(("gaze_compiled",), _nothing, "compiling it may take too long for --quick")
    notice = "making the compiled gaze detector ready, which takes up to a minute, once"
    return Group(("gaze_compiled",), senses.compiled_gaze_jobs, "the extra fast is not installed", notice)


def _nothing() -> Jobs:
    yield from ()
