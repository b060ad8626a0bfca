"""The report: everything that happened is on the page, nothing that was forgotten is, and no word from the world can break it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec import structs

from apps.report import Gauge, Run, Still, write_report
from apps.report.ages import measure
from apps.report.chain import Chain
from apps.report.charts import bins, nice, quantile
from apps.report.governor import CHECKS
from apps.report.markup import clean, el, escape
from apps.report.page import render
from apps.report.pictures import STILL_BYTES, base64_size, cut, jpeg_size
from apps.report.redact import redact
from apps.report.turns import turns
from apps.report.wording import clock, size, span
from edge_runtime.errors import DeviceError
from edge_runtime.protocol import Asked, Erased, Event, Forget, FrameSeen, Look, Looked, Record, Say, WatchSet
from edge_runtime.records import Dropped, Evidence, Scope
from edge_runtime.speak.governor import RULES
from edge_runtime.types import WHOLE, Signals
from tests import report_sample as sample

S = sample.S
VOID = {"meta", "input", "br", "hr", "col"}


class Page(HTMLParser):
    """Reads a page the way a browser does and keeps what the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.blocks: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            if tag in self.blocks:
                self.blocks[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.blocks:
            self.blocks[self.open[-1]][-1] += data
        else:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def shown(self) -> str:
        """What a person can read, as one line."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def run() -> Run:
    return sample.sample_run()


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return Page(render(run))


def part(page: Page, start: str, end: str) -> str:
    """The source between two marks."""
    return page.text.split(start, 1)[1].split(end, 1)[0]


# ---------------------------------------------------------------- one file that stands alone


def test_every_element_is_closed_and_every_id_is_there_once(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(ids) > 100


def test_every_reference_leads_somewhere(page: Page) -> None:
    ids = {attributes.get("id") for _, attributes in page.elements}
    for tag, attributes in page.elements:
        href = attributes.get("href") or ""
        if href.startswith("#"):
            assert href[1:] in ids, f"<{tag} href={href}> leads nowhere"
        if "for" in attributes:
            assert attributes["for"] in ids
        fill = re.fullmatch(r"url\(#(.+)\)", attributes.get("fill") or "")
        assert fill is None or fill.group(1) in ids


def test_headings_are_in_order(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_picture_has_words_for_those_who_cannot_see_it(page: Page) -> None:
    assert page.all("img") == []
    drawn = [attributes for attributes in page.all("svg") if attributes.get("aria-hidden") != "true"]
    assert len(drawn) > 100
    for attributes in drawn:
        assert attributes.get("role") in ("img", "group")
        assert len(attributes.get("aria-label") or "") > 3


def test_nothing_is_loaded_and_nothing_runs_but_the_page_itself(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on") and name != "style"
            if name in ("href", "src"):
                assert value is not None and value.startswith(("#", "data:image/jpeg;base64,"))
    assert "url(" not in page.blocks["style"][0].replace("url(#hatch)", "")
    assert "@import" not in page.blocks["style"][0]
    assert not re.search(r"fetch\(|XMLHttpRequest|innerHTML|eval\(|import\(", page.blocks["script"][-1])


def test_the_policy_admits_exactly_the_style_and_the_script_of_the_page(page: Page) -> None:
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")
    for kind, text in (("style", page.blocks["style"][0]), ("script", page.blocks["script"][-1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_the_same_run_gives_the_same_bytes(run: Run) -> None:
    assert render(run) == render(run)


def test_the_file_is_written_whole(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "out" / "report.html"
    write_report(run, path)
    assert path.read_text(encoding="utf-8") == render(run)
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_a_clear_error(run: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(DeviceError, match="cannot be written") as caught:
        write_report(run, blocked / "report.html")
    assert "--out" in caught.value.hint


# ---------------------------------------------------------------- words from the world


def test_text_read_in_the_street_is_shown_and_never_run(page: Page) -> None:
    assert len(page.all("script")) == 2  # the data and the page's own script
    assert sample.HOSTILE not in page.text
    assert sample.HOSTILE in page.shown
    assert sample.HOSTILE_QUESTION in page.shown
    assert "a <b>bold</b> thing" in page.shown


def test_the_data_of_the_script_holds_the_words_and_cannot_end_its_block(page: Page) -> None:
    moments = json.loads(page.blocks["script"][0])
    assert sample.HOSTILE_QUESTION in [text for _, _, text in moments["words"]]
    assert "<" not in page.blocks["script"][0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('<a href="x">&', "&lt;a href=&quot;x&quot;&gt;&amp;"),
        ("left\u202eright", "left\ufffdright"),
        ("nul\x00", "nul\ufffd"),
        ("half \ud83d", "half ?"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_escaping(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_markup_is_only_what_was_made_here() -> None:
    assert el("p", el("b", "<i>"), " & ", None, ["x", 3]) == "<p><b>&lt;i&gt;</b> &amp; x3</p>"
    assert el("p", str(el("b", "x")) + "<script>") == "<p>&lt;b&gt;x&lt;/b&gt;&lt;script&gt;</p>"
    assert el("p", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;"></p>'


@pytest.mark.parametrize(
    "attributes", [{"onclick": "x"}, {"style": "x"}, {"href": "https://evil.example"}, {"src": "javascript:x"}, {"a b": "x"}]
)
def test_attributes_that_reach_out_are_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="page"):
        el("p", **attributes)


# ---------------------------------------------------------------- what happened


def test_every_sentence_and_every_wish_is_in_the_story_in_order_of_time(run: Run) -> None:
    story = turns(Chain(redact(run)))
    assert [turn.t_ns for turn in story] == sorted(turn.t_ns for turn in story)
    said = [turn.text for turn in story if turn.side == "glasses"]
    asked = [turn.text for turn in story if turn.side == "wearer"]
    assert said[1] == "It says: GATE 14." and "There is your mug." in said and len(said) == 10
    assert "where was my mug?" in asked and "tell me when I see a theremin" in asked and "This is my mug." in asked


def test_the_five_journeys_are_told_apart(run: Run) -> None:
    verbs = [(turn.journey, turn.verb) for turn in turns(Chain(redact(run))) if turn.side == "glasses"]
    assert verbs == [
        ("other", "declines"),
        ("read", "reads aloud"),
        ("teach", "has learned"),
        ("find", "answers"),
        ("find", "answers"),
        ("find", "answers"),
        ("alert", "alerts"),
        ("read", "reads aloud"),
        ("forget", "confirms"),
        ("find", "answers"),
    ]


def test_an_alert_can_be_explained_from_the_page_alone(page: Page) -> None:
    text = re.sub(r"<[^>]+>", " ", part(page, "<bdi>There is your mug.</bdi>", "</details>"))
    told = " ".join(text.split())
    assert "evidence 300 ms old" in told
    assert "tell me when I see my mug" in told and "0:19.0" in told
    assert "Frame 225, taken at 0:45.0" in told
    assert "because the eyes rested on something" in told
    assert "Recognised as mug" in told and "shown by the wearer at 0:15.0" in told
    assert "Score 0.53" in told
    order = [told.index(name) for name, _ in CHECKS]
    assert order == sorted(order)
    assert told.count("passed") == len(CHECKS) and "veto" not in told
    assert "At 0:45.3, as speech" in told
    assert 'href="#still-225"' in part(page, "<bdi>There is your mug.</bdi>", "</details>")


def test_what_waited_says_what_it_waited_for(page: Page) -> None:
    assert "0:54.8 (user speaking)" in part(page, "<bdi>It says: MIND THE STEP.</bdi>", "</details>")


def test_the_checks_are_those_of_the_governor_in_its_order() -> None:
    assert [code for _, codes in CHECKS for code in codes] == [code for code, _ in RULES]


def test_every_decision_is_in_the_table_with_its_vetoes(run: Run, page: Page) -> None:
    decisions = Chain(redact(run)).decisions
    rows = [a for a in page.all("tr") if "data-action" in a]
    assert [row["data-action"] for row in rows] == [d.action for d in decisions]
    table = part(page, 'class="decisions"', "</table>")
    for decision in decisions:
        for code in (*decision.reasons, *decision.vetoes):
            assert f">{code}</code>" in table


def test_a_guess_at_a_name_is_never_a_statement(page: Page) -> None:
    cards = part(page, 'id="sightings"', "</section>")
    assert '<span class="perhaps">perhaps </span><bdi>daisy</bdi>' in cards
    assert "<h3><bdi>mug</bdi></h3>" in cards
    assert "without a name" in cards


def test_what_was_let_go_adds_up(run: Run, page: Page) -> None:
    assert "115 things were let go, under 4 reasons" in page.shown
    dropped = [*run.dropped, Dropped("look", "budget", 4)]
    table = part(Page(render(replace(run, dropped=dropped))), 'class="drops"', "</table>")
    assert re.findall(r'class="figure">([\d,]+)<', table) == ["65", "44", "9", "1"]


def test_ages_are_those_of_the_run(run: Run) -> None:
    ages = measure(Chain(redact(run)))
    assert set(ages.residual_ms) <= {-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0}
    assert set(ages.look_ms) == {240.0}
    assert ages.speech_ms == pytest.approx((600.0, 600.0, 300.0, 1400.0))
    assert ages.answers == 4


def test_a_limit_that_was_passed_is_said_so(run: Run) -> None:
    assert "No limit was passed" in render(run)
    over = Gauge(S, 200, 100, {"tokens": 150}, 0, 100, 0, 100)
    text = render(replace(run, gauges=[over]))
    assert "A limit WAS passed" in text and "No limit was passed" not in text


# ---------------------------------------------------------------- what was forgotten


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def thumbs_of(run: Run, first_s: float, last_s: float) -> list[str]:
    return [b64(data) for name, data in run.thumbs.items() if first_s <= int(name.split("-")[0]) / sample.FPS <= last_s]


def test_nothing_of_a_forgotten_stretch_is_on_the_page(run: Run, page: Page) -> None:
    assert sample.FORGOTTEN_TEXT in render(replace(run, forgotten=[]))  # it would be there
    assert sample.FORGOTTEN_TEXT not in page.text
    assert "90417" not in page.text
    gone = thumbs_of(run, sample.FORGOTTEN_FROM_S, sample.FORGOTTEN_AT_S)
    kept = [b64(still.jpeg) for still in run.stills if not sample.FORGOTTEN_FROM_S <= still.t_ns / S <= sample.FORGOTTEN_AT_S]
    shown = {b64(still.jpeg) for still in run.stills} - set(kept)
    assert len(gone) == 5 and len(shown) > 10
    assert not [picture for picture in [*gone, *shown] if picture in page.text]
    assert sum(picture in page.text for picture in kept) > 100


def test_the_hole_itself_is_shown(page: Page) -> None:
    assert "1:01.0 to 1:11.0: forgotten at the wearer's request at 1:11.0." in page.shown
    assert page.text.count('class="cell hatched"') == 20
    assert json.loads(page.blocks["script"][0])["gone"] == [[61_000, 71_000]]


def test_what_cites_a_forgotten_picture_goes_with_it(run: Run) -> None:
    inside = Evidence(62 * sample.FPS, 62 * S, WHOLE, None)
    cause = next(i for i, event in run.events if event.t_ns > 74 * S)
    say = next(c for _, c in run.commands if isinstance(c, Say))
    late = structs.replace(say, response=structs.replace(say.response, text="A leak.", evidence=(inside,)))
    assert "A leak." not in render(replace(run, commands=[*run.commands, (cause, late)]))


def test_a_result_that_came_after_the_request_goes_too(run: Run) -> None:
    first = next(event for _, event in run.events if isinstance(event, Looked) and event.regions[0].lines)
    late = structs.replace(first, t_ns=75 * S, t_capture_ns=65 * S, frame_seq=325)
    kept = redact(replace(run, events=[*run.events, (10**6, late)]))
    assert all(event is not late for _, event in kept.events)
    assert not [event for _, event in kept.events if isinstance(event, FrameSeen | Looked) and 61 * S <= event.t_capture_ns <= 71 * S]


def test_a_forgotten_thing_is_not_even_named(run: Run) -> None:
    scope = Scope("thing", name="mug")
    events = [(i, Forget(t_ns=e.t_ns, scope=scope) if isinstance(e, Forget) else e) for i, e in run.events]
    erased = [
        (i, structs.replace(c, response=structs.replace(c.response, text="I have forgotten your mug.")))
        if isinstance(c, Say) and c.response.text.startswith("Forgotten")
        else (i, c)
        for i, c in run.commands
    ]
    kept = redact(replace(run, events=events, commands=erased, forgotten=[(71 * S, scope, 15 * S)]))
    text = render(replace(run, events=events, commands=erased, forgotten=[(71 * S, scope, 15 * S)]))
    assert not re.search(r"\bmug\b", text)
    assert "I have forgotten your [forgotten]." in text
    assert [w for _, w in kept.events if isinstance(w, WatchSet)] == [
        e for _, e in run.events if isinstance(e, WatchSet) and e.watch == "w1"
    ]
    later = replace(run, events=[*events, (10**6, Asked(t_ns=80 * S, question="q9", text="where was my mug?"))], commands=erased)
    assert "where was my mug?" in render(replace(later, forgotten=[(71 * S, scope, 15 * S)]))


def test_other_things_of_that_time_are_still_remembered(run: Run) -> None:
    scope = Scope("thing", name="mug")
    kept = redact(replace(run, forgotten=[(71 * S, scope, 15 * S)]))
    assert [s.what.name for s in kept.sightings if s.t_start_ns > 15 * S][:2] == ["wall clock", sample.HOSTILE]
    assert not [still for still in kept.stills if 15 * S <= still.t_ns <= 71 * S]
    assert [d.text for d in Chain(kept).decisions if 15 * S <= d.t_ns < 71 * S] == []


def test_a_forgotten_place_takes_its_sightings_and_its_name(run: Run) -> None:
    text = render(replace(run, forgotten=[(71 * S, Scope("place", place_id=1), 70 * S)]))
    assert "by the window" not in text
    assert "by the grey wall" in text


def test_a_command_without_its_cause_is_not_trusted(run: Run) -> None:
    events = [(i, e) for i, e in run.events if not 61 * S <= e.t_ns < 71 * S]  # as a journal that was cut
    kept = redact(replace(run, events=events))
    assert {i for i, _ in kept.commands} <= {i for i, _ in events}
    assert len(kept.commands) < len(run.commands)


def test_a_journal_that_lost_the_request_still_tells_of_it(run: Run) -> None:
    """The runtime cuts the journal at the request; what was said of it comes at the same time, with the next event."""
    events = [(i, e) for i, e in run.events if not 61 * S <= e.t_ns <= 71 * S]
    say = next(c for _, c in run.commands if isinstance(c, Say) and c.response.text.startswith("Forgotten"))
    erased = next((i, structs.replace(e, t_ns=71 * S)) for i, e in run.events if isinstance(e, Erased))
    events = sorted([entry for entry in events if entry[0] != erased[0]] + [erased], key=lambda entry: entry[0])
    commands = [(i, c) for i, c in run.commands if i in dict(events) and c is not say] + [(erased[0], say)]
    story = turns(Chain(redact(replace(run, events=events, commands=commands))))
    told = [(turn.side, turn.verb) for turn in story if turn.journey == "forget"]
    assert told == [("gone", ""), ("wearer", "wants it gone"), ("glasses", "confirms")]


def test_without_forgetting_everything_stays(run: Run) -> None:
    whole = replace(run, forgotten=[])
    assert redact(whole) is whole


# ---------------------------------------------------------------- pictures and size


def test_a_run_without_pixels_says_so(run: Run) -> None:
    text = render(replace(run, stills=[], thumbs={}))
    assert "There are no pictures" in text
    assert "data:image" not in text
    assert "Pictures not shown: " in text


def test_a_run_in_which_nothing_happened_is_a_page_too() -> None:
    page = Page(render(Run("Nothing", "A blank.", "none", 640, 360, 0, 90.0)))
    assert page.open == []
    for text in ("Nobody said anything", "Nothing was forgotten", "No decision was taken", "Nothing was let go", "not measured"):
        assert text in page.shown


def test_the_page_stays_small_however_long_the_run(run: Run) -> None:
    rng = np.random.default_rng(3)
    noise = sample.jpeg(rng.integers(0, 256, (180, 320, 3), dtype=np.uint8), quality=90)
    stills = [Still(n * S // 2, n * 5, noise) for n in range(7200)]
    text = render(replace(run, stills=stills, duration_ns=3600 * S))
    assert len(noise) > 40_000
    assert len(text) < 6_000_000
    assert re.search(r"\d+ of [\d,]+ stills are shown", text)


def test_stills_are_spread_evenly_and_run_forward() -> None:
    stills = [Still(n * S * 2 // 5, n, sample.jpeg(np.zeros((18, 32, 3), np.uint8))) for n in range(100)]
    cells = cut(stills, 40 * S, 0, lambda seq: int(seq == 51))
    times = [still.t_ns for still in cells.stills.values()]
    assert cells.step_ns == S // 2 and cells.count == 80
    assert len(times) == 80 and times == sorted(set(times))
    assert 51 in [still.frame_seq for still in cells.stills.values()]
    assert sum(base64_size(len(still.jpeg)) for still in cells.stills.values()) <= STILL_BYTES


def test_the_size_of_a_jpeg_is_read_from_its_header() -> None:
    image = np.zeros((37, 53, 3), np.uint8)
    assert jpeg_size(sample.jpeg(image)) == (53, 37)
    for extra in ([cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_OPTIMIZE, 1]):
        assert jpeg_size(bytes(cv2.imencode(".jpg", image, extra)[1])) == (53, 37)
    assert jpeg_size(b"") is None
    assert jpeg_size(b"\x89PNG\r\n") is None
    assert jpeg_size(sample.jpeg(image)[:30]) is None


def test_a_broken_picture_is_left_out_and_counted(run: Run) -> None:
    text = render(replace(run, stills=[replace(s, jpeg=b"oops") for s in run.stills], thumbs=dict.fromkeys(run.thumbs, b"oops")))
    assert "data:image" not in text
    assert "not a JPEG" in text


# ---------------------------------------------------------------- charts and words


def test_a_histogram_counts_everything_once() -> None:
    values = [float(v) for v in np.random.default_rng(1).normal(0, 5, 400)] + [900.0]
    first, width, counts, beyond = bins(values)
    assert sum(counts) + beyond == len(values)
    assert beyond >= 1 and len(counts) <= 24
    assert first <= min(values) < first + width


def test_values_that_are_all_alike_are_one_narrow_bar() -> None:
    for value in (240.0, 5.0, 0.0, -3.0):
        first, width, counts, beyond = bins([value] * 7)
        assert sorted(counts) == [0] * 8 + [7] and beyond == 0
        place = counts.index(7)
        assert first + place * width <= value + 1e-9 and value < first + (place + 1) * width + 1e-9


def test_quantiles_are_values_of_the_sample() -> None:
    assert [quantile([3.0, 1.0, 2.0], q) for q in (0.0, 0.5, 1.0)] == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="nothing"):
        quantile([], 0.5)


def test_round_steps() -> None:
    assert [nice(v) for v in (0.03, 0.2, 1.1, 3.0, 7.0, 0.0)] == pytest.approx([0.05, 0.2, 2.0, 5.0, 10.0, 1.0])


def test_times_and_bytes_read_naturally() -> None:
    assert [clock(t) for t in (0, 81 * S, 59_960_000_000, 3661 * S)] == ["0:00.0", "1:21.0", "1:00.0", "1:01:01.0"]
    assert [span(t) for t in (84_000_000, 2_400_000_000, 60 * S, 200 * S, 3900 * S)] == [
        "84 ms",
        "2.4 s",
        "1 min",
        "3 min 20 s",
        "1 h 5 min",
    ]
    assert [size(n) for n in (812, 3_500_000, 2 * 1024**3, 128 * 1024**2)] == ["812 B", "3.3 MiB", "2.0 GiB", "128 MiB"]
    assert clean("plain") == "plain"


def test_a_live_clock_starts_at_zero_on_the_page(run: Run) -> None:
    shift = 10**15
    frame = FrameSeen(t_ns=shift, seq=0, t_capture_ns=shift, width_px=640, height_px=360, signals=Signals(0, 0, 0))
    events: list[tuple[int, Event]] = [(0, frame), (1, Asked(t_ns=shift + 5 * S, question="q", text="hello?"))]
    live = Run("Live", "A note.", "none", 640, 360, 10 * S, 90.0, events=events)
    assert live.origin_ns == shift
    assert "0:05.0" in Page(render(live)).shown
    assert run.origin_ns == 0


def test_a_sentence_without_its_cause_is_placed_by_the_time_it_tells(run: Run) -> None:
    say = next(c for _, c in run.commands if isinstance(c, Say) and c.response.trace)
    chain = Chain(replace(run, commands=[(10**9, say)]))
    assert chain.spoken[0].t_ns == dict(say.response.trace)["decided"] > 0


def test_looks_without_a_result_and_sentences_without_a_decision_do_no_harm(run: Run) -> None:
    bare = [(i, c) for i, c in run.commands if isinstance(c, Look | Say) and not isinstance(c, Record)]
    events = [(i, e) for i, e in run.events if not isinstance(e, Looked)]
    page = Page(render(replace(run, commands=bare, events=events)))
    assert page.open == []
    assert "There is your mug." in page.shown
