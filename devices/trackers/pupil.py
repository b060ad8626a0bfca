"""Pupil Labs Neon and Invisible, over the network of the phone they are plugged into.

Needs the extra ``pupil`` (pupil-labs-realtime-api), which is imported here and nowhere else. The phone is asked for its status over HTTP,
for the time by its time echo, and plays its gaze by RTSP. Nothing but the address that was given is contacted, and nothing is searched for.

Positions are pixels of the glasses' own scene camera as taken, with its lens; they belong to the pictures of that camera and no other.
Times are the phone's, 1 ms fine where they are compared; they are mapped to this machine's monotonic clock by echoes taken anew every 30
seconds. Neither device has been met: the tests run the real package against a stand-in made by its published description.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

from devices.recordings.neon import SIZE_PX as NEON_PX
from devices.recordings.optics import camera_from
from devices.recordings.pupil import INVISIBLE_PX
from devices.trackers.clock_offset import ClockOffset, offset_of
from edge_runtime.config import MS, S
from edge_runtime.errors import DeviceError, InputError, MissingExtra
from edge_runtime.records import Dropped
from gaze.camera import Camera
from gaze.types import GazeSample, GazeSource

PORT = 8080
OLDEST_NS = 2 * S
"""A sample that comes later than this after it was taken is of no use; more likely a clock is wrong."""
SILENT_S = 3.0
_ANSWER_S = 5.0
_BATCH_S = 0.02
_LOOK_S = 1.0
_ECHO_AGAIN_S = 30.0
_ECHOES = 30
_LEAVE_S = 0.4
_BOTH_EYES, _DUAL = {9, 25, 65, 89, 105}, 17
_NO_SERIAL = {"", "-1", "unknown", "None"}


def gaze_px(payload: bytes) -> tuple[float, float, bool] | None:
    """Read one packet of gaze, big endian, pixels of the scene camera; ``None`` for a length that is not known.

    All layouts begin with x, y (float32) and worn (uint8, 255 if so). After that come, by length: nothing (9 bytes), both eyes' own points
    (25), the state of the eyes (65), and of the lids (89), and both eyes' own points (105). The layout of 17 bytes is x and y of the left
    eye, worn, x and y of the right; their middle is taken.

    Returns:
        x, y, and whether the glasses are worn; x and y are NaN without gaze.
    """
    if len(payload) in _BOTH_EYES:
        x, y, worn = struct.unpack_from("!ffB", payload)
    elif len(payload) == _DUAL:
        left_x, left_y, worn, right_x, right_y = struct.unpack("!ffBff", payload)
        x, y = (left_x + right_x) / 2.0, (left_y + right_y) / 2.0
    else:
        return None
    return x, y, worn == 255


class PupilTracker:
    """Neon or Invisible.

    Args:
        address: Of the phone, an IP address or a name of the local network.
        port: Of its HTTP server.
        now_ns: The clock.

    Attributes:
        scene: The glasses' scene camera by its own calibration; ``None`` before they were asked, and for Invisible, which does not say.
    """

    source: GazeSource = "tracker"

    def __init__(self, address: str, *, port: int = PORT, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.name = f"the Pupil phone at {address}"
        self.scene: Camera | None = None
        self._address, self._port, self._now_ns = address, port, now_ns
        self._size_px: tuple[int, int] | None = None
        self._clock: ClockOffset | None = None
        self._last_ns = 0
        self._heard_ns = 0
        self._dropped: Counter[str] = Counter()

    @property
    def note(self) -> str:
        """Which glasses, and in which picture their gaze lies."""
        if self._size_px is None:
            return f"{self.name}, not reached yet"
        glasses = "Neon" if self._size_px == NEON_PX else "Invisible"
        width, height = self._size_px
        return f"Pupil {glasses} at {self._address}; its gaze lies in the picture of its own scene camera, {width} x {height}"

    @property
    def clock_error_ns(self) -> int | None:
        """How far the times of its samples may be off at most; ``None`` before the phone's clock was compared with ours."""
        return None if self._clock is None else self._clock.error_at_ns(self._now_ns())

    def dropped(self) -> tuple[Dropped, ...]:
        """Samples that were not given so far, with reasons.

        ``clock``: from the future, older than two seconds, or not younger than the last. ``lost``: on the network. ``unmapped``: before the
        phone had said what time it was. ``unreadable``: of a length that is not known.
        """
        return tuple(Dropped("gaze_sample", reason, count) for reason, count in sorted(dict(self._dropped).items()) if count)

    def samples(self, stopping: threading.Event) -> Generator[tuple[GazeSample, ...], None, None]:
        """Connect, and give gaze in batches of about 20 ms, until ``stopping`` is set.

        Raises:
            MissingExtra: ``pupil-labs-realtime-api`` is not installed.
            DeviceError: The phone is not reached, its glasses are not connected or not known, it has stopped answering, or its clock cannot
                be compared with ours.
        """
        api = _api()
        loop = asyncio.new_event_loop()
        taken: list[GazeSample] = []
        talk = loop.create_task(self._talk(api, taken))
        try:
            while not stopping.is_set():
                loop.run_until_complete(asyncio.wait({talk}, timeout=_BATCH_S))
                if taken:
                    batch = tuple(taken)
                    taken.clear()
                    yield batch
                if talk.done():
                    talk.result()
        finally:
            loop.run_until_complete(_end(talk))
            loop.close()

    # ------------------------------------------------------------ the talk with the phone

    async def _talk(self, api: Any, taken: list[GazeSample]) -> None:
        """Connect and listen; only ever ends by raising."""
        try:
            async with api.Device(self._address, self._port) as device:
                status = await asyncio.wait_for(device.get_status(), _ANSWER_S)
                url, echo_port = self._url(status), status.phone.time_echo_port
                self._size_px = _size_px(status.hardware, self.name)
                if self._size_px == NEON_PX:
                    self.scene = self._scene(await asyncio.wait_for(device.get_calibration(), _ANSWER_S))
                await self._compare_clocks(api, echo_port)
                await self._listen(api, device, url, echo_port, taken)
        except asyncio.TimeoutError as error:
            raise self._unreached("does not answer in time") from error
        except api.trouble as error:
            raise self._unreached(f"cannot be followed ({type(error).__name__}: {error})") from error
        except InputError as error:
            raise DeviceError(f"{self.name}: {error}", hint="update the Companion app") from error

    async def _listen(self, api: Any, device: Any, url: str, echo_port: int, taken: list[GazeSample]) -> None:
        self._heard_ns = self._now_ns()
        streamer = api.RTSPRawStreamer(url, timeout=_ANSWER_S)
        known: Counter[str] = Counter()
        jobs = {
            asyncio.ensure_future(streamer.reader.run_stream()),
            asyncio.ensure_future(self._receive(streamer, known, taken)),
            asyncio.ensure_future(self._mind(api, device, streamer, known, echo_port)),
        }
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
            raise self._unreached("has hung up")
        finally:
            self._account(streamer, known)
            await _end(*jobs)

    async def _receive(self, streamer: Any, known: Counter[str], taken: list[GazeSample]) -> None:
        async for packet in streamer.receive():
            known["mapped"] += 1
            self._heard_ns = self._now_ns()
            if (sample := self._sample(bytes(packet.raw), round(packet.timestamp_unix_seconds * S))) is not None:
                taken.append(sample)

    async def _mind(self, api: Any, device: Any, streamer: Any, known: Counter[str], echo_port: int) -> None:
        """See once a second to what was lost, to silence, and to the clock."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._account(streamer, known)
            now_ns = self._now_ns()
            if now_ns - self._heard_ns > SILENT_S * S:
                self._url(await asyncio.wait_for(device.get_status(), _ANSWER_S))  # says so if its glasses were unplugged
                raise self._unreached("gives no gaze")
            if self._clock is None or now_ns - self._clock.t_ns > _ECHO_AGAIN_S * S:
                await self._compare_clocks(api, echo_port)

    def _account(self, streamer: Any, known: Counter[str]) -> None:
        """Count the packets of this connection that nobody got: by the gaps in their running numbers, and those that had no time yet."""
        stats = streamer.reader.transport.stats if streamer.reader.transport is not None else None
        if stats is None or stats.base_seq is None:
            return
        expected = stats.extended_seq - stats.base_seq + 1
        found = {"lost": expected - stats.received, "unmapped": stats.received - known["mapped"] - streamer.reader.queue.qsize()}
        for reason, count in found.items():
            self._dropped[reason] += max(0, count - known[reason])
            known[reason] = max(count, known[reason])

    async def _compare_clocks(self, api: Any, port: int | None) -> None:
        if port is None:
            raise DeviceError(f"{self.name} does not tell the time", hint="update the Companion app: its time echo is needed")
        estimator = api.TimeOffsetEstimator(self._address, port)
        # Our own clock goes straight into the echo: the wall clocks of both machines may be set at any time, this one may not.
        measured = await asyncio.wait_for(estimator.estimate(_ECHOES, time_fn_ms=lambda: self._now_ns() // MS), _ANSWER_S)
        if measured is None:
            raise self._unreached("does not echo the time")
        trips, offsets = measured.roundtrip_duration_ms.measurements, measured.time_offset_ms.measurements
        try:
            self._clock = offset_of(trips, offsets, self._now_ns())
        except ValueError as error:
            raise DeviceError(f"{self.name}: its clock was set while it was compared: {error}", hint="it is tried again") from error

    def _sample(self, payload: bytes, unix_ns: int) -> GazeSample | None:
        """A packet as a sample of our clock; ``None`` if it was dropped."""
        clock, size_px, found = self._clock, self._size_px, gaze_px(payload)
        if clock is None or size_px is None:
            self._dropped["unmapped"] += 1
            return None
        if found is None:
            self._dropped["unreadable"] += 1
            return None
        now_ns = self._now_ns()
        t_ns = unix_ns + clock.offset_ns
        if not now_ns - OLDEST_NS <= t_ns <= now_ns + clock.error_at_ns(now_ns) or t_ns <= self._last_ns:
            self._dropped["clock"] += 1
            return None
        self._last_ns = t_ns
        x_px, y_px, worn = found
        if not (math.isfinite(x_px) and math.isfinite(y_px)):
            return GazeSample(t_ns, None, None, worn=worn)
        width, height = size_px
        return GazeSample(t_ns, x_px / width, y_px / height, worn=worn)

    def _url(self, status: Any) -> str:
        """Where gaze is played: at the address that was given, whatever the status says of addresses."""
        for sensor in status.sensors:
            if sensor.sensor == "gaze" and sensor.conn_type == "DIRECT" and sensor.connected:
                return f"rtsp://{self._address}:{sensor.port}/?{sensor.params}"
        raise DeviceError(f"{self.name} has no glasses connected to it", hint="plug them in and wait for the Companion app")

    def _scene(self, calibration: Any) -> Camera:
        matrix, distortion = calibration.scene_camera_matrix, calibration.scene_distortion_coefficients
        return camera_from(matrix, distortion, NEON_PX, f"the calibration of {self.name}")

    def _unreached(self, what: str) -> DeviceError:
        hint = "the Companion app must be open and the phone on this network; the address is in its menu under Streaming"
        return DeviceError(f"{self.name} {what}", hint=hint)


def _size_px(hardware: Any, name: str) -> tuple[int, int]:
    """Width and height of the scene camera's picture, which the glasses do not say themselves; it goes by their kind."""
    if str(hardware.version).startswith("2") or str(hardware.module_serial) not in _NO_SERIAL:
        return NEON_PX
    if str(hardware.version).startswith("1") or str(hardware.glasses_serial) not in _NO_SERIAL:
        return INVISIBLE_PX
    raise DeviceError(f"{name} has no glasses that are known", hint="plug in a Neon or an Invisible")


async def _end(*jobs: asyncio.Future[Any]) -> None:
    """Cancel, give each a moment to say goodbye, and insist."""
    for _ in range(2):
        for job in jobs:
            job.cancel()
        await asyncio.wait(jobs, timeout=_LEAVE_S)
    for job in jobs:
        if job.done() and not job.cancelled():
            job.exception()  # why it ended has been said, or does not matter any more


class _Api:
    """What is used of the package, and what it may raise when something is wrong out there."""

    def __init__(self) -> None:
        device = importlib.import_module("pupil_labs.realtime_api.device")
        self.Device = device.Device
        self.TimeOffsetEstimator = importlib.import_module("pupil_labs.realtime_api.time_echo").TimeOffsetEstimator
        self.RTSPRawStreamer = importlib.import_module("pupil_labs.realtime_api.streaming.base").RTSPRawStreamer
        client = importlib.import_module("aiohttp").ClientError
        rtsp = importlib.import_module("aiortsp.rtsp.errors").RTSPError
        self.trouble = (OSError, EOFError, ValueError, KeyError, client, rtsp, device.DeviceError)


def _api() -> _Api:
    try:
        return _Api()
    except ImportError as error:
        hint = "install the extra: pip install 'edge-runtime[pupil]'"
        raise MissingExtra("Pupil glasses need the package pupil-labs-realtime-api, which is not installed", hint=hint) from error
