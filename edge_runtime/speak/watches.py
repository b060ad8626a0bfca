"""Standing watches: one appearance, one alert.

A watch fires when a look shows its target, and fires again only after looks that did not show it: time alone, and looks elsewhere,
do not re-arm it. A taught concept and a text are believed at once; a label is a hint, and two of the last three looks must give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from edge_runtime.config import SpeakConfig
from edge_runtime.facts import Match, Remembered
from edge_runtime.protocol import Event, Looked
from edge_runtime.records import Evidence
from edge_runtime.speak.requests import Channel
from edge_runtime.speak.targets import Target

S = 1_000_000_000

REARM_LOOKS = 2
"""Looks in a row that must not show the target before its appearance is over."""
_CONFIRM = 2
_CONFIRM_OF = 3
_CONFIRM_WITHIN_NS = 5 * S
_EVIDENCE = 4


class Glance(msgspec.Struct, frozen=True):
    """One look, as one watch saw it.

    Attributes:
        t_ns: Capture time.
        gazed: Whether it was of what the wearer looked at.
        hit: Whether it showed the target.
        evidence: The look, if it did.
    """

    t_ns: int
    gazed: bool
    hit: bool
    evidence: Evidence | None = None


class Watch(msgspec.Struct):
    """A standing request.

    Attributes:
        id: The wearer's name for it.
        channel: ``gaze``: only what is looked at counts; ``scene``: anything in view.
        target: What is waited for.
        expires_ns: When it ends.
        once: Whether it ends with its first alert.
        spent: Whether the present appearance has had its alert.
        misses: Looks in a row that did not show it.
        glances: The last looks that were compared, oldest first.
    """

    id: str
    channel: Channel
    target: Target
    expires_ns: int | None = None
    once: bool = False
    spent: bool = False
    misses: int = 0
    glances: list[Glance] = []


class Hit(NamedTuple):
    """The target is there and this appearance has not been told yet."""

    evidence: tuple[Evidence, ...]
    score: float
    sighting: int | None


class LookTaken(NamedTuple):
    """A look as the watches need it: what could be compared in it, and what came of that."""

    t_ns: int
    compared: tuple[tuple[str, bool], ...]
    matches: tuple[Match, ...]


def look_taken(event: Event, seen: Remembered) -> LookTaken | None:
    """Gather what a look showed, or ``None`` if the event is none.

    What counts as compared: labels where regions were named; concepts where regions other than the whole picture have a vector;
    text where text was read, and where the wearer looked at something else.
    """
    if seen.looked_at_ns is None or not isinstance(event, Looked):
        return None
    compared: set[tuple[str, bool]] = {(match.what.kind, match.gazed) for match in seen.matches}
    for region in event.regions:
        gazed = region.kind in ("foveal", "text")
        if region.labels:
            compared.add(("label", gazed))
        if region.vector is not None and region.kind != "overview":
            compared.add(("concept", gazed))
        if region.lines or gazed:
            compared.add(("text", gazed))
    return LookTaken(seen.looked_at_ns, tuple(sorted(compared)), seen.matches)


def observe(watch: Watch, look: LookTaken, config: SpeakConfig) -> Hit | None:
    """Show one look to a watch. Changes the watch; returns a hit for as long as one is due."""
    channels = [gazed for kind, gazed in look.compared if kind == watch.target.kind and (gazed or watch.channel == "scene")]
    if not channels:
        return None
    matches = [match for match in look.matches if watch.target.is_shown_by(match.what)]
    best, highest = None, 0.0
    for gazed in channels:
        score, match = _best(watch, [match for match in matches if match.gazed == gazed])
        highest = max(highest, score)
        hit = match is not None and _shows(watch, match, score, config)
        if hit and match is not None and (best is None or score >= best[0]):
            best = (score, match)
        watch.glances.append(Glance(look.t_ns, gazed, hit, match.evidence if hit and match is not None else None))
    watch.glances = _last(watch.glances)
    if best is not None:
        watch.misses = 0
    elif highest < config.watch_off and _covers(watch, channels):
        watch.misses += 1
        if watch.misses >= REARM_LOOKS:
            watch.spent = False
    if best is None or watch.spent or not _confirmed(watch, look.t_ns):
        return None
    score, match = best
    looks = dict.fromkeys([match.evidence, *(g.evidence for g in reversed(watch.glances) if g.evidence is not None)])
    return Hit(tuple(looks)[:_EVIDENCE], min(1.0, score), match.sighting)


def forget(watch: Watch) -> None:
    """Drop what the watch has seen; it waits on for its target as if newly set."""
    watch.glances, watch.misses, watch.spent = [], 0, False


def _best(watch: Watch, matches: Sequence[Match]) -> tuple[float, Match | None]:
    """The best of one look. The classes of a word exclude each other, so what one crop gives to them adds up."""
    if watch.target.kind != "label":
        best = max(matches, key=lambda match: (match.accepted, match.score, match.sighting is not None), default=None)
        return (best.score if best is not None else 0.0), best
    crops: dict[Evidence, list[Match]] = {}
    for match in matches:
        crops.setdefault(match.evidence, []).append(match)
    scored = [(sum(match.score for match in crop), max(crop, key=lambda match: match.score)) for crop in crops.values()]
    return max(scored, key=lambda pair: pair[0], default=(0.0, None))


def _shows(watch: Watch, match: Match, score: float, config: SpeakConfig) -> bool:
    return score >= config.watch_on if watch.target.kind == "label" else match.accepted


def _covers(watch: Watch, channels: Sequence[bool]) -> bool:
    """Whether a look that did not show the target says that it is gone: one at another spot says nothing of a whole scene."""
    return watch.channel == "gaze" or watch.target.kind != "label" or False in channels


def _confirmed(watch: Watch, now_ns: int) -> bool:
    if watch.target.kind != "label":
        return True
    return len({g.t_ns for g in watch.glances if g.hit and now_ns - g.t_ns <= _CONFIRM_WITHIN_NS}) >= _CONFIRM


def _last(glances: Sequence[Glance]) -> list[Glance]:
    """The last looks of each channel."""
    kept = [g for gazed in (True, False) for g in [g for g in glances if g.gazed == gazed][-_CONFIRM_OF:]]
    return sorted(kept, key=lambda g: g.t_ns)
