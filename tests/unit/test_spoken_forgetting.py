from __future__ import annotations

import msgspec
import pytest

from edge_runtime.outbox import Outbox
from edge_runtime.protocol import (
    Asked,
    Erase,
    Erased,
    Failed,
    Forget,
    Found,
    Say,
    UserSpeech,
)
from edge_runtime.records import Receipt, Scope
from tests.speaking import (
    Theatre,
    behind_memory,
    mug,
    ns,
    read,
    sighting,
    with_mug,
)


def forget(theatre: Theatre, t_s: float, scope: Scope) -> int:
    """Memory asks the log to erase in the same step; returns that order."""
    out = Outbox(theatre.next_id)
    order = out.emit(Erase, deadline_ns=ns(t_s + 5), scope=scope)
    theatre.feed(Forget(t_ns=ns(t_s), scope=scope), earlier=out)
    return order


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope("since", t_from_ns=ns(20)), "Forgotten: the last 20 seconds."),
        (Scope("since", t_from_ns=ns(-20)), "Forgotten: the last 1 minute."),
        (Scope("thing", name="mug"), "Forgotten: what you named."),
        (Scope("place", place_id=2), "Forgotten: that place."),
        (Scope("all"), "Forgotten: everything."),
    ],
)
def test_forgetting_is_told_without_naming_it(scope: Scope, said: str) -> None:
    theatre = with_mug()
    theatre.feed(Forget(t_ns=ns(40), scope=scope))
    assert theatre.said == [said]


def test_forgetting_is_told_when_the_log_has_done_it() -> None:
    theatre = with_mug()
    order = forget(theatre, 40, Scope("all"))
    assert theatre.said == []
    theatre.feed(Erased(t_ns=ns(40.5), answers=order, receipt=Receipt(3)))
    assert theatre.said == ["Forgotten: everything."]


@pytest.mark.parametrize("how", ["failed", "silent"])
def test_a_log_that_keeps_what_should_go_is_not_covered_up(how: str) -> None:
    theatre = with_mug()
    order = forget(theatre, 40, Scope("all"))
    if how == "failed":
        theatre.feed(Failed(t_ns=ns(40.5), answers=order, reason="store"))
    else:
        theatre.ticks(40, 45.2)
    assert theatre.said == ["Forgotten: everything in memory, but the log could not be erased."]


def test_what_waits_to_be_said_is_forgotten_too_and_not_written_down() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.feed(UserSpeech(t_ns=ns(3), phase="start"))
    theatre.look(4, mug(4))
    theatre.feed(Forget(t_ns=ns(4.5), scope=Scope("since", t_from_ns=ns(3))))
    vetoed = next(d for d in theatre.decisions if d.vetoes == ("PRIVACY",))
    assert (vetoed.action, vetoed.text, vetoed.evidence) == ("SILENT", "", ())
    theatre.look(4.3, mug(4.3), late_s=0.4)
    assert theatre.decisions[-1].vetoes == ("PRIVACY",), "a look of the forgotten time comes in late"


@pytest.mark.parametrize(
    "scope", [Scope("since", t_from_ns=ns(2)), Scope("thing", name="ROOM 204"), Scope("place", place_id=2), Scope("all")]
)
def test_nothing_of_what_is_forgotten_is_left_in_the_snapshot(scope: Scope) -> None:
    theatre = Theatre()
    theatre.watch(1, "tell me when you see the word 204")
    read(theatre, 3, 6, "ROOM 204")
    theatre.feed(UserSpeech(t_ns=ns(6.1), phase="start"))
    read(theatre, 6.2, 9, "ROOM 204 ANNEX", number=2)
    assert b"ROOM" in theatre.speaker.snapshot()
    theatre.feed(Forget(t_ns=ns(10), scope=scope))
    snapshot = theatre.speaker.snapshot().upper()
    assert b"ROOM" not in snapshot


def test_a_watch_for_what_is_forgotten_goes_with_it() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug", "w1")
    theatre.watch(1, "watch for EXIT", "w2")
    theatre.shelf.taught.clear()
    theatre.feed(Forget(t_ns=ns(5), scope=Scope("thing", name="mug")))
    assert [watch.id for watch in theatre.speaker.state.watches] == ["w2"]
    theatre.feed(Forget(t_ns=ns(6), scope=Scope("all")))
    assert theatre.speaker.state.watches == []


def test_no_answer_claims_anything_about_a_time_that_is_forgotten() -> None:
    theatre = with_mug()
    theatre.feed(Forget(t_ns=ns(40), scope=Scope("since", t_from_ns=ns(20))))
    assert theatre.ask(50, "where is my mug?").text == "I did not see your mug in the last 10 s."


def test_a_question_asked_before_what_is_forgotten_is_put_to_the_log_again() -> None:
    theatre = behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="where was my mug?"))
    theatre.feed(Forget(t_ns=ns(43.1), scope=Scope("since", t_from_ns=ns(43.05))))
    old, new = theatre.searches
    theatre.feed(Found(t_ns=ns(43.2), answers=old.id, rows=(sighting(1, "concept", "mug", 5, 9),)))
    theatre.ticks(43.3, 43.9)
    assert not any("I last saw" in said for said in theatre.said)
    theatre.feed(Found(t_ns=ns(44), answers=new.id, rows=()))
    theatre.ticks(44, 44.9)
    assert "I did not see your mug in the last 1 s." in theatre.said


@pytest.mark.parametrize(
    ("question", "options", "scope"),
    [
        ("where was my mug?", (), Scope("thing", name="mug")),
        ("what did I look at after my Mug?", (), Scope("thing", name="mug")),
        ("which of these did I see first?", ("the mug", "the door"), Scope("thing", name="mug")),
        ("did you see a mug?", (), Scope("thing", name="coffee mug")),
        ("where was my mug?", (), Scope("since", t_from_ns=ns(20))),
        ("where was my mug?", (), Scope("all")),
    ],
)
def test_a_question_still_open_about_what_is_forgotten_is_answered_without_its_name(
    question: str, options: tuple[str, ...], scope: Scope
) -> None:
    theatre = behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text=question, options=options))
    (search,) = theatre.searches
    theatre.feed(Forget(t_ns=ns(43.1), scope=scope))
    assert theatre.searches == [search], "the log is not asked for it any more"
    (say,) = [say for say in theatre.of(Say) if say.response.question == "q1"]
    assert (say.response.text, say.response.choice) == ("That was forgotten while you asked.", None)
    (decision,) = [decision for decision in theatre.decisions if decision.reasons[0] == "ASKED"]
    assert decision.reasons == ("ASKED", "FORGOTTEN")
    assert b"mug" not in msgspec.msgpack.encode(theatre.speaker.state.conversation.open)
    before = len(theatre.said)
    theatre.feed(Found(t_ns=ns(43.5), answers=search.id, rows=(sighting(1, "concept", "mug", 5, 9),)))
    theatre.ticks(44, 60)
    assert not any("mug" in said for said in theatre.said[before:])


@pytest.mark.parametrize("scope", [Scope("thing", name="cup"), Scope("place", place_id=2)])
def test_a_question_about_something_else_stays_open(scope: Scope) -> None:
    theatre = behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="where was my mug?"))
    theatre.feed(Forget(t_ns=ns(43.1), scope=scope))
    _, search = theatre.searches
    theatre.feed(Found(t_ns=ns(43.2), answers=search.id, rows=(sighting(1, "concept", "mug", 5, 9),)))
    theatre.ticks(43.3, 50)
    assert any("I last saw your mug" in said for said in theatre.said)


def test_a_watch_for_a_text_goes_with_a_word_of_it_that_is_forgotten() -> None:
    theatre = with_mug()
    theatre.watch(1, "watch for the word OUTOFORDER", "w1")
    theatre.watch(1, "watch for EXIT", "w2")
    theatre.feed(Forget(t_ns=ns(6), scope=Scope("thing", name="order")))
    assert [watch.id for watch in theatre.speaker.state.watches] == ["w2"]
