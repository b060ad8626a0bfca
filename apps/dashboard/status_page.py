"""``edge-runtime status`` as text: the processes, what ails, bytes against their bounds, drops by reason."""

from __future__ import annotations

from collections.abc import Sequence

from apps.daemon.heard import Heard
from apps.dashboard import rates
from apps.dashboard.tables import NOT_KNOWN, paragraphs, span, table, wrapped
from apps.memory_text import size
from edge_runtime.config import S
from edge_runtime.speak.phrasing import duration
from edge_runtime.transport.statuses import Role

_LONG_NS = 365 * 24 * 3600 * S
"""A silence without an end is told as one of many years."""


def status_lines(heard: Heard, ailments: Sequence[str], width: int) -> list[str]:
    """Everything, for a terminal.

    Args:
        heard: What is known.
        ailments: What ails, a sentence each.
        width: Of the terminal; only sentences keep to it, a line of a table is as long as its names are.
    """
    parts = [process_lines(heard), ailing_lines(ailments, width), about_lines(heard, width), kept_lines(heard), _drop_lines(heard)]
    return paragraphs(parts)


def process_lines(heard: Heard) -> list[str]:
    """A line for each process: which, how it is, since when, and how old its words and frames are."""
    header = ("process", "is", "pid", "up", "restarts", "last word", "newest frame")
    return table(header, [_process(heard, role) for role in heard.roles])


def ailing_lines(ailments: Sequence[str], width: int) -> list[str]:
    """What ails, or that nothing does."""
    if not ailments:
        return ["All is well."]
    return ["What ails:", *(line for ailment in ailments for line in wrapped(ailment, width))]


def about_lines(heard: Heard, width: int) -> list[str]:
    """What it sees with, knows by, and how it stands to talking, a sentence each."""
    return [line for sentence in _about(heard) for line in wrapped(sentence, width, indent="")]


def kept_lines(heard: Heard) -> list[str]:
    """Bytes kept against their bounds."""
    rows = [
        (role, kept.name, size(kept.nbytes), size(kept.bound_bytes), f"{kept.nbytes / kept.bound_bytes:.0%}" if kept.bound_bytes else "-")
        for role in heard.roles
        if role in heard.newest
        for kept in heard.newest[role].kept
    ]
    return table(("process", "keeps", "bytes", "at most", "share"), rows) if rows else []


def talk_sentence(heard: Heard) -> str:
    """How the core stands to talking; ``""`` where it does not say."""
    core = heard.newest.get("core")
    if core is None or core.talk is None:
        return ""
    talk = core.talk
    words = [f"{talk.unasked_left:.1f} unasked sentences left", silence(talk.muted_until_ns, heard.now_ns)]
    words += ["quiet hour"] if talk.quiet else []
    words += [f"{talk.watches} watches, {talk.concepts} known by name"]
    return f"Talk: {', '.join(words)}."


def power_sentence(heard: Heard) -> str:
    """Temperature, power, and what is done less of for that reason."""
    supervisor, core = heard.newest.get("supervisor"), heard.newest.get("core")
    heat, talk = supervisor and supervisor.heat, core and core.talk
    temperature = f"{heat.temperature_c:.1f} C" if heat and heat.temperature_c is not None else NOT_KNOWN
    power = f"{heat.power_mw / 1000:.1f} W" if heat and heat.power_mw is not None else NOT_KNOWN
    level = f"{talk.power}" + (f" (less: {', '.join(talk.reduced)})" if talk.reduced else "") if talk else NOT_KNOWN
    return f"Board: temperature {temperature}, draws {power}, power level {level}."


def silence(muted_until_ns: int | None, now_ns: int) -> str:
    """``not muted``, ``muted for 9 min more``, ``muted until unmuted``."""
    left_ns = 0 if muted_until_ns is None else muted_until_ns - now_ns
    if left_ns <= 0:
        return "not muted"
    return f"muted for {duration(left_ns)} more" if left_ns < _LONG_NS else "muted until unmuted"


def _process(heard: Heard, role: Role) -> tuple[str, ...]:
    pid, child = heard.pid(role), heard.child(role)
    restarts = "-" if role == "supervisor" else str(child.restarts) if child else NOT_KNOWN
    status = heard.newest.get(role)
    frame = "-" if status and status.t_newest_ns is None else span(heard.newest_frame_age_ns(role))
    up = "-" if role == "supervisor" else span(heard.up_ns(role))
    return role, heard.condition(role), str(pid or NOT_KNOWN), up, restarts, span(heard.age_ns(role)), frame


def _about(heard: Heard) -> list[str]:
    capture, model = heard.newest.get("capture"), heard.newest.get("model")
    found = []
    if capture and capture.camera:
        camera = capture.camera
        sees = f"{camera.width_px} x {camera.height_px} pixels over {camera.hfov_deg:g} degrees, {'gaze' if camera.has_gaze else 'no gaze'}"
        found.append(f"Camera: {sees}{', filming' if camera.filming else ''}{'; ' + camera.note.rstrip('.') if camera.note else ''}.")
    if model and model.capabilities:
        can = model.capabilities
        words = [name for name in ("vector", "labels", "text", "tokens", "language") if getattr(can, name)]
        found.append(f"Models: {can.bundle} ({', '.join(words) or 'nothing'}).")
    return [*found, *filter(None, [talk_sentence(heard)]), power_sentence(heard)]


def _drop_lines(heard: Heard) -> list[str]:
    rows = [(rate.process, rate.name, str(rate.total)) for rate in rates.drops(heard)]
    return table(("process", "has let go", "total"), rows) if rows else ["Nothing was let go."] if heard.newest else []
