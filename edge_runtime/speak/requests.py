"""The wearer's sentence that sets a watch: "tell me when I look at the clock"."""

from __future__ import annotations

import re
from typing import Literal

from edge_runtime.speak import targets
from edge_runtime.types import Value

Channel = Literal["gaze", "scene"]


class Request(Value, frozen=True):
    """What a watch waits for.

    Attributes:
        channel: ``gaze``: when the wearer looks at it; ``scene``: when it is anywhere in view.
        phrase: What is named.
        plain: Whether the sentence names a thing and nothing else; otherwise ``phrase`` is the whole condition.
    """

    channel: Channel
    phrase: str
    plain: bool = True


_POLITE = re.compile(
    r"^(?:(?:please|hey|ok(?:ay)?|(?:can|could|would|will) you(?: please)?|i(?: want|'d like| would like) you to),? )+", re.I
)
_MEANWHILE = re.compile(r"^(?:keep )?(?:watch(?:ing)?|monitor(?:ing)?) (?:the scene|the view|my gaze|my eyes) and (?:then )?", re.I)
_TELL = r"(?:(?:tell|alert|notify|warn|inform|ping|signal)(?: me| us)|let me know|give me an? (?:sign|signal|shout)|speak up|beep)"
_WHEN = r"(?:when(?:ever)?|if|once|as soon as|the moment|(?:each|every|the next|next) time)(?: that)?"
_TELL_WHEN = re.compile(rf"{_TELL}(?: (?:right away|immediately|at once))?,? {_WHEN} (?P<x>.+)", re.I)
_WHEN_TELL = re.compile(rf"{_WHEN} (?P<x>.+?),? {_TELL}", re.I)
_LOOK_OUT = re.compile(
    r"(?:(?:watch|look)(?: out)? for|keep an eye (?:out )?(?:for|on)|wait for|monitor(?: for)?|"
    r"(?:alert|tell|notify|warn) me (?:to|of|about)) (?P<x>.+)",
    re.I,
)
_TAIL = re.compile(
    r",? (?:again|anywhere|somewhere|nearby|around|in front of me|(?:in|into) (?:my |the )?(?:view|sight)|"
    r"for the first time|please|today|now)$",
    re.I,
)
_NOW = r"(?:(?:first|next|ever|again|actually|happen to|start to) )?"
_GAZE = (
    rf"i(?:'m| am)? {_NOW}(?:look|looking|gaze|gazing|stare|staring|glance|glancing|focus|focusing) (?:at|on|upon) (?P<x>.+)",
    rf"i(?:'m| am)? {_NOW}(?:fixate|fixating)(?: on)? (?P<x>.+)",
    r"my (?:eyes|gaze) (?:is|are|rests?|falls?|lands?) (?:on|at) (?P<x>.+)",
    r"(?P<x>.+) is (?:looked|gazed) at",
)
_SEE = r"(?:sees?|spots?|notices?|detects?|recogni[sz]es?|finds?|meets?|encounters?|come across)"
_APPEAR = (
    r"(?:(?:re)?appears?|comes? (?:back|up|into (?:view|sight)|in (?:view|sight))|(?:shows?|turns?) up|"
    r"(?:is|are) (?:visible|in (?:view|sight)|there|here|back|seen)|enters?(?: the (?:view|frame|scene|picture))?)"
)
_SCENE = (
    rf"(?P<x>(?:an? |the |any |some )?{targets.CARRIERS}(?: that)? (?:says?|reads?|shows?|spells?) (?!up$).+)",
    rf"(?:i|you|we)(?: can| could)? {_NOW}read (?P<text>.+)",
    rf"(?:i|you|we|the camera)(?: can| could)? {_NOW}{_SEE} (?P<x>.+)",
    r"there(?:'s| is| are) (?P<x>.+)",
    rf"(?P<x>.+?) {_NOW}{_APPEAR}",
)


def parse(sentence: str) -> Request | None:
    """Take a sentence apart.

    Returns:
        ``None`` where it is not a request to watch at all.
    """
    text = " ".join(sentence.replace("\u2019", "'").replace("\u201c", '"').replace("\u201d", '"').split()).strip(" .!?")
    text = re.sub(r",? please$", "", text, flags=re.I)
    text = _MEANWHILE.sub("", _POLITE.sub("", text))
    found = _TELL_WHEN.fullmatch(text) or _WHEN_TELL.fullmatch(text)
    if found is not None:
        return _condition(found["x"])
    found = _LOOK_OUT.fullmatch(text)
    return None if found is None else Request("scene", _trimmed(found["x"]))


def _condition(text: str) -> Request:
    whole = text.strip(" ,")
    for trial in _shorter_and_shorter(whole):
        for pattern in _GAZE:
            found = re.fullmatch(pattern, trial, re.I)
            if found is not None:
                return Request("gaze", _trimmed(found["x"]))
        for pattern in _SCENE:
            found = re.fullmatch(pattern, trial, re.I)
            if found is None:
                continue
            groups = found.groupdict()
            if groups.get("text") is not None:
                return Request("scene", f"the word {groups['text']}")
            return Request("scene", _trimmed(groups["x"]))
    return Request("scene", whole, plain=False)


def _shorter_and_shorter(text: str) -> list[str]:
    trials = [text]
    while (shorter := _TAIL.sub("", trials[-1])) != trials[-1]:
        trials.append(shorter)
    return trials


def _trimmed(text: str) -> str:
    return _shorter_and_shorter(text)[-1].strip(" ,")
