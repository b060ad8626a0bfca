"""Records as a page shows them: pure functions from what the core knows to views, with words for every code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from apps.report.chain import newest
from apps.report.wording import KINDS, words
from devices.page.items import ConceptView, DecisionView, SightingView, WatchView
from devices.page.views import Drop, Guess
from edge_runtime.facts import Match
from edge_runtime.records import Concept, Evidence, Scope, Sighting
from edge_runtime.remember.scopes import mentions
from edge_runtime.speak import phrasing, sentences
from edge_runtime.speak.watches import Watch
from edge_runtime.speech import Decision

MOST_GUESSES = 4
_HINT = 0.4
"""A classifier's hint below this is noise to a person."""
_ORDER = ("concept", "text", "label", "thing")

VETOES = {
    "MUTE": "you had muted me",
    "QUIET_HOURS": "it was a quiet hour",
    "PRIVACY": "it was about something forgotten",
    "STALE_EVIDENCE": "what was seen was too long ago",
    "USER_SPEAKING": "you were talking",
    "SPEAKING": "I was talking already",
    "COOLDOWN": "I had said something unasked a moment before",
    "TOPIC_COOLDOWN": "I had spoken of it unasked a while before",
    "WATCH_REARM": "this watch had spoken a moment before",
    "WATCH_BUDGET": "this watch had spoken often enough for one hour",
    "BUDGET": "I had said enough unasked for one hour",
    "POWER": "power was low",
    "DUPLICATE": "I had said the same a while before",
    "EXPIRED": "it had waited until it was no longer worth saying",
    "OVERFLOW": "too much else was waiting to be said",
    "WITHDRAWN": "the watch was taken back",
    "INTERRUPTED": "I was interrupted",
}
"""Why something was not said, by the code of the veto."""

REASONS = {
    "ASKED": "you asked",
    "WATCH_HIT": "you wanted to be told",
    "WATCH_REFUSED": "this cannot be watched for",
    "LEARNED": "a lesson is complete",
    "UNLEARNED": "a lesson ran out of time",
    "CONCEPT_UNSURE": "it looks like something you have shown me",
    "TEXT_DWELL": "your eyes stayed on the text",
    "FORGOTTEN": "you wanted it forgotten",
    "NOT_ERASED": "the log could not be erased",
    "ANSWERED": "the answer is known",
    "NOT_SEEN": "it was not seen",
    "ABSTAINED": "the facts single out no answer",
    "UNKNOWN_THING": "it has no name yet",
    "UNKNOWN_WORD": "I cannot recognise it",
    "UNTAUGHT": "it has not been shown to me",
    "LEARNING": "its lesson is under way",
    "NEEDS_VLM": "it needs a vision-language model",
    "ANSWERED_BY_MODEL": "a language model judged it by what was seen",
    "REWORDED": "the answer is known, and said in other words",
    "NO_POWER": "there was no power to think about it",
    "NOTHING_SEEN": "nothing was seen to judge it by",
    "NO_ANSWER": "nothing came of thinking about it",
    "NOT_UNDERSTOOD": "I did not understand",
    "TOO_MANY": "there are too many watches already",
    **{kind.upper(): text for kind, text in KINDS.items()},
}
"""Why something was worth saying, by code."""

_NOUNS = {
    "eye": "eye movements",
    "denial": "things you said no to",
    "row": "rows for the log",
    "stay": "stays at a place",
    "token": "memory tokens",
    "thumb": "small pictures",
    "reading": "readings under way",
    "rewording": "sentences in other words",
    "thing": "things without a name",
    "gaze_sample": "gaze samples",
}
_WHOLE = {
    "look:budget": "looks not taken: the look budget was spent",
    "look:superseded": "looks given up for newer ones",
    "look:evicted": "looks whose frame had already left memory",
    "look:deadline": "looks that took too long",
    "look:backend": "looks that failed inside the models",
    "frame:pairing_full": "frames let go while too many waited for their gaze",
    "frame:behind": "frames passed over for newer ones",
    "frame:ring_bytes": "frames larger than the room kept for frames",
    "frame:rate": "frames left out: the camera gives more than are wanted",
    "frame:truncated": "frames missing at the end of a damaged file",
    "frame:slow": "frames skipped because decoding was slow",
    "frame:unreadable": "frames of the camera that could not be decoded",
    "event:clock": "events older than the one before",
    "event:behind": "events that found no room to wait",
    "event:stopped": "events that still waited at the end",
    "result:late": "results that came when nobody waited any more",
    "answer:length": "characters of the language model's answers that were too long",
    "answer:lost": "pieces of the language model's answers that did not arrive",
    "rewording:unfaithful": "sentences in other words that did not say the same",
    "rewording:deadline": "sentences in other words that came too late",
    "result:unreachable": "results whose asker had gone",
    "message:topic": "messages under no topic of ours",
    "message:major": "messages of another major version",
    "message:route": "messages that were not for their receiver",
    "message:too_large": "messages larger than their route allows",
    "message:unknown": "messages of a later version",
    "message:damaged": "messages that could not be read",
    "decision:most_bytes": "old decisions let go for newer ones",
    "step:journal_bytes": "old steps of the journal let go for newer ones",
    "step:torn": "steps lost with the torn end of a journal",
    "film_frame:behind": "frames that a film lacks: the disk was too slow",
    "film_frame:film_bytes": "frames that a film lacks: there was no room left for films",
    "film_frame:fault": "frames that a film lacks: they could not be written",
    "film_frame:size": "frames that a film lacks: the pictures had another size",
    "film_frame:clock": "frames that a film lacks: their times were not in order",
    "film_gaze:behind": "gaze that a film lacks: the disk was too slow",
    "film_gaze:film_bytes": "gaze that a film lacks: there was no room left for films",
    "film_gaze:fault": "gaze that a film lacks: it could not be written",
    "film_gaze:size": "gaze that a film lacks: the pictures had another size",
    "film_gaze:clock": "gaze that a film lacks: its times were not in order",
    "tracker:trouble": "times the eye tracker failed",
    "camera:silent": "times the camera fell silent and was opened again",
    "camera:stuck": "times the camera did not let go",
    "gaze_sample:lost": "gaze samples that did not arrive",
    "gaze_sample:fault": "gaze samples that could not be taken in",
    "text:cut": "lines of text that ran over the edge of what was read",
    "text:length": "lines of text beyond what one block may hold",
    "row:store": "rows that the log did not take",
    "row:unconfirmed": "rows of which it is not known whether the log has them",
    "vector:unusable": "looks whose features could not be used",
    "view:unlike": "views of a lesson that showed something else than the others",
    "view:unusable": "views of a lesson that could not be used",
    "concept:unusable": "lessons that could not begin",
    "token:shape": "memory tokens of an unknown shape",
    "token:absent": "memory tokens whose numbers a journal does not keep",
    "token:similar": "memory tokens like those kept already",
    "token:skipped": "memory tokens of moments not worth keeping",
    "token:width": "tokens that another vision tower made",
    "token:grid": "tokens of a picture of another shape than the vision tower's",
    "token:not_finite": "tokens that were no numbers",
    "token:kind": "tokens of looks that no question asks for",
    "token:repeated": "memory tokens of what the question's own look showed",
    "token:context": "tokens that the language model had no room for",
    "note:context": "notes that the language model had no room for",
    "sighting:merged": "old sightings of one thing told as one, the log being full",
    "sighting:log_bytes": "old sightings let go, the log being full",
    "thumb:log_bytes": "old small pictures let go, the log being full",
    "sighting:damaged": "sightings lost with a log that was damaged",
    "log:damaged": "times the log was damaged and made anew from what could be read",
    "look:cancelled": "looks that nobody wanted any more",
    "board_file:unreadable": "files about this board that could not be read",
    "board_file:garbage": "files about this board that made no sense",
    "log:unusable": "times the log took nothing",
    "erasure:storeerror": "wishes to forget that the log could not carry out at once",
    "step:journal": "steps that are not in the journal: the disk refused it",
    "page:rate": "messages beyond what a page may send in a second",
    "page:unreadable": "messages of a page that could not be read",
    "page:fault": "requests that failed here; the terminal says why",
    "picture:unreadable": "pictures that were no readable JPEG",
    "picture:size": "pictures too small, too large or too long for their width",
    "picture:behind": "pictures passed over for newer ones",
    "picture:rate": "pictures beyond what is wanted in a second",
    "picture:clock": "pictures whose time is not after the one before, or is still to come",
    "picture:forgotten": "pictures taken before a wish to forget",
    "picture:not_wearing": "pictures of a page that does not wear the glasses",
    "picture:late": "pictures that came too late",
    "picture:future": "pictures from a time still to come",
    "picture:unmapped": "pictures that came before the page's clock was known",
    "picture:closed": "pictures that still waited when their page was closed",
    "picture:unwanted": "pictures of a page, while they come from elsewhere",
    "view:size": "older lines of a page left out of one message to it",
    "gaze:clock": "gaze samples older than the one before",
    "gaze:behind": "gaze passed over for newer gaze",
    "gaze_sample:clock": "gaze samples older than the one before",
    "gaze_sample:duplicate": "gaze samples that came twice",
    "gaze_sample:late": "gaze samples that came too late",
    "gaze_sample:future": "gaze samples from a time still to come",
    "gaze_sample:unmapped": "gaze samples that came before the page's clock was known",
    "gaze_sample:not_wearing": "gaze samples of a page that does not wear the glasses",
    "gaze_sample:behind": "gaze samples of the pointer that the daemon was too busy to take",
    "gaze_sample:unanswered": "gaze samples of the pointer that the daemon did not answer",
    "gaze_sample:unreadable": "gaze samples that are no point of the picture",
    "gaze_sample:unwanted": "gaze samples of the pointer or of another source, while the other counts as the gaze",
    "tab:most": "pages refused because enough are open",
    "tab:dead": "pages closed because they no longer answered",
    "tab:lost": "pages that went away without a word",
    "tab:rate": "pages closed because they kept sending too much",
    "told:behind": "answers to a page that never fetched them",
    "connection:most": "connections refused because enough are open",
    "camera_trouble:not_wearing": "camera troubles of a page that does not wear the glasses",
    "clock:jump": "times the page's clock jumped and was measured anew",
    "camera:off": "pictures refused because the camera is off",
    "camera:trouble": "times the camera failed",
    "shot:fault": "pictures of the camera that could not be taken in",
}


_ON_THE_WAY = {
    "late": "came too late",
    "behind": "were passed over for newer ones",
    "lost": "did not arrive",
    "restart": "were sent before their sender was heard again",
}


def drop(code: str, count: int) -> Drop:
    """What was let go, by its code ``what:reason``, in words; a code nobody has listed is spelled out."""
    what, _, reason = code.partition(":")
    if what.startswith("er") and "/" in what and reason in _ON_THE_WAY:
        return Drop(code, f"messages ({what.partition('/')[2]}) that {_ON_THE_WAY[reason]}", count)
    noun = _NOUNS.get(what, f"{words(what)}s")
    known = {"budget": f"{noun} that no longer fitted in memory", "forgotten": f"{noun} you wanted forgotten"}
    known["disk"] = f"{words(what)}: not carried out, the disk refused"
    return Drop(code, _WHOLE.get(code) or known.get(reason) or words(code), count)


def line_kind(decision: Decision | None) -> str:
    """What kind of sentence it is, by the reasons of its decision."""
    first, *more = decision.reasons if decision is not None and decision.reasons else ("",)
    if first == "ASKED":
        return "refuse" if more and more[0] in sentences.REFUSALS else "answer"
    kinds = {"WATCH_HIT": "alert", "WATCH_REFUSED": "refuse", "LEARNED": "learned", "CONCEPT_UNSURE": "confirm", "TEXT_DWELL": "read_aloud"}
    return kinds.get(first, "notice")


def newest_ns(evidence: tuple[Evidence, ...]) -> int | None:
    """Capture time of the newest look; ``None`` without any."""
    last = newest(evidence)
    return None if last is None else last.t_ns


def thumbs(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """The pictures kept of these looks, in their order."""
    return tuple(look.thumb_id for look in evidence if look.thumb_id is not None)


def first_thumb(evidence: Iterable[Evidence]) -> str | None:
    """The first picture kept of these looks."""
    return next(iter(thumbs(evidence)), None)


def sighting(seen: Sighting, place: str) -> SightingView:
    """A sighting, with its place in words."""
    return SightingView(
        key=seen.id,
        kind=seen.what.kind,
        kind_words=KINDS[seen.what.kind],
        name=seen.what.name,
        place=place,
        t_start_ns=seen.t_start_ns,
        t_end_ns=seen.t_end_ns,
        confidence=seen.confidence,
        looks=seen.looks,
        gazed=seen.gazed,
        gaze_ns=seen.gaze_ns,
        box=seen.box,
        thumbs=thumbs(seen.evidence),
    )


def decision(made: Decision) -> DecisionView:
    """A decision, its reasons and vetoes in words."""
    return DecisionView(
        key=made.id,
        t_ns=made.t_ns,
        action=made.action,
        text=made.text,
        reasons=tuple(REASONS.get(code) or words(code) for code in made.reasons),
        vetoes=tuple(VETOES.get(code) or words(code) for code in made.vetoes),
        watch=made.watch,
        score=made.score,
        evidence_ns=newest_ns(made.evidence),
        thumb=first_thumb(made.evidence),
    )


def watch(standing: Watch) -> WatchView:
    """A standing watch."""
    return WatchView(standing.id, sentences.waits_for(standing), standing.expires_ns, standing.once, standing.spent)


def concept(taught: Concept, thumb: str | None) -> ConceptView:
    """Something taught, with a picture of it."""
    return ConceptView(taught.name, len(taught.views), taught.t_taught_ns, thumb)


def guesses(matches: Sequence[Match], seen: Mapping[int, Sighting]) -> tuple[Guess, ...]:
    """Names for what is looked at, best first, at most four; what has no name comes last.

    Args:
        matches: Of one step; only what the wearer looked at counts.
        seen: The sightings that this step opened or extended, by id.
    """
    best: dict[tuple[str, str], Guess] = {}
    for match in (match for match in matches if match.gazed):
        kind, name, score = match.what.kind, match.what.name, match.score
        told = seen.get(match.sighting) if match.accepted and match.sighting is not None else None
        if kind == "label" and told is None and score < _HINT:
            continue
        name = told.what.name if told is not None else name
        known = best.get((kind, name))
        if known is not None:  # the classes of one everyday word exclude each other, so they add up
            score = min(1.0, known.score + score) if kind == "label" else max(known.score, score)
        best[kind, name] = Guess(kind, name, score, match.accepted, match.sighting)
    things = [s for s in seen.values() if s.what.kind == "thing" and s.gazed]
    nameless = [Guess("thing", s.what.name, s.confidence, True, s.id) for s in things]
    ranked = sorted(best.values(), key=lambda guess: (not guess.sure, _ORDER.index(guess.kind), -guess.score))
    return (*ranked, *nameless)[:MOST_GUESSES]


def names(text: str, scope: Scope) -> bool:
    """Whether words name a thing that is to be forgotten; where in doubt they do."""
    if scope.kind != "thing" or not scope.name.strip():
        return False
    whole = mentions(text, scope.name) or phrasing.holds(text, scope.name)
    return whole or scope.name.strip().casefold() in text.casefold()
