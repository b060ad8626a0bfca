"""The page of a field report: complete in itself, and it says what is not known."""

from __future__ import annotations

import re

import msgspec
import pytest

from apps.field.page import render
from apps.field.report import WORDS, Cost, Machine, State
from apps.field.wording import told
from tests.field_sample import CALM, NANO, NOT_THERE, report

NOBODY = Machine(None, (), None, None, None, None, None, None, None)
SILENT = State(None, {}, {}, None, None)


def text_of(page: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_it_loads_nothing_and_runs_nothing() -> None:
    page = render(report())
    assert not re.search(r"<script|<link|<img|<iframe|url\(|https?://|@import", page)
    assert "default-src &#x27;none&#x27;" in page


def test_everything_measured_stands_on_it_and_what_was_left_out_with_the_reason() -> None:
    said = text_of(render(report()))
    for words in WORDS.values():
        assert words in said
    assert "generate a token not measured: there is no language model yet" in said
    assert "25W" in said and "48.5 °C 61.0 °C" in said and "1,510 of 1,728 MHz" in said
    assert "at the hottest 63.5 °C not slowed" in said


def test_what_is_not_known_is_said() -> None:
    said = text_of(render(report(machine=NOBODY, before=SILENT, after=SILENT, hottest_c=None, slowed=None)))
    assert "a machine that does not say what it is" in said
    assert "Power mode: not known. Load at the start: not known." in said
    assert "not known whether heat or supply slowed it" in said
    for name in ("Model", "Processor", "Memory", "GPU"):
        assert f"{name} not known" in said
    assert "Board profile none fits for certain" in said


def test_a_busy_and_a_slowed_machine_are_called_so() -> None:
    said = text_of(render(report(before=msgspec.structs.replace(CALM, load=5.5), slowed=True)))
    assert "Load at the start: 5.5, so it has other work" in said
    assert "slowed by heat or supply" in said


def test_files_that_were_of_no_use_are_counted() -> None:
    assert "of no use: 2 garbage" in text_of(render(report(unreadable={"garbage": 2})))


def test_what_the_machine_calls_itself_is_text() -> None:
    page = render(report(machine=msgspec.structs.replace(NANO, model="<b onclick=x>Board</b>")))
    assert "<b onclick" not in page
    assert "&lt;b onclick=x&gt;Board" in page


def test_without_models_the_page_stands_all_the_same() -> None:
    looks = ("encode", "name", "read", "thumb", "memcpy")
    costs = {name: cost for name, cost in report().costs.items() if name not in looks}
    said = text_of(render(report(costs=costs, left_out={**NOT_THERE, **dict.fromkeys(looks, "the models are not prepared")})))
    assert "encode a crop not measured: the models are not prepared" in said


def test_a_cost_of_nothing_is_drawn() -> None:
    assert render(report(costs=dict.fromkeys(report().costs, Cost(1, 0.0, 0.0, 0.0))))


@pytest.mark.parametrize(
    ("us", "words"),
    [(0.0, "0.00 µs"), (9.461, "9.46 µs"), (999.4, "999 µs"), (1000.0, "1.00 ms"), (61_628.9, "61.6 ms"), (2.5e6, "2.50 s")],
)
def test_a_time_is_told_to_three_digits(us: float, words: str) -> None:
    assert told(us) == words
