"""Records as views: names for what is looked at, and words for every code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.display import showing
from apps.report.wording import words
from edge_runtime.config import S
from edge_runtime.facts import Match
from edge_runtime.records import Evidence, Scope, Sighting, SightingKind, What
from edge_runtime.speak import sentences
from edge_runtime.speak.governor import RULES
from edge_runtime.speech import Decision
from edge_runtime.types import WHOLE

ROOT = Path(__file__).resolve().parents[2]
LOOK = Evidence(1, S, WHOLE, "1-0")


def seen(number: int, kind: SightingKind, name: str) -> Sighting:
    return Sighting(number, What(kind, name), None, WHOLE, S, S, 0.9, 1, True, 0, (LOOK,))


def match(kind: SightingKind, name: str, score: float, sighting: int | None = None, *, gazed: bool = True) -> Match:
    return Match(What(kind, name), score, sighting is not None, gazed, LOOK, sighting)


# ---------------------------------------------------------------- guesses


def test_the_classes_of_one_everyday_word_are_one_guess_and_add_up() -> None:
    (guess,) = showing.guesses([match("label", "tabby", 0.5, 7), match("label", "egyptian cat", 0.3, 7)], {7: seen(7, "label", "cat")})
    assert (guess.name, guess.sure, guess.sighting) == ("cat", True, 7)
    assert guess.score == pytest.approx(0.8)


def test_what_is_stood_by_comes_first_and_what_has_no_name_last() -> None:
    matches = [match("label", "tub", 0.4), match("concept", "cup", 0.5), match("concept", "mug", 0.7, 1), match("text", "EXIT", 1.0, 2)]
    things = {1: seen(1, "concept", "mug"), 2: seen(2, "text", "EXIT"), 3: seen(3, "thing", "thing 3")}
    assert [guess.name for guess in showing.guesses(matches, things)] == ["mug", "EXIT", "cup", "tub"]
    assert [guess.name for guess in showing.guesses(matches[:1], {3: things[3]})] == ["tub", "thing 3"]


def test_noise_and_what_the_wearer_did_not_look_at_are_left_out() -> None:
    assert showing.guesses([match("label", "tub", 0.05), match("text", "EXIT", 1.0, 2, gazed=False)], {}) == ()


# ---------------------------------------------------------------- words


def test_every_reason_not_to_speak_has_words() -> None:
    others = {"EXPIRED", "OVERFLOW", "WITHDRAWN", "INTERRUPTED"}
    assert {code for code, _ in RULES} | others == set(showing.VETOES)


def test_every_drop_that_is_written_down_has_words() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("Codes of drops")[2]
    listed = [code.split(":") for code in re.findall(r"`([a-z_|]+:[a-z_|]+)`", text) if code != "what:reason"]
    codes = [f"{what}:{reason}" for whats, reasons in listed for what in whats.split("|") for reason in reasons.split("|")]
    codes += [f"{what}:budget" for what in ("eye", "lesson", "denial", "question", "reading", "place", "stay", "thing", "concept")]
    assert len(codes) > 25
    for code in codes:
        assert showing.drop(code, 1).words != words(code), code


def test_a_view_that_was_left_out_of_a_lesson_is_told_in_words() -> None:
    told = showing.drop("view:unlike", 2)
    assert (told.words, told.count) == ("views of a lesson that showed something else than the others", 2)


def test_what_was_lost_between_processes_is_told_in_words() -> None:
    assert showing.drop("er1/frames:late", 3).words == "messages (frames) that came too late"


def test_a_code_that_nobody_has_listed_is_spelled_out() -> None:
    assert showing.drop("kettle:boiled_over", 3).words == "kettle: boiled over"


def test_what_the_speaker_calls_a_refusal_is_shown_as_one() -> None:
    def decided(*reasons: str) -> Decision:
        return Decision(1, S, "SPEAK", "", reasons, (), (), 1.0, S, "")

    assert {showing.line_kind(decided("ASKED", code)) for code in sentences.REFUSALS} == {"refuse"}
    assert showing.line_kind(decided("ASKED", "ANSWERED")) == "answer"
    assert showing.line_kind(None) == "notice"


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("Is this your mug?", "mug", True),
        ("MUG", "mug", True),
        ("smuggled", "mug", True),  # where in doubt it goes
        ("OUTOFORDER", "out of order", True),
        ("by the door", "mug", False),
        ("anything", "  ", False),
    ],
)
def test_words_that_name_a_thing_are_found(text: str, name: str, named: bool) -> None:
    assert showing.names(text, Scope("thing", name=name)) is named
    assert not showing.names(text, Scope("all"))
