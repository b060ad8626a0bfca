"""Aria Gen 2, live: gaze that the glasses compute themselves, by Meta's client SDK.

**Never run on glasses.** Needs the extra ``aria-live`` (projectaria-client-sdk), which is imported here and nowhere else. What is known of
version 2.5.1: it installs and imports on x86-64 (there are wheels for aarch64 too; both want glibc 2.34), its gaze has the fields that
:func:`to_sample` reads, and without glasses it says so after some four seconds, during which it cannot be stopped. What is not known:
whether streaming goes as its published examples say. The glasses must be paired with this machine first (``aria_gen2_cli``). They send to a
server that this machine opens, on every network it is in, by USB or a local network.

Gaze is an angle in the central pupil frame (x left, y up, z forward). The colour camera's calibration is not asked for: an ideal camera is
assumed there, square, upright, looking along z, as for gaze files (:mod:`devices.recordings.aria`).
"""

from __future__ import annotations

import importlib
import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

from devices.recordings.aria import ASSUMED_HFOV_DEG
from edge_runtime.config import S
from edge_runtime.errors import DeviceError, MissingExtra
from edge_runtime.records import Dropped
from gaze.geometry import deg_to_norm
from gaze.types import GazeSample, GazeSource

SILENT_S = 5.0
_LOOK_S = 0.1
_MOST = 256
_WIDEST_DEG = 89.0


def device_ns(gaze: Any) -> int:
    """When a gaze of the SDK (``EyeGaze``) was measured, on the glasses' clock; microseconds are what it has."""
    return int(round(gaze.tracking_timestamp.total_seconds() * 1e6) * 1000)


def to_sample(gaze: Any, *, offset_ns: int, hfov_deg: float = ASSUMED_HFOV_DEG) -> GazeSample:
    """A gaze of the SDK as a sample in an ideal square picture.

    Args:
        gaze: ``EyeGaze``: ``tracking_timestamp`` (a timedelta), ``yaw`` (rad, left positive), ``pitch`` (rad, up positive) and
            ``combined_gaze_valid``, without which there is no point.
        offset_ns: What to add to the glasses' time to have ours.
        hfov_deg: Of the picture.
    """
    t_ns = device_ns(gaze) + offset_ns
    x_deg, y_deg = -math.degrees(gaze.yaw), -math.degrees(gaze.pitch)
    if not gaze.combined_gaze_valid or not (abs(x_deg) < _WIDEST_DEG and abs(y_deg) < _WIDEST_DEG):  # not-a-number is not below either
        return GazeSample(t_ns, None, None)
    x, y = deg_to_norm([x_deg], [y_deg], hfov_deg=hfov_deg, aspect=1.0)
    return GazeSample(t_ns, float(x[0]), float(y[0]))


class AriaTracker:
    """Aria Gen 2, the first that is found.

    The glasses' clock is another than ours, and the SDK has no echo: the quickest sample so far is taken to have taken no time at all. So
    every time is late by the time that the quickest took, which is not known.

    Args:
        hfov_deg: Horizontal field of view of the ideal camera, degrees.
        now_ns: The clock.
    """

    source: GazeSource = "tracker"
    name = "Aria Gen 2"
    clock_error_ns: int | None = None

    def __init__(self, *, hfov_deg: float = ASSUMED_HFOV_DEG, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._hfov_deg, self._now_ns = hfov_deg, now_ns
        self._dropped: Counter[str] = Counter()

    @property
    def note(self) -> str:
        """Whose picture its gaze lies in."""
        return f"Aria Gen 2, never tried on glasses; its gaze lies in an assumed square picture {self._hfov_deg:g} degrees wide"

    def dropped(self) -> tuple[Dropped, ...]:
        """Samples that were not given so far: ``behind`` nobody fetched in time, ``clock`` were not younger than the last."""
        return tuple(Dropped("gaze_sample", reason, count) for reason, count in sorted(dict(self._dropped).items()))

    def samples(self, stopping: threading.Event) -> Generator[tuple[GazeSample, ...], None, None]:
        """Connect, have the glasses stream, and give each gaze as it comes, until ``stopping`` is set.

        Raises:
            MissingExtra: The SDK is not installed.
            DeviceError: There are no glasses, or they give no gaze.
        """
        sdk, receiving = _sdk()
        arrived: queue.Queue[tuple[Any, int]] = queue.Queue(_MOST)
        client = sdk.DeviceClient()
        client.set_client_config(sdk.DeviceClientConfig())
        try:
            glasses = client.connect()
        except RuntimeError as error:
            hint = "switch them on, plug them in by USB, and pair them once with aria_gen2_cli"
            raise DeviceError(f"Aria glasses do not connect: {error}", hint=hint) from error
        receiver = receiving.StreamReceiver(enable_image_decoding=False)
        receiver.set_server_config(sdk.HttpServerConfig())
        receiver.register_eye_gaze_callback(lambda gaze: self._put(arrived, gaze))
        try:
            receiver.start_server()
            glasses.set_streaming_config(sdk.HttpStreamingConfig())
            glasses.start_streaming()
            yield from self._given(arrived, stopping)
        except RuntimeError as error:
            raise DeviceError(f"Aria glasses do not stream: {error}", hint="switch them off and on") from error
        finally:
            glasses.stop_streaming()
            receiver.stop_server()
            client.disconnect(glasses)

    def _put(self, arrived: queue.Queue[tuple[Any, int]], gaze: Any) -> None:
        """Called in a thread of the SDK."""
        try:
            arrived.put_nowait((gaze, self._now_ns()))
        except queue.Full:
            self._dropped["behind"] += 1

    def _given(self, arrived: queue.Queue[tuple[Any, int]], stopping: threading.Event) -> Generator[tuple[GazeSample, ...], None, None]:
        offset_ns: int | None = None
        last_ns, heard_ns = 0, self._now_ns()
        while not stopping.is_set():
            try:
                gaze, now_ns = arrived.get(timeout=_LOOK_S)
            except queue.Empty:
                if self._now_ns() - heard_ns > SILENT_S * S:
                    raise DeviceError("Aria glasses give no gaze", hint="their streaming profile must include eye gaze") from None
                continue
            heard_ns = now_ns
            apart_ns = now_ns - device_ns(gaze)
            offset_ns = apart_ns if offset_ns is None else min(offset_ns, apart_ns)
            sample = to_sample(gaze, offset_ns=offset_ns, hfov_deg=self._hfov_deg)
            if sample.t_ns <= last_ns:
                self._dropped["clock"] += 1
                continue
            last_ns = sample.t_ns
            yield (sample,)


def _sdk() -> tuple[Any, Any]:
    try:
        return importlib.import_module("aria.sdk_gen2"), importlib.import_module("aria.stream_receiver")
    except ImportError as error:
        hint = "install the extra: pip install 'edge-runtime[aria-live]'; recordings of Aria can be read without"
        raise MissingExtra("live Aria glasses need the package projectaria-client-sdk, which is not installed", hint=hint) from error
