"""Words for times, lists and things. Pure functions; sentences are put together elsewhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

S = 1_000_000_000

_SILENT_H = ("hour", "honest", "honour", "honor", "heir")
_SOUNDS_LIKE_YOU = re.compile(r"(uni([^nm]|$)|use|usu|u[bkt][aeiou]|eu|ewe|one|once)")
_LETTERS_WITH_A_VOWEL = frozenset("aefhilmnorsx")
_ALWAYS_PLURAL = frozenset({"glasses", "scissors", "trousers", "jeans", "stairs", "clothes", "pliers", "people", "sunglasses", "shorts"})
_NOT_PLURAL = ("ss", "us", "is", "os", "as")


def clock(t_ns: int) -> str:
    """Write a moment of the stream: ``0:31``, ``12:05``, ``1:02:03``."""
    seconds = max(0, t_ns) // S
    hours, minutes = seconds // 3600, seconds // 60 % 60
    tail = f"{seconds % 60:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def duration(span_ns: int) -> str:
    """Write a length of time in the unit one would say it in: ``4 s``, ``74 s``, ``3 min``, ``2 h 5 min``."""
    seconds = (max(0, span_ns) + S // 2) // S
    if seconds < 1:
        return "less than a second"
    if seconds < 120:
        return f"{seconds} s"
    minutes = (seconds + 30) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def duration_in_words(span_ns: int) -> str:
    """Write a length of time in full: ``20 seconds``, ``1 minute``, ``5 minutes``, ``2 hours``."""
    seconds = max(1, (span_ns + S // 2) // S)
    for unit, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= unit and (seconds % unit == 0 or unit == 1 or seconds >= 2 * unit):
            count = (seconds + unit // 2) // unit
            return f"{count} {name}" + ("s" if count != 1 else "")
    raise AssertionError("unreachable: a second divides every whole number of seconds")


def moment(t_ns: int, *, now_ns: int, origin_ns: int) -> str:
    """Write when something was, both ways: ``12 s ago, at 0:31``.

    Args:
        t_ns: The moment.
        now_ns: The present.
        origin_ns: Where the clock of the stream reads 0:00.
    """
    return f"{ago(now_ns - t_ns)}, at {clock(t_ns - origin_ns)}"


def ago(past_ns: int) -> str:
    """Write how long something is past: ``just now``, ``12 s ago``."""
    return "just now" if past_ns < S else f"{duration(past_ns)} ago"


def times(count: int) -> str:
    """Write how often: ``once``, ``twice``, ``3 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def listing(items: Sequence[str]) -> str:
    """Join with commas and a last "and": ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def article(noun: str) -> str:
    """Choose ``a`` or ``an`` by sound: an hour, a unicorn, an umbrella, an LED."""
    word = noun.split()[0] if noun.split() else noun
    folded = word.casefold()
    if 1 < len(word) <= 3 and word.isupper():  # spelled out
        return "an" if folded[0] in _LETTERS_WITH_A_VOWEL else "a"
    if folded.startswith(_SILENT_H) or folded.startswith("x-"):
        return "an"
    if _SOUNDS_LIKE_YOU.match(folded):
        return "a"
    return "an" if folded[:1] in ("a", "e", "i", "o", "u") else "a"


def is_plural(noun: str) -> bool:
    """Guess whether a noun that nobody has listed is a plural."""
    last = noun.casefold().split()[-1] if noun.split() else ""
    return last in _ALWAYS_PLURAL or (len(last) > 3 and last.endswith("s") and not last.endswith(_NOT_PLURAL))


def indefinite(noun: str) -> str:
    """Put the article in front where one belongs: ``a theremin``, ``an orange``, ``stairs``."""
    return noun if is_plural(noun) else f"{article(noun)} {noun}"


def pronoun(noun: str) -> str:
    """Choose ``it`` or ``them``."""
    return "them" if is_plural(noun) else "it"


def plural(noun: str) -> str:
    """Form the regular plural of a noun's last word: ``glass`` -> ``glasses``, ``battery`` -> ``batteries``."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith("man"):
        return noun[:-2] + "en"
    return noun + "s"


def quoted(text: str) -> str:
    """Put read text in quotation marks, its lines one after the other; marks inside become single ones."""
    lines = (line.strip() for line in text.replace('"', "'").splitlines())
    return f'"{", ".join(line for line in lines if line)}"'


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def words(text: str) -> tuple[str, ...]:
    """Split into words for comparison: small letters, accents kept, everything but letters and digits gone."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("\u2019", "")
    return tuple(re.findall(r"[^\W_]+", folded))


def holds(text: str, wanted: str) -> bool:
    """Say whether the words of ``wanted`` stand in ``text`` side by side, whatever way the spaces were read."""
    target, have = "".join(words(wanted)), words(text)
    if not target:
        return False
    for first in range(len(have)):
        joined = ""
        for word in have[first:]:
            joined += word
            if joined == target:
                return True
            if not target.startswith(joined):
                break
    return False
