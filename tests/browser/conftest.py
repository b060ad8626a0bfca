"""A real browser, a real simulator in a process of its own, and somebody who wears the glasses with a mouse."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from apps.simulator import Worn, wear
from devices.page.glasses import Glasses
from devices.page.server import PageServer
from edge_runtime import pixels
from edge_runtime.config import Config
from edge_runtime.models.looker import Crop, Looker, ThumbLooker
from edge_runtime.models.opening import only_looking
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Look
from edge_runtime.types import Box, LookedRegion, TextLine, Thumb
from tests import world
from tests.conftest import ROOT
from tests.fake_camera import FakeCamera

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = ROOT / "out" / "browser"
"""Where screenshots are left, to be looked at."""
PATIENCE_MS = 30_000
"""How long a test waits for something that must come; none waits this long when it passes."""
_CALM = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@dataclass
class Simulator:
    """A simulator that runs in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    out: Path

    def stop(self) -> str:
        """Ctrl-C; returns what it said to the end."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, rest
        return rest


def start_page(*arguments: str, out: Path) -> Simulator:
    """Start a verb that serves a page and wait for its address."""
    command = [sys.executable, "-m", "apps.main", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)  # noqa: S603
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+/\S+", line):
            return Simulator(process, found[0], out)
    process.wait()
    raise AssertionError(f"it ended: {said}")


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[list[Simulator]]:
    """Simulators that are ended whatever happens."""
    running: list[Simulator] = []
    yield running
    for simulator in running:
        if simulator.process.poll() is None:
            simulator.process.kill()
        simulator.process.communicate()


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> FakeCamera:
    return FakeCamera(tmp_path_factory.mktemp("camera") / "film.y4m")


@pytest.fixture(scope="module")
def browser(camera: FakeCamera) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium absent")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *_CALM, *camera.arguments])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@dataclass
class Wearer:
    """Somebody in front of a page: looks with the mouse, types, reads."""

    page: Page
    camera: FakeCamera
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def look(self, t_s: float) -> None:
        """Go where the walk is at this time, and look at what its eyes rest on."""
        x_norm, y_norm = self.camera.walk_to(t_s)
        self.point(x_norm, y_norm)

    def look_at_nothing(self) -> None:
        """Stand before a bare piece of wall, the pointer off the picture."""
        self.camera.walk_to(25.8)

    def point(self, x_norm: float, y_norm: float) -> None:
        """Rest the pointer on a place of the picture."""
        box = self.page.locator("#stage .view").bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + x_norm * box["width"], box["y"] + y_norm * box["height"], steps=2)

    def say(self, words: str) -> None:
        """Type into the one box that understands questions, lessons, watches and wishes."""
        self.page.get_by_label("Ask, teach, watch or forget, in words").fill(words)
        self.page.keyboard.press("Enter")

    @property
    def lines(self) -> Locator:
        """What has been said, by anybody."""
        return self.page.locator("#talk .lines > li")

    def hears(self, words: str | re.Pattern[str], times: int = 1) -> None:
        """Wait until the glasses have said it so often, and no more often."""
        try:
            expect(self.lines.filter(has_text="Glasses").filter(has_text=words)).to_have_count(times, timeout=PATIENCE_MS)
        except AssertionError:
            self.shot("missed")
            raise AssertionError(f"{words!r} was not heard {times} times in: {self.lines.all_inner_texts()}") from None

    def shot(self, name: str) -> None:
        """Leave a picture of the page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        (SHOTS / f"{name}.png").write_bytes(self.page.screenshot())


# ---------------------------------------------------------------- glasses in this process


@dataclass
class Served:
    """A live run in this process, and the server of its page."""

    worn: Worn
    server: PageServer

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.door.port}"

    @property
    def newest(self) -> int:
        """Number of the newest frame; -1 before the first."""
        picture = self.worn.glasses.picture()
        return -1 if picture is None else picture[0]

    def goes_on_seeing(self, page: Page, frames: int = 3) -> None:
        """Wait for more pictures of this page."""
        wanted = self.newest + frames
        comes(page, lambda: self.newest >= wanted)


@contextlib.contextmanager
def served(out: Path, looker: Looker | None = None, *, port: int = 0, token: str | None = None) -> Iterator[Served]:
    """A live run for the webcam of a page; without a looker of your own it is one that keeps small pictures and knows nothing."""
    with (
        wear("browser", None, out, Config(), only_looking(looker or ThumbLooker())) as worn,
        serving(worn.glasses, port=port, token=token) as server,
    ):
        yield Served(worn, server)


@contextlib.contextmanager
def serving(glasses: Glasses, *, port: int = 0, token: str | None = None) -> Iterator[PageServer]:
    """The page of these glasses."""
    with PageServer(glasses, port=port, token=token) as server:
        yield server


def enter(context: BrowserContext, url: str, camera: FakeCamera) -> Wearer:
    """A page whose camera is seen, by the wearer and by the glasses."""
    wearer = Wearer(context.new_page(), camera)
    wearer.page.goto(url)
    expect(wearer.page.locator("#stage video")).to_be_visible(timeout=PATIENCE_MS)
    expect(wearer.page.locator(".fact-frame")).to_contain_text("newest frame", timeout=PATIENCE_MS)
    return wearer


def comes(page: Page, so: Callable[[], object]) -> None:
    """Wait until something is so behind the page, while the page goes on."""
    until_s = time.monotonic() + PATIENCE_MS / 1000
    while not so():
        assert time.monotonic() < until_s, "it never came to that"
        page.wait_for_timeout(20)


ASK = "Ask, teach, watch or forget, in words"
"""What the one box is called."""
MUG_AT, SIGN_AT, NOTHING_AT = (0.21, 0.62), (0.82, 0.3), (0.5, 0.3)
"""Where in the room something is to be looked at."""


class Room:
    """A room to look at, and the looker that knows it: a mug on the left, a sign on the right.

    Args:
        sign: What stands on the sign, as far as the looker is concerned.

    Attributes:
        cpu_ns: Processor time in models; none.
    """

    capabilities = EVERYTHING

    def __init__(self, sign: str = "ROOM 204") -> None:
        self.sign = sign
        self.cpu_ns = 0

    def look(self, command: Look, crops: Sequence[Crop]) -> tuple[LookedRegion, ...]:
        return tuple(self._look(f"{command.frame_seq}-{at}", crop) for at, crop in enumerate(crops))

    def _look(self, thumb: str, crop: Crop) -> LookedRegion:
        region, x_norm = crop.region, crop.region.box.centre[0]
        jpeg = pixels.jpeg_encode(crop.image, 80, 160)
        mug = region.kind == "foveal" and x_norm < 0.35
        sign = region.kind == "text" and x_norm > 0.65
        return LookedRegion(
            kind=region.kind,
            box=region.box,
            vector=(world.MUG if mug else world.WALL) if "vector" in region.want else None,
            lines=(TextLine(self.sign, 0.95, Box(0.72, 0.25, 0.92, 0.38)),) if sign and self.sign else (),
            thumb=Thumb(thumb, len(jpeg), jpeg) if "thumb" in region.want else None,
        )

    @staticmethod
    def picture() -> Picture:
        """What its camera gives: uint8 BGR [540,960,3]."""
        image = np.full((540, 960, 3), (196, 208, 214), np.uint8)
        image[400:] = (120, 140, 165)
        cv2.rectangle(image, (150, 270), (260, 400), (60, 90, 200), -1)
        cv2.ellipse(image, (262, 330), (34, 40), 0, -90, 90, (60, 90, 200), 14)
        cv2.rectangle(image, (680, 120), (900, 220), (250, 250, 250), -1)
        cv2.putText(image, "ROOM 204", (700, 185), cv2.FONT_HERSHEY_DUPLEX, 1.2, (40, 40, 40), 2)
        return image


@pytest.fixture
def room(tmp_path: Path, camera: FakeCamera) -> Iterator[Served]:
    """Glasses in a room with a mug and a sign."""
    camera.show([Room.picture()])
    with served(tmp_path / "run", Room()) as run:
        yield run
