"""What is shown of a run: a scripted world played to its end, and the board read as a page would read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.display import Display
from apps.report.wording import KINDS
from devices.page.board import BOUNDS, Board
from edge_runtime.config import Config, JournalConfig, S, SpeakConfig
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.models.scripted import EVERYTHING, ScriptedLooker
from edge_runtime.protocol import (
    Asked,
    Feedback,
    FrameSeen,
    Look,
    Looked,
    Muted,
    QuietHours,
    Say,
    SpeechEnded,
    StopSpeech,
    Taught,
    Tick,
    WatchRemoved,
    WatchSet,
)
from edge_runtime.records import Concept
from edge_runtime.types import WHOLE, LookedRegion, Session, Thumb
from tests import world
from tests.shown_world import Page, Shown, show


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A run in which nothing is forgotten."""
    return show(tmp_path_factory.mktemp("day") / "run", *world.WORDS, at=(2.5, 5.6, 9.5, 21.5))


# ---------------------------------------------------------------- the conversation


def test_what_was_said_is_a_conversation(day: Shown) -> None:
    lines = [(line["who"], line["kind"], line["text"]) for line in day.page.items("said")]
    assert lines[:6] == [
        ("glasses", "read_aloud", 'It says: "ROOM 204".'),
        ("wearer", "teach", "This is my mug."),
        ("glasses", "notice", "Look at your mug."),
        ("glasses", "learned", "Now I know your mug."),
        ("wearer", "watch", "tell me when I see my mug"),
        ("glasses", "notice", "I will tell you when I see your mug."),
    ]
    kinds = {line["text"]: line["kind"] for line in day.page.items("said")}
    assert kinds["I cannot recognise a theremin; show me one."] == "refuse"
    assert kinds["where was my mug?"] == "ask"
    assert kinds["I see your mug."] == "alert"
    assert all(line["t_ns"] <= later["t_ns"] for line, later in zip(day.page.items("said"), day.page.items("said")[1:], strict=False))


def test_a_sentence_shows_how_old_its_evidence_is_its_picture_and_its_decision(day: Shown) -> None:
    alert = next(line for line in day.page.items("said") if line["kind"] == "alert")
    decision = day.page.rolls["decisions"][alert["decision"]]
    assert decision["action"] == "SPEAK"
    assert decision["text"] == alert["text"]
    assert 20 * S <= alert["evidence_ns"] <= alert["t_ns"]
    assert alert["evidence_ns"] == decision["evidence_ns"]
    assert day.display.thumb(alert["thumb"]) == world.JPEG % b"mug"


def test_a_sentence_takes_as_long_as_the_host_takes_for_it(day: Shown) -> None:
    stopped_ns = [event.t_ns for event, commands in day.steps if any(isinstance(command, StopSpeech) for command in commands)]
    said = [(event.t_ns, command) for event, commands in day.steps for command in commands if isinstance(command, Say)]
    ended_ns = {event.answers: event.t_ns for event, _ in day.steps if isinstance(event, SpeechEnded)}
    whole = [(t_ns, say) for t_ns, say in said if not any(t_ns < stop_ns <= ended_ns[say.id] for stop_ns in stopped_ns)]
    assert len(whole) > 2
    for t_ns, say in whole:
        text = say.response.text
        shown = next(line for line in day.page.items("said") if line["who"] == "glasses" and line["text"] == text)
        assert shown["speech_ns"] == ended_ns[say.id] - t_ns


def test_an_answer_while_muted_is_shown_and_not_spoken(tmp_path: Path) -> None:
    script = (Muted(t_ns=S, until_ns=8 * S), Asked(t_ns=5 * S, question="q", text="did you see my passport?"))
    shown = show(tmp_path / "run", *script, at=(6, 9))
    question, answer = shown.pages[6].items("said")[-2:]
    assert question["kind"] == "ask"
    assert (answer["who"], answer["kind"], answer["speech_ns"]) == ("glasses", "refuse", 0)
    assert "passport" in answer["text"]
    assert shown.page.rolls["decisions"][answer["decision"]]["vetoes"] == ["you had muted me"]
    assert shown.pages[6].parts["voice"]["muted_until_ns"] == 8 * S
    assert shown.pages[9].parts["voice"]["muted_until_ns"] is None


def test_quiet_hours_and_a_voice_told_to_stop_are_shown(tmp_path: Path) -> None:
    shown = show(
        tmp_path / "run",
        Asked(t_ns=5 * S, question="q", text="did you see my passport?"),
        Muted(t_ns=6 * S, until_ns=7 * S),
        QuietHours(t_ns=10 * S, on=True),
        QuietHours(t_ns=12 * S, on=False),
        at=(11,),
    )
    shown.display.quiet_hours("22:00", "07:00")
    shown.display(Tick(t_ns=100 * S), shown.core.feed(Tick(t_ns=100 * S)), shown.core)
    assert shown.pages[11].parts["voice"]["quiet_now"] is True
    assert shown.page.parts["voice"] == {
        "muted_until_ns": None,
        "quiet_from": "22:00",
        "quiet_to": "07:00",
        "quiet_now": False,
        "stopped_ns": 6 * S,
    }


def test_a_notice_stands_among_what_was_said() -> None:
    board = Board()
    display = Display(board)
    display.notice("The camera does not answer.", trouble=True)
    display.notice("The film starts again.")
    assert [(line["who"], line["kind"]) for line in Page(board).read().items("said")] == [("notice", "trouble"), ("notice", "info")]


# ---------------------------------------------------------------- what is seen


def test_the_newest_frame_is_shown_as_its_glimpse(day: Shown) -> None:
    frame = day.page.parts["frame"]
    last = next(event for event, _ in reversed(day.steps) if isinstance(event, FrameSeen))
    assert (frame["seq"], frame["t_capture_ns"]) == (last.seq, last.t_capture_ns)
    assert len(frame["glimpse"]) == 44  # 32 bytes in base64, and no picture


def test_the_eye_is_shown_with_what_it_does_and_not_more_often_than_it_can_be_seen(day: Shown) -> None:
    eye = day.pages[9].parts["eye"]
    assert (eye["x_norm"], eye["y_norm"], eye["kind"]) == (0.35, 0.5, "fixation")
    assert 4 * S <= eye["since_ns"] <= 4.2 * S
    assert eye["t_ns"] >= 9.4 * S
    assert day.follower.changes["eye"] <= 40 * world.LENGTH_NS / S


def test_what_is_gazed_at_is_named_as_surely_as_it_is_known(day: Shown) -> None:
    gazed = day.pages[9].parts["gazed"]
    assert gazed["guesses"][0] == {
        "kind": "concept",
        "name": "mug",
        "score": 1.0,
        "sure": True,
        "sighting": gazed["guesses"][0]["sighting"],
    }
    assert day.page.rolls["sightings"][gazed["guesses"][0]["sighting"]]["name"] == "mug"
    assert gazed["why"] == "the eyes rested on something"
    assert gazed["t_capture_ns"] >= 8 * S
    assert gazed["boxes"]


def test_what_is_read_stands_there_while_it_is_read(day: Shown) -> None:
    assert day.pages[2].parts["gazed"]["reading"] == ["ROOM 204"]
    assert day.pages[9].parts["gazed"]["reading"] == []


def test_a_lesson_counts_its_views_and_ends(day: Shown) -> None:
    lesson = day.pages[5].parts["lesson"]
    assert (lesson["name"], lesson["needed"], lesson["since_ns"]) == ("mug", 3, 5 * S)
    assert 1 <= lesson["views"] < 3
    assert day.page.parts["lesson"]["name"] == ""


def test_a_result_that_nobody_waited_for_is_not_shown(day: Shown) -> None:
    board = Board()
    display, core = Display(board), Core(Config(), Session(EVERYTHING))
    late = Looked(t_ns=S, answers=77, frame_seq=1, t_capture_ns=S, regions=(LookedRegion("foveal", WHOLE, thumb=Thumb("1-0", 3, b"abc")),))
    display(late, core.feed(late), core)
    display(Tick(t_ns=S), core.feed(Tick(t_ns=S)), core)
    page = Page(board).read()
    assert "gazed" not in page.parts
    assert (page.parts["gauges"]["looks_per_s"], page.parts["gauges"]["look_ms"]) == (0, None)
    assert display.thumb("1-0") is None


# ---------------------------------------------------------------- what is remembered


def test_sightings_grow_in_their_place_and_take_the_name_they_get_later(day: Shown) -> None:
    before = next(item for item in day.pages[5].items("sightings") if item["t_start_ns"] >= 4 * S)
    after = day.page.rolls["sightings"][before["key"]]
    assert (before["kind"], after["kind"], after["name"]) == ("thing", "concept", "mug")
    assert after["kind_words"] == KINDS["concept"]
    assert after["t_end_ns"] > before["t_end_ns"]
    assert after["looks"] > before["looks"]
    assert after["gaze_ns"] > 5 * S
    assert "ROOM 204" in after["place"]
    assert list(day.page.rolls["sightings"]) == sorted(day.page.rolls["sightings"])


def test_every_picture_of_a_sighting_can_be_fetched(day: Shown) -> None:
    for item in day.page.items("sightings"):
        assert item["thumbs"]
        assert all((day.display.thumb(thumb) or b"").startswith(b"\xff\xd8") for thumb in item["thumbs"])


def test_pictures_that_nothing_cites_are_not_kept(day: Shown) -> None:
    kept = [thumb for thumb in day.thumbs if day.display.thumb(thumb) is not None]
    assert 0 < len(kept) < len(day.thumbs)


def test_a_concept_shows_its_views_and_its_newest_picture(day: Shown) -> None:
    (concept,) = day.page.items("concepts")
    newest = max((item for item in day.page.items("sightings") if item["name"] == "mug"), key=lambda item: item["t_end_ns"])
    assert (concept["key"], concept["views"], concept["t_taught_ns"]) == ("mug", 3, 5 * S)
    assert concept["thumb"] == newest["thumbs"][0]
    assert day.pages[5].items("concepts") == []


def test_watches_stand_are_told_and_go(tmp_path: Path, day: Shown) -> None:
    (watch,) = day.pages[21].items("watches")
    assert (watch["key"], watch["text"], watch["told"]) == ("w1", "I see your mug", True)
    shown = show(
        tmp_path / "run",
        WatchSet(t_ns=S, watch="a", text="tell me when I see a dog", expires_ns=10 * S),
        WatchSet(t_ns=2 * S, watch="b", text="tell me when I see a bus"),
        WatchRemoved(t_ns=12 * S, watch="b"),
        at=(5,),
    )
    assert [(watch["key"], watch["expires_ns"]) for watch in shown.pages[5].items("watches")] == [("a", 10 * S), ("b", None)]
    assert shown.page.items("watches") == []
    assert "I no longer watch for a dog." in shown.page.said("glasses")
    assert shown.page.said("wearer")[-1] == "No need to tell me any more: I see a bus."


def test_a_run_that_goes_on_shows_what_it_remembers_already(day: Shown) -> None:
    board = Board()
    core = Core(Config(), Session(EVERYTHING))
    core.restore(day.core.snapshot())
    tick = Tick(t_ns=200 * S)
    Display(board)(tick, core.feed(tick), core)
    assert Page(board).read().rolls["sightings"] == day.page.rolls["sightings"]


# ---------------------------------------------------------------- doubts


def alike(name: str, cosine: float) -> Callable[[Look], Sequence[LookedRegion]]:
    """A world in which the cat looks somewhat like the mug."""
    mixed = np.zeros(4, np.float32)
    mixed[0], mixed[1] = cosine, np.sqrt(1 - cosine**2)

    def see(command: Look) -> Sequence[LookedRegion]:
        regions = world.see(command)
        if world.scene_at(command.t_capture_ns)[2] != name:
            return regions
        return [LookedRegion(r.kind, r.box, vector=mixed if r.kind == "foveal" else r.vector, thumb=r.thumb) for r in regions]

    return see


def test_a_question_of_ours_waits_for_yes_or_no(tmp_path: Path) -> None:
    looker = ScriptedLooker(alike("cat", 0.5))
    shown = show(tmp_path / "run", Taught(t_ns=5 * S, concept=Concept("mug")), looker=looker, at=(13,))
    doubt = shown.pages[13].parts["doubt"]
    assert (doubt["name"], doubt["text"]) == ("mug", "Is this your mug?")
    assert shown.pages[13].rolls["decisions"][doubt["decision"]]["reasons"] == ["it looks like something you have shown me"]
    assert shown.display.thumb(doubt["thumb"]) is not None
    guess = shown.pages[13].parts["gazed"]["guesses"][0]
    assert (guess["name"], guess["sure"]) == ("mug", False)


@pytest.mark.parametrize("verdict", ["yes", "no"])
def test_the_wearers_word_ends_it(tmp_path: Path, verdict: Any) -> None:
    script = (Taught(t_ns=5 * S, concept=Concept("mug")), Feedback(t_ns=13 * S, decision=1, verdict=verdict))
    shown = show(tmp_path / "run", *script, looker=ScriptedLooker(alike("cat", 0.5)), at=(14,))
    assert shown.pages[14].parts["doubt"]["name"] == ""
    assert f"{verdict.capitalize()}." in shown.page.said("wearer")


def test_so_does_time(tmp_path: Path) -> None:
    shown = show(tmp_path / "run", Taught(t_ns=5 * S, concept=Concept("mug")), looker=ScriptedLooker(alike("cat", 0.5)))
    asked_ns = shown.page.parts["doubt"]["t_ns"]
    for t_ns, stands in ((asked_ns + 59 * S, True), (asked_ns + 61 * S, False)):
        tick = Tick(t_ns=t_ns)
        shown.display(tick, shown.core.feed(tick), shown.core)
        assert bool(shown.page.parts["doubt"]["name"]) is stands


def test_a_question_that_must_not_be_said_is_shown_all_the_same(tmp_path: Path) -> None:
    script = (Taught(t_ns=5 * S, concept=Concept("mug")), Muted(t_ns=9 * S, until_ns=40 * S))
    shown = show(tmp_path / "run", *script, looker=ScriptedLooker(alike("cat", 0.5)), at=(13,))
    assert shown.pages[13].parts["doubt"]["name"] == "mug"
    assert "Is this your mug?" not in shown.page.said("glasses")


# ---------------------------------------------------------------- journals, and bounds


def test_a_journal_shows_the_same_but_for_the_pictures(tmp_path: Path) -> None:
    shown = show(tmp_path / "run", *world.WORDS)
    board = Board()
    display = Display(board)
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(tmp_path / "run", decisions, observers=[display])
    again = Page(board).read()
    assert again.rolls == shown.page.rolls
    for part in ("frame", "eye", "gazed", "lesson", "doubt", "voice", "drops"):
        assert again.parts[part] == shown.page.parts[part]
    assert all(display.thumb(thumb) is None for thumb in shown.thumbs)


def test_a_journal_that_recorded_pictures_shows_them(tmp_path: Path) -> None:
    shown = show(tmp_path / "run", *world.WORDS, config=Config(journal=JournalConfig(record_pixels=True)))
    display = Display(Board())
    with DecisionLog(tmp_path / "again.jsonl") as decisions:
        replay_journal(tmp_path / "run", decisions, observers=[display])
    thumb = shown.page.items("concepts")[0]["thumb"]
    assert display.thumb(thumb) == shown.display.thumb(thumb) == world.JPEG % b"mug"


def test_a_long_conversation_keeps_the_page_bounded() -> None:
    board = Board()
    display, core = Display(board), Core(Config(speak=SpeakConfig(cooldown_ns=0)), Session(EVERYTHING))
    for n in range(600):
        event = Asked(t_ns=n * S, question=f"q{n}", text=f"where was my mug {n}?")
        display(event, core.feed(event), core)
    page = Page(board).read()
    assert len(page.items("said")) == BOUNDS["said"]
    assert len(page.items("decisions")) <= BOUNDS["decisions"]
