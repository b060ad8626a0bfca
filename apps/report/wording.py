"""Times, bytes and machine codes as a person reads them."""

from __future__ import annotations

from edge_runtime.records import Scope

S = 1_000_000_000
MS = 1_000_000

WHY = {
    "fixation": "the eyes rested on something",
    "scene": "the scene changed",
    "text": "the eyes stayed on something that may be text",
    "teach": "the wearer was showing something",
    "heartbeat": "nothing had been looked at for a while",
    "watch": "a watch waits for something in view",
    "question": "the wearer asked a question",
}
"""Reasons of a look."""

KINDS = {"concept": "shown by the wearer", "text": "read", "label": "a guess at a name", "thing": "without a name"}
"""Kinds of sightings."""

EYES = {
    "fixation": "fixation",
    "pursuit": "pursuit",
    "saccade": "saccade",
    "blink": "blink",
    "lost": "no gaze",
    "dwell": "dwell",
}


def clock(t_ns: int) -> str:
    """Stream time as minutes and seconds with a tenth: ``1:21.4``; ``1:01:21.4`` past the hour."""
    tenths = max(0, t_ns + 50 * MS) // (100 * MS)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def span(duration_ns: int) -> str:
    """A length of time in the unit that suits it: ``84 ms``, ``2.4 s``, ``3 min 20 s``, ``1 h 5 min``."""
    if abs(duration_ns) < S:
        return f"{duration_ns / MS:.0f} ms"
    if abs(duration_ns) < 59_950 * MS:
        return f"{duration_ns / S:.1f} s"
    minutes, seconds = divmod(round(duration_ns / S), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def size(nbytes: float) -> str:
    """Bytes in binary units: ``812 B``, ``3.4 MiB``."""
    value = float(nbytes)
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def percent(part: float, whole: float) -> str:
    """A share: ``2.4 %``; ``under 0.1 %`` rather than a zero that is none."""
    if whole <= 0:
        return "no limit"
    share = 100 * part / whole
    return "under 0.1 %" if 0 < share < 0.1 else f"{share:.1f} %"


def words(code: str) -> str:
    """A machine code as words: ``watch_rearm`` is ``watch rearm``."""
    return code.replace("_", " ").replace(":", ": ").lower()


def many(count: int, one: str, more: str = "") -> str:
    """A counted noun: ``1 look``, ``1,204 looks``."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def wish(scope: Scope) -> str:
    """What the wearer asked to be forgotten."""
    if scope.kind == "all":
        return "Forget everything."
    if scope.kind == "place":
        return "Forget this place."
    if scope.kind == "thing":
        return "Forget that thing." if not scope.name or scope.name.startswith("[") else f"Forget {scope.name}."
    return "Forget the last moments."
