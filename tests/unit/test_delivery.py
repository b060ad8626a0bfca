from __future__ import annotations

from edge_runtime.config import SpeakConfig
from edge_runtime.protocol import (
    Asked,
    Failed,
    Muted,
    QuietHours,
    Say,
    SpeechEnded,
    StopSpeech,
    Tick,
    UserSpeech,
)
from tests.speaking import (
    Theatre,
    look_at,
    mug,
    ns,
    read,
    speak,
    with_mug,
)


def test_while_the_wearer_talks_it_waits_for_a_pause() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.feed(UserSpeech(t_ns=ns(3.8), phase="start"))
    theatre.look(4, mug(4))
    theatre.feed(UserSpeech(t_ns=ns(4.5), phase="end"))
    theatre.ticks(4.6, 6)
    assert [(d.action, d.vetoes, d.t_ns) for d in theatre.decisions] == [
        ("QUEUE", ("USER_SPEAKING",), ns(4.1)),
        ("SPEAK", (), ns(5.0)),
    ]


def test_a_waiting_alert_is_refreshed_by_new_looks_and_expires_without() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.feed(UserSpeech(t_ns=ns(3), phase="start"))
    for t_s in (4, 5, 6, 7):
        theatre.look(t_s, mug(t_s))
        theatre.ticks(t_s + 0.2, t_s + 0.9)
    theatre.feed(UserSpeech(t_ns=ns(8), phase="end"))
    theatre.ticks(8.1, 9)
    assert theatre.decisions[-1].action == "SPEAK"
    assert theatre.decisions[-1].evidence[0] == look_at(7)
    late = with_mug()
    late.watch(1, "tell me when I see my mug")
    late.feed(UserSpeech(t_ns=ns(3), phase="start"))
    late.look(4, mug(4))
    late.ticks(4.2, 7)
    assert [(action, vetoes) for action, vetoes, _ in late.log] == [("QUEUE", ("USER_SPEAKING",)), ("SILENT", ("EXPIRED",))]
    late.feed(UserSpeech(t_ns=ns(7.1), phase="end"))
    late.look(8, mug(8))
    assert late.said == ["I see your mug."], "it is still there and has not been told"


def test_our_own_voice_is_not_talked_over_unless_it_says_less() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.watch(1, "tell me when I see a theremin", "w2")
    refusal = speak(theatre, 1, 0)
    theatre.look(4, mug(4))
    assert theatre.said == ["I cannot recognise a theremin; show me one.", "I see your mug."]
    assert theatre.stops == 1
    theatre.feed(SpeechEnded(t_ns=ns(4.1), answers=refusal, spoken_chars=9))
    speak(theatre, 4.2, 1)
    theatre.ticks(5.3, 6)
    assert theatre.said[-1] == "I cannot recognise a theremin; show me one.", "it was asked for, and is said again"
    assert ("QUEUE", ("INTERRUPTED",), theatre.said[0]) in theatre.log


def test_answers_follow_each_other() -> None:
    theatre = with_mug()
    for i in range(3):
        theatre.feed(Asked(t_ns=ns(10), question=f"q{i}", text="where is my mug?"))
    assert len(theatre.said) == 1
    assert theatre.speaker.waiting == 2
    for i in range(3):
        speak(theatre, 10.2 + 3 * i, 2)
        theatre.ticks(12.3 + 3 * i, 13 + 3 * i)
    assert [say.response.question for say in theatre.of(Say)] == ["q0", "q1", "q2"]
    assert theatre.speaker.waiting == 0


def test_a_voice_that_never_starts_holds_nobody_up_for_long() -> None:
    theatre = with_mug()
    for i in range(2):
        theatre.feed(Asked(t_ns=ns(10), question=f"q{i}", text="where is my mug?"))
    theatre.ticks(10.1, 10.6)
    assert len(theatre.said) == 2
    assert theatre.stops == 0


def test_the_wearer_interrupts_and_what_they_asked_for_is_kept() -> None:
    theatre = with_mug()
    theatre.ask(10, "where is my mug?")
    say = speak(theatre, 10, 0)
    theatre.feed(UserSpeech(t_ns=ns(11), phase="start"))
    assert isinstance(theatre.commands[-1], StopSpeech)
    assert theatre.commands[-1].deadline_ns == ns(11.1)
    theatre.feed(SpeechEnded(t_ns=ns(11.05), answers=say, spoken_chars=5))
    theatre.feed(UserSpeech(t_ns=ns(12), phase="end"))
    theatre.ticks(12.1, 13)
    assert len(theatre.said) == 2
    assert theatre.said[0] == theatre.said[1]


def test_the_wearer_interrupts_and_what_nobody_asked_for_is_dropped() -> None:
    theatre = Theatre()
    read(theatre, 3, 5.5, "ROOM 204")
    say = speak(theatre, 5.5, 0)
    theatre.feed(UserSpeech(t_ns=ns(6), phase="start"))
    theatre.feed(SpeechEnded(t_ns=ns(6.05), answers=say, spoken_chars=5))
    theatre.feed(UserSpeech(t_ns=ns(7), phase="end"))
    theatre.ticks(7.1, 20)
    assert [(action, vetoes) for action, vetoes, _ in theatre.log] == [("SPEAK", ()), ("SILENT", ("INTERRUPTED",))]


def test_an_alert_cut_short_is_told_again_while_the_thing_is_there() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.look(4, mug(4))
    say = speak(theatre, 4.2, 0)
    theatre.feed(UserSpeech(t_ns=ns(4.5), phase="start"))
    theatre.feed(SpeechEnded(t_ns=ns(4.5), answers=say, spoken_chars=2))
    theatre.ticks(4.6, 7)
    theatre.feed(UserSpeech(t_ns=ns(7.1), phase="end"))
    theatre.look(8, mug(8))
    assert theatre.said == ["I see your mug."] * 2


def test_a_voice_that_breaks_down_is_done() -> None:
    theatre = with_mug()
    theatre.ask(10, "where is my mug?")
    say = speak(theatre, 10, 0)
    theatre.feed(Failed(t_ns=ns(11), answers=say, reason="deadline"))
    assert theatre.ask(11.2, "where is my mug?").text.startswith("I did not see your mug")


def test_muted_it_says_nothing_and_shows_what_was_asked_for() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.feed(Muted(t_ns=ns(2), until_ns=ns(100)))
    for t_s in (4, 5, 6):
        theatre.look(t_s, mug(t_s))
    theatre.feed(Asked(t_ns=ns(7), question="q1", text="what colour is it?"))
    assert theatre.said == []
    assert theatre.shown[-1] == "This needs a vision-language model."
    assert [(action, vetoes) for action, vetoes, _ in theatre.log] == [("SILENT", ("MUTE",))] * 2
    theatre.feed(Muted(t_ns=ns(8), until_ns=None))
    theatre.look(9, mug(9))
    assert theatre.said == ["I see your mug."], "it is still there and has not been told"


def test_quiet_hours_keep_silent_too() -> None:
    theatre = with_mug(SpeakConfig(quiet=True))
    theatre.watch(1, "tell me when I see my mug")
    theatre.look(4, mug(4))
    assert theatre.said == []
    assert theatre.decisions[-1].vetoes == ("QUIET_HOURS",)


def test_a_quiet_hour_can_begin_and_end_while_it_runs() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.feed(QuietHours(t_ns=ns(2), on=True))
    theatre.look(4, mug(4))
    assert theatre.said == [] and theatre.decisions[-1].vetoes == ("QUIET_HOURS",)
    theatre.feed(QuietHours(t_ns=ns(5), on=False))
    theatre.look(6, mug(6))
    assert theatre.said == ["I see your mug."], "it is still there and has not been told"


def test_the_same_veto_is_logged_once_and_another_one_again() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.feed(Muted(t_ns=ns(2), until_ns=ns(6)))
    for tenths in range(30, 60):
        theatre.look(tenths / 10, mug(tenths / 10), late_s=0)
    theatre.feed(UserSpeech(t_ns=ns(6), phase="start"))
    for tenths in range(60, 80):
        theatre.look(tenths / 10, mug(tenths / 10), late_s=0)
        theatre.feed(Tick(t_ns=ns(tenths / 10)))
    assert [(action, vetoes) for action, vetoes, _ in theatre.log] == [("SILENT", ("MUTE",)), ("QUEUE", ("USER_SPEAKING",))]


def test_the_queue_is_bounded_and_what_it_lets_go_is_recorded() -> None:
    theatre = with_mug()
    theatre.feed(UserSpeech(t_ns=ns(1), phase="start"))
    for i in range(40):
        theatre.feed(Asked(t_ns=ns(2), question=f"q{i}", text="where is my mug?"))
    assert theatre.speaker.waiting == 32
    assert sum(vetoes == ("OVERFLOW",) for _, vetoes, _ in theatre.log) == 8


def test_of_what_waits_the_alert_goes_first_for_it_goes_stale() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    theatre.feed(UserSpeech(t_ns=ns(3.5), phase="start"))
    theatre.feed(Asked(t_ns=ns(3.8), question="q1", text="what colour is it?"))
    theatre.look(4, mug(4))
    theatre.feed(UserSpeech(t_ns=ns(4.2), phase="end"))
    theatre.ticks(4.3, 4.8)
    assert theatre.said == ["I see your mug."]
    assert theatre.speaker.waiting == 1
