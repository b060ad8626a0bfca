"""What a log holds, as text and as JSON. A date is given where one is known and never made up."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from apps.telling import clock
from edge_runtime.config import S
from edge_runtime.log_contents import Found, SessionInfo

TIMES = "Times count from the start of each session; a session's date is that of this machine's clock when it began."
_AGES = ((86_400, "day"), (3600, "hour"), (60, "minute"))
_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def size(nbytes: int) -> str:
    """Bytes as people read them: ``"1.5 MiB"``."""
    scale, unit = next((pair for pair in _SIZES if nbytes >= pair[0]), (1, "B"))
    return f"{nbytes / scale:.1f} {unit}" if scale > 1 else f"{nbytes} B"


def begun(session: SessionInfo, now_unix_ns: int | None = None) -> str:
    """When a session began and how long ago that is; an age only where the clock has not gone back since."""
    if session.begun_unix_ns is None:
        return "its date is not known"
    age_s = ((time.time_ns() if now_unix_ns is None else now_unix_ns) - session.begun_unix_ns) // S
    count, unit = next(((age_s // length, unit) for length, unit in _AGES if age_s >= length), (0, ""))
    ago = (
        f", {count} {unit}{'s' * (count > 1)} ago" if count else ", just now" if age_s >= 0 else ", which is still to come by its clock now"
    )
    return f"begun {_date(session.begun_unix_ns)}{ago}"


def session_line(session: SessionInfo) -> str:
    """A session: its number, its date, what it holds."""
    head = f"session {session.session}, {begun(session)}"
    if session.t_first_ns is None or session.t_last_ns is None:
        return f"{head}: nothing seen"
    span = f"from {clock(session.t_first_ns)} to {clock(session.t_last_ns)}"
    more = f" that stand for {session.sightings + session.merged}" if session.merged else ""
    return f"{head}: {_many(session.sightings, 'sighting')}{more} {span}, {_many(session.thumbs, 'picture')}, {size(session.thumb_bytes)}"


def session_as_json(session: SessionInfo) -> dict[str, Any]:
    """The same for programs: the date in ISO 8601, or ``null``."""
    date = None if session.begun_unix_ns is None else _date(session.begun_unix_ns, "seconds")
    return {**msgspec.to_builtins(session), "begun": date}


def facts_as_text(found: Sequence[Found], sessions: Iterable[SessionInfo]) -> list[str]:
    """A line each, under the line of its session."""
    known = {session.session: session for session in sessions}
    lines: list[str] = []
    last = None
    for one in found:
        if one.session != last:
            lines.append(session_line(known[one.session]))
            last = one.session
        fact = one.sighting
        # A text may run over lines, and a name may hold anything that was read: one line each, nothing that moves the cursor.
        name = "".join(letter if letter.isprintable() else " " for letter in fact.what.name)
        notes = [one.place] if one.place else []
        notes += [f"gazed at for {fact.gaze_ns / S:.1f} s"] if fact.gazed else []
        notes += [f"seen {fact.merged} times, merged"] if fact.merged > 1 else []
        notes.append(_many(fact.looks, "look"))
        pictures = sum(look.thumb_id is not None for look in fact.evidence)
        notes += [_many(pictures, "picture")] if pictures else []
        span = f"{clock(fact.t_start_ns)} to {clock(fact.t_end_ns)}"
        lines.append(f"  {span:<20} {fact.what.kind:<8} {name}  ({', '.join(notes)})")
    return lines


def fact_as_json(one: Found) -> dict[str, Any]:
    """A sighting for programs. Without its vector, which means something only to the model that made it."""
    fact = one.sighting
    return {
        "session": one.session,
        "id": fact.id,
        "kind": fact.what.kind,
        "name": fact.what.name,
        "place": one.place or None,
        "t_start_s": fact.t_start_ns / S,
        "t_end_s": fact.t_end_ns / S,
        "confidence": fact.confidence,
        "looks": fact.looks,
        "merged": fact.merged,
        "gazed": fact.gazed,
        "gaze_s": fact.gaze_ns / S,
        "box": msgspec.to_builtins(fact.box),
        "evidence": [
            {"frame": look.frame_seq, "t_s": look.t_ns / S, "box": msgspec.to_builtins(look.box), "thumb": look.thumb_id}
            for look in fact.evidence
        ],
    }


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _date(unix_ns: int, precision: str = "minutes") -> str:
    return datetime.fromtimestamp(unix_ns // S).astimezone().isoformat(" " if precision == "minutes" else "T", precision)
