"""A stream as notes in words: what is said, found, unified and let go."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from edge_runtime.config import S
from edge_runtime.errors import UsageError
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, RetrievalCue
from edge_runtime.remember.policies.frames import unit_rows
from edge_runtime.remember.policies.published.caption_notes import Aliases, CaptionNotes
from edge_runtime.remember.words import fold
from edge_runtime.types import WHOLE, Box, LabelHint, LookedRegion, TextLine, Tokens, Vector
from tests.token_looks import EVERYTHING, look

CLIP_S = 10


def sees(at_s: int, label: str = "", line: str = "") -> Looked:
    """A look of four tokens with a label and a line of text."""
    labels = (LabelHint(label, 0.9),) if label else ()
    lines = (TextLine(line, 0.9, WHOLE),) if line else ()
    tokens = Tokens((2, 2), 8, np.ones((4, 8), np.float16))
    return look(at_s, LookedRegion("overview", WHOLE, tokens=tokens, labels=labels, lines=lines), t_ns=at_s * S)


def word_vectors(text: str) -> Vector:
    """A text encoder without a model: each word a fixed direction float32 [64]."""
    total = np.zeros(64, np.float32)
    for word in fold(text).split():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        total += np.random.default_rng(seed).normal(size=64).astype(np.float32)
    unit: Vector = unit_rows(total[None])[0]
    return unit


def told(policy: CaptionNotes, question: str) -> list[str]:
    return [note.text for note in policy.found(question, 1000).notes]


# --- What is said -----------------------------------------------------------------------------------------------------------------


def test_a_clip_is_told_by_its_labels_and_lines_each_once() -> None:
    policy = CaptionNotes(10_000)
    for one in (sees(1, "mug"), sees(2, "mug", "EXIT"), sees(3, "cat"), sees(11, "sofa")):
        assert policy.insert(one) == (Dropped("token", "skipped", 4),)
    notes = policy.view(EVERYTHING).notes
    assert [(note.t_start_ns, note.t_end_ns, note.text) for note in notes] == [
        (1 * S, 3 * S, 'mug, text "EXIT", cat'),
        (11 * S, 11 * S, "sofa"),
    ]
    assert len(policy.view(EVERYTHING).t_ns) == 0


def test_a_clip_with_nothing_to_say_says_so_and_is_not_found() -> None:
    policy = CaptionNotes(10_000)
    policy.insert(sees(1))
    assert [note.text for note in policy.view(EVERYTHING).notes] == ["nothing named"]
    assert told(policy, "was nothing named") == []


def test_looks_without_numbers_are_noted_and_misshapen_ones_are_not() -> None:
    policy = CaptionNotes(10_000)
    bare = LookedRegion("overview", WHOLE, tokens=Tokens((2, 2), 8), labels=(LabelHint("mug", 0.9),))
    assert policy.insert(look(1, bare)) == (Dropped("token", "absent", 4),)
    odd = LookedRegion("overview", WHOLE, tokens=Tokens((2, 2), 8, np.ones((3, 8), np.float16)), labels=(LabelHint("cat", 0.9),))
    assert policy.insert(look(2, odd)) == (Dropped("token", "shape", 4),)
    assert [note.text for note in policy.view(EVERYTHING).notes] == ["mug"]


def test_a_captioner_may_be_given() -> None:
    policy = CaptionNotes(10_000, captioner=lambda one: [f"frame {one.frame_seq}"])
    policy.insert(sees(4, "mug"))
    assert policy.view(EVERYTHING).notes[0].text == "frame 4"


def test_a_note_is_no_longer_than_its_words_and_the_rest_is_counted() -> None:
    policy = CaptionNotes(10_000, words=3)
    policy.insert(sees(1, "coffee mug"))
    assert Dropped("phrase", "length", 1) in policy.insert(sees(2, "running shoe"))
    policy.insert(sees(3, "cat"))
    assert policy.view(EVERYTHING).notes[0].text == "coffee mug, cat"


# --- What is found ----------------------------------------------------------------------------------------------------------------


def story(policy: CaptionNotes) -> CaptionNotes:
    """Forty clips, of a different room each, every tenth with a dog."""
    for clip in range(40):
        policy.insert(sees(clip * CLIP_S, f"room {clip + 100}", "dog" if clip % 10 == 5 else ""))
    return policy


def test_notes_are_found_by_the_words_they_share() -> None:
    policy = story(CaptionNotes(50_000))
    assert told(policy, "What was in room 117?")[-1].startswith("room 1")
    assert "room 117" in told(policy, "What was in room 117?")
    assert told(policy, "the dog") == ['room 115, text "dog"', 'room 125, text "dog"', 'room 135, text "dog"']
    assert told(policy, "a saxophone") == []


def test_notes_are_found_by_text_vectors_where_there_is_an_encoder() -> None:
    policy = story(CaptionNotes(50_000, encoder=word_vectors))
    assert "room 117" in told(policy, "room 117")
    shown = policy.view(EVERYTHING, RetrievalCue(vector=word_vectors("room 117"))).notes
    assert len(shown) == 3 and "room 117" in [note.text for note in shown]
    assert len(policy.view(EVERYTHING, RetrievalCue(vector=np.ones(3, np.float32))).notes) == 40, "another space: the newest"


def test_notes_take_the_room_there_is_newest_first() -> None:
    policy = story(CaptionNotes(50_000))
    assert [note.text for note in policy.view(4).notes] == ["room 138", "room 139"]
    assert policy.view(1).notes == ()


# --- One name for one thing -------------------------------------------------------------------------------------------------------

PEOPLE = ("Anna", "Boris", "Chiara", "Deniz")
ALIASES = Aliases([(name, f"{name}'s friend", f"the person in row {row}") for row, name in enumerate(PEOPLE)])


def test_mr1_three_names_in_twenty_notes_become_one() -> None:
    forms = ("{0}", "{0}'s friend", "the person in row {1}")
    notes = [f"{forms[event % 3].format(PEOPLE[event % 4], event % 4)} waved" for event in range(20)]
    assert {ALIASES.unified(note) for note in notes} == {f"{name.casefold()} waved" for name in PEOPLE}


def test_mr1_a_question_finds_notes_under_any_name_without_a_call_to_a_model() -> None:
    policy = CaptionNotes(50_000, aliases=ALIASES, best=20)
    for event in range(20):
        names = (PEOPLE[event % 4], f"{PEOPLE[event % 4]}'s friend", f"the person in row {event % 4}")
        policy.insert(sees(event * CLIP_S, names[event % 3]))
    for name in ("Boris", "boris's friend", "The person in row 1"):
        assert [note.t_start_ns // (CLIP_S * S) % 4 for note in policy.found(name, 1000).notes] == [1] * 5


def test_groups_that_share_a_name_become_one_and_parts_of_words_are_no_names() -> None:
    aliases = Aliases([("Ann", "mum"), ("Bob",), ("Mum", "Bob", "the boss")])
    assert aliases.unified("Bob and THE BOSS saw mum, annoyed") == "ann and ann saw ann annoyed"
    assert Aliases().unified("No. 7, Exit") == "no 7 exit"


def test_a_name_has_a_word() -> None:
    with pytest.raises(UsageError, match="without a word"):
        Aliases([("Anna", "?!")])


# --- What is let go ---------------------------------------------------------------------------------------------------------------


def test_the_oldest_notes_go_when_the_bytes_are_full_and_are_counted() -> None:
    policy = CaptionNotes(4_000)
    gone = 0
    for clip in range(100):
        drops = policy.insert(sees(clip * CLIP_S, f"room {clip}"))
        gone += sum(drop.count for drop in drops if drop.what == "note")
        assert policy.nbytes() <= 4_000
    kept = policy.view(EVERYTHING).notes
    assert len(kept) + gone == 100 and kept[-1].text == "room 99"


def test_forgetting_takes_the_whole_note_because_its_words_cannot_be_told_apart() -> None:
    policy = story(CaptionNotes(50_000, encoder=word_vectors))
    policy.insert(sees(399, "secret"))
    assert policy.forget(((395 * S, 400 * S),)) == (Dropped("note", "forgotten", 1),)
    assert b"secret" not in policy.state() and b"room 139" not in policy.state()
    assert told(policy, "secret") != told(policy, "room 138")


def test_regions_of_one_look_make_one_note_of_it() -> None:
    policy = CaptionNotes(10_000)
    foveal = LookedRegion("foveal", Box(0.2, 0.2, 0.4, 0.4), labels=(LabelHint("ring", 0.8), LabelHint("watch", 0.1)))
    policy.insert(look(1, *sees(1, "mug").regions, foveal))
    assert policy.view(EVERYTHING).notes[0].text == "mug, ring"
