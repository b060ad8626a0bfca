"""From a report that somebody sent to the table of a board in ``boards.toml``."""

from __future__ import annotations

import json

from apps.field.report import Report, is_busy
from apps.field.wording import NOT_KNOWN, name_of
from apps.report.markup import clean
from edge_runtime.boards import STAGES, Board, Figure, board, boards
from edge_runtime.errors import InputError, UsageError

_BY_THE_MODELS = ("encode", "name", "read")


def merged(report: Report, name: str | None = None) -> Board:
    """The profile of the board that was measured, with what the report measured in place of what was there.

    Args:
        report: As it was read.
        name: The profile to take, for a machine that none fits for certain.

    Raises:
        InputError: The machine was slowed meanwhile, or none of the profiles fits it for certain and none is named.
        UsageError: There is no profile of that name, or the machine is certainly another.
    """
    if report.slowed:
        raise InputError("heat or its supply slowed the machine while it was measured", hint="let it cool, and measure again")
    fits = report.machine.profile if report.machine.profile in boards() else None
    if name is None and fits is None:
        raise InputError("no profile fits this machine for certain", hint=f"name one with --as: {', '.join(boards())}")
    if name is not None and fits is not None and name != fits:
        raise UsageError(f"the report is of {fits}, not of {name}", hint=f"leave --as out, or write --as {fits}")
    profile = board(name or fits or "")
    measured = {
        stage: Figure(value=float(f"{report.costs[stage].median_us / 1000:.3g}"), kind="measured", source=_source(report, stage))
        for stage in STAGES
        if stage in report.costs
    }
    return Board(profile.name, profile.title, profile.compatible, {**profile.stages, **measured})


def table(profile: Board) -> str:
    """A profile as ``boards.toml`` has it."""
    lines = [f"[{profile.name}]", f"title = {_quoted(profile.title)}", f"compatible = [{', '.join(map(_quoted, profile.compatible))}]"]
    for stage in STAGES:
        figure = profile.stages[stage]
        lines.append(f"{stage}_ms = {{ value = {figure.value:g}, kind = {_quoted(figure.kind)}, source = {_quoted(figure.source)} }}")
    return "\n".join([*lines, ""])


def _source(report: Report, stage: str) -> str:
    """What measured a figure, on what, how it was set, and when; and whatever speaks against it."""
    machine, before = report.machine, report.before
    said = [
        report.command,
        f"version {report.software.versions.get('edge-runtime') or NOT_KNOWN}",
        name_of(machine),
        f"power mode {before.power_mode or NOT_KNOWN}",
        report.date,
    ]
    if stage in _BY_THE_MODELS:
        said.append(f"bundle {report.software.bundle or NOT_KNOWN}, {report.software.threads} threads")
    if is_busy(machine, before):
        said.append(f"it had other work: load {before.load:.1f}")
    if before.load is None:
        said.append("whether it had other work is not known")
    if report.slowed is None:
        said.append("whether heat slowed it is not known")
    return clean(", ".join(said))


def _quoted(text: str) -> str:
    """A basic string of TOML: what JSON escapes, TOML escapes alike."""
    return json.dumps(text, ensure_ascii=False)
