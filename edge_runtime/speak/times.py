"""The words of time in a question: a stretch of the stream's clock, with the words that say it back.

Only what can be meant exactly becomes a stretch, and every stretch is said back, so that "recently" never hides how long that was. The
stream's clock counts from its beginning; the time of day is not known, and a question about it is told so.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from edge_runtime.speak import phrasing
from edge_runtime.speak.targets import Refusal
from edge_runtime.types import Value

S = 1_000_000_000
FOREVER_NS = 2**62
PRESENT_NS = 2 * S
"""What was seen this recently is seen now."""
_JUST_NS = 30 * S
_RECENT_NS = 600 * S
_AT_NS = 5 * S
"""A moment read off the clock is meant to within this."""


class Window(Value, frozen=True):
    """A stretch of time that a question is about, both ends included.

    Attributes:
        t_from_ns: Its beginning; before the stream's where the wearer's words reach that far.
        t_to_ns: Its end.
        said: The words that say it back, such as ``in the last 10 min``; ``""`` for all time.
    """

    t_from_ns: int = -FOREVER_NS
    t_to_ns: int = FOREVER_NS
    said: str = ""

    def meet(self, other: Window) -> Window:
        """The time that lies in both; it ends before it begins if there is none."""
        said = ", ".join(dict.fromkeys(words for words in (self.said, other.said) if words))
        return Window(max(self.t_from_ns, other.t_from_ns), min(self.t_to_ns, other.t_to_ns), said)

    @property
    def bounded(self) -> bool:
        """Whether it has a beginning of its own."""
        return self.t_from_ns > -FOREVER_NS

    @property
    def empty(self) -> bool:
        """Whether it holds no moment."""
        return self.t_to_ns < self.t_from_ns


ALWAYS = Window()


class Timed(Value, frozen=True):
    """A question without its words of time.

    Attributes:
        rest: What is left of it.
        window: What the words meant.
        refusal: Why they cannot be answered, if so.
    """

    rest: str
    window: Window = ALWAYS
    refusal: Refusal | None = None


_NUMBERS = {
    **{word: n for n, word in enumerate(phrasing.words("one two three four five six seven eight nine ten eleven twelve"), 1)},
    **{"a": 1, "an": 1, "couple of": 2, "a couple of": 2, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60},
    **{"half a": 0.5, "half an": 0.5, "a quarter of an": 0.25, "three quarters of an": 0.75},
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NUMBER = rf"(?:\d+(?:\.\d+)?|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_UNIT = r"(?:seconds?|secs?|s|minutes?|mins?|min|hours?|hrs?|h|days?)"
_PART = rf"{_NUMBER} ?{_UNIT}\b"
_AMOUNT = rf"(?:{_PART}(?: and a half\b)?(?:(?: and|,)? {_PART})*)"
_PARTS = re.compile(rf"(?P<number>{_NUMBER}) ?(?P<unit>{_UNIT})\b(?P<half> and a half)?", re.I)
_CLOCK = r"(?:\d+:)?\d{1,2}:\d\d"
_DAYPART = r"(?: early| late)? (?:morning|afternoon|evening|night)"
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_DAYTIME = (
    rf"(?:in|during) the{_DAYPART}|at night|(?:(?:in|during|at|on|since|before|after|until|by|earlier) )*(?:"
    rf"(?:this|yesterday|tomorrow|last|{_WEEKDAY}){_DAYPART}|(?:last |next )?{_WEEKDAY}|(?:last|this) (?:week|month|year)"
    r"|yesterday|tomorrow|tonight|midnight|noon|\d{1,2}(?::\d\d)? ?(?:[ap]\.?m\b\.?|o'clock)"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) o'clock)"
)
_UNTOLD = Refusal(
    "UNKNOWN_TIME",
    "I do not know the time of day or the date, only how long ago things were; ask for example about the last 2 hours.",
)
_VAGUE = Refusal("UNKNOWN_TIME", "Tell me how long you mean, for example: in the last 10 minutes.")

_Reader = Callable[["re.Match[str]", int, int], "Window | Refusal"]


def take(text: str, *, now_ns: int, origin_ns: int) -> Timed:
    """Take the words of time out of a question.

    Args:
        text: The question. What stands in quotation marks is left alone.
        now_ns: When it was asked.
        origin_ns: Where the stream's clock reads 0:00.
    """
    rest, window, refusal = " ".join(text.replace("\u2019", "'").split()), ALWAYS, None
    for pattern, read in _WORDS:
        while (found := _outside_quotes(pattern, rest)) is not None:
            meant = read(found, now_ns, origin_ns)
            rest = f"{rest[: found.start()].rstrip(' ,')} {rest[found.end() :].lstrip()}".strip(" ,")
            if isinstance(meant, Refusal):
                refusal = refusal or meant
                continue
            both = window.meet(meant)
            if both.empty and not window.empty:
                refusal = refusal or Refusal("UNKNOWN_TIME", f"No moment is both {window.said} and {meant.said}.")
            window = both
    if refusal is None and window.t_to_ns < origin_ns:
        refusal = before_the_stream(now_ns - origin_ns)
    return Timed(re.sub(r" +([?.!]*)$", r"\1", rest), window, refusal)


def before_the_stream(known_ns: int) -> Refusal:
    """Refuse a time at which nothing was known yet."""
    return Refusal("UNKNOWN_TIME", f"That was before all I know, which is the last {phrasing.duration(known_ns)}.")


def _outside_quotes(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    quotes = re.compile('["\u201c\u201d]')
    return next((found for found in pattern.finditer(text) if len(quotes.findall(text[: found.start()])) % 2 == 0), None)


# ---------------------------------------------------------------- what each form means


def _last(found: re.Match[str], now_ns: int, origin_ns: int) -> Window:
    length_ns = _length_ns(found["amount"])
    return Window(now_ns - length_ns, now_ns, f"in the last {phrasing.duration(length_ns)}")


def _around(found: re.Match[str], now_ns: int, origin_ns: int) -> Window:
    length_ns = _length_ns(found["amount"])
    near_ns, far_ns = length_ns // 2, length_ns + length_ns // 2
    return Window(now_ns - far_ns, now_ns - near_ns, f"between {phrasing.duration(near_ns)} and {phrasing.duration(far_ns)} ago")


def _between_ago(found: re.Match[str], now_ns: int, origin_ns: int) -> Window:
    a_ns = _length_ns(f"{found['a']} {found['unit'] or found['b_unit']}")
    near_ns, far_ns = sorted((a_ns, _length_ns(found["b"])))
    return Window(now_ns - far_ns, now_ns - near_ns, f"between {phrasing.duration(near_ns)} and {phrasing.duration(far_ns)} ago")


def _longer_ago(found: re.Match[str], now_ns: int, origin_ns: int) -> Window:
    length_ns = _length_ns(found["amount"])
    return Window(-FOREVER_NS, now_ns - length_ns, f"more than {phrasing.duration(length_ns)} ago")


def _before(found: re.Match[str], now_ns: int, origin_ns: int) -> Window | Refusal:
    return _clocked(-FOREVER_NS, origin_ns + _clock_ns(found["a"]), f"before {found['a']}", now_ns, origin_ns)


def _after(found: re.Match[str], now_ns: int, origin_ns: int) -> Window | Refusal:
    return _clocked(origin_ns + _clock_ns(found["a"]), FOREVER_NS, f"after {found['a']}", now_ns, origin_ns)


def _between(found: re.Match[str], now_ns: int, origin_ns: int) -> Window | Refusal:
    a_ns, b_ns = _clock_ns(found["a"]), _clock_ns(found["b"])
    if b_ns < a_ns:
        return Refusal("UNKNOWN_TIME", f"{found['a']} is after {found['b']}: I do not know which time you mean.")
    return _clocked(origin_ns + a_ns, origin_ns + b_ns, f"between {found['a']} and {found['b']}", now_ns, origin_ns)


def _at(found: re.Match[str], now_ns: int, origin_ns: int) -> Window | Refusal:
    at_ns = origin_ns + _clock_ns(found["a"])
    refused = _clocked(at_ns, at_ns, "", now_ns, origin_ns)
    return refused if isinstance(refused, Refusal) else Window(at_ns - _AT_NS, at_ns + _AT_NS, f"around {found['a']}")


def _clocked(t_from_ns: int, t_to_ns: int, said: str, now_ns: int, origin_ns: int) -> Window | Refusal:
    """A stretch named by the clock. One that has not begun is most likely the time of day, which is another clock."""
    named_ns = t_to_ns if t_to_ns < FOREVER_NS else t_from_ns
    if named_ns > now_ns:
        late = phrasing.clock(named_ns - origin_ns)
        return Refusal(
            "UNKNOWN_TIME", f"{late} is still to come: my clock counts from the start and reads {phrasing.clock(now_ns - origin_ns)}."
        )
    return Window(t_from_ns, t_to_ns, said)


def _length(length_ns: int) -> _Reader:
    said = f"in the last {phrasing.duration(length_ns)}"
    return lambda found, now_ns, origin_ns: Window(now_ns - length_ns, now_ns, said)


def _earlier(found: re.Match[str], now_ns: int, origin_ns: int) -> Window:
    return Window(-FOREVER_NS, now_ns - PRESENT_NS, "before now")


def _refuse(refusal: Refusal) -> _Reader:
    return lambda found, now_ns, origin_ns: refusal


_FEW = r"(?:a few|few|several|some|many)"
_LAST = r"(?:last|past|previous)"
_IN = r"(?:in|within|during|over|for|of|inside)"
_JUST = rf"just now|(?:just )?a (?:moment|second) ago|a few seconds ago|{_IN} (?:the )?{_LAST} (?:moment|few seconds)"
_AGO = r"(?:some time|a (?:long )?(?:while|time)|(?<!how )long) ago"
_END = r"(?=[ ,]*[?.!]*$)"
_WORDS: tuple[tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.I), read)
    for pattern, read in (
        (_DAYTIME, _refuse(_UNTOLD)),
        (rf"(?:{_IN} )?(?:the )?{_LAST} (?P<amount>{_AMOUNT})", _last),
        (rf"(?:{_IN} (?:the )?{_LAST}|the past) (?P<amount>{_UNIT}(?: and a half)?)", _last),
        (rf"between (?P<a>{_NUMBER})(?: ?(?P<unit>{_UNIT}))? and (?P<b>{_NUMBER} ?(?P<b_unit>{_UNIT})) ago", _between_ago),
        (rf"(?:more than|over|at least) (?P<amount>{_AMOUNT}) ago", _longer_ago),
        (rf"(?:less than|under|within|not more than) (?P<amount>{_AMOUNT}) ago", _last),
        (_JUST, _length(_JUST_NS)),
        (rf"(?:(?:about|around|roughly|some) )?(?P<amount>{_AMOUNT}) ago", _around),
        (rf"(?:{_IN} )?(?:the )?{_LAST} {_FEW} {_UNIT}|{_FEW} {_UNIT} ago", _refuse(_VAGUE)),
        (r"recently|lately|of late", _length(_RECENT_NS)),
        (rf"(?:between|from) (?P<a>{_CLOCK}) (?:and|to|until|till) (?P<b>{_CLOCK})", _between),
        (rf"(?:before|until|till|up to) (?P<a>{_CLOCK})", _before),
        (rf"(?:after|since|from) (?P<a>{_CLOCK})(?: on(?:wards)?)?", _after),
        (rf"(?:(?:at|around|about) )+(?P<a>{_CLOCK})", _at),
        (rf"{_AGO}|in the past|earlier today|before now|previously|(?:earlier|before){_END}", _earlier),
        (rf"(?:right now|at the moment|currently|now){_END}", _length(PRESENT_NS)),
    )
)


def _length_ns(amount: str) -> int:
    total_s = 0.0
    for found in _PARTS.finditer(amount if re.match(_NUMBER, amount, re.I) else f"a {amount}"):
        word = found["number"].casefold()
        number = (_NUMBERS[word] if word in _NUMBERS else float(word)) + (0.5 if found["half"] else 0.0)
        total_s += number * _UNITS[found["unit"][0].casefold()]
    return round(total_s * S)


def _clock_ns(clock: str) -> int:
    total_s = 0
    for part in clock.split(":"):
        total_s = 60 * total_s + int(part)
    return total_s * S
