"""Sentences of facts with other words for them, by how they begin: a small model copies the manner of two examples of the same kind.

The things in them are such as nobody asks about, so that a recording of what a model was told does not name what a wearer may want
forgotten.
"""

from __future__ import annotations

Pair = tuple[str, str]

_EARLY, _LATE = "3 h 4 min ago, at 0:52", "40 s ago, at 1:15"


def _time_first(one: str, other: str) -> tuple[Pair, Pair]:
    """Two sentences that end with a time, and the same with the time in front."""
    return _moved(one, _EARLY), _moved(other, _LATE)


def _moved(body: str, moment: str) -> Pair:
    return f"{body}, {moment}.", f"{moment}, {body if body.startswith('I ') else body[0].lower() + body[1:]}."


EXAMPLES: tuple[tuple[str, tuple[Pair, Pair]], ...] = (
    (
        "I last saw",
        _time_first(
            "I last saw what looks like a zither in the rotunda", 'I last saw your lute by the sign "ROTUNDA", near your sousaphone'
        ),
    ),
    ("I first saw", _time_first("I first saw your green sousaphone", "I first saw your lute")),
    ("You last", _time_first("You last looked at your green sousaphone", "You last looked at your lute")),
    ("Yes, I saw", _time_first("Yes, I saw what looks like a zither", 'Yes, I saw your lute by the sign "ROTUNDA"')),
    ("Near", _time_first("Near your lute I saw your sousaphone", 'Near your green sousaphone I saw your lute and "ROTUNDA"')),
    ("Before", _time_first("Before your green sousaphone you were in the rotunda", 'Before your lute you looked at "ROTUNDA"')),
    ("After", _time_first("After your green sousaphone you were in the rotunda", 'After your lute you looked at "ROTUNDA"')),
    ("It said", _time_first('It said: "LUTES AND ZITHERS"', 'It said: "ROTUNDA 3"')),
    (
        "You looked at",
        (
            (
                'You looked at "ROTUNDA", your lute and what looks like a zither.',
                'You gazed at "ROTUNDA", your lute and what looks like a zither.',
            ),
            (
                "You looked at your sousaphone for 17 s in all, twice, last 40 s ago, at 1:15.",
                "You gazed at your sousaphone for 17 s in total, twice, last 40 s ago, at 1:15.",
            ),
        ),
    ),
    (
        "I saw",
        (
            (
                "I saw your lute at least 3 times, last 40 s ago, at 1:15.",
                "I noticed your lute at least 3 times, most recently 40 s ago, at 1:15.",
            ),
            (
                "I saw what looks like a zither for 17 s, last 3 h 4 min ago, at 0:52.",
                "I spotted what looks like a zither for 17 s, most recently 3 h 4 min ago, at 0:52.",
            ),
        ),
    ),
    (
        "",
        (
            (
                "In the last 9 min I saw your lute, last 40 s ago, at 1:15.",
                "In the past 9 min I noticed your lute, most recently 40 s ago, at 1:15.",
            ),
            (
                "In the rotunda I saw your green sousaphone and what looks like a zither, last 3 h 4 min ago, at 0:52.",
                "In the rotunda I spotted your green sousaphone and what looks like a zither, most recently 3 h 4 min ago, at 0:52.",
            ),
        ),
    ),
)
"""Beginning, and two pairs each; the first beginning that fits counts."""
