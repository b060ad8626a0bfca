"""The page server: one page, its pictures and its WebSocket, on this machine only. The one module that imports tornado.

What a message means is :mod:`devices.page.tab`'s business, who may come in :mod:`devices.page.guard`'s. Here are sockets, one thread with
an event loop, and threads for what may take its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import re
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from devices.page.glasses import Glasses
from devices.page.guard import MOST_MESSAGE_BYTES, NOT_HERE, Door
from devices.page.tab import DEAD_NS, FAULT, OVER, TOO_MANY, Farewell, Tab, Tabs
from edge_runtime.errors import DeviceError, MissingExtra

try:
    from tornado.httpserver import HTTPServer
    from tornado.iostream import IOStream
    from tornado.web import Application, RequestHandler
    from tornado.websocket import WebSocketClosedError, WebSocketHandler
except ImportError as error:
    raise MissingExtra(
        "the page needs the package tornado, which is not installed", hint="pip install 'edge-runtime[simulator]'"
    ) from error

_log = logging.getLogger(__name__)
T = TypeVar("T")

STATIC = Path(__file__).parent / "static"
HOST = "127.0.0.1"
MOST_CONNECTIONS = 64
"""A browser opens six, and one more for each tab."""
POLL_S = 0.025
"""How often the board is looked at for news."""
REST_S = 0.02
"""Who sends too much is read no faster than a message in this time."""
REQUEST_S = 10.0
"""For a request to arrive."""
GOODBYE_S = 0.2
"""For tabs to hear that it is over."""
FINISH_S = 0.5
"""For a picture that is being decoded."""
STOP_S = 1.0
_THUMB = re.compile(r"thumb/([0-9]{1,19}(?:-[0-9]{1,19}){1,2})\.jpg")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}
_REFUSED = {
    404: NOT_HERE,
    403: "This request did not come from the page of these glasses.\n",
    405: "A page can only be read from here.\n",
}


class PageServer:
    """Serves the page. A context manager, to be entered once: entering starts it, leaving stops it within a second.

    Args:
        glasses: Behind the page; but for what says otherwise used in the server's thread only.
        port: Where to listen on 127.0.0.1; 0 takes any that is free.
        token: First part of every address; a new one that nobody can guess if ``None``.
        static: The folder of the page's files.
        dead_ns: How long a tab may leave an update unacknowledged.

    Raises:
        DeviceError: When entered: the port is taken, or may not be used.
    """

    def __init__(self, glasses: Glasses, *, port: int = 0, token: str | None = None, static: Path = STATIC, dead_ns: int = DEAD_NS) -> None:
        self.glasses = glasses
        self.static = static
        self.tabs = Tabs(glasses, dead_ns=dead_ns)
        self.door = Door(token or secrets.token_urlsafe(16), port)
        self.sockets: dict[Tab, _Socket] = {}
        self._seer = ThreadPoolExecutor(1, "page-see")
        self._fetchers = ThreadPoolExecutor(2, "page-picture")
        self._jobs: set[asyncio.Future[Any]] = set()
        self._seeing: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def url(self) -> str:
        """Where the page is, once entered."""
        return f"http://{HOST}:{self.door.port}/{self.door.token}/"

    def __enter__(self) -> PageServer:
        """Listen, and start the thread."""
        listening = listen(self.door.port)
        self.door = Door(self.door.token, listening.getsockname()[1])
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(listening, ready), name="page", daemon=True)
        self._thread.start()
        ready.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                _log.warning("the page's thread did not end in time and is left behind")

    # ------------------------------------------------------------ the server's thread

    def _run(self, listening: socket.socket, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(listening, ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            listening.close()

    async def _serve(self, listening: socket.socket, ready: Future[None]) -> None:
        application = Application(
            [(r"/[^/]*/ws", _Socket), (r".*", _Files)],
            log_function=_log_request,
            page=self,
            websocket_max_message_size=MOST_MESSAGE_BYTES,
        )
        listener = _Listener(
            application,
            # A connection that only waits is closed soon. Not at once: "Connection: close" would forbid the WebSocket's upgrade too.
            idle_connection_timeout=REQUEST_S,
            body_timeout=REQUEST_S,
            max_header_size=16 * 2**10,
            max_body_size=2**10,
            max_buffer_size=2 * MOST_MESSAGE_BYTES,
        )
        listener.tabs, listener.streams = self.tabs, []
        listener.add_socket(listening)
        ready.set_result(None)
        try:
            while not self._stopping.is_set():
                self._look_round()
                await asyncio.sleep(POLL_S)
        finally:
            listener.stop()
            await self._say_goodbye(listener)

    def _look_round(self) -> None:
        for tab, tab_socket in tuple(self.sockets.items()):
            farewell = self.tabs.judge(tab)
            if farewell is not None:
                tab_socket.dismiss(farewell)
            else:
                self.send(tab)
        self.see()

    def send(self, tab: Tab) -> None:
        """Send a tab its next update, if it is still there and there is one."""
        if tab in self.sockets and (message := tab.next_update()) is not None:
            self.sockets[tab].send(message)

    def see(self) -> None:
        """Have the next picture taken in, if one waits and none is under way."""
        tab = self.tabs.wearer
        if tab is not None and tab.waiting and (self._seeing is None or self._seeing.done()):
            self._seeing = asyncio.create_task(self._see(tab))

    async def _see(self, tab: Tab) -> None:
        while (picture := tab.next_picture()) is not None:
            try:
                words = await self._apart(self._seer, self.glasses.see, *picture)
            except Exception as error:
                self.tabs.careful.fault(error)
                words = FAULT
            tab.decoded(words)
            self.send(tab)

    async def fetch(self, what: Callable[..., T], *args: object) -> T:
        """Call what may take its time, in another thread."""
        return await self._apart(self._fetchers, what, *args)

    async def _apart(self, executor: ThreadPoolExecutor, what: Callable[..., T], *args: object) -> T:
        job = asyncio.get_running_loop().run_in_executor(executor, what, *args)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return await job

    async def _say_goodbye(self, listener: _Listener) -> None:
        for tab_socket in tuple(self.sockets.values()):
            tab_socket.dismiss(OVER)
        for _ in range(int(GOODBYE_S / POLL_S)):
            if all(stream.closed() for stream in listener.streams):
                break
            await asyncio.sleep(POLL_S)
        for stream in listener.streams:
            stream.close()
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=FINISH_S)
        if self._jobs:
            _log.warning("the page stopped while a picture was still being worked on")
        for executor in (self._seer, self._fetchers):
            executor.shutdown(wait=not self._jobs, cancel_futures=True)


class _Listener(HTTPServer):
    """Takes no more connections than a few tabs need; another is closed at once, and counted."""

    tabs: Tabs
    streams: list[IOStream]

    def handle_stream(self, stream: IOStream, address: tuple[object, ...]) -> None:
        self.streams = [known for known in self.streams if not known.closed()]
        if len(self.streams) >= MOST_CONNECTIONS:
            self.tabs.careful.count("connection", "most")
            stream.close()
            return
        self.streams.append(stream)
        super().handle_stream(stream, address)


class _Guarded(RequestHandler):
    """What every answer has in common: the checks before it, and the headers with it."""

    SUPPORTED_METHODS: tuple[str, ...] = ("GET", "HEAD")

    @property
    def page(self) -> PageServer:
        page: PageServer = self.settings["page"]
        return page

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in self.page.door.headers().items():
            self.set_header(name, value)

    def compute_etag(self) -> None:
        """Nothing is kept, so nothing is compared."""

    def prepare(self) -> None:
        status = self.page.door.refusal(self.request.path, self.request.headers)
        if status is not None:
            self.send_error(status)

    def write_error(self, status_code: int, **kwargs: object) -> None:
        self.set_header("Content-Type", _TYPES[".html" if status_code == 404 else ".txt"])
        self.finish(_REFUSED.get(status_code, FAULT if status_code >= 500 else "This could not be read.\n"))


class _Files(_Guarded):
    """The page's own files, the newest picture, and pictures that were kept."""

    async def get(self) -> None:
        rest = self.page.door.rest(self.request.path) or "index.html"
        thumb = _THUMB.fullmatch(rest)
        try:
            if rest == "picture.jpg":
                self._give_picture(await self.page.fetch(self.page.glasses.picture))
            elif thumb is not None:
                self._give(await self.page.fetch(self.page.glasses.thumb, thumb[1]), ".jpg")
            else:
                # Compared, not joined: no path leads out of the folder.
                named = {file.relative_to(self.page.static).as_posix(): file for file in self.page.static.rglob("*")}
                file = named.get(rest)
                self._give(file.read_bytes() if file is not None and file.is_file() else None, Path(rest).suffix)
        except Exception as error:
            self.page.tabs.careful.fault(error)
            self.send_error(500)

    head = get

    def _give_picture(self, picture: tuple[int, bytes] | None) -> None:
        if picture is None:
            self.set_status(204)
            self.clear_header("Content-Type")
        else:
            self.set_header("X-Frame-Seq", str(picture[0]))
            self._give(picture[1], ".jpg")

    def _give(self, data: bytes | None, suffix: str) -> None:
        if data is None:
            self.send_error(404)
            return
        self.set_header("Content-Type", _TYPES.get(suffix, "application/octet-stream"))
        self.finish(data)


class _Socket(_Guarded, WebSocketHandler):
    """The WebSocket of one tab."""

    SUPPORTED_METHODS = ("GET",)
    tab: Tab | None = None
    dismissed = False

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self.tab = self.page.tabs.open()
        if self.tab is None:
            self.dismiss(TOO_MANY)
            return
        self.page.sockets[self.tab] = self
        self.page.send(self.tab)

    async def on_message(self, message: str | bytes) -> None:
        tab = self.tab
        if tab is not None:
            fits = tab.text(message) if isinstance(message, str) else tab.picture(message)
            self.page.send(tab)
            self.page.see()
        if tab is None or not fits:
            # Nothing more is read meanwhile, so a flood waits on the other side.
            await asyncio.sleep(REST_S)

    def on_close(self) -> None:
        if self.close_code is None and not self.dismissed:
            self.page.tabs.careful.count("tab", "lost")
        self._leave()

    def send(self, message: bytes) -> None:
        """Send an update. Where the tab has just gone, :meth:`on_close` follows."""
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(message).add_done_callback(lambda sent: sent.cancelled() or sent.exception())

    def dismiss(self, farewell: Farewell) -> None:
        """Close it, and say why."""
        self.dismissed = True
        self._leave()
        self.close(farewell.code, farewell.words)

    def _leave(self) -> None:
        if self.tab is not None:
            self.page.tabs.close(self.tab)
            self.page.sockets.pop(self.tab, None)
            self.tab = None


def listen(port: int) -> socket.socket:
    """Listen on 127.0.0.1.

    Raises:
        DeviceError: The port is taken, or may not be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(MOST_CONNECTIONS)
        listening.setblocking(False)
    except (OSError, OverflowError) as error:
        listening.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "is taken by another program" if taken else f"cannot be used: {error}"
        raise DeviceError(f"port {port} {why}", hint="choose another with --port, or any that is free with --port 0") from error
    return listening


def _log_request(handler: RequestHandler) -> None:
    # Without the address, because it holds the token.
    _log.debug("%s %d", handler.request.method, handler.get_status())
