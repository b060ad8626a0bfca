"""The words of time in a question, in the question's own words."""

from __future__ import annotations

import pytest

from edge_runtime.config import S
from edge_runtime.speak import times

NOW_S = 4000


def take(text: str, now_s: int = NOW_S, origin_s: int = 0) -> times.Timed:
    return times.take(text, now_ns=now_s * S, origin_ns=origin_s * S)


@pytest.mark.parametrize(
    ("text", "rest", "from_s", "to_s", "said"),
    [
        ("did I see a dog in the last ten minutes?", "did I see a dog?", 3400, 4000, "in the last 10 min"),
        ("did I see a dog the past hour?", "did I see a dog?", 400, 4000, "in the last 60 min"),
        ("In the last hour and a half, did I see a dog?", "did I see a dog?", -1400, 4000, "in the last 90 min"),
        ("how often did I see it within the last 2 h 5 min?", "how often did I see it?", -3500, 4000, "in the last 2 h 5 min"),
        ("what did I read over the past half an hour?", "what did I read?", 2200, 4000, "in the last 30 min"),
        ("what did I read in the last couple of minutes?", "what did I read?", 3880, 4000, "in the last 2 min"),
        ("did I see a cat just now?", "did I see a cat?", 3970, 4000, "in the last 30 s"),
        ("did I see a cat a second ago?", "did I see a cat?", 3970, 4000, "in the last 30 s"),
        ("have you seen my keys recently?", "have you seen my keys?", 3400, 4000, "in the last 10 min"),
        ("did I see my keys less than 5 minutes ago?", "did I see my keys?", 3700, 4000, "in the last 5 min"),
        ("what did I look at a minute ago?", "what did I look at?", 3910, 3970, "between 30 s and 90 s ago"),
        ("what did I look at about half an hour ago?", "what did I look at?", 1300, 3100, "between 15 min and 45 min ago"),
        ("what did I look at an hour ago?", "what did I look at?", -1400, 2200, "between 30 min and 90 min ago"),
        ("did I see a dog between 10 and 20 minutes ago?", "did I see a dog?", 2800, 3400, "between 10 min and 20 min ago"),
        ("did I see a dog between 30 seconds and a minute ago?", "did I see a dog?", 3940, 3970, "between 30 s and 60 s ago"),
        ("did I see a dog more than an hour ago?", "did I see a dog?", None, 400, "more than 60 min ago"),
        ("did I see a dog earlier?", "did I see a dog?", None, 3998, "before now"),
        ("have I seen this before?", "have I seen this?", None, 3998, "before now"),
        ("did I see a dog a while ago?", "did I see a dog?", None, 3998, "before now"),
        ("is there a cat right now?", "is there a cat?", 3998, 4000, "in the last 2 s"),
        ("what did I look at before 0:31?", "what did I look at?", None, 31, "before 0:31"),
        ("did I see a dog after 1:02:03?", "did I see a dog?", 3723, None, "after 1:02:03"),
        ("did I see a dog since 12:05?", "did I see a dog?", 725, None, "after 12:05"),
        ("did I see a dog between 0:10 and 0:20?", "did I see a dog?", 10, 20, "between 0:10 and 0:20"),
        ("did I see a dog at 0:31?", "did I see a dog?", 26, 36, "around 0:31"),
        ("did I see a dog after 0:10 before 0:20?", "did I see a dog?", 10, 20, "before 0:20, after 0:10"),
    ],
)
def test_words_that_mean_a_stretch_of_time_exactly(text: str, rest: str, from_s: int | None, to_s: int | None, said: str) -> None:
    timed = take(text)
    window = timed.window
    assert (timed.rest, timed.refusal, window.said) == (rest, None, said)
    assert window.t_from_ns == (-times.FOREVER_NS if from_s is None else from_s * S)
    assert window.t_to_ns == (times.FOREVER_NS if to_s is None else to_s * S)


@pytest.mark.parametrize(
    "text",
    [
        "when did I last see my mug?",
        "when did I first see my mug?",
        "how long ago did I see my mug?",
        "how long did I look at the clock?",
        "how many minutes did I look at the clock?",
        "what did I look at before my mug?",
        "what did I look at right after the clock?",
        "what did the last sign say?",
        "have you seen my keys today?",
        "did I see the morning paper?",
        "where was the night stand?",
        'did I see the word "an hour ago"?',
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    assert take(text) == times.Timed(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when did I see my mug this morning?", "I do not know the time of day or the date"),
        ("did I see my mug yesterday?", "I do not know the time of day or the date"),
        ("did I see my mug last night?", "I do not know the time of day or the date"),
        ("did I see my mug at 3 o'clock?", "I do not know the time of day or the date"),
        ("did I see my mug before 10:30 am?", "I do not know the time of day or the date"),
        ("what did I see on Monday?", "I do not know the time of day or the date"),
        ("what did I see in the last few minutes?", "Tell me how long you mean"),
        ("what did I see a few hours ago?", "Tell me how long you mean"),
        ("what did I see at 2:30:00?", "2:30:00 is still to come: my clock counts from the start and reads 1:06:40."),
        ("what did I see between 0:20 and 0:10?", "0:20 is after 0:10: I do not know which time you mean."),
        ("what did I see in the last 5 minutes more than an hour ago?", "No moment is both in the last 5 min and more than 60 min ago."),
        ("what did I see 3 hours ago?", "That was before all I know, which is the last 67 min."),
        ("what did I see more than 2 hours ago?", "That was before all I know, which is the last 67 min."),
    ],
)
def test_what_is_not_known_or_contradicts_itself_is_said(text: str, said: str) -> None:
    refusal = take(text).refusal
    assert refusal is not None and refusal.code == "UNKNOWN_TIME"
    assert refusal.text.startswith(said)


def test_the_clock_of_the_stream_begins_with_it() -> None:
    assert take("did I see a dog before 0:31?", now_s=10_043, origin_s=10_000).window.t_to_ns == 10_031 * S
    assert take("did I see a dog a minute ago?", now_s=10_020, origin_s=10_000).refusal == times.before_the_stream(20 * S)
