from __future__ import annotations

from edge_runtime.config import SpeakConfig
from edge_runtime.protocol import (
    BoardChanged,
)
from tests.speaking import (
    Theatre,
    eye,
    lines,
    look_at,
    mug,
    ns,
    read,
    speak,
    text,
    with_mug,
)


def test_text_dwelt_on_is_read_aloud_once_and_verbatim() -> None:
    theatre = Theatre()
    read(theatre, 3, 9, "ROOM 204", "QUIET PLEASE")
    theatre.ticks(9, 20)
    assert theatre.said == ['It says: "ROOM 204, QUIET PLEASE".']
    decision = theatre.decisions[0]
    assert (decision.action, decision.reasons, decision.watch) == ("SPEAK", ("TEXT_DWELL",), "")
    assert decision.t_ns == ns(5.6), "the first report of an eye that has held it for two seconds"
    assert decision.evidence
    assert len(theatre.decisions) == 1


def test_text_passed_over_is_not_read_aloud() -> None:
    theatre = Theatre()
    read(theatre, 3, 4.9, "ROOM 204")
    theatre.ticks(5, 20)
    assert theatre.decisions == []


def test_a_dwell_on_something_else_does_not_read_the_text_before_it() -> None:
    theatre = Theatre()
    read(theatre, 3, 4, "ROOM 204")
    for t_s in (7, 8, 9):
        theatre.feed(eye(5, t_s, number=2))
        theatre.ticks(t_s, t_s + 0.5)
    assert theatre.decisions == []


def test_a_second_dwell_on_the_same_text_is_vetoed_in_one_line() -> None:
    theatre = Theatre()
    read(theatre, 3, 7, "ROOM 204")
    read(theatre, 40, 44, "ROOM 2O4", number=2)
    read(theatre, 140, 144, "ROOM 204", number=3)
    assert [(action, vetoes) for action, vetoes, _ in theatre.log] == [
        ("SPEAK", ()),
        ("SILENT", ("TOPIC_COOLDOWN",)),
        ("SILENT", ("DUPLICATE",)),
    ]


def test_a_fixation_and_the_dwell_around_it_are_one_reading() -> None:
    theatre = Theatre()
    theatre.look(3.3, text(3.3, "EXIT"), reading=lines("EXIT"), reading_evidence=look_at(3.3))
    theatre.feed(eye(3, 5, number=1, kind="fixation"))
    theatre.feed(eye(3, 5.1, number=2, kind="dwell"))
    theatre.feed(eye(3, 5.2, number=1, kind="fixation", stage="final"))
    theatre.ticks(5.3, 6)
    assert [action for action, _, _ in theatre.log] == ["SPEAK"]


def test_what_nobody_asked_for_keeps_its_distance_and_its_budget() -> None:
    theatre = Theatre()
    for i in range(12):
        read(theatre, 10 + 10 * i, 14 + 10 * i, f"SIGN NUMBER {'ABCDEFGHIJKL'[i] * 9}", number=i)
        if theatre.said:
            speak(theatre, 14.5 + 10 * i, 1)
    assert len(theatre.said) == theatre.config.unasked_burst
    vetoes = [vetoes for action, vetoes, _ in theatre.log if action == "SILENT"]
    assert vetoes == [("BUDGET",)] * 10
    again = Theatre(config=SpeakConfig(unasked_burst=5))
    read(again, 10, 14, "FIRST")
    read(again, 15, 17.5, "SECOND", number=2)
    assert [(action, vetoes) for action, vetoes, _ in again.log] == [("SPEAK", ()), ("SILENT", ("COOLDOWN",))]


def test_on_low_power_only_what_was_asked_for_is_said() -> None:
    theatre = with_mug()
    theatre.feed(BoardChanged(t_ns=ns(1), power="low"))
    theatre.watch(1, "tell me when I see my mug")
    read(theatre, 3, 6, "ROOM 204")
    theatre.look(9, mug(9))
    assert theatre.ask(12, "what did the sign say?").text.startswith("I did not read")
    assert [(action, vetoes) for action, vetoes, _ in theatre.log][:2] == [("SILENT", ("POWER",)), ("SPEAK", ())]
    assert "I see your mug." in theatre.said
