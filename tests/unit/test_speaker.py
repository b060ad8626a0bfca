from __future__ import annotations

import msgspec
import pytest

from edge_runtime.facts import Remembered
from edge_runtime.protocol import (
    Asked,
    Event,
    Failed,
    Feedback,
    Forget,
    Found,
    Looked,
    Muted,
    Taught,
    Tick,
    UserSpeech,
    WatchSet,
)
from edge_runtime.records import Concept, Dropped, Scope
from tests.speaking import (
    Shelf,
    Theatre,
    behind_memory,
    concept,
    eye,
    foveal,
    label,
    lines,
    look_at,
    mug,
    ns,
    read,
    sighting,
    speak,
    tile,
    with_mug,
)

# ---------------------------------------------------------------- lessons


def test_a_lesson_is_begun_ended_or_given_up_in_words() -> None:
    theatre = Theatre()
    theatre.feed(Taught(t_ns=ns(1), concept=Concept("mug")))
    theatre.look(3, learned=(concept("mug"),))
    speak(theatre, 3.2, 1)
    theatre.feed(Tick(t_ns=ns(30)), Remembered(unlearned=("keys",)))
    assert theatre.shown == ["Look at your mug."]
    assert theatre.said == ["Now I know your mug.", "I could not look at your keys long enough; look at them and tell me again."]


def test_a_look_alike_is_asked_about_once_in_a_while_and_only_if_looked_at() -> None:
    theatre = with_mug()
    unsure = mug(3, 0.35, accepted=False)
    theatre.look(3, unsure, unsure=(msgspec.structs.replace(unsure, gazed=False),))
    assert theatre.decisions == []
    theatre.look(3, unsure, unsure=(unsure,))
    theatre.look(20, unsure=(mug(20, 0.35, accepted=False),))
    assert theatre.said == ["Is this your mug?"]
    assert [(action, vetoes) for action, vetoes, _ in theatre.log] == [("SPEAK", ()), ("SILENT", ("TOPIC_COOLDOWN",))]
    assert theatre.decisions[0].evidence == (look_at(3),)


def test_feedback_is_counted() -> None:
    theatre = Theatre()
    for verdict in ("dismissed", "yes", "dismissed"):
        theatre.feed(Feedback(t_ns=ns(1), decision=1, verdict=verdict))
    assert dict(theatre.speaker.feedback) == {"dismissed": 2, "yes": 1}


# ---------------------------------------------------------------- answers


def test_an_answer_carries_its_question_its_choice_and_its_evidence() -> None:
    theatre = Theatre(Shelf([sighting(1, "text", "Tide", 2, 4)]))
    response = theatre.ask(43, "What brand name is on the bag?", ("Omo", "Tide"), question="v03-q1")
    assert (response.question, response.choice, response.evidence) == ("v03-q1", 1, (look_at(4),))
    assert theatre.ask(60, "what colour is it?", ("red", "blue"), question="q2").choice is None
    assert [d.reasons for d in theatre.decisions] == [("ASKED", "ANSWERED"), ("ASKED", "NEEDS_VLM")]


def test_who_asks_twice_is_told_twice() -> None:
    theatre = Theatre(Shelf([sighting(1, "text", "Tide", 2, 4)]))
    first = theatre.ask(43, "what did the sign say?")
    speak(theatre, 43, 2)
    assert theatre.ask(46, "what did the sign say?").text.startswith('It said: "Tide"')
    assert first.text == 'It said: "Tide", 39 s ago, at 0:04.'


def test_what_memory_has_lost_is_looked_up_in_the_log() -> None:
    theatre = behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="where was my mug?"))
    assert theatre.said == []
    search = theatre.searches[0]
    assert (search.query.names, search.deadline_ns) == (("mug",), ns(44))
    theatre.feed(Found(t_ns=ns(43.2), answers=search.id, rows=(sighting(1, "concept", "mug", 5, 9),), places=("by the sign",)))
    assert theatre.said == ["I last saw your mug by the sign, 34 s ago, at 0:09."]
    assert theatre.speaker.waiting == 0


@pytest.mark.parametrize("how", ["failed", "silent"])
def test_if_the_log_does_not_answer_memory_does_and_says_so(how: str) -> None:
    theatre = behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="where was my mug?"))
    if how == "failed":
        theatre.feed(Failed(t_ns=ns(43.1), answers=theatre.searches[0].id, reason="store"))
    else:
        theatre.ticks(43.1, 44.2)
    span = "23 s" if how == "failed" else "24 s"
    assert theatre.said == [f"I did not see your mug in the last {span}. The log did not answer: this is what memory alone holds."]


def test_what_was_lost_on_the_way_to_the_log_weakens_every_no_about_that_time() -> None:
    theatre = with_mug()
    theatre.feed(Tick(t_ns=ns(20)), Remembered(dropped=(Dropped("row", "store"),)))
    assert theatre.ask(43, "where was my mug?").text == "I did not see your mug in the last 43 s; I could not keep all that I saw then."
    assert theatre.ask(53, "did I see my mug in the last 10 seconds?", question="q2").text == "No, I did not see your mug in the last 10 s."


def test_a_question_of_two_steps_asks_the_log_twice_and_never_for_ever() -> None:
    theatre = behind_memory()
    theatre.feed(Asked(t_ns=ns(43), question="q1", text="what did I look at before my mug?"))
    rows = (sighting(4, "concept", "mug", 12, 14), sighting(3, "text", "EXIT", 8, 9))
    for i in range(2):
        found = tuple(row for row in rows if row.what.kind == "concept" or i == 1)
        theatre.feed(Found(t_ns=ns(43.1 + i), answers=theatre.searches[-1].id, rows=found))
    assert len(theatre.searches) == 2
    assert theatre.said == ['Before your mug you looked at "EXIT", 36 s ago, at 0:08.']


# ---------------------------------------------------------------- the same again


def script() -> list[tuple[Event, Remembered]]:
    """A little of everything."""
    steps: list[tuple[Event, Remembered]] = [
        (WatchSet(t_ns=ns(1), watch="w1", text="tell me when I see my mug"), Remembered()),
        (WatchSet(t_ns=ns(1), watch="w2", text="tell me when a bicycle appears"), Remembered()),
        (WatchSet(t_ns=ns(1), watch="w3", text="tell me when I see a theremin"), Remembered()),
        (UserSpeech(t_ns=ns(5), phase="start"), Remembered()),
        (UserSpeech(t_ns=ns(6.5), phase="end"), Remembered()),
        (Asked(t_ns=ns(20), question="q1", text="where was my mug?"), Remembered()),
        (Asked(t_ns=ns(21), question="q2", text="how often did I see my mug?", options=("1", "2")), Remembered()),
        (Muted(t_ns=ns(30), until_ns=ns(33)), Remembered()),
        (Feedback(t_ns=ns(34), decision=1, verdict="dismissed"), Remembered()),
        (Forget(t_ns=ns(50), scope=Scope("since", t_from_ns=ns(45))), Remembered()),
        *((Tick(t_ns=ns(tenth / 10)), Remembered()) for tenth in range(600)),
        *(
            (
                Looked(t_ns=ns(t_s + 0.15), answers=t_s, frame_seq=t_s * 10, t_capture_ns=ns(t_s), regions=(foveal(), tile())),
                Remembered(
                    looked_at_ns=ns(t_s),
                    matches=(mug(t_s, number=t_s // 20), label(t_s, "mountain bike", 0.6, gazed=False)) if t_s % 20 < 8 else (),
                    reading=lines("ROOM 204") if t_s % 20 < 12 else (),
                    reading_evidence=look_at(t_s) if t_s % 20 < 12 else None,
                ),
            )
            for t_s in range(2, 60)
        ),
        *((eye(10 * k + 2, 10 * k + 2 + j / 2, number=k), Remembered()) for k in range(5) for j in range(1, 12)),
    ]
    return sorted(steps, key=lambda step: step[0].t_ns)


def stage() -> Theatre:
    shelf = Shelf([sighting(1, "concept", "mug", 2, 10)], [concept("mug")])
    shelf.complete_since_ns = ns(1)
    return Theatre(shelf)


def test_the_same_events_give_the_same_commands() -> None:
    one, other = stage(), stage()
    for event, seen in script():
        one.feed(event, seen)
        other.feed(event, seen)
    assert one.commands == other.commands
    assert one.speaker.snapshot() == other.speaker.snapshot()
    assert {"SPEAK", "QUEUE", "SILENT"} <= {decision.action for decision in one.decisions}
    assert [decision.id for decision in one.decisions] == list(range(1, len(one.decisions) + 1))


@pytest.mark.parametrize("at", [37, 150, 222, 400, 555, 700])
def test_a_restored_speaker_goes_on_exactly_as_the_one_it_was_taken_from(at: int) -> None:
    steps = script()
    straight, restored = stage(), stage()
    for event, seen in steps[:at]:
        straight.feed(event, seen)
    restored.speaker.restore(straight.speaker.snapshot())
    restored.next_id = straight.next_id
    begun = len(straight.commands)
    for event, seen in steps[at:]:
        straight.feed(event, seen)
        restored.feed(event, seen)
    assert restored.commands == straight.commands[begun:]
    assert straight.speaker.snapshot() == restored.speaker.snapshot()


def test_the_state_stays_small_over_a_busy_hour() -> None:
    theatre = with_mug()
    theatre.watch(1, "tell me when I see my mug")
    sizes = []
    for minute in range(60):
        t_s = 60.0 * (minute + 1)
        theatre.look(t_s, mug(t_s, number=minute))
        read(theatre, t_s + 10, t_s + 14, f"PAGE {minute} OF A LONG BOOK")
        theatre.ask(t_s + 30, "where is my mug?", question=f"q{minute}")
        sizes.append(len(theatre.speaker.snapshot()))
    assert max(sizes) < 64 * 1024
