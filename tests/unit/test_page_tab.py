"""One tab, and several: what is taken from a page, what it is sent and when, and who wears the glasses. No sockets, no waiting."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.page.guard import MOST_TEXT_BYTES
from devices.page.items import Line
from devices.page.requests import Ask, CameraTrouble, ForgetWish, Mute, Play, Seek
from devices.page.tab import DEAD, FLOOD, MOST_PICTURES, MOST_TABS, MOST_TOLD, OVER, TOO_MANY, Tab, Tabs
from tests.pretend_glasses import JPEG, HandClock, PretendGlasses, Shown, frame

PAGE_BEHIND_MS = 4_000.0
"""What the page's clock is behind ours: it was opened later."""


class Page:
    """The other side: the page in a browser, as far as its messages go."""

    def __init__(self, tabs: Tabs, clock: HandClock) -> None:
        tab = tabs.open()
        assert tab is not None
        self.tab: Tab = tab
        self.clock = clock
        self.shown = Shown()
        self.updates: list[dict[str, Any]] = []

    @property
    def ms(self) -> float:
        return self.clock.t_ns / 1e6 - PAGE_BEHIND_MS

    def say(self, **request: object) -> bool:
        return self.tab.text(msgspec.json.encode(request).decode())

    def receive(self) -> dict[str, Any] | None:
        """What is sent now, not acknowledged."""
        message = self.tab.next_update()
        if message is None:
            return None
        self.updates.append(self.shown.take(message))
        return self.updates[-1]

    def acknowledge(self) -> None:
        self.say(type="got", n=self.updates[-1]["n"], page_ms=self.ms)

    def settle(self) -> None:
        """Take updates, acknowledging each, until there is none: the page knows everything, and its clock is known."""
        while True:
            self.clock.pass_ms(50)
            if self.receive() is None:
                return
            self.acknowledge()

    def gaze(self, *points: tuple[float, float | None, float | None]) -> None:
        self.say(type="gaze", samples=[list(point) for point in points])

    def send_picture(self, jpeg: bytes = JPEG, page_ms: float | None = None) -> bool:
        return self.tab.picture(struct.pack("<d", self.ms if page_ms is None else page_ms) + jpeg)

    def told(self) -> list[tuple[int, bool, str]]:
        return [(told["key"], told["ok"], told["words"]) for update in self.updates for told in update.get("told", ())]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def glasses(clock: HandClock) -> PretendGlasses:
    return PretendGlasses(clock)


@pytest.fixture
def tabs(glasses: PretendGlasses, clock: HandClock) -> Tabs:
    return Tabs(glasses, now_ns=clock)


@pytest.fixture
def page(tabs: Tabs, clock: HandClock) -> Page:
    return Page(tabs, clock)


# ---------------------------------------------------------------- updates


def test_a_new_tab_is_sent_everything_at_once(glasses: PretendGlasses, page: Page) -> None:
    glasses.board.show("frame", frame(3))
    update = page.receive()
    assert update is not None
    assert (update["n"], update["fresh"]) == (1, True)
    assert update["parts"]["frame"]["seq"] == 3
    assert update["parts"]["tab"] == {"wears": True, "tabs": 1, "playing": False, "speed": 1.0}


def test_even_with_nothing_to_show_a_new_tab_starts_fresh(page: Page) -> None:
    update = page.receive()
    assert update is not None and update["fresh"]


def test_the_next_update_waits_for_the_answer_and_holds_the_newest(glasses: PretendGlasses, page: Page, clock: HandClock) -> None:
    page.receive()
    for seq in range(1000):
        glasses.board.show("frame", frame(seq))
        glasses.board.put("said", 7, Line(7, "glasses", seq, "still the same line", "answer"))
        clock.pass_ms(5)
        assert page.receive() is None
    page.acknowledge()
    update = page.receive()
    assert update is not None
    assert update["n"] == 2
    assert update["parts"]["frame"]["seq"] == 999
    assert [item["t_ns"] for item in update["rolls"]["said"]["items"]] == [999]
    assert len(msgspec.json.encode(update)) < 1000, "a thousand changes are one small message"


def test_updates_are_at_least_50_ms_apart(glasses: PretendGlasses, page: Page, clock: HandClock) -> None:
    page.settle()
    sent = 0
    for ms in range(1000):
        glasses.board.show("frame", frame(ms))
        if page.receive() is not None:
            page.acknowledge()
            sent += 1
        clock.pass_ms(1)
    assert sent == 20


def test_without_news_there_is_an_update_every_two_seconds_so_that_somebody_answers(page: Page, clock: HandClock) -> None:
    page.settle()
    before = len(page.updates)
    for _ in range(100):
        clock.pass_ms(100)
        if page.receive() is not None:
            page.acknowledge()
    assert len(page.updates) - before == 5
    assert page.updates[-1]["t_ns"] <= clock.t_ns
    assert "parts" not in page.updates[-1]


def test_an_acknowledgement_of_something_else_is_none(glasses: PretendGlasses, page: Page, clock: HandClock) -> None:
    page.receive()
    page.say(type="got", n=2, page_ms=page.ms)
    glasses.board.show("frame", frame(1))
    clock.pass_ms(100)
    assert page.receive() is None
    assert glasses.counts == {"page:unreadable": 1}


def test_what_is_forgotten_leaves_a_page_that_was_open_and_it_still_knows_what_tab_it_is(glasses: PretendGlasses, page: Page) -> None:
    glasses.board.put("said", 1, Line(1, "wearer", 0, "the secret", "ask"))
    page.settle()
    assert page.shown.rolls["said"]
    glasses.board.keep("said", lambda _: False)
    glasses.board.refresh()
    page.settle()
    assert page.updates[-1]["fresh"]
    assert not page.shown.rolls["said"]
    assert page.shown.parts["tab"]["wears"] is True


def test_a_film_stays_at_its_own_moment(glasses: PretendGlasses, page: Page) -> None:
    glasses.board.pass_time(123)
    glasses.readers[0].t_ns = 123
    page.settle()
    page.say(type="ask", key=4, text="where is it")
    page.settle()
    assert page.told() == [(4, True, "You asked: where is it")]
    assert {update["t_ns"] for update in page.updates} == {123}


def test_whether_a_film_plays_is_its_readers_to_say(glasses: PretendGlasses, page: Page) -> None:
    page.settle()
    glasses.readers[0].playing, glasses.readers[0].speed = True, 4.0
    page.settle()
    assert page.shown.parts["tab"] == {"wears": True, "tabs": 1, "playing": True, "speed": 4.0}
    glasses.readers[0].playing = False
    page.settle()
    assert page.shown.parts["tab"]["playing"] is False


# ---------------------------------------------------------------- requests


def test_what_the_wearer_wants_reaches_the_glasses_and_the_answer_comes_back(glasses: PretendGlasses, page: Page) -> None:
    page.say(type="ask", key=1, text="where is my mug")
    page.say(type="forget", key=2, kind="last", minutes=10)
    page.say(type="mute", key=3, minutes=None)
    assert glasses.heard == [Ask("where is my mug", key=1), ForgetWish("last", key=2), Mute(None, key=3)]
    page.settle()
    assert page.told() == [(1, True, "You asked: where is my mug"), (2, True, ""), (3, True, "")]


def test_seeking_steers_the_tab_that_asks_and_no_other(glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock) -> None:
    other = Page(tabs, clock)
    other.say(type="seek", key=1, t_ns=5_000)
    other.say(type="play", key=2, on=True, speed=2.0)
    mine, theirs = glasses.readers
    assert theirs.steered == [Seek(5_000, key=1), Play(True, 2.0, key=2)]
    assert mine.steered == []
    assert glasses.heard == theirs.steered
    other.settle()
    assert other.shown.parts["tab"]["playing"] is False, "these glasses do not play anything"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "null",
        "[]",
        "[" * 60_000,
        '{"type":"ask","text":"x","more":' + "[" * 60_000,
        '{"type":"ask","text":"x","more":' + '{"a":' * 10_000,
        '{"type":"fly","key":3}',
        '{"type":"got","n":1,"page_ms":NaN}',
        '{"type":"got","n":1,"page_ms":Infinity}',
        '{"type":"got","n":1,"page_ms":1e999}',
        '{"type":"got","n":-1,"page_ms":0}',
        '{"type":"ask","text":""}',
        '{"type":"ask","text":"' + "x" * 501 + '"}',
        '{"type":"ask","text":"\\ud800"}',
        '{"type":"ask","text":"\ud800"}',
        '{"type":"quiet","start":"25:00","end":""}',
        '{"type":"forget","kind":"all","key":1e400}',
        '{"type":"gaze","samples":[[1,2]]}',
        '{"type":"gaze","samples":' + str([[1.0, 0.5, 0.5]] * 65) + "}",
        '{"type":"ask","text":"' + "x" * MOST_TEXT_BYTES + '"}',
        "\x00\x01\x02",
    ],
)
def test_what_cannot_be_read_is_counted_and_changes_nothing(glasses: PretendGlasses, page: Page, message: str) -> None:
    assert page.tab.text(message)
    assert glasses.counts == {"page:unreadable": 1}
    assert glasses.heard == []
    page.settle()
    assert page.shown.parts["tab"]["tabs"] == 1


def test_who_numbers_a_bad_request_is_told_so(page: Page) -> None:
    page.say(type="ask", key=12, text="")
    page.say(type="nonsense", key=13)
    page.say(type="nonsense")
    page.settle()
    assert page.told() == [(12, False, "This could not be read."), (13, False, "This could not be read.")]


def test_a_fault_behind_the_page_is_told_counted_and_survived(glasses: PretendGlasses, page: Page) -> None:
    page.settle()
    glasses.breaks = {"hear", "look_at", "measured_clock", "tabs"}
    page.say(type="ask", key=1, text="where is it")
    page.gaze((page.ms, 0.5, 0.5))
    page.settle()
    assert page.told() == [(1, False, "Something went wrong here; it is in the terminal.")]
    assert glasses.counts["page:fault"] >= 2
    glasses.breaks = set()
    page.say(type="ask", key=2, text="and now")
    page.settle()
    assert page.told()[-1] == (2, True, "You asked: and now")


def test_answers_that_nobody_collects_are_bounded_and_counted(glasses: PretendGlasses, page: Page) -> None:
    page.receive()
    for key in range(1, MOST_TOLD + 11):
        page.say(type="ask", key=key, text="again")
    page.acknowledge()
    page.settle()
    assert [key for key, _, _ in page.told()] == list(range(11, MOST_TOLD + 11))
    assert glasses.counts["told:behind"] == 10


# ---------------------------------------------------------------- gaze and clock


def test_the_pointer_becomes_gaze_in_stream_time(glasses: PretendGlasses, page: Page, clock: HandClock) -> None:
    page.settle()
    page.gaze((page.ms - 16, 0.2, 0.4), (page.ms, None, None))
    first, second = glasses.gaze
    assert (first.t_ns, first.x_norm, first.y_norm, first.source) == (clock.t_ns - 16_000_000, 0.2, 0.4, "pointer")
    assert (second.t_ns, second.valid) == (clock.t_ns, False)


def test_before_the_clock_is_known_gaze_is_counted_and_dropped(glasses: PretendGlasses, page: Page) -> None:
    page.gaze((page.ms, 0.2, 0.4))
    assert glasses.gaze == []
    assert glasses.counts == {"gaze_sample:unmapped": 1}


def test_the_glasses_are_told_the_clock_once_and_again_when_it_is_known_better(
    glasses: PretendGlasses, page: Page, clock: HandClock
) -> None:
    page.receive()
    clock.pass_ms(20)
    page.acknowledge()
    assert glasses.clocks == [(round(-PAGE_BEHIND_MS * 1e6) + 10_000_000, 10_000_000)]
    clock.pass_ms(2000)
    page.settle()
    assert glasses.clocks[1:] == [(round(-PAGE_BEHIND_MS * 1e6), 0)]
    for _ in range(10):
        clock.pass_ms(2000)
        page.settle()
    assert len(glasses.clocks) == 2, "what is known already is not told again"


def test_a_page_clock_that_jumps_is_noticed_and_gaze_goes_on(glasses: PretendGlasses, page: Page, clock: HandClock) -> None:
    page.settle()
    slept_ms = 3_600_000.0
    for _ in range(3):
        clock.pass_ms(2000)
        page.receive()
        page.say(type="got", n=page.updates[-1]["n"], page_ms=page.ms - slept_ms)
    assert glasses.counts["clock:jump"] == 1
    page.gaze((page.ms - slept_ms, 0.3, 0.3))
    assert [sample.t_ns for sample in glasses.gaze] == [clock.t_ns]


# ---------------------------------------------------------------- pictures


def see(page: Page, glasses: PretendGlasses) -> int:
    """Take in all pictures that wait, as the server does; how many there were."""
    count = 0
    while (picture := page.tab.next_picture()) is not None:
        page.tab.decoded(glasses.see(*picture))
        count += 1
    return count


def test_a_picture_comes_with_the_time_it_was_taken(glasses: PretendGlasses, page: Page, clock: HandClock) -> None:
    page.settle()
    page.send_picture(page_ms=page.ms - 30)
    assert see(page, glasses) == 1
    assert glasses.seen == [(JPEG, clock.t_ns - 30_000_000)]
    page.settle()
    assert page.updates[-1]["took"] == 1


def test_pictures_that_come_too_fast_make_room_and_newest_win(glasses: PretendGlasses, page: Page) -> None:
    page.settle()
    for number in range(10):
        page.send_picture(JPEG + bytes([number]))
    assert see(page, glasses) == MOST_PICTURES
    assert [jpeg[-1] for jpeg, _ in glasses.seen] == [8, 9]
    assert glasses.counts == {"picture:behind": 8}
    page.settle()
    assert page.updates[-1]["took"] == 10, "each one makes room for another"


@pytest.mark.parametrize(
    "message",
    [b"", b"\x00", bytes(8), bytes(9), bytes(100), struct.pack("<d", 1.0) + b"\x89PNG\r\n", struct.pack("<d", 1.0) + b"GIF89a" + bytes(50)],
)
def test_what_is_no_picture_is_counted_and_makes_room(glasses: PretendGlasses, page: Page, message: bytes) -> None:
    page.settle()
    page.tab.picture(message)
    assert see(page, glasses) == 0
    assert glasses.counts == {"picture:unreadable": 1}
    page.settle()
    assert page.updates[-1]["took"] == 1


@pytest.mark.parametrize("page_ms", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_a_picture_of_no_time_is_unreadable(glasses: PretendGlasses, page: Page, page_ms: float) -> None:
    page.settle()
    page.send_picture(page_ms=page_ms)
    assert glasses.counts == {"picture:unreadable": 1}


def test_pictures_of_another_time_are_not_of_now(glasses: PretendGlasses, page: Page) -> None:
    page.send_picture()
    page.settle()
    page.send_picture(page_ms=page.ms + 500)
    page.send_picture(page_ms=page.ms - 5000)
    assert see(page, glasses) == 0
    assert glasses.counts == {"picture:unmapped": 1, "picture:future": 1, "picture:late": 1}
    page.settle()
    assert page.updates[-1]["took"] == 3


def test_why_pictures_are_not_taken_is_told_once(glasses: PretendGlasses, page: Page) -> None:
    page.settle()
    for refusal in ("too dark", "too dark", "", "too dark"):
        glasses.refusal = refusal
        page.send_picture()
        see(page, glasses)
    page.settle()
    assert page.told() == [(0, False, "too dark"), (0, False, "too dark")]


# ---------------------------------------------------------------- several tabs


def test_the_first_tab_wears_and_the_second_only_sees(glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock) -> None:
    other = Page(tabs, clock)
    glasses.board.show("frame", frame(9))
    page.settle()
    other.settle()
    assert page.shown.parts["tab"] == {"wears": True, "tabs": 2, "playing": False, "speed": 1.0}
    assert other.shown.parts["tab"]["wears"] is False
    assert other.shown.parts["frame"]["seq"] == 9
    other.gaze((other.ms, 0.9, 0.9), (other.ms, 0.8, 0.8))
    other.send_picture()
    other.say(type="camera_trouble", key=5, name="NotAllowedError")
    assert glasses.gaze == []
    assert other.tab.next_picture() is None
    assert glasses.heard == []
    assert glasses.counts == {"gaze_sample:not_wearing": 2, "picture:not_wearing": 1, "camera_trouble:not_wearing": 1}
    other.settle()
    assert other.told() == [(5, False, "Another tab wears the glasses.")]
    page.say(type="camera_trouble", key=6, name="NotAllowedError")
    assert glasses.heard == [CameraTrouble("NotAllowedError", key=6)]


def test_taking_over_moves_gaze_and_pictures_and_lets_go_of_those_that_wait(
    glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock
) -> None:
    other = Page(tabs, clock)
    page.settle()
    other.settle()
    page.send_picture()
    other.say(type="wear", key=8)
    assert tabs.wearer is other.tab
    assert page.tab.next_picture() is None
    assert glasses.counts == {"picture:not_wearing": 1}
    other.gaze((other.ms, 0.9, 0.9))
    page.gaze((page.ms, 0.1, 0.1))
    assert [sample.x_norm for sample in glasses.gaze] == [0.9]
    assert len(glasses.clocks) == 2, "the clock that counts is another one now"
    page.settle()
    other.settle()
    assert (page.shown.parts["tab"]["wears"], other.shown.parts["tab"]["wears"]) == (False, True)
    assert page.updates[-1]["took"] == 1
    assert other.told() == [(8, True, "")]


def test_when_the_wearing_tab_goes_the_oldest_wears(glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock) -> None:
    second, third = Page(tabs, clock), Page(tabs, clock)
    third.say(type="wear")
    tabs.close(second.tab)
    assert tabs.wearer is third.tab
    tabs.close(third.tab)
    assert tabs.wearer is page.tab
    tabs.close(page.tab)
    tabs.close(page.tab)
    assert tabs.wearer is None
    assert glasses.told_tabs[-1] == (0, False)


def test_a_reloaded_page_wears_again(glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock) -> None:
    page.send_picture()
    page.settle()
    page.send_picture()
    tabs.close(page.tab)
    again = Page(tabs, clock)
    assert again.tab.wears
    assert glasses.counts == {"picture:unmapped": 1, "picture:closed": 1}
    assert glasses.told_tabs == [(1, True), (0, False), (1, True)]


def test_a_fifth_tab_is_not_opened(glasses: PretendGlasses, tabs: Tabs) -> None:
    assert all(tabs.open() for _ in range(MOST_TABS))
    assert tabs.open() is None
    assert glasses.counts == {"tab:most": 1}


def test_a_tab_that_never_answers_is_dead_after_ten_seconds(glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock) -> None:
    other = Page(tabs, clock)
    page.receive()
    sent_ns = clock.t_ns
    while clock.t_ns < sent_ns + 9_900_000_000:
        other.settle()
    assert tabs.judge(page.tab) is None
    assert not other.tab.wears
    clock.t_ns = sent_ns + 10_000_000_000
    assert tabs.judge(page.tab) is None
    clock.pass_ms(500)
    assert tabs.judge(page.tab) is DEAD
    assert tabs.judge(other.tab) is None
    assert other.tab.wears
    assert glasses.counts == {"tab:dead": 1}
    assert tabs.open_tabs == [other.tab]


def test_a_tab_is_not_dead_because_this_program_was_stopped_for_an_hour(
    glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock
) -> None:
    page.receive()
    clock.pass_ms(3_600_000)
    assert tabs.judge(page.tab) is None
    page.acknowledge()
    clock.pass_ms(600)
    assert tabs.judge(page.tab) is None
    page.receive()
    clock.pass_ms(9_000)
    assert tabs.judge(page.tab) is None
    assert tabs.open_tabs == [page.tab]
    assert glasses.counts == {}


def test_a_tab_that_floods_is_dropped_from_and_at_last_closed(glasses: PretendGlasses, tabs: Tabs, page: Page, clock: HandClock) -> None:
    fits = 0
    for _ in range(100):
        fits += sum(page.say(type="ask", text="again") for _ in range(100))
        assert tabs.judge(page.tab) is None
        clock.pass_ms(100)
    assert fits == len(glasses.heard)
    assert 240 + 118 * 10 <= fits <= 240 + 120 * 10
    assert glasses.counts["page:rate"] == 100 * 100 - fits
    page.say(type="ask", text="again")
    clock.pass_ms(500)
    assert tabs.judge(page.tab) is FLOOD
    assert tabs.open_tabs == []
    assert glasses.counts["tab:rate"] == 1


@pytest.mark.parametrize("farewell", [TOO_MANY, DEAD, FLOOD, OVER])
def test_a_farewell_fits_in_a_closing_frame(farewell: Any) -> None:
    assert len(farewell.words.encode()) <= 123


# ---------------------------------------------------------------- anything at all

TYPES = [
    "got",
    "gaze",
    "ask",
    "teach",
    "watch",
    "unwatch",
    "forget",
    "mute",
    "quiet",
    "verdict",
    "wear",
    "camera",
    "gaze_from",
    "seek",
    "play",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ["key", "n", "page_ms", "samples", "text", "name", "minutes", "kind", "on", "speed", "t_ns", "step", "start", "end", "decision"]
REQUESTS = st.builds(
    lambda kind, fields: msgspec.json.encode({"type": kind, **fields}).decode(),
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
)
GAZE = st.builds(
    lambda samples: msgspec.json.encode({"type": "gaze", "samples": samples}).decode(),
    st.lists(st.tuples(st.floats(-1e4, 1e4), st.none() | st.floats(-1e12, 1e12), st.none() | st.floats(-1e12, 1e12)), max_size=64),
)
PICTURES = st.builds(lambda ms, rest: struct.pack("<d", ms) + JPEG + rest, st.floats(), st.binary(max_size=30))


@given(st.lists(st.text() | REQUESTS | GAZE | st.binary(max_size=60) | PICTURES | st.integers(0, 3000), max_size=30), st.booleans())
def test_whatever_comes_nothing_raises_and_the_tab_goes_on(messages: list[str | bytes | int], broken: bool) -> None:
    clock = HandClock()
    glasses = PretendGlasses(clock)
    tabs = Tabs(glasses, now_ns=clock)
    page = Page(tabs, clock)
    page.settle()
    if broken:
        glasses.breaks = {"hear", "look_at", "measured_clock", "tabs", "reader"}
    pictures = 0
    for message in messages:
        if isinstance(message, int):
            clock.pass_ms(message)
            page.settle()
        elif isinstance(message, str):
            page.tab.text(message)
        else:
            page.tab.picture(message)
            pictures += 1
    glasses.breaks = set()
    see(page, glasses)
    page.say(type="ask", key=77, text="still there")
    clock.pass_ms(2000)
    page.settle()
    assert (77, True, "You asked: still there") in page.told()
    assert page.updates[-1].get("took", 0) == pictures
    assert len(glasses.seen) + sum(count for code, count in glasses.counts.items() if code.startswith("picture:")) == pictures
