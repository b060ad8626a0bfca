"""From a report to the table of a board: what was measured takes the place of what was there, with its origin."""

from __future__ import annotations

import re
from importlib import resources

import msgspec
import pytest

from apps.field.merging import merged, table
from apps.field.report import Cost, Report
from edge_runtime.boards import STAGES, Board, board, boards, read_boards
from edge_runtime.errors import EdgeError, InputError, UsageError
from tests.field_sample import CALM, NANO, NOT_THERE, report

TEXT = resources.files("edge_runtime").joinpath("boards.toml").read_text(encoding="utf-8")
PC = msgspec.structs.replace(NANO, model=None, compatible=(), profile="pc", cpu="Some Processor")
STRANGER = msgspec.structs.replace(NANO, profile=None)


def put_in(profile: Board) -> dict[str, Board]:
    """All boards, read from ``boards.toml`` with this table in the place of the old."""
    text, count = re.subn(rf"^\[{profile.name}\]\n(?:[^\[\n].*\n)+", lambda _: table(profile), TEXT, flags=re.MULTILINE)
    assert count == 1
    return read_boards(text)


def test_the_printed_table_is_read_by_the_loader_of_profiles() -> None:
    profile = merged(report())
    assert read_boards(table(profile)) == {"orin-nano": profile}
    assert put_in(profile) == {**boards(), "orin-nano": profile}


@pytest.mark.parametrize("name", boards())
def test_a_profile_that_nobody_measured_again_is_printed_as_it_was(name: str) -> None:
    assert read_boards(table(board(name))) == {name: board(name)}


def test_what_was_measured_is_measured_and_the_rest_stays_what_it_was() -> None:
    profile = merged(report())
    kinds = {stage: figure.kind for stage, figure in profile.stages.items()}
    assert {stage for stage in STAGES if kinds[stage] == "measured"} == STAGES.keys() - NOT_THERE.keys()
    assert profile.stages["generate"] == board("orin-nano").stages["generate"]
    assert (profile.title, profile.compatible) == (board("orin-nano").title, board("orin-nano").compatible)


def test_a_figure_is_the_median_in_milliseconds_to_three_digits() -> None:
    costs = {**report().costs, "read": Cost(n=20, median_us=123_456.7, p95_us=200_000.0, cpu_us=1.0)}
    assert merged(report(costs=costs)).stages["read"].value == 123.0


def test_a_source_says_command_machine_power_mode_and_date() -> None:
    stages = merged(report()).stages
    assert stages["append"].source == "edge-runtime field-report, version 0.1.0, Jetson Orin Nano with 6 cores, power mode 25W, 2025-03-09"
    assert stages["encode"].source == stages["append"].source + ", bundle pocket 1, 2 threads"


def test_a_source_says_what_speaks_against_it_and_what_is_not_known() -> None:
    busy = merged(report(before=msgspec.structs.replace(CALM, load=5.5))).stages["append"].source
    assert "it had other work: load 5.5" in busy
    unknown = merged(report(slowed=None, before=msgspec.structs.replace(CALM, load=None, power_mode=None))).stages["append"].source
    assert "power mode not known" in unknown
    assert "whether heat slowed it is not known" in unknown
    assert "whether it had other work is not known" in unknown


def test_a_stage_that_was_left_out_keeps_its_figure() -> None:
    without = {name: cost for name, cost in report().costs.items() if name != "encode"}
    left = report(costs=without, left_out={**NOT_THERE, "encode": "the models are not prepared"})
    assert merged(left).stages["encode"] == board("orin-nano").stages["encode"]


@pytest.mark.parametrize(
    ("found", "name", "kind", "message"),
    [
        (report(slowed=True), None, InputError, "slowed the machine"),
        (report(slowed=True), "orin-nano", InputError, "slowed the machine"),
        (report(machine=STRANGER), None, InputError, "no profile fits this machine for certain"),
        (report(machine=msgspec.structs.replace(NANO, profile="of-tomorrow")), None, InputError, "no profile fits"),
        (report(machine=STRANGER), "orin-nanno", UsageError, "no profile of a board called orin-nanno"),
        (report(), "thor", UsageError, "the report is of orin-nano, not of thor"),
    ],
)
def test_what_may_not_be_merged_is_refused_with_a_hint(found: Report, name: str | None, kind: type[EdgeError], message: str) -> None:
    with pytest.raises(kind, match=message) as refused:
        merged(found, name)
    assert refused.value.hint


def test_a_machine_that_no_profile_fits_for_certain_is_merged_as_it_is_told() -> None:
    assert merged(report(machine=STRANGER), "orin-nx").name == "orin-nx"
    assert merged(report(machine=PC), "pc") == merged(report(machine=PC))


@pytest.mark.parametrize("model", ['a "quoted" \\ board', "two\nlines\ttab", "bell\x07 del\x7f", "größer 😀", "]\nencode_ms = 1"])
def test_no_name_of_a_machine_breaks_out_of_its_line(model: str) -> None:
    profile = merged(report(machine=msgspec.structs.replace(NANO, model=model)))
    assert len(table(profile).splitlines()) == 3 + len(STAGES)
    assert read_boards(table(profile)) == {"orin-nano": profile}
