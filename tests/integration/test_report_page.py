"""The report in a real browser: it obeys its own policy, its script runs, and without it there is still a page to read."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.report import write_report
from tests.report_sample import HOSTILE_QUESTION, sample_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium absent")]


@dataclass(frozen=True)
class Visit:
    """What the browser made of the page: the document as it stands in the end, and what it logged about it."""

    document: str
    log: str


def visit(page: Path, profile: Path) -> Visit:
    """Open the page without a network and hand back the document after its script has run."""
    assert CHROMIUM is not None
    quiet = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    command = [CHROMIUM, "--headless", "--no-sandbox", *quiet.split(), "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--user-data-dir={profile}", "--enable-logging=stderr", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)  # noqa: S603
    return Visit(done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(sample_run(), path)
    return path


def test_the_page_runs_under_its_own_policy_without_a_complaint(page: Path, tmp_path: Path) -> None:
    visited = visit(page, tmp_path)
    assert visited.log == ""
    assert '<html lang="en" class="js">' in visited.document


def test_the_stage_opens_at_the_alert_and_shows_what_was_known_then(page: Path, tmp_path: Path) -> None:
    document = visit(page, tmp_path).document
    stage = document.split('id="stage"', 1)[1].split("</section>", 1)[0]
    known = " ".join(re.sub(r"<[^>]+>", " ", stage.split('id="known"', 1)[1]).split())
    assert 'hidden=""' not in stage.split(">", 1)[0]
    view = stage.split('id="view"', 1)[1].split("</svg>", 1)[0]
    assert 'href="#still-225"' in view
    assert view.count('class="region foveal"') == 1 and view.count('class="dot"') == 1
    assert "There is your mug. (0 ms ago)" in known
    assert "because the eyes rested on something" in known
    assert "perhaps coffee mug" in known


def test_a_hostile_question_is_text_in_the_browser_too(page: Path, tmp_path: Path) -> None:
    document = visit(page, tmp_path).document
    assert "<img" not in document.split("<body", 1)[1].split('<script type="application/json"', 1)[0]
    assert HOSTILE_QUESTION.replace("<", "&lt;").replace(">", "&gt;") in document


def test_a_script_that_is_not_the_pages_own_is_refused_and_the_page_still_reads(page: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.html"
    changed.write_text(page.read_text(encoding="utf-8").replace('"use strict";', '"use strict" ;'), encoding="utf-8")
    visited = visit(changed, tmp_path / "profile")
    assert "Content Security Policy" in visited.log
    assert 'hidden=""' in visited.document.split('id="stage"', 1)[1].split(">", 1)[0]
    assert "There is your mug." in visited.document and 'class="cell"' in visited.document
