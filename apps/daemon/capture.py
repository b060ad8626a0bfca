"""The capture process: opens the camera and the source of gaze, and stays with them."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from apps.daemon.child import Ending
from apps.daemon.spec import ChildSpec
from devices.cameras import Camera, Feed, Shot
from devices.cameras.feed import FIRST_PAUSE_S, LONGEST_PAUSE_S
from devices.cameras.opening import open_camera
from devices.films import Films
from devices.trackers.feed import GazeFeed
from devices.trackers.opening import open_tracker
from devices.trackers.tracker import Tracker, Watching
from edge_runtime.config import AttendConfig, Config
from edge_runtime.errors import EdgeError
from edge_runtime.hosts.capture_process import CaptureProcess
from edge_runtime.hosts.originals import TwoSizes
from edge_runtime.transport.post import MessageSender, Post
from edge_runtime.transport.routes import STATUS
from edge_runtime.transport.statuses import Camera as CameraSays
from edge_runtime.transport.statuses import Status
from gaze import EyeEvents
from gaze.types import GazeSample

_log = logging.getLogger(__name__)
POINTER = "pointer"
"""The source of gaze that a page brings, when it is attached."""


def run(spec: ChildSpec, post: Post, time_ns: Callable[[], int], ending: Ending) -> None:
    """See, until the end."""
    status = post.sender(STATUS["capture"])
    camera = _patiently(spec, status, time_ns, ending)
    if camera is None:
        return
    tracker = None if spec.config.capture.gaze == POINTER else open_tracker(spec.config.capture.gaze)
    capture = spec.config.capture
    own_gaze = capture.gaze == "own"
    troubles = Troubles()
    with ExitStack() as stack:
        films = stack.enter_context(Films(spec.state_folder / "films", capture.film_bytes, hfov_deg=camera.hfov_deg))
        feed = Feed(
            camera,
            lambda shot: _take(shot, process, tracker, troubles, spec.origin_ns, own_gaze=own_gaze),
            on_trouble=troubles.of("camera"),
        )
        gaze_feed = (
            None
            if tracker is None
            else GazeFeed(tracker, lambda samples: _look(samples, process, troubles, spec.origin_ns), on_trouble=troubles.of("gaze"))
        )
        process = CaptureProcess(
            post,
            status,
            TwoSizes(capture.ring_bytes, side_px=capture.work_side_px, sharp_bytes=capture.sharp_bytes),
            lambda aspect, first_id: EyeEvents(camera.hfov_deg, aspect, first_id=first_id),
            films,
            pointer=spec.config.capture.gaze == POINTER,
            ring_bytes=capture.ring_bytes + capture.sharp_bytes,
            film_bytes=capture.film_bytes,
            camera=lambda: _says(camera, tracker, spec, filming=films.filming),
            trouble=troubles.words,
            dropped=lambda: (*feed.dropped(), *(() if gaze_feed is None else gaze_feed.dropped())),
            time_ns=time_ns,
        )
        ending.then(process.stop)
        stack.enter_context(feed)
        if gaze_feed is not None:
            stack.enter_context(gaze_feed)
        process.run()


class Troubles:
    """What is wrong with camera and gaze, in words, as long as it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: dict[str, str] = {}

    def of(self, whose: str) -> Callable[[str], None]:
        """Takes what is wrong with one of them."""

        def take(words: str) -> None:
            with self._lock:
                self._words[whose] = words

        return take

    def over(self, whose: str) -> None:
        """Nothing is wrong with it any more."""
        with self._lock:
            self._words.pop(whose, None)

    def words(self) -> str:
        """All of it."""
        with self._lock:
            return "; ".join(self._words.values())


def _patiently(spec: ChildSpec, status: MessageSender, time_ns: Callable[[], int], ending: Ending) -> Camera | None:
    """Open the camera, and try again for as long as it takes; meanwhile say what is wrong. ``None`` at the end."""
    capture, pause_s = spec.config.capture, FIRST_PAUSE_S
    while not ending.come.is_set():
        try:
            return open_camera(capture.camera, offered_hz=capture.offered_hz, hfov_deg=_hfov_deg(spec.config), say=_log.info)
        except EdgeError as error:
            words = f"{error}: {error.hint}"
        until_s = time.monotonic() + pause_s
        while not ending.come.is_set() and (left_s := until_s - time.monotonic()) > 0:
            status.send(Status(role="capture", t_ns=time_ns(), phase="ailing", trouble=words, pid=os.getpid()))
            ending.come.wait(min(1.0, left_s))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return None


def _hfov_deg(config: Config) -> float | None:
    """The field of view as it was set; ``None`` where it was not, and the camera goes by what is usual or knows its own."""
    set_deg = config.attend.hfov_deg
    return None if config.capture.camera in ("gallery", "synthetic") or set_deg == AttendConfig().hfov_deg else set_deg


def _take(shot: Shot, process: CaptureProcess, tracker: Tracker | None, troubles: Troubles, origin_ns: int, *, own_gaze: bool) -> None:
    """A shot becomes a frame, and the gaze that came with it samples."""
    now_ns = time.monotonic_ns() if shot.t_handed_ns is None else shot.t_handed_ns
    t_ns = now_ns - origin_ns
    if isinstance(tracker, Watching):
        tracker.see(shot.image, now_ns - shot.age_ns)
    if shot.gaze and own_gaze:
        process.look_at(tuple(dataclasses.replace(sample, t_ns=sample.t_ns + t_ns) for sample in shot.gaze))
    process.offer(shot.image, t_ns - shot.age_ns)
    troubles.over("camera")


def _look(samples: tuple[GazeSample, ...], process: CaptureProcess, troubles: Troubles, origin_ns: int) -> None:
    process.look_at(tuple(dataclasses.replace(sample, t_ns=sample.t_ns - origin_ns) for sample in samples))
    troubles.over("gaze")


def _says(camera: Camera, tracker: Tracker | None, spec: ChildSpec, *, filming: bool) -> CameraSays:
    gaze = spec.config.capture.gaze
    has_gaze = tracker is not None or gaze == POINTER or (gaze == "own" and camera.own_gaze)
    first = camera.note.partition("\n\n")[0]  # what follows are the licences of pictures, and this is said every second
    note = first if tracker is None else f"{first} Gaze: {tracker.note}"
    return CameraSays(camera.width_px, camera.height_px, camera.hfov_deg, has_gaze, note, filming)
