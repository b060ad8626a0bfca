from __future__ import annotations

import pytest

from edge_runtime.config import SpeakConfig
from edge_runtime.facts import Match, Remembered
from edge_runtime.protocol import Looked, Tick
from edge_runtime.records import Concept
from edge_runtime.speak import requests, targets, watches
from edge_runtime.speak.targets import Refusal, Target
from edge_runtime.speak.watches import Watch
from edge_runtime.types import Capabilities, LookedRegion
from tests.speaking import HERE, POCKET, concept, foveal, label, look_at, mug, ns, text, text_region, tile

CONFIG = SpeakConfig()
TAUGHT = {"mug": concept("mug"), "keys": Concept("keys")}


# ---------------------------------------------------------------- what the wearer says


@pytest.mark.parametrize(
    ("sentence", "channel", "phrase"),
    [
        ("tell me when I see my mug", "scene", "my mug"),
        ("Tell me when my mug comes into view.", "scene", "my mug"),
        ("tell me when a dog appears", "scene", "a dog"),
        ("tell me when I look at the clock", "gaze", "the clock"),
        ("please tell me when I'm looking at my mug", "gaze", "my mug"),
        ("Monitor my gaze and alert me when I gaze on the cup.", "gaze", "the cup"),
        ("Watch the scene and alert me when the apple first appears.", "scene", "the apple"),
        ("let me know if you see the word taxi", "scene", "the word taxi"),
        ("could you please let me know as soon as you spot an umbrella nearby?", "scene", "an umbrella"),
        ("when my mug comes back into view, let me know please", "scene", "my mug"),
        ("tell me when there is a bus", "scene", "a bus"),
        ("watch for EXIT", "scene", "EXIT"),
        ("look out for dogs", "scene", "dogs"),
        ("keep an eye out for my mug", "scene", "my mug"),
        ('alert me when the sign says "OPEN"', "scene", 'the sign says "OPEN"'),
        ("tell me when I read EXIT", "scene", "the word EXIT"),
        ("tell me when a person appears in front of me", "scene", "a person"),
        ("tell me when stairs come into view again", "scene", "stairs"),
    ],
)
def test_a_request_is_a_channel_and_a_thing(sentence: str, channel: str, phrase: str) -> None:
    request = requests.parse(sentence)
    assert request is not None
    assert (request.channel, request.phrase, request.plain) == (channel, phrase, True)


@pytest.mark.parametrize(
    "sentence",
    [
        "tell me when only one bottle is left on the table",
        "tell me when coffee starts to be poured",
        "tell me when the dough is on the upper board",
        "tell me when he laughs",
    ],
)
def test_a_condition_that_is_more_than_a_thing_in_view_is_kept_whole(sentence: str) -> None:
    request = requests.parse(sentence)
    assert request is not None
    assert not request.plain
    assert sentence.endswith(request.phrase)


@pytest.mark.parametrize("sentence", ["sing a song", "", "where is my mug?", "mug"])
def test_what_is_no_request_is_none(sentence: str) -> None:
    assert requests.parse(sentence) is None


@pytest.mark.parametrize(
    ("phrase", "kind", "name", "said"),
    [
        ("my mug", "concept", "mug", "your mug"),
        ("the mug", "concept", "mug", "your mug"),
        ("a mug", "label", "mug", "a mug"),
        ("My own Mug", "concept", "mug", "your mug"),
        ("the word taxi", "text", "taxi", '"taxi"'),
        ("EXIT", "text", "EXIT", '"EXIT"'),
        ('"Room 204"', "text", "Room 204", '"Room 204"'),
        ("the sign says open", "text", "open", '"open"'),
        ('a sign that says "OPEN"', "text", "OPEN", '"OPEN"'),
        ("a TV", "label", "television", "a television"),
        ("the bicycle", "label", "bicycle", "a bicycle"),
        ("dogs", "label", "dog", "a dog"),
        ("sunglasses", "label", "sunglasses", "sunglasses"),
    ],
)
def test_a_taught_thing_comes_before_a_text_and_a_text_before_a_word(phrase: str, kind: str, name: str, said: str) -> None:
    target = targets.resolve(phrase, TAUGHT, POCKET)
    assert isinstance(target, Target)
    assert (target.kind, target.name, target.phrase) == (kind, name, said)


@pytest.mark.parametrize(
    ("phrase", "code", "sentence"),
    [
        ("a theremin", "UNKNOWN_WORD", "I cannot recognise a theremin; show me one."),
        ("the umbrella stand", "UNKNOWN_WORD", "I cannot recognise an umbrella stand; show me one."),
        ("the stairs", "UNKNOWN_WORD", "I cannot recognise stairs; show me some."),
        ("my passport", "UNTAUGHT", "I do not know your passport yet; show it to me and say: this is my passport."),
        ("my gloves", "UNTAUGHT", "I do not know your gloves yet; show them to me and say: these are my gloves."),
        ("my dog", "UNTAUGHT", "I do not know your dog yet; show it to me and say: this is my dog."),
        ("my keys", "LEARNING", "I am still learning your keys; keep looking at them."),
        ("a red bicycle", "NEEDS_VLM", 'I can recognise a bicycle, but not "a red bicycle": this needs a vision-language model.'),
        ("a second mug", "NEEDS_VLM", 'I can recognise a mug, but not "a second mug": this needs a vision-language model.'),
        ("two dogs", "NEEDS_VLM", 'I can recognise a dog, but not "two dogs": this needs a vision-language model.'),
        (
            "someone with a backpack",
            "NEEDS_VLM",
            'I can recognise a backpack, but not "someone with a backpack": this needs a vision-language model.',
        ),
        (
            "the dough on the upper board",
            "NEEDS_VLM",
            'I can recognise dough, but not "the dough on the upper board": this needs a vision-language model.',
        ),
        ("the man who waves", "NEEDS_VLM", 'I cannot recognise "the man who waves": this needs a vision-language model.'),
        ("", "NOT_UNDERSTOOD", "I did not understand what to look for."),
    ],
)
def test_everything_else_is_refused_and_told_why(phrase: str, code: str, sentence: str) -> None:
    assert targets.resolve(phrase, TAUGHT, POCKET) == Refusal(code, sentence)


def test_what_the_models_cannot_do_is_refused_too() -> None:
    blind = Capabilities()
    assert targets.resolve("a dog", {}, blind) == Refusal("UNKNOWN_WORD", "I cannot recognise a dog; show me one.")
    assert targets.resolve("EXIT", {}, blind) == Refusal("UNKNOWN_WORD", "I cannot read with the models that are loaded.")


# ---------------------------------------------------------------- one appearance, one alert


def taken(t_s: float, *matches: Match, regions: tuple[LookedRegion, ...] = ()) -> watches.LookTaken:
    event = Looked(t_ns=ns(t_s + 0.1), answers=1, frame_seq=round(t_s * 10), t_capture_ns=ns(t_s), regions=regions)
    look = watches.look_taken(event, Remembered(looked_at_ns=ns(t_s), matches=matches))
    assert look is not None
    return look


def my_mug(channel: requests.Channel = "scene") -> Watch:
    return Watch("w1", channel, Target("concept", "mug", "your mug"))


def a_bicycle(channel: requests.Channel = "scene") -> Watch:
    target = targets.resolve("a bicycle", {}, POCKET)
    assert isinstance(target, Target)
    return Watch("w1", channel, target)


def exit_sign() -> Watch:
    return Watch("w1", "scene", Target("text", "EXIT", '"EXIT"'))


def test_a_taught_thing_that_is_accepted_fires_at_once_and_on_while_it_has_not_been_told() -> None:
    watch = my_mug()
    hit = watches.observe(watch, taken(1, mug(1)), CONFIG)
    assert hit is not None
    assert (hit.evidence, hit.score, hit.sighting) == ((look_at(1),), 0.6, 1)
    assert watches.observe(watch, taken(2, mug(2)), CONFIG) is not None
    watch.spent = True
    assert watches.observe(watch, taken(3, mug(3)), CONFIG) is None


def test_a_taught_thing_that_is_not_accepted_fires_nothing_however_like() -> None:
    assert watches.observe(my_mug(), taken(1, mug(1, 0.39, accepted=False)), CONFIG) is None


def test_time_without_looks_does_not_rearm() -> None:
    watch = my_mug()
    watch.spent = True
    assert watches.observe(watch, taken(5000, mug(5000)), CONFIG) is None


def test_looks_that_do_not_show_it_rearm_and_it_takes_two_in_a_row() -> None:
    watch = my_mug()
    watch.spent = True
    for t_s, matches in ((1, ()), (2, (mug(2),)), (3, ()), (4, (mug(4),))):
        assert watches.observe(watch, taken(t_s, *matches, regions=(foveal(),)), CONFIG) is None
    for t_s in (5, 6):
        watches.observe(watch, taken(t_s, regions=(foveal(),)), CONFIG)
    assert watches.observe(watch, taken(7, mug(7)), CONFIG) is not None


def test_a_look_that_half_shows_it_neither_fires_nor_rearms() -> None:
    watch = my_mug()
    watch.spent = True
    for t_s in (1, 2, 3, 4):
        watches.observe(watch, taken(t_s, mug(t_s, CONFIG.watch_off, accepted=False)), CONFIG)
    assert watch.spent


def test_a_look_that_could_not_have_shown_it_says_nothing() -> None:
    watch = my_mug()
    watch.spent = True
    for t_s in range(1, 10):
        watches.observe(watch, taken(t_s, regions=(LookedRegion("overview", HERE), tile())), CONFIG)
    assert watch.spent


def test_a_label_is_a_hint_and_two_of_the_last_three_looks_must_give_it() -> None:
    watch = a_bicycle()
    assert watches.observe(watch, taken(1, label(1, "mountain bike", 0.9)), CONFIG) is None
    assert watches.observe(watch, taken(2, label(2, "velvet", 0.4)), CONFIG) is None
    hit = watches.observe(watch, taken(3, label(3, "mountain bike", 0.65)), CONFIG)
    assert hit is not None
    assert hit.evidence == (look_at(3), look_at(1))


def test_two_looks_at_a_label_with_two_others_between_do_not_confirm() -> None:
    watch = a_bicycle()
    for t_s, name in ((1, "mountain bike"), (2, "velvet"), (3, "velvet"), (4, "mountain bike")):
        assert watches.observe(watch, taken(t_s, label(t_s, name, 0.9)), CONFIG) is None


def test_two_crops_of_one_frame_do_not_confirm_each_other() -> None:
    both = (label(1, "mountain bike", 0.9), label(1, "mountain bike", 0.9, gazed=False))
    assert watches.observe(a_bicycle(), taken(1, *both), CONFIG) is None


def test_two_glimpses_far_apart_do_not_confirm_each_other() -> None:
    watch = a_bicycle()
    watches.observe(watch, taken(1, label(1, "mountain bike", 0.9)), CONFIG)
    assert watches.observe(watch, taken(30, label(30, "mountain bike", 0.9)), CONFIG) is None


def test_the_classes_of_a_word_add_up_within_one_crop_but_not_over_two() -> None:
    split = ("mountain bike", 0.35), ("bicycle-built-for-two", 0.3)
    watch = a_bicycle()
    hits = [watches.observe(watch, taken(t_s, *(label(t_s, *part) for part in split)), CONFIG) for t_s in (1, 2)]
    assert hits[1] is not None
    assert hits[1].score == pytest.approx(0.65)
    apart = a_bicycle()
    for t_s in (1, 2, 3):
        looks = (label(t_s, *split[0]), label(t_s, *split[1], gazed=False))
        assert watches.observe(apart, taken(t_s, *looks), CONFIG) is None


def test_a_gaze_watch_wants_it_looked_at_and_a_scene_watch_does_not() -> None:
    in_view = [label(t_s, "mountain bike", 0.9, gazed=False) for t_s in (1, 2, 3)]
    gaze, scene = a_bicycle("gaze"), a_bicycle("scene")
    assert [watches.observe(gaze, taken(t_s + 1, match), CONFIG) for t_s, match in enumerate(in_view)] == [None] * 3
    assert any(watches.observe(scene, taken(t_s + 1, match), CONFIG) for t_s, match in enumerate(in_view))


def test_looking_elsewhere_does_not_say_that_a_scene_has_lost_its_bicycle() -> None:
    watch = a_bicycle("scene")
    watch.spent = True
    for t_s in (1, 2, 3, 4):
        watches.observe(watch, taken(t_s, regions=(foveal(),)), CONFIG)
    assert watch.spent
    for t_s in (5, 6):
        watches.observe(watch, taken(t_s, regions=(tile(),)), CONFIG)
    assert not watch.spent


def test_a_text_is_believed_at_once_and_its_words_stand_whole() -> None:
    assert watches.observe(exit_sign(), taken(1, text(1, "EXIT")), CONFIG) is not None
    assert watches.observe(exit_sign(), taken(1, text(1, "EMERGENCY\nEXIT 4")), CONFIG) is not None
    assert watches.observe(exit_sign(), taken(1, text(1, "EXITING")), CONFIG) is None


def test_a_text_watch_rearms_when_the_eye_is_on_something_else() -> None:
    watch = exit_sign()
    watch.spent = True
    for t_s, region in ((1, text_region()), (2, foveal())):
        watches.observe(watch, taken(t_s, regions=(region,)), CONFIG)
    assert not watch.spent


def test_only_a_look_is_shown_to_a_watch() -> None:
    assert watches.look_taken(Tick(t_ns=1), Remembered()) is None


def test_after_forgetting_a_watch_waits_as_if_newly_set() -> None:
    watch = a_bicycle()
    watches.observe(watch, taken(1, label(1, "mountain bike", 0.9)), CONFIG)
    watches.forget(watch)
    assert watches.observe(watch, taken(2, label(2, "mountain bike", 0.9)), CONFIG) is None
