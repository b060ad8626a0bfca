"""The page server over real sockets: the page, two tabs, a dead one, a slow one, and pages that mean no good."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import importlib.util
import json
import logging
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.page import server as server_module
from devices.page.guard import MOST_MESSAGE_BYTES
from devices.page.requests import Ask
from devices.page.server import MOST_CONNECTIONS, PageServer
from devices.page.tab import MOST_TABS
from edge_runtime.errors import DeviceError, MissingExtra
from tests.pretend_glasses import JPEG, PATIENCE_S, PretendGlasses, Shown, frame

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.fixture
def glasses() -> PretendGlasses:
    return PretendGlasses()


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "parts").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>the page</title>")
    (folder / "page.js").write_text("export const x = 1;")
    (folder / "parts" / "eye.css").write_text("body {}")
    (tmp_path / "secret.txt").write_text("a secret beside the folder")
    return folder


@pytest.fixture
def server(glasses: PretendGlasses, static: Path, caplog: pytest.LogCaptureFixture) -> Iterator[PageServer]:
    with PageServer(glasses, static=static) as running:
        yield running


# ---------------------------------------------------------------- clients


class Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()


def get(server: PageServer, rest: str = "", *, path: str | None = None, method: str = "GET", **headers: str) -> Answer:
    """One request, sent exactly as written; ``_`` in a header's name stands for ``-``."""
    host = f"127.0.0.1:{server.door.port}"
    connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.putrequest(method, f"/{server.door.token}/{rest}" if path is None else path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": host} | headers).items():
            if value:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        return Answer(connection.getresponse())


class Refused(Exception):
    """A WebSocket was not opened; holds the status."""


class Page:
    """A browser's end of the WebSocket, as bytes on a real socket."""

    def __init__(self, server: PageServer, *, path: str | None = None, **headers: str) -> None:
        host = f"127.0.0.1:{server.door.port}"
        self._socket = socket.create_connection(("127.0.0.1", server.door.port), timeout=PATIENCE_S)
        self._file = self._socket.makefile("rb")
        self.shown = Shown()
        self.last: dict[str, Any] = {}
        key = base64.b64encode(os.urandom(16)).decode()
        lines = {"Host": host, "Origin": f"http://{host}", "Connection": "Upgrade", "Upgrade": "websocket"} | headers
        lines |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
        request = f"GET {path or f'/{server.door.token}/ws'} HTTP/1.1\r\n"
        request += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value)
        self._socket.sendall(request.encode() + b"\r\n")
        status = int(self._file.readline().split()[1])
        answer = http.client.parse_headers(self._file)
        if status != 101:
            self.hang_up()
            raise Refused(status)
        wanted = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324  the protocol's own
        assert answer["Sec-WebSocket-Accept"] == base64.b64encode(wanted).decode()

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *error: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes, kind: int = TEXT, *, final: bool = True) -> None:
        size = len(data)
        head = bytes([kind | (0x80 if final else 0)])
        head += (
            bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size) if size < 2**16 else b"\xff" + struct.pack("!Q", size)
        )
        # A mask of zeros is a mask: every byte stays what it is.
        self._socket.sendall(head + bytes(4) + data)

    def say(self, **request: object) -> None:
        self.send(json.dumps(request).encode())

    def send_picture(self, jpeg: bytes = JPEG) -> None:
        self.send(struct.pack("<d", self.ms) + jpeg, BINARY)

    @property
    def ms(self) -> float:
        """The page's own clock."""
        return time.monotonic() * 1e3 - 1234.5

    def read(self) -> tuple[int, bytes]:
        """The next frame; ``CLOSE`` and nothing when the line is cut."""
        try:
            head = self._file.read(2)
            if len(head) < 2:
                return CLOSE, b""
            size = head[1] & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self._file.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._file.read(8))
            return head[0] & 0x0F, self._file.read(size)
        except ConnectionResetError:
            return CLOSE, b""

    def receive(self) -> dict[str, Any]:
        """The next update, not acknowledged."""
        kind, data = self.read()
        while kind == PONG:
            kind, data = self.read()
        assert kind == TEXT, (kind, data)
        self.last = self.shown.take(data)
        return self.last

    def acknowledge(self) -> None:
        self.say(type="got", n=self.last["n"], page_ms=self.ms)

    def follow(self, wanted: Any) -> None:
        """Take updates and acknowledge each, until what is shown is so."""
        until_s = time.monotonic() + PATIENCE_S
        while not wanted(self):
            assert time.monotonic() < until_s, self.shown.parts
            self.receive()
            self.acknowledge()

    def follow_until_told(self, key: int) -> dict[str, Any]:
        told: list[dict[str, Any]] = []

        def answered(page: Page) -> bool:
            told.extend(one for one in page.last.get("told", ()) if one["key"] == key)
            return bool(told)

        self.last = {}
        self.follow(answered)
        return told[0]

    def farewell(self) -> tuple[int, str]:
        """Read on until the other side closes; its code and its words."""
        while True:
            kind, data = self.read()
            if kind == CLOSE:
                return (struct.unpack("!H", data[:2])[0], data[2:].decode()) if data else (0, "")


def wears(page: Page) -> bool:
    return bool(page.shown.parts.get("tab", {}).get("wears"))


def is_alive(server: PageServer) -> bool:
    """Whether a new tab can be opened, is shown things and gets an answer."""
    with Page(server) as page:
        page.say(type="ask", key=99, text="still there")
        return bool(page.follow_until_told(99)["ok"])


# ---------------------------------------------------------------- the page


def test_the_address_is_on_this_machine_and_cannot_be_guessed(server: PageServer, glasses: PretendGlasses) -> None:
    assert server.url.startswith(f"http://127.0.0.1:{server.door.port}/")
    token = server.url.split("/")[3]
    assert len(token) >= 22
    assert PageServer(glasses).door.token != token


def test_the_page_and_its_files_come_with_their_types_and_the_strict_headers(server: PageServer) -> None:
    for rest, kind in (("", "text/html"), ("index.html", "text/html"), ("page.js", "text/javascript"), ("parts/eye.css", "text/css")):
        answer = get(server, rest)
        assert (answer.status, answer.headers.get_content_type()) == (200, kind)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Server" not in answer.headers
    assert b"the page" in get(server).body
    assert get(server, method="HEAD").body == b""
    assert get(server, "page.js?v=2").status == 200


def test_the_newest_picture_has_its_number_and_none_is_no_error(server: PageServer, glasses: PretendGlasses) -> None:
    assert (get(server, "picture.jpg").status, get(server, "picture.jpg").body) == (204, b"")
    glasses.newest = (41, JPEG)
    answer = get(server, "picture.jpg")
    assert (answer.status, answer.body, answer.headers["X-Frame-Seq"]) == (200, JPEG, "41")
    assert answer.headers.get_content_type() == "image/jpeg"
    assert all(name.startswith("page-picture") for name in glasses.threads["picture"]), "what takes its time holds nobody up"


def test_kept_pictures_are_given_by_their_id(server: PageServer, glasses: PretendGlasses) -> None:
    glasses.thumbs = {"12-0": JPEG}
    assert get(server, "thumb/12-0.jpg").body == JPEG
    assert get(server, "thumb/12-1.jpg").status == 404
    for odd in (
        "thumb/12.jpg",
        "thumb/a-b.jpg",
        "thumb/-1-0.jpg",
        "thumb/12-0.png",
        "thumb/../page.js",
        "thumb/1-%D9%A3.jpg",
    ):
        assert get(server, odd).status == 404
    assert get(server, f"thumb/{'9' * 400}-1.jpg").status == 404


def test_a_fault_behind_a_picture_is_said_and_survived(server: PageServer, glasses: PretendGlasses) -> None:
    glasses.breaks = {"picture", "thumb"}
    for rest in ("picture.jpg", "thumb/1-1.jpg"):
        answer = get(server, rest)
        assert answer.status == 500
        assert b"Traceback" not in answer.body
    assert glasses.counts == {"page:fault": 2}
    assert get(server).status == 200


# ---------------------------------------------------------------- those who mean no good


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/ws", "/favicon.ico", "//", "/%2e%2e/", "/?token=x"])
def test_who_does_not_know_the_address_learns_nothing(server: PageServer, path: str) -> None:
    answer = get(server, path=path)
    assert answer.status == 404
    assert b"the address that the terminal printed" in answer.body
    assert answer.body == get(server, "no-such-file").body, "a wrong token and a wrong name look alike"
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    "rest",
    [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "..%252fsecret.txt",
        "parts/../../secret.txt",
        "parts/..%5c..%5csecret.txt",
        "..\\secret.txt",
        "./index.html",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "index.html%00.js",
        "parts",
        "parts/",
        ".",
        "..",
        "file:///etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_folder(server: PageServer, rest: str) -> None:
    answer = get(server, rest)
    assert answer.status == 404
    assert b"secret" not in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"])
def test_a_name_that_was_pointed_here_gets_nothing(server: PageServer, host: str) -> None:
    answer = get(server, Host=host.format(port=server.door.port))
    assert answer.status == 403
    assert b"the page</title>" not in answer.body
    assert get(server, Host=f"localhost:{server.door.port}").status == 200
    assert get(server, Host="").status in (400, 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_sent_but_over_the_websocket(server: PageServer, method: str) -> None:
    assert get(server, method=method).status == 405
    assert get(server, "ws", method=method).status == 405


def test_another_site_gets_no_part_of_the_page(server: PageServer, glasses: PretendGlasses) -> None:
    glasses.newest = (1, JPEG)
    assert get(server, "picture.jpg", Sec_Fetch_Site="cross-site").status == 403
    assert get(server, "page.js", Sec_Fetch_Site="same-site").status == 403
    assert get(server, "picture.jpg", Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (None, {"Origin": "http://evil.example"}, 403),
        (None, {"Origin": "null"}, 403),
        (None, {"Origin": ""}, 403),
        (None, {"Origin": "https://127.0.0.1:{port}"}, 403),
        (None, {"Origin": "http://localhost:{port}"}, 403),
        (None, {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"}, 403),
        (None, {"Sec-Fetch-Site": "cross-site"}, 403),
        ("/wrong/ws", {}, 404),
        ("/ws", {}, 404),
        ("//ws", {}, 404),
        (None, {"Sec-Fetch-Site": "same-origin"}, None),
        (None, {"Host": "localhost:{port}", "Origin": "http://localhost:{port}"}, None),
    ],
)
def test_a_websocket_opens_for_our_own_page_only(
    server: PageServer, glasses: PretendGlasses, path: str | None, headers: dict[str, str], status: int | None
) -> None:
    filled = {name: value.format(port=server.door.port) for name, value in headers.items()}
    if status is None:
        with Page(server, path=path, **filled) as page:
            assert page.receive()["fresh"]
    else:
        with pytest.raises(Refused, match=str(status)):
            Page(server, path=path, **filled)
        assert glasses.told_tabs == []


def test_a_message_larger_than_any_picture_ends_the_connection(server: PageServer, glasses: PretendGlasses) -> None:
    with Page(server) as page:
        page.receive()
        with contextlib.suppress(ConnectionError):
            page.send(bytes(MOST_MESSAGE_BYTES + 1), BINARY)
        assert page.farewell()[0] in (0, 1009)
        glasses.wait_for(lambda: glasses.counts["tab:lost"] == 1)
    assert glasses.told_tabs[-1] == (0, False)
    assert is_alive(server)


def test_a_message_in_endless_pieces_ends_the_connection(server: PageServer, glasses: PretendGlasses) -> None:
    with Page(server) as page:
        page.receive()
        with contextlib.suppress(ConnectionError):
            page.send(bytes(2**19), BINARY, final=False)
            for _ in range(20):
                page.send(bytes(2**19), 0, final=False)
        page.farewell()
    glasses.wait_for(lambda: glasses.told_tabs[-1] == (0, False))
    assert is_alive(server)


def test_garbage_ends_its_own_connection_or_is_counted_and_hurts_nobody_else(server: PageServer, glasses: PretendGlasses) -> None:
    with Page(server) as good:
        good.receive()
        good.acknowledge()
        for garbage in (b"\xff\xff\xff\xff" * 100, b"\xf1\x80\x00\x00\x00\x00", b"\x89\xfe\x7f\xff", b"\x83\x80\x00\x00\x00\x00"):
            with Page(server) as bad:
                bad._socket.sendall(garbage)
                bad._socket.shutdown(socket.SHUT_WR)
                bad.farewell()
        with Page(server) as bad:
            bad.send(b"\xff\xfe not utf-8")
            bad.farewell()
        with Page(server) as bad:
            for message in (b"{", b"[" * 60_000, b'{"type":"got","n":1,"page_ms":NaN}', b"x" * 70_000):
                bad.send(message)
            for message in (b"", b"\x00" * 50, os.urandom(5000)):
                bad.send(message, BINARY)
            bad.send(b"", PING)
            bad.say(type="ask", key=5, text="still there")
            assert bad.follow_until_told(5)["ok"]
        assert glasses.counts["page:unreadable"] == 4
        assert glasses.counts["picture:not_wearing"] + glasses.counts["picture:unreadable"] == 3
        good.say(type="ask", key=6, text="and I")
        assert good.follow_until_told(6)["ok"]


def test_bytes_that_are_no_http_are_refused(server: PageServer) -> None:
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\x00" + bytes(100),
        b"GET\r\n\r\n",
        b"\x00" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    ):
        line = socket.create_connection(("127.0.0.1", server.door.port), timeout=PATIENCE_S)
        with line, contextlib.suppress(ConnectionError):
            line.sendall(garbage)
            line.shutdown(socket.SHUT_WR)
            while line.recv(4096):
                pass
    assert get(server).status == 200


def test_a_flood_is_dropped_and_counted_while_another_tab_goes_on(server: PageServer, glasses: PretendGlasses) -> None:
    with Page(server) as good, Page(server) as bad:
        good.receive()
        good.acknowledge()
        ended = threading.Event()

        def flood() -> None:
            message = json.dumps({"type": "ask", "text": "again"}).encode()
            while not ended.is_set():
                try:
                    bad.send(message)
                except OSError:
                    return

        flooding = threading.Thread(target=flood, daemon=True)
        flooding.start()
        try:
            glasses.wait_for(lambda: glasses.counts["page:rate"] > 10)
            good.say(type="ask", key=3, text="am I heard")
            assert good.follow_until_told(3)["ok"]
        finally:
            ended.set()
            bad._socket.shutdown(socket.SHUT_RDWR)
            flooding.join()
    assert Ask("am I heard", key=3) in glasses.heard


def test_a_thousand_connections_are_not_kept(server: PageServer, glasses: PretendGlasses) -> None:
    kept: list[socket.socket] = []
    try:
        for _ in range(1000):
            line = socket.create_connection(("127.0.0.1", server.door.port), timeout=PATIENCE_S)
            kept.append(line)
            if len(kept) > MOST_CONNECTIONS:
                with contextlib.suppress(ConnectionResetError):
                    assert line.recv(1) == b""
                kept.pop().close()
        assert glasses.counts == {"connection:most": 1000 - MOST_CONNECTIONS}
    finally:
        for line in kept:
            line.close()
    glasses.wait_for(lambda: _opens(server))


def _opens(server: PageServer) -> bool:
    try:
        return get(server).status == 200
    except (ConnectionError, http.client.BadStatusLine):
        return False


# ---------------------------------------------------------------- tabs


def test_a_page_is_shown_everything_and_its_words_gaze_and_pictures_arrive(server: PageServer, glasses: PretendGlasses) -> None:
    glasses.board.show("frame", frame(1))
    with Page(server) as page:
        page.follow(lambda page: page.shown.parts.get("frame", {}).get("seq") == 1)
        glasses.board.show("frame", frame(2))
        page.follow(lambda page: page.shown.parts["frame"]["seq"] == 2)
        page.say(type="ask", key=1, text="where is my mug")
        assert page.follow_until_told(1)["words"] == "You asked: where is my mug"
        page.say(type="gaze", samples=[[page.ms, 0.25, 0.5]])
        page.send_picture()
        page.follow(lambda page: page.last.get("took") == 1)
        glasses.wait_for(lambda: glasses.gaze and glasses.seen)
    assert glasses.gaze[0].x_norm == 0.25
    now_ns = glasses.time_ns()
    ((jpeg, t_capture_ns),) = glasses.seen
    assert jpeg == JPEG
    assert t_capture_ns <= now_ns
    offset_ns, error_ns = glasses.clocks[-1]
    assert abs(offset_ns + 1_234_500_000) <= error_ns + 1000, "the measured clock is right within what it says"
    assert all(name.startswith("page-see") for name in glasses.threads["see"])
    assert glasses.threads["hear"] == glasses.threads["look_at"] == glasses.threads["tabs"] == {"page"}


def test_while_a_picture_is_decoded_the_page_goes_on_and_the_newest_wait(server: PageServer, glasses: PretendGlasses) -> None:
    with Page(server) as page:
        page.follow(lambda page: page.shown.parts.get("tab"))
        page.say(type="ask", key=1, text="is the clock known")
        page.follow_until_told(1)
        glasses.may_see.clear()
        for number in range(6):
            page.send_picture(JPEG + bytes([number]))
        glasses.wait_for(lambda: glasses.counts["picture:behind"] == 3)
        page.say(type="ask", key=2, text="are you there")
        assert page.follow_until_told(2)["ok"]
        glasses.may_see.set()
        page.follow(lambda page: page.last.get("took") == 6)
    assert [jpeg[-1] for jpeg, _ in glasses.seen] == [0, 4, 5]


def test_a_fault_while_seeing_is_told_and_the_next_picture_is_taken(server: PageServer, glasses: PretendGlasses) -> None:
    with Page(server) as page:
        page.follow(lambda page: page.shown.parts.get("tab"))
        glasses.breaks = {"see"}
        page.send_picture()
        assert "Something went wrong here" in page.follow_until_told(0)["words"]
        glasses.breaks = set()
        page.send_picture()
        page.follow(lambda page: page.last.get("took") == 2)
    assert len(glasses.seen) == 1
    assert glasses.counts == {"page:fault": 1}


def test_of_two_tabs_one_wears_until_the_other_takes_over_and_both_see(server: PageServer, glasses: PretendGlasses) -> None:
    with Page(server) as first:
        first.follow(wears)
        with Page(server) as second:
            second.follow(lambda page: page.shown.parts.get("tab", {}).get("tabs") == 2)
            assert not wears(second)
            second.send_picture()
            second.say(type="gaze", samples=[[second.ms, 0.9, 0.9]])
            glasses.wait_for(lambda: glasses.counts["picture:not_wearing"] and glasses.counts["gaze_sample:not_wearing"])
            second.say(type="wear", key=1)
            second.follow(wears)
            first.follow(lambda page: not wears(page))
            second.say(type="gaze", samples=[[second.ms, 0.9, 0.9]])
            glasses.wait_for(lambda: glasses.gaze)
            glasses.board.show("frame", frame(5))
            for page in (first, second):
                page.follow(lambda page: page.shown.parts.get("frame", {}).get("seq") == 5)
        first.follow(wears)
    assert [sample.x_norm for sample in glasses.gaze] == [0.9]
    glasses.wait_for(lambda: glasses.told_tabs[-1] == (0, False))


def test_a_reloaded_page_wears_again_and_misses_nothing(server: PageServer, glasses: PretendGlasses) -> None:
    glasses.board.show("frame", frame(1))
    with Page(server) as page:
        page.follow(wears)
    with Page(server) as again:
        again.follow(wears)
        again.follow(lambda page: page.shown.parts.get("frame", {}).get("seq") == 1)


def test_a_fifth_tab_is_closed_and_told_why(server: PageServer, glasses: PretendGlasses) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_TABS):
            stack.enter_context(Page(server)).receive()
        code, words = stack.enter_context(Page(server)).farewell()
        assert code == 4001
        assert "4 tabs already" in words
        assert glasses.counts == {"tab:most": 1}


def test_a_dead_tab_is_closed_and_the_next_one_wears(glasses: PretendGlasses, static: Path) -> None:
    with PageServer(glasses, static=static, dead_ns=1_500_000_000) as server, Page(server) as dead:
        dead.receive()
        assert wears(dead)
        with Page(server) as living:
            living.follow(lambda page: page.shown.parts.get("tab"))
            assert not wears(living)
            living.follow(wears)
            code, words = dead.farewell()
            assert code == 4002
            assert "did not answer" in words
            assert glasses.counts["tab:dead"] == 1
            assert glasses.told_tabs[-1] == (1, True)


def test_a_slow_tab_is_sent_one_update_and_then_the_newest(server: PageServer, glasses: PretendGlasses) -> None:
    glasses.board.show("frame", frame(0))
    with Page(server) as slow, Page(server) as quick:
        slow.receive()
        for seq in range(1, 31):
            glasses.board.show("frame", frame(seq))
            quick.follow(lambda page, seq=seq: page.shown.parts.get("frame", {}).get("seq") == seq)
        slow._socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow._socket.recv(1)
        slow._socket.settimeout(PATIENCE_S)
        slow.acknowledge()
        update = slow.receive()
        assert update["n"] == 2
        assert update["parts"]["frame"]["seq"] == 30
        assert not update.get("fresh")


# ---------------------------------------------------------------- starting and stopping


def test_stopping_says_goodbye_and_leaves_nothing(glasses: PretendGlasses, static: Path) -> None:
    with PageServer(glasses, static=static) as server:
        page = Page(server)
        page.receive()
        idle = socket.create_connection(("127.0.0.1", server.door.port), timeout=PATIENCE_S)
    with page, idle:
        assert page.farewell() == (1001, "The program behind this page has ended.")
        assert idle.recv(1) == b""
    assert glasses.told_tabs[-1] == (0, False)
    with pytest.raises(ConnectionRefusedError):
        get(server)


def test_stopping_does_not_wait_for_a_picture_that_takes_for_ever(
    glasses: PretendGlasses, static: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with PageServer(glasses, static=static) as server, Page(server) as page:
        page.follow(lambda page: page.shown.parts.get("tab"))
        glasses.may_see.clear()
        page.send_picture()
        page.say(type="ask", key=1, text="and then")
        page.follow_until_told(1)
    assert "still being worked on" in caplog.text
    glasses.may_see.set()


def test_a_port_that_is_taken_is_said(server: PageServer, glasses: PretendGlasses) -> None:
    with pytest.raises(DeviceError, match=f"port {server.door.port} is taken") as caught, PageServer(glasses, port=server.door.port):
        pass
    assert "--port" in caught.value.hint


def test_a_port_that_there_is_not_is_said(glasses: PretendGlasses) -> None:
    with pytest.raises(DeviceError, match="port 70000 cannot be used") as caught, PageServer(glasses, port=70_000):
        pass
    assert "--port" in caught.value.hint


def test_it_listens_on_this_machine_only(server: PageServer) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    port = f"{server.door.port:04X}"
    assert {line.split()[1] for line in listening if line.split()[1].endswith(f":{port}") and line.split()[3] == "0A"} == {
        f"0100007F:{port}"
    }


def test_without_tornado_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tornado"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tornado", None)
    spec = importlib.util.spec_from_file_location("page_server_without_tornado", str(server_module.__file__))
    assert spec is not None and spec.loader is not None
    with pytest.raises(MissingExtra, match="tornado") as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert caught.value.hint == "pip install 'edge-runtime[simulator]'"


def test_the_terminal_stays_quiet(server: PageServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for path in ("/", "/wrong", f"/{server.door.token}/nothing"):
            get(server, path=path)
        get(server, method="POST")
        get(server, Host="evil.example")
        with pytest.raises(Refused):
            Page(server, Origin="http://evil.example")
        with Page(server) as page:
            page.receive()
            page.send(b"\xff\xfe")
        assert is_alive(server)
    assert caplog.records == []
