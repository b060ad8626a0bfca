"""The phone of a pair of Pupil Labs glasses, for tests: what its Companion app answers on the network, on 127.0.0.1.

It speaks what is published of Neon's and Invisible's real-time API: the status as JSON at ``/api/status`` and the calibration at
``/calibration.bin`` over HTTP; the time echo over TCP (eight bytes there, sixteen back, milliseconds); gaze over RTSP with the payloads of
:data:`LAYOUTS` and times in sender reports. Its clock is another than ours. Status updates over a websocket are left out: nobody asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.rtsp_stand_in import Packets, RtspStandIn, Stream

LAYOUTS = {"point": 9, "two points": 17, "point and two points": 25, "eyes": 65, "lids": 89, "lids and two points": 105}
"""Payload lengths by what they hold."""
AHEAD_S = 1_700_000_000.2537
"""How far the phone's clock, seconds since 1970, is ahead of :func:`time.monotonic`."""
_PATH = "/?camera=gaze"
_SDP = "m=application 0 RTP/AVP 99\r\na=rtpmap:99 com.pupillabs.gaze1/90000"
_FOCUS_PX = 890.0


def payload(x_px: float, y_px: float, *, worn: bool = True, layout: str = "point") -> bytes:
    """A packet of gaze; whatever a layout holds beside the point is filled with the length of a packet, except the other eye's point."""
    length = LAYOUTS[layout]
    head = struct.pack("!ffB", x_px, y_px, 255 if worn else 0)
    if layout == "two points":
        return head + struct.pack("!ff", x_px + 20.0, y_px + 10.0)
    return head + struct.pack(f"!{(length - 9) // 4}f", *[float(length)] * ((length - 9) // 4))


def steady(rate_hz: float = 200.0) -> Packets:
    """Gaze that goes round in the middle of Neon's picture, for ever."""

    def samples() -> Iterator[tuple[float, bytes | None]]:
        n = 0
        while True:
            angle = n / 50.0
            yield n / rate_hz, payload(800.0 + 100.0 * math.cos(angle), 600.0 + 100.0 * math.sin(angle))
            n += 1

    return samples


class PupilStandIn:
    """The phone. A context manager: it answers inside, and can be entered again at the same ports.

    Args:
        gaze: When each packet is due, seconds, and the packet; see :class:`~tests.rtsp_stand_in.Stream`.
        neon: Whether Neon is plugged in, or else Invisible.
        echoes: Whether the app is new enough to echo the time.
        reports: Whether it ever says what time its gaze was.

    Attributes:
        ahead_s: How far its clock is ahead of :func:`time.monotonic`. A test may set it.
        plugged: Whether the glasses are connected to the phone. A test may set it.
        asked: Paths that were asked for over HTTP, in order.
        rtsp: Where gaze is played.
    """

    def __init__(self, gaze: Packets, *, neon: bool = True, echoes: bool = True, reports: bool = True) -> None:
        self.ahead_s = AHEAD_S
        clock = self._clock_s if reports else None
        self.rtsp = RtspStandIn({_PATH: Stream(_SDP, gaze, payload_type=99, unix_s=clock)})
        self.plugged = True
        self.asked: list[str] = []
        self._neon, self._echoes = neon, echoes
        self.port = self._echo_port = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> PupilStandIn:
        """Answer."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.rtsp)
            self._echo_port = stack.enter_context(_Echo(lambda: self._clock_s(time.monotonic()), self._echo_port))
            http = _Http(("127.0.0.1", self.port), self._answer)
            self.port = http.server_address[1]
            thread = threading.Thread(target=http.serve_forever, args=(0.01,), name="pupil stand-in, http")
            thread.start()
            for let_go in (http.server_close, thread.join, http.shutdown):  # the last is called first
                stack.callback(let_go)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Hang up, everywhere."""
        self._stack.close()

    def _clock_s(self, now_s: float) -> float:
        return now_s + self.ahead_s

    def _answer(self, path: str) -> tuple[str, bytes] | None:
        self.asked.append(path)
        if path == "/api/status":
            return "application/json", json.dumps({"message": "Success", "result": self._status()}).encode()
        if path == "/calibration.bin" and self._neon:
            return "application/octet-stream", _calibration()
        return None

    def _status(self) -> list[dict[str, Any]]:
        phone: dict[str, Any] = {
            "battery_level": 71,
            "battery_state": "OK",
            "device_id": "d1",
            "device_name": "stand-in",
            # an address that nobody may follow: the one that was given counts
            "ip": "192.0.2.1",
            "memory": 1 << 34,
            "memory_state": "OK",
        }
        if self._echoes:
            phone["time_echo_port"] = self._echo_port
        serial = {"module_serial": "123456"} if self._neon else {"glasses_serial": "abcde", "world_camera_serial": "fghij"}
        sensors = [
            {
                "sensor": "gaze",
                "conn_type": kind,
                "connected": self.plugged,
                "ip": "192.0.2.1",
                "params": "camera=gaze",
                "port": self.rtsp.port,
                "protocol": "rtsp",
                "stream_error": False,
            }
            for kind in ("WEBSOCKET", "DIRECT")
        ]
        hardware = {"version": "2.0" if self._neon else "1.0", **serial} if self.plugged else {}
        return [
            {"model": "Phone", "data": phone},
            {"model": "Hardware", "data": hardware},
            *({"model": "Sensor", "data": sensor} for sensor in sensors),
            {"model": "SomethingNew", "data": {}},
        ]


def _calibration() -> bytes:
    """Neon's calibration: version, serial, and matrix, distortion and place of three cameras; no number in it is a real device's."""
    cameras = b""
    for width, height in ((1600, 1200), (192, 192), (192, 192)):
        cameras += struct.pack("<9d", _FOCUS_PX, 0, width / 2, 0, _FOCUS_PX, height / 2, 0, 0, 1)
        cameras += struct.pack("<8d", -0.13, 0.11, 0, 0, 0, 0.17, 0.05, 0.02)
        cameras += struct.pack("<16d", *(float(row == column) for row in range(4) for column in range(4)))
    return struct.pack("<B6s", 1, b"123456") + cameras + struct.pack("<I", 0)


class _Http(ThreadingHTTPServer):
    """Answers GET by a function of the path: type and body, or ``None`` for what is not there."""

    daemon_threads = False

    def __init__(self, address: tuple[str, int], answer: Callable[[str], tuple[str, bytes] | None]) -> None:
        self.answer = answer
        super().__init__(address, _Get)


class _Get(BaseHTTPRequestHandler):
    server: _Http

    def do_GET(self) -> None:
        found = self.server.answer(self.path)
        kind, body = found or ("application/json", b'{"message": "not found"}')
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Echo:
    """The time echo, in a thread of its own; entering gives its port."""

    def __init__(self, now_s: Callable[[], float], port: int) -> None:
        self._now_s, self._port = now_s, port
        self._clients: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="pupil stand-in, echo")
        self._listening = threading.Event()

    def __enter__(self) -> int:
        self._thread.start()
        assert self._listening.wait(5.0), "the echo does not listen"
        return self._port

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._echo, "127.0.0.1", self._port)
        self._port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._over.wait()
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.current_task()
        assert client is not None
        self._clients.add(client)
        try:
            while True:
                sent = await reader.readexactly(8)
                writer.write(sent + struct.pack("!Q", math.floor(self._now_s() * 1000)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or is to go
        finally:
            writer.close()
            self._clients.discard(client)
