"""The five journeys with a webcam, a pointer and a person: in a real browser, on real weights, with a reload in the middle."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import BrowserContext, expect

from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.speech import Decision
from tests.browser.conftest import PATIENCE_MS, Simulator, Wearer, start_page
from tests.fake_camera import FakeCamera

ROOM_S, CAT_S, MUG_S, PAGODA_S, GALAXIES_S, LETTER_S = 4.5, 8.0, 13.0, 41.4, 72.3, 64.0
"""When the walk's eyes rest on what."""


@pytest.mark.weights
def test_read_teach_find_alert_once_and_forget(
    context: BrowserContext, camera: FakeCamera, pocket_cache: Path, tmp_path: Path, simulators: list[Simulator]
) -> None:
    out = tmp_path / "run"
    simulators.append(simulator := start_page("simulator", "--no-open", "--port", "0", "--out", str(out), out=out))
    page = context.new_page()
    wearer = Wearer(page, camera)
    wearer.look_at_nothing()
    page.goto(simulator.url)
    expect(page.locator("#light")).to_contain_text("held in memory", timeout=PATIENCE_MS)

    # Read: what the gaze rests on is read aloud, once.
    wearer.look(ROOM_S)
    wearer.hears("ROOM 204")
    wearer.shot("read")

    # Teach: three looks make a concept.
    wearer.look(CAT_S)
    wearer.look(MUG_S)
    page.wait_for_timeout(500)  # a person looks first and speaks then
    wearer.say("this is my mug")
    wearer.hears("Now I know your mug.")
    expect(page.locator("#concepts")).to_contain_text("mug")
    wearer.shot("teach")

    # Find, after looking elsewhere; and what was never seen.
    wearer.look(PAGODA_S)
    page.wait_for_timeout(4000)  # what was seen a moment ago counts as in view
    wearer.say("where was my mug?")
    wearer.hears("I last saw your mug")
    wearer.say("did you see my passport?")
    wearer.hears("passport")
    wearer.shot("find")

    # Nothing is lost by a reload.
    before = wearer.lines.count()
    page.reload()
    expect(wearer.lines).to_have_count(before, timeout=PATIENCE_MS)
    expect(page.locator("#concepts")).to_contain_text("mug")

    # Alert once, when it comes back.
    wearer.look(GALAXIES_S)
    wearer.say("tell me when I see my mug")
    expect(page.locator("#watches li")).to_have_count(1, timeout=PATIENCE_MS)
    wearer.say("tell me when I see a theremin")
    wearer.hears("theremin")
    wearer.look(MUG_S)
    wearer.hears(re.compile("^Glasses.*alert.*I see your mug", re.DOTALL))
    wearer.shot("alert")

    # Forget: what was private is gone from the page, and from every file.
    wearer.look(LETTER_S)
    wearer.hears("4071")
    page.get_by_role("button", name="The last ten minutes").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Forget")).click()
    wearer.hears("orgotten")
    expect(page.locator("body")).not_to_contain_text("4071")
    wearer.shot("forget")
    assert wearer.complaints == []

    simulator.stop()
    assert not [path for path in out.rglob("*") if path.is_file() and b"4071" in path.read_bytes()]
    with DecisionLog(tmp_path / "again.jsonl") as again:
        replay_journal(out, again)
    assert (tmp_path / "again.jsonl").read_bytes() == (out / "decisions.jsonl").read_bytes()
    said = [msgspec.json.decode(line, type=Decision) for line in (out / "decisions.jsonl").read_bytes().splitlines()]
    assert Counter(decision.action for decision in said)["SPEAK"] >= 1
