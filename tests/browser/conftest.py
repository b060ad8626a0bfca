"""A real browser, a real simulator in a process of its own, and somebody who wears the glasses with a mouse."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

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
