"""How the processes of a daemon are, as a page shows it: its camera, its stores, and what it has let go. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from apps.daemon.heard import Heard
from apps.display import showing
from apps.glasses.intake import NO_PICTURE_NS
from apps.report.wording import size, span
from devices.page.views import CameraView, DropsView, GaugesView, SessionView, Store
from edge_runtime.config import S
from edge_runtime.transport.statuses import Kept, Status

NOT_HEARD = CameraView(
    on=True,
    state="waiting",
    words="Waiting for the daemon.",
    keeping=False,
    keeping_words="What the daemon keeps is not known yet.",
    gaze_from="recording",
)
"""Before anything has been heard."""
_NOTES = {"frames": "in memory only, for looks; the oldest go first", "films": "on disk, because you wanted them"}


def camera(heard: Heard, session: SessionView | None, before: CameraView) -> CameraView:
    """The daemon's camera, by what its capture process says.

    Args:
        heard: What is known of the processes.
        session: What the core says of the run, once it has.
        before: What was shown before: it stays true of what has not been heard since.
    """
    pointer = session is not None and not session.gaze_note
    view = msgspec.structs.replace(before, gaze_from="pointer" if pointer else "recording")
    capture, condition = heard.newest.get("capture"), heard.condition("capture")
    if capture is None or condition in ("silent", "failing", "ended", "not known"):
        ailment = next((words for words in heard.ailments if words.startswith("capture:")), "capture: has not been heard")
        keeping_words = f"What is kept of pictures is not known ({ailment})."
        return msgspec.structs.replace(view, state="failed", words=f"No camera. {ailment.capitalize()}.", keeping_words=keeping_words)
    age_ns = heard.newest_frame_age_ns("capture")
    trouble = f" {capture.trouble[:1].upper()}{capture.trouble[1:]}." if capture.trouble else ""
    keeping, keeping_words = _keeping(capture, keeps_pixels=session is not None and session.keeps_pixels)
    view = msgspec.structs.replace(view, keeping=keeping, keeping_words=keeping_words)
    if age_ns is not None and age_ns < NO_PICTURE_NS:
        return msgspec.structs.replace(view, state="seeing", words=f"The daemon's camera sees.{trouble}")
    words = "The daemon waits for its camera." if age_ns is None else f"No picture for {_seconds(age_ns)}."
    return msgspec.structs.replace(view, state="failed" if trouble else "waiting", words=f"{words}{trouble}")


def unanswered(before: CameraView, silent_ns: int, refusal: str = "") -> CameraView:
    """The daemon runs, and its core does not answer, or refuses to show anything."""
    words = f"{refusal or 'The daemon does not answer'}; last heard {_seconds(silent_ns)} ago."
    return msgspec.structs.replace(before, state="failed", words=words)


def ended(before: CameraView, silent_ns: int) -> CameraView:
    """There is no daemon any more. What is in memory goes with a process; what is on disk stays."""
    words = f"The daemon has ended; last heard {_seconds(silent_ns)} ago. This page goes on when it runs again."
    keeping_words = "No frame is held. What the daemon has on disk stays there."
    return msgspec.structs.replace(before, state="failed", words=words, keeping=False, keeping_words=keeping_words)


def gauges(measured: GaugesView, heard: Heard, clock_ms: tuple[float, float] | None) -> GaugesView:
    """What the core has measured, with what the capture process keeps, and the page's clock: offset and error."""
    capture = heard.newest.get("capture")
    stores = () if capture is None else tuple(_store(kept) for kept in capture.kept if kept.bound_bytes)
    offset_ms, error_ms = clock_ms or (None, None)
    return msgspec.structs.replace(measured, stores=(*measured.stores, *stores), clock_offset_ms=offset_ms, clock_error_ms=error_ms)


def drops(of_core: DropsView, heard: Heard, own: Mapping[str, int]) -> DropsView:
    """What the core has let go, with what the other processes have, and the page itself: totals by code."""
    totals = {drop.code: drop.count for drop in of_core.drops}
    others = (heard.newest[role] for role in ("capture", "model", "supervisor") if role in heard.newest)
    for code, count in (*_dropped(others), *own.items()):
        totals[code] = totals.get(code, 0) + count
    return DropsView(tuple(showing.drop(code, count) for code, count in sorted(totals.items()) if count))


def _dropped(statuses: Iterable[Status]) -> Iterator[tuple[str, int]]:
    return ((f"{drop.what}:{drop.reason}", drop.count) for status in statuses for drop in status.dropped)


def _keeping(capture: Status, *, keeps_pixels: bool) -> tuple[bool, str]:
    """Whether frames are kept anywhere, and all that is kept of them, in words."""
    kept = {store.name: store.nbytes for store in capture.kept}
    held, films = kept.get("frames", 0), kept.get("films", 0)
    filming = capture.camera is not None and capture.camera.filming
    words = [f"Frames ({size(held)}) are held in memory, on no disk." if held else "No frame is held."]
    words += ["A film is being taken, on disk."] if filming else [f"Films ({size(films)}) are on disk."] if films else []
    words += [f"Small pictures of what was looked at stay in the log{' and in the journal' if keeps_pixels else ''} on this machine."]
    return held > 0 or filming or keeps_pixels, " ".join(words)


def _store(kept: Kept) -> Store:
    return Store(kept.name, kept.nbytes, kept.bound_bytes, _NOTES.get(kept.name, ""))


def _seconds(span_ns: int) -> str:
    """A length of time in words, without tenths."""
    return span((span_ns + S // 2) // S * S).replace(".0 ", " ")
