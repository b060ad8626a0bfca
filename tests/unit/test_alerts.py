from __future__ import annotations

import pytest

from edge_runtime.protocol import (
    Say,
    Tick,
    WatchRemoved,
)
from tests.speaking import (
    Theatre,
    foveal,
    label,
    look_at,
    mug,
    ns,
    sighting,
    speak,
    text,
    tile,
    with_mug,
)


def test_one_appearance_of_twelve_seconds_is_one_alert_with_its_evidence() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    for t_s in (4, 6, 8, 10, 12, 14, 16):
        theatre.look(t_s, mug(t_s))
        theatre.ticks(t_s + 0.2, t_s + 1)
    assert theatre.said == ["I see your mug."]
    decision = theatre.decisions[0]
    assert (decision.action, decision.watch, decision.reasons, decision.vetoes) == ("SPEAK", "w1", ("WATCH_HIT", "CONCEPT"), ())
    assert decision.evidence == (look_at(4),)
    response = theatre.of(Say)[0].response
    assert response.trace == (("captured", ns(4)), ("decided", ns(4.1)))
    assert (response.evidence, response.watch) == (decision.evidence, "w1")
    assert theatre.shown == ["I will tell you when I see your mug."]


def test_it_comes_back_and_is_told_again() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.look(4, mug(4))
    for t_s in (8, 12):
        theatre.look(t_s, regions=(foveal(),))
    theatre.look(40, mug(40, number=2))
    assert theatre.said == ["I see your mug."] * 2


def test_back_too_soon_it_is_vetoed_once_and_not_told_late() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.look(4, mug(4))
    for t_s in (6, 7):
        theatre.look(t_s, regions=(foveal(),))
    for t_s in range(20, 60):
        theatre.look(t_s, mug(t_s, number=2))
    assert [(action, vetoes) for action, vetoes, _ in theatre.log] == [("SPEAK", ()), ("SILENT", ("WATCH_REARM",))]


def test_a_hundred_appearances_in_an_hour_are_bounded() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    for i in range(100):
        t_s = 36 * (i + 1)
        theatre.look(t_s, mug(t_s, number=i))
        for away_s in (10, 20):
            theatre.look(t_s + away_s, regions=(foveal(),))
    actions = [(action, vetoes) for action, vetoes, _ in theatre.log]
    assert actions.count(("SPEAK", ())) == theatre.config.watch_per_hour
    assert actions.count(("SILENT", ("WATCH_BUDGET",))) == 100 - theatre.config.watch_per_hour


def test_a_static_stream_of_ten_minutes_is_silence() -> None:
    theatre = with_mug()
    for t_s in range(1, 600):
        theatre.look(t_s, label(t_s, "wall clock", 0.9), regions=(foveal(),), reading=())
        theatre.feed(Tick(t_ns=ns(t_s + 0.5)))
    assert theatre.said == []
    assert theatre.decisions == []


def test_a_label_watch_says_what_it_is_a_hint_and_cites_both_looks() -> None:
    theatre = Theatre()
    theatre.watch(1, "tell me when a bicycle appears")
    for t_s in (4, 5):
        theatre.look(t_s, label(t_s, "mountain bike", 0.6, gazed=False), regions=(tile(),))
    assert theatre.said == ["I see what looks like a bicycle."]
    assert theatre.decisions[0].score == pytest.approx(0.6)
    assert [look.t_ns for look in theatre.decisions[0].evidence] == [ns(5), ns(4)]


def test_a_gaze_watch_and_a_text_watch_say_what_they_saw() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I look at my mug", "w1")
    theatre.watch(1, "tell me when you see the word taxi", "w2")
    theatre.look(4, mug(4))
    speak(theatre, 4.1, 2)
    theatre.look(9, text(9, "CITY TAXI"))
    assert theatre.said == ["You are looking at your mug.", 'I read "taxi".']


def test_two_watches_with_one_sentence_do_not_say_it_twice() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug", "w1")
    theatre.watch(1, "watch for my mug", "w2")
    theatre.look(4, mug(4))
    speak(theatre, 4.1, 1)
    theatre.look(6, mug(6))
    theatre.ticks(6.2, 8)
    assert theatre.said == ["I see your mug."]
    assert {(d.watch, d.action, d.vetoes) for d in theatre.decisions} == {
        ("w1", "SPEAK", ()),
        ("w2", "QUEUE", ("SPEAKING",)),
        ("w2", "SILENT", ("DUPLICATE",)),
    }


def test_who_asks_while_looking_at_it_means_the_next_time() -> None:
    theatre = with_mug()
    theatre.shelf.sightings = [sighting(1, "concept", "mug", 1, 3.5)]
    theatre.watch(4, "tell me when I see my mug")
    theatre.look(4, mug(4))
    assert theatre.said == []
    for t_s in (6, 7):
        theatre.look(t_s, regions=(foveal(),))
    theatre.look(9, mug(9, number=2))
    assert theatre.said == ["I see your mug."]


def test_a_watch_ends_when_it_expires_is_removed_or_was_for_once() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug", "expiring", expires_s=3)
    theatre.watch(1, "tell me when I look at my mug", "removed")
    theatre.watch(1, "watch for my mug", "once", once=True)
    theatre.feed(WatchRemoved(t_ns=ns(2), watch="removed"))
    theatre.ticks(2.5, 3)
    theatre.look(4, mug(4))
    for t_s in (6, 7):
        theatre.look(t_s, regions=(foveal(),))
    theatre.look(50, mug(50, number=2))
    assert [(d.watch, d.action) for d in theatre.decisions] == [("once", "SPEAK")]
    assert theatre.shown[-1] == "I no longer watch for your mug."


@pytest.mark.parametrize(
    ("sentence", "said", "code"),
    [
        ("tell me when I see a theremin", "I cannot recognise a theremin; show me one.", "UNKNOWN_WORD"),
        (
            "tell me when I see my passport",
            "I do not know your passport yet; show it to me and say: this is my passport.",
            "UNTAUGHT",
        ),
        (
            "tell me when coffee starts to be poured",
            'I cannot watch for "coffee starts to be poured": this needs a vision-language model.',
            "NEEDS_VLM",
        ),
        ("sing me a song", "I did not understand that; say for example: tell me when I see my mug.", "NOT_UNDERSTOOD"),
    ],
)
def test_a_watch_that_cannot_be_kept_is_refused_at_once_and_belongs_to_no_watch(sentence: str, said: str, code: str) -> None:
    theatre = Theatre()
    theatre.watch(1, sentence)
    assert theatre.said == [said]
    assert (theatre.decisions[0].watch, theatre.decisions[0].reasons) == ("", ("WATCH_REFUSED", code))
    assert theatre.speaker.state.watches == []


def test_there_is_an_end_to_watches() -> None:
    theatre = with_mug()
    for i in range(65):
        theatre.watch(1, "watch for EXIT", f"w{i}")
    assert len(theatre.speaker.state.watches) == 64
    assert theatre.said == ["I am already watching for as many things as I can; remove one first."]


def test_stale_evidence_is_not_announced_and_a_fresh_look_is() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.look(4, mug(4), late_s=2.5)
    theatre.look(7, mug(7))
    assert [(action, vetoes) for action, vetoes, _ in theatre.log] == [("SILENT", ("STALE_EVIDENCE",)), ("SPEAK", ())]
