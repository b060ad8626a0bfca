"""A camera on the network, for tests: a small RTSP 1.0 server on 127.0.0.1 that plays what it is given.

What it speaks: OPTIONS, DESCRIBE, SETUP (interleaved TCP, or UDP to the ports that the client names), PLAY, GET_PARAMETER and SET_PARAMETER
(to keep a session alive), TEARDOWN (RFC 2326); RTP with running numbers (RFC 3550), and a sender report before the first packet and once a
second where the stream says what time it is. One media a path, no authentication, no PAUSE. The request's URL is looked up by its path and
query alone, so ``rtsp://127.0.0.1:port/?camera=gaze`` finds the stream ``/?camera=gaze``; a path that is not there is answered 404.

Every PLAY begins a stream anew. Packets leave when they are due by the clock. A stream that ends closes its connection, as a camera that
is switched off; one whose next packet is due in an hour is a camera that hangs. A server that was left can be entered again: same port.

    film = mpeg_ts(path)
    with RtspStandIn({"/film": Stream(MPEG_TS, lambda: iter(film))}) as server:
        capture = cv2.VideoCapture(server.url("/film"), cv2.CAP_FFMPEG)
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from edge_runtime.pixels import Picture

MPEG_TS = "m=video 0 RTP/AVP 33"
"""The media line of an MPEG transport stream: payload type 33 needs no rtpmap."""
_TS_HZ = 90_000
_TS_BYTES, _TS_IN_PACKET = 188, 7
_REPORT_S = 1.0
_FIRST_NUMBER = 65_530  # the running number wraps in the first moments: clients must bear it
_SSRC = 0x5EED
_TO_1970_S = 2_208_988_800
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"

Packets = Callable[[], Iterator[tuple[float, bytes | None]]]
"""Called at each PLAY: when a packet is due, seconds from PLAY on and never going back, and the payload of its RTP packet; ``None`` is a
packet that gets lost on its way: it takes a running number, and is not sent."""


@dataclass(frozen=True)
class Stream:
    """What lies at one path.

    Attributes:
        sdp: Its media lines, one ``m=`` and its ``a=``, without a control line.
        packets: What to send. A packet's RTP time is its due time.
        clock_hz: Of its RTP times, as in its rtpmap.
        payload_type: As in its media line.
        unix_s: What time it is for the camera at a time of :func:`time.monotonic`, seconds since 1970; it goes into sender reports, and
            there are none without.
    """

    sdp: str
    packets: Packets
    clock_hz: int = _TS_HZ
    payload_type: int = 33
    unix_s: Callable[[float], float] | None = None


class RtspStandIn:
    """The server. A context manager: it listens inside, and has let go of everything after.

    Args:
        streams: By path and query.

    Attributes:
        port: Where it listens; chosen when it is first entered, and the same ever after.
        asked: The methods asked for so far, in order, with their paths: ``PLAY /film``.
        played_s: When each stream played so far was begun, by :func:`time.monotonic`.
    """

    def __init__(self, streams: Mapping[str, Stream]) -> None:
        self._streams = streams
        self.port = 0
        self.asked: list[str] = []
        self.played_s: list[float] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._clients: set[asyncio.Task[None]] = set()

    def url(self, path: str) -> str:
        """Where a stream is played."""
        return f"rtsp://127.0.0.1:{self.port}{path}"

    def hang_up(self) -> None:
        """Close every connection, and go on listening."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: [client.cancel() for client in self._clients])

    def __enter__(self) -> RtspStandIn:
        """Listen."""
        listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(listening)), name="rtsp stand-in")
        self._thread.start()
        assert listening.wait(5.0), "the stand-in does not listen"
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close every connection and the port."""
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    # ------------------------------------------------------------ the server's thread

    async def _serve(self, listening: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._over.wait()
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.current_task()
        assert client is not None
        self._clients.add(client)
        session = _Session(self._streams, reader, writer, self.asked, self.played_s)
        try:
            await session.run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or is to go
        finally:
            session.end()
            self._clients.discard(client)


class _Session:
    """One connection: its requests, and the stream it plays."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        asked: list[str],
        played_s: list[float],
    ) -> None:
        self._streams, self._reader, self._writer, self._asked, self._played_s = streams, reader, writer, asked, played_s
        self._send: tuple[Callable[[bytes], None], Callable[[bytes], None]] | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._playing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer requests until the client has gone or the stream has ended."""
        while True:
            asking = asyncio.ensure_future(self._request())
            busy: Sequence[asyncio.Task[Any]] = [asking, self._playing] if self._playing is not None else [asking]
            try:
                await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
            finally:
                asking.cancel()
            if self._playing is not None and self._playing.done():
                return self._playing.result()
            method, url, headers = asking.result()
            split = urlsplit(url)
            path = (split.path or "/") + (f"?{split.query}" if split.query else "")
            self._asked.append(f"{method} {path}")
            await self._answer(method, path, headers)
            if method == "TEARDOWN":
                return

    def end(self) -> None:
        """Stop playing and close."""
        if self._playing is not None:
            self._playing.cancel()
        if self._datagrams is not None:
            self._datagrams.close()
        self._writer.close()

    async def _request(self) -> tuple[str, str, dict[str, str]]:
        """The next request; what a client reports about our packets in between is passed over."""
        while (first := await self._reader.readexactly(1)) == b"$":
            _, size = struct.unpack("!BH", await self._reader.readexactly(3))
            await self._reader.readexactly(size)
        head = (first + await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, url, _ = head[0].split()
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        await self._reader.readexactly(int(headers.get("content-length", 0)))
        return method, url, headers

    async def _answer(self, method: str, path: str, headers: dict[str, str]) -> None:
        stream = self._streams.get(path)
        say: dict[str, str] = {"Session": "1;timeout=60"} if self._send is not None else {}
        status, body = "200 OK", ""
        if method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"):
            say["Public"] = _METHODS
        elif stream is None:
            status = "404 Not Found"
        elif method == "DESCRIBE":
            say["Content-Type"] = "application/sdp"
            body = "\r\n".join(["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=stand-in", "t=0 0", *stream.sdp.splitlines(), ""])
        elif method == "SETUP":
            say["Transport"], self._send = await self._open(headers["transport"])
            say["Session"] = "1;timeout=60"
        elif method == "PLAY" and self._send is not None:
            self._playing = asyncio.ensure_future(self._play(stream, *self._send))
        else:
            status = "501 Not Implemented" if method != "PLAY" else "455 Method Not Valid in This State"
        lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}", *(f"{name}: {value}" for name, value in say.items())]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self._writer.write("\r\n".join([*lines, "", body]).encode())
        await self._writer.drain()

    async def _open(self, asked: str) -> tuple[str, tuple[Callable[[bytes], None], Callable[[bytes], None]]]:
        """Ways to send RTP and RTCP, as a Transport header asks for them, and the header that agrees."""
        fields = dict(field.partition("=")[::2] for field in asked.split(",")[0].split(";"))
        if "interleaved" in fields or "TCP" in asked:
            channels = fields.get("interleaved", "0-1")
            rtp, rtcp = (int(channel) for channel in channels.split("-"))
            return f"RTP/AVP/TCP;unicast;interleaved={channels}", (self._channel(rtp), self._channel(rtcp))
        ports = [int(port) for port in fields["client_port"].split("-")]
        host = self._writer.get_extra_info("peername")[0]
        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        own = self._datagrams.get_extra_info("sockname")[1]
        back = f"RTP/AVP;unicast;client_port={fields['client_port']};server_port={own}-{own}"
        return back, (self._port(host, ports[0]), self._port(host, ports[1]))

    def _channel(self, channel: int) -> Callable[[bytes], None]:
        return lambda packet: self._writer.write(struct.pack("!BBH", 0x24, channel, len(packet)) + packet)

    def _port(self, host: str, port: int) -> Callable[[bytes], None]:
        datagrams = self._datagrams
        assert datagrams is not None
        return lambda packet: datagrams.sendto(packet, (host, port))

    async def _play(self, stream: Stream, send_rtp: Callable[[bytes], None], send_rtcp: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        begun_s, reported_s = loop.time(), -_REPORT_S
        self._played_s.append(begun_s)
        for sent, (due_s, payload) in enumerate(stream.packets()):
            if (early_s := due_s - (loop.time() - begun_s)) > 0:
                await asyncio.sleep(early_s)
            if stream.unix_s is not None and due_s - reported_s >= _REPORT_S:
                reported_s = loop.time() - begun_s
                send_rtcp(_report(stream.unix_s(begun_s + reported_s), round(reported_s * stream.clock_hz), sent))
            if payload is None:
                continue
            number, rtp_time = (_FIRST_NUMBER + sent) % (1 << 16), round(due_s * stream.clock_hz) % (1 << 32)
            send_rtp(struct.pack("!BBHII", 0x80, stream.payload_type, number, rtp_time, _SSRC) + payload)
            await self._writer.drain()


def _report(unix_s: float, rtp_time: int, sent: int) -> bytes:
    """A sender report (RFC 3550, 6.4.1): what the wall clock said at an RTP time."""
    seconds = int(unix_s)
    fraction = int((unix_s - seconds) * (1 << 32))
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, _SSRC, seconds + _TO_1970_S, fraction, rtp_time % (1 << 32), sent, 0)


# ---------------------------------------------------------------- films


def write_mpeg_ts(path: Path, pictures: Sequence[Picture], fps: float) -> None:
    """Write a film, ``.ts``, MPEG-4 part 2. OpenCV grumbles on standard error that such a file has no tags; it needs none.

    Args:
        path: Where to.
        pictures: uint8 BGR [H, W, 3], all of one size.
        fps: Pictures a second.
    """
    height_px, width_px = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, (width_px, height_px))
    assert writer.isOpened(), f"{path} cannot be written"
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture))
    writer.release()


def mpeg_ts(path: Path) -> list[tuple[float, bytes]]:
    """A film in an MPEG transport stream as packets of :data:`MPEG_TS` (RFC 2250: seven of its own to one of RTP).

    A packet is due when the stream's own clock (PCR) last said, seconds from its beginning.
    """
    film = path.read_bytes()
    step = _TS_BYTES * _TS_IN_PACKET
    packets, first, now_s = [], None, 0.0
    for at in range(0, len(film), step):
        payload = film[at : at + step]
        for own in range(0, len(payload), _TS_BYTES):
            if (pcr := _pcr(payload[own : own + _TS_BYTES])) is not None:
                first = pcr if first is None else first
                now_s = (pcr - first) / _TS_HZ
        packets.append((now_s, payload))
    return packets


def _pcr(packet: bytes) -> int | None:
    """The clock in a packet of a transport stream, in 90 kHz; ``None`` where there is none (ISO/IEC 13818-1, 2.4.3.5)."""
    assert packet[0] == 0x47, "no transport stream"
    if not packet[3] & 0x20 or packet[4] < 7 or not packet[5] & 0x10:
        return None
    return int.from_bytes(packet[6:11], "big") >> 7
