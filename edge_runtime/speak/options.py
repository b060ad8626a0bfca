"""Multiple choice: an option is chosen only where the facts single it out. A wrong choice costs twice what a right one earns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edge_runtime.records import Concept, Sighting
from edge_runtime.speak import phrasing, targets
from edge_runtime.speak.reply import same_thing
from edge_runtime.speak.targets import Target
from edge_runtime.types import Capabilities

S = 1_000_000_000

_DESCRIBING = frozenset(
    phrasing.words("""
    black white grey gray red green blue yellow orange purple pink brown beige golden silver gold dark light pale bright colourful
    big small large little tiny huge tall short long wide narrow round square flat thick thin old new empty full open closed
    wooden plastic metal metallic glass paper leather steel woollen cotton ceramic rubber stone
    left right middle centre central upper lower top bottom front back first second third other near far
    striped spotted plain patterned checked spiky furry soft hard
    """)
)
_DENYING = frozenset(phrasing.words("no not never none neither nor nothing cannot isnt arent wasnt werent dont doesnt didnt cant without"))
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d)")
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(h|hours?|min|minutes?|s|sec|secs|seconds?)?(?![a-z\d])", re.I)
_CLEARLY = 0.5
"""The nearest option must be at most half as far off as the next."""


def meant(options: Sequence[str], concepts: Mapping[str, Concept], capabilities: Capabilities) -> list[Target | None]:
    """Find out what each option names; describing words are passed over where they are not needed to tell options apart.

    Returns:
        ``None`` for an option that names nothing known, or the same thing as another option.
    """
    found: list[Target | None] = []
    for option in options:
        tokens = option.casefold().split()
        while len(tokens) > 1 and (tokens[0] in _DESCRIBING or tokens[0] in ("the", "a", "an", "my", "some")):
            tokens = tokens[1:]
        target = targets.resolve(" ".join(tokens), concepts, capabilities)
        found.append(target if isinstance(target, Target) and target.kind != "text" else None)
    return [
        None if target is None or any(_alike(target, other) for k, other in enumerate(found) if k != i) else target
        for i, target in enumerate(found)
    ]


def by_text(options: Sequence[str], read: Sequence[str]) -> int | None:
    """Choose the one option whose words were read."""
    hits = [
        i for i, option in enumerate(options) if len("".join(phrasing.words(option))) > 1 and any(phrasing.holds(t, option) for t in read)
    ]
    return hits[0] if len(hits) == 1 else None


def named(options: Sequence[str], said: str) -> int | None:
    """Choose the one option that a sentence names; a sentence that denies something chooses none, unless it is that option and no more."""
    words = phrasing.words(said)
    same = [i for i, option in enumerate(options) if phrasing.words(option) == words]
    if same:
        return same[0] if len(same) == 1 else None
    return None if _DENYING & set(words) else by_text(options, [said])


def by_time(options: Sequence[str], moments_ns: Sequence[int], *, now_ns: int, origin_ns: int) -> int | None:
    """Choose the option that names a time clearly nearest to every one of the moments."""
    named = [_moment(option, now_ns - origin_ns) for option in options]
    times = [time for time in named if time is not None]
    if len(times) < len(options) or not moments_ns:
        return None
    return _same([_nearest(times, moment_ns - origin_ns) for moment_ns in moments_ns])


def by_length(options: Sequence[str], span_ns: int) -> int | None:
    """Choose the option that names a length of time clearly nearest."""
    spans = [_span(option) for option in options]
    known = [span for span in spans if span is not None]
    return _nearest(known, span_ns) if len(known) == len(options) else None


def showing(named: Sequence[Target | None], sightings: Sequence[Sighting]) -> int | None:
    """Choose the one option that any of these sightings shows."""
    hits = [i for i, target in enumerate(named) if target is not None and any(target.is_shown_by(s.what) for s in sightings)]
    return hits[0] if len(hits) == 1 else None


def never_seen(named: Sequence[Target | None], sightings: Sequence[Sighting]) -> int | None:
    """Choose the one option not seen: it must be recognisable, and every other option must have been seen."""
    unseen = [i for i, target in enumerate(named) if target is None or not any(target.is_shown_by(s.what) for s in sightings)]
    return unseen[0] if len(unseen) == 1 and named[unseen[0]] is not None else None


def seen_first(named: Sequence[Target | None], gazed: Sequence[Sighting]) -> int | None:
    """Choose the option that was looked at first.

    Either all options were recognised, or one was and nothing else was looked at before it: whatever else it is called, it may
    have been one of the others.
    """
    first: dict[int, int] = {}
    for i, target in enumerate(named):
        starts = [s.t_start_ns for s in gazed if target is not None and target.is_shown_by(s.what)]
        if starts:
            first[i] = min(starts)
    if not first:
        return None
    winner = min(first, key=lambda i: (first[i], i))
    chosen = named[winner]
    shown = [s for s in gazed if chosen is not None and chosen.is_shown_by(s.what)]
    others = [s for s in gazed if s.id not in {own.id for own in shown} and not any(same_thing(s, own) for own in shown)]
    if sum(start == first[winner] for start in first.values()) > 1:
        return None
    return winner if len(first) == len(named) or not any(s.t_start_ns < first[winner] for s in others) else None


def _alike(a: Target, b: Target | None) -> bool:
    return b is not None and a.kind == b.kind and (a.name == b.name or bool(set(a.classes) & set(b.classes)))


def _moment(option: str, now_ns: int) -> int | None:
    clock = _CLOCK.search(option)
    if clock is not None:
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return (hours * 3600 + minutes * 60 + seconds) * S
    span = _span(option)
    return now_ns - span if span is not None and "ago" in phrasing.words(option) else span


def _span(option: str) -> int | None:
    parts = _SPAN.findall(option)
    if not parts:
        return None
    scale = {"h": 3600, "m": 60, "s": 1}
    return round(sum(float(number) * scale[(unit or "s")[0].casefold()] for number, unit in parts) * S)


def _nearest(values: Sequence[int], wanted: int) -> int | None:
    order = sorted(range(len(values)), key=lambda i: (abs(values[i] - wanted), i))
    if len(order) > 1 and abs(values[order[0]] - wanted) > _CLEARLY * abs(values[order[1]] - wanted):
        return None
    return order[0] if order else None


def _same(choices: Sequence[int | None]) -> int | None:
    return choices[0] if len(set(choices)) == 1 else None
