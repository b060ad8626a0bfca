"""What a page costs the runtime: processor time of the simulator on the gallery without a tab, and with one that shows everything.

    python -m tests.bench.page [--seconds 15] [--check]

The models are left out (small pictures only), so that what is left is the frame path, the core and the page. The tab is a process of its
own that acknowledges every update and fetches every picture, as a browser does. ``--check`` fails above MOST_MS_PER_S.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

MOST_MS_PER_S = 100.0
"""Processor time that one page may cost, milliseconds a second."""


def main() -> int:
    """Measure, print, and with ``--check`` judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each part")
    parser.add_argument("--check", action="store_true", help="exit 1 if a page costs too much")
    parser.add_argument("--tab", metavar="URL", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tab:
        asyncio.run(_be_a_tab(args.tab, args.seconds))
        return 0
    alone, shown, told = _measure(args.seconds)
    page = shown - alone
    print(f"without a tab          {alone:7.1f} ms of processor time a second: gallery drawn, ten frames taken in, gaze, core")
    print(f"with a tab             {shown:7.1f} ms a second; {told}")
    print(f"so the page costs      {page:7.1f} ms a second, {page / 10:.1f} % of one core (at most {MOST_MS_PER_S:g} ms)")
    return 1 if args.check and page > MOST_MS_PER_S else 0


def _measure(seconds: float) -> tuple[float, float, str]:
    from apps.simulator import wear
    from devices import gallery
    from devices.page.server import PageServer
    from edge_runtime.config import Config
    from edge_runtime.models.looker import ThumbLooker
    from edge_runtime.models.opening import only_looking

    gallery.prepare(print)
    with (
        tempfile.TemporaryDirectory() as scratch,
        wear("gallery", gallery.sample(), Path(scratch) / "run", Config(), only_looking(ThumbLooker())) as worn,
        PageServer(worn.glasses) as page,
    ):
        assert worn.feed is not None
        with worn.feed:
            time.sleep(3)
            alone = _ms_per_s(seconds)
            command = [sys.executable, "-m", "tests.bench.page", "--tab", page.url, "--seconds", str(seconds + 4)]
            tab = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
            time.sleep(2)
            shown = _ms_per_s(seconds)
            told, _ = tab.communicate()
    return alone, shown, told.strip()


def _ms_per_s(seconds: float) -> float:
    began_s, cpu_s = time.monotonic(), time.process_time()
    time.sleep(seconds)
    return 1000 * (time.process_time() - cpu_s) / (time.monotonic() - began_s)


async def _be_a_tab(url: str, seconds: float) -> None:
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest
    from tornado.websocket import websocket_connect

    origin = url.rsplit("/", 2)[0]
    socket = await websocket_connect(HTTPRequest(url.replace("http:", "ws:") + "ws", headers={"Origin": origin}))
    until_s, began_s = time.monotonic() + seconds, time.monotonic()
    updates = nbytes = pictures = picture_bytes = 0
    fetching: asyncio.Task[int] | None = None

    async def fetch() -> int:
        return len((await AsyncHTTPClient().fetch(url + "picture.jpg")).body)

    while time.monotonic() < until_s and (message := await socket.read_message()) is not None:
        update = msgspec.json.decode(message)
        await socket.write_message(msgspec.json.encode({"type": "got", "n": update["n"], "page_ms": 1000 * time.monotonic()}))
        updates, nbytes = updates + 1, nbytes + len(message)
        if fetching is not None and fetching.done():
            pictures, picture_bytes, fetching = pictures + 1, picture_bytes + fetching.result(), None
        if "frame" in update.get("parts", {}) and fetching is None:
            fetching = asyncio.create_task(fetch())
    socket.close()
    if fetching is not None:
        await fetching
    length_s = time.monotonic() - began_s
    print(
        f"{updates / length_s:.1f} updates ({nbytes / length_s / 1024:.0f} KiB) and {pictures / length_s:.1f} pictures "
        f"({picture_bytes / length_s / 1024:.0f} KiB) a second"
    )


if __name__ == "__main__":
    sys.exit(main())
