"""Which tracker is meant?"""

from __future__ import annotations

from urllib.parse import urlsplit

from devices.trackers.aria import AriaTracker
from devices.trackers.prior import Prior
from devices.trackers.pupil import PORT, PupilTracker
from devices.trackers.saliency import Saliency
from devices.trackers.tracker import Tracker
from edge_runtime.errors import UsageError

FORMS = (
    "own (gaze that comes with the camera)",
    "none",
    "prior (the middle of the picture)",
    "saliency (a guess from the picture)",
    "pupil:ADDRESS[:PORT] (Neon or Invisible, the phone's address)",
    "aria (Gen 2)",
)


def open_tracker(spec: str) -> Tracker | None:
    """Make the tracker that is named; none is contacted before its samples are asked for.

    Args:
        spec: One of :data:`FORMS`.

    Returns:
        The tracker; ``None`` for ``own`` and ``none``, which need none: the camera's own gaze is taken, or no gaze at all.

    Raises:
        UsageError: It is none of them.
    """
    kind, colon, address = spec.partition(":")
    if kind == "pupil":
        return _pupil(spec, address)
    if not colon:
        if kind in ("own", "none"):
            return None
        if kind == "prior":
            return Prior()
        if kind == "saliency":
            return Saliency()
        if kind == "aria":
            return AriaTracker()
    raise _wrong(spec)


def _pupil(spec: str, address: str) -> PupilTracker:
    try:
        split = urlsplit(f"//{address}")
        host, port = split.hostname, split.port
    except ValueError:
        raise _wrong(spec) from None
    if not host or split.netloc != address or "@" in address:
        raise _wrong(spec)
    return PupilTracker(host, port=PORT if port is None else port)


def _wrong(spec: str) -> UsageError:
    return UsageError(f"{spec!r} names no source of gaze", hint=f"it is one of: {'; '.join(FORMS)}")
