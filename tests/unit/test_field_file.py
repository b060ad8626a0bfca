"""A field report travels: what arrives is what was written, or it is refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.field.report import FORMAT, WORDS, from_json, is_busy, to_json
from edge_runtime.boards import STAGES
from edge_runtime.errors import InputError
from tests.field_sample import CALM, NANO, report


def altered(**changes: Any) -> bytes:
    """The sample as JSON with fields set on its way."""
    return json.dumps({**json.loads(to_json(report())), **changes}).encode()


def test_what_was_written_is_what_is_read() -> None:
    assert from_json(to_json(report())) == report()


def test_layout_does_not_matter_only_content() -> None:
    loose = json.dumps(dict(reversed(json.loads(to_json(report())).items()))).encode()
    assert from_json(loose) == report()


def test_every_stage_of_a_profile_has_a_place_in_a_report() -> None:
    assert list(WORDS)[: len(STAGES)] == list(STAGES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no field report"),
        (to_json(report())[:-40], "no field report"),
        (b"\xff\xfe", "no field report"),
        (b"[" * 100_000, "no field report"),
        (b"{}", "no field report"),
        (altered(format=FORMAT + 1), f"has format {FORMAT + 1}, this version reads {FORMAT}"),
        (altered(date="2025-03-10"), "changed after it was written"),
        (altered(date="yesterday"), "no field report"),
        (altered(sha256=""), "changed after it was written"),
        (altered(command="rm -rf"), "no field report"),
        (altered(host="somebody"), "host"),
        (altered(left_out={}), "not everything is either measured or left out"),
        (altered(costs={}), "not everything is either measured or left out"),
        (altered(hottest_c=1e9), "no field report"),
        (altered(machine={**json.loads(to_json(report()))["machine"], "model": "x" * 1000}), "no field report"),
    ],
)
def test_what_is_damaged_or_of_another_version_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        from_json(data)
    assert refused.value.hint


@pytest.mark.parametrize("cost", [{"n": 0}, {"median_us": -1.0}, {"median_us": 3000.0}, {"cpu_us": 1e30}, {"unit": "ms"}])
def test_an_impossible_cost_is_refused(cost: dict[str, object]) -> None:
    costs = json.loads(to_json(report()))["costs"]
    costs["encode"] |= cost
    with pytest.raises(InputError, match="no field report"):
        from_json(altered(costs=costs))


@pytest.mark.parametrize(("load", "busy"), [(0.0, False), (3.0, False), (3.1, True), (None, False)])
def test_a_machine_is_busy_when_more_than_half_of_its_cores_are_wanted(load: float | None, busy: bool) -> None:
    state = type(CALM)(CALM.power_mode, {}, {}, None, load)
    assert is_busy(NANO, state) == busy
