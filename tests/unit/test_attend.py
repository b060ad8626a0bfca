"""Attend: most frames are not encoded; a new stay of the gaze, held text, a new scene and the heartbeat are."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from edge_runtime.attend import Attend
from edge_runtime.attend.attend import glimpse_change
from edge_runtime.config import MS, AttendConfig, S
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import (
    Asked,
    BoardChanged,
    Event,
    Eye,
    Forget,
    FrameSeen,
    Gaze,
    Look,
    Looked,
    Taught,
    Tick,
    WatchRemoved,
    WatchSet,
)
from edge_runtime.records import Concept, Dropped, Scope
from edge_runtime.types import WHOLE, Box, Capabilities, LabelHint, LookedRegion, Percept, Session, Signals, TextLine
from gaze.types import EyeEvent, EyeKind, GazeSample

ABLE = Capabilities(bundle="test", vector=True, labels=True, text=True, tokens=True, vector_dim=4)
PLAIN = bytes(range(0, 256, 8))
OTHER = PLAIN[::-1]


class Wearer:
    """A wearer at ten frames a second who looks where the test says; collects looks, percepts and drops."""

    def __init__(self, *, has_gaze: bool = True, models: Capabilities = ABLE, **settings: float | int) -> None:
        config = msgspec.convert({**msgspec.to_builtins(AttendConfig()), **settings}, AttendConfig)
        self.attend = Attend(config, Session(models, has_gaze), teach_views=3, teach_floor=0.45, look_deadline_ns=5 * S)
        self.t_ns = 0
        self.seq = 0
        self.looks: list[Look] = []
        self.percepts: list[Percept] = []
        self.dropped: list[Dropped] = []
        self.boundaries: list[int] = []
        self.views: list[list[float]] = []
        self.labels: tuple[LabelHint, ...] = ()
        self.lines: tuple[TextLine, ...] | None = None
        self.unread = 0

    def feed(self, event: Event, cause: Look | None = None) -> None:
        out = Outbox(len(self.looks) + 1)
        attended = self.attend.feed(event, cause, out)
        self.percepts += attended.percepts
        self.dropped += attended.dropped
        if attended.boundary_ns is not None:
            self.boundaries.append(attended.boundary_ns)
        looks = [command for command in out.commands if isinstance(command, Look)]
        self.looks += looks
        for look in looks:
            if look.why in ("teach", "fixation", "glance", "text") and (look.why != "text" or self.lines is not None):
                seen = self.seen(look)
                answer = Looked(t_ns=event.t_ns, answers=look.id, frame_seq=look.frame_seq, t_capture_ns=look.t_capture_ns, regions=(seen,))
                self.attend.feed(answer, look, Outbox(1000))

    def watch(
        self,
        seconds: float,
        *,
        eye: int | None = None,
        kind: EyeKind = "fixation",
        at: float = 0.5,
        glimpse: bytes = PLAIN,
        motion: float = 0.0,
    ) -> None:
        """Let time pass with the gaze at half height, ``at`` from the left; ``eye`` is the movement under way, from now on."""
        start_ns, end_ns = self.t_ns, self.t_ns + round(seconds * S)
        while self.t_ns < end_ns:
            t = self.t_ns
            if eye is not None and t - start_ns >= 100 * MS:
                self.feed(Eye(t_ns=t, event=EyeEvent(eye, kind, start_ns, t, at, 0.5, 0.2, "provisional", t)))
            if eye is not None:
                self.feed(Gaze(t_ns=t, samples=tuple(GazeSample(t - (9 - n) * 10 * MS, at, 0.5) for n in range(10))))
            signals = Signals(motion=motion, blur=0.1, light=0.5, glimpse=glimpse)
            self.feed(FrameSeen(t_ns=t, seq=self.seq, t_capture_ns=t, width_px=960, height_px=540, signals=signals))
            self.feed(Tick(t_ns=t))
            self.seq += 1
            self.t_ns += 100 * MS
        if eye is not None:
            last_ns = self.t_ns - 100 * MS
            self.feed(Eye(t_ns=last_ns, event=EyeEvent(eye, kind, start_ns, last_ns, at, 0.5, 0.2, "final", last_ns)))

    def seen(self, look: Look) -> LookedRegion:
        """What the models give back for the first region of a look."""
        box = look.regions[0].box
        if look.why == "text":
            return LookedRegion("text", box, lines=self.lines or (), unread=self.unread)
        if look.why == "glance":
            return LookedRegion("foveal", box, labels=self.labels)
        return LookedRegion("foveal", box, np.array(self.views.pop(0) if self.views else [1, 0, 0, 0], np.float32))

    def whys(self) -> list[str]:
        return [look.why for look in self.looks]


def test_most_frames_are_not_encoded() -> None:
    wearer = Wearer()
    for eye in range(20):
        wearer.watch(0.5, eye=eye)
    assert wearer.seq == 100
    assert len(wearer.looks) <= 10 * AttendConfig().looks_per_s + AttendConfig().look_burst


def test_a_thing_is_looked_at_once_however_often_the_eye_steps_about_on_it() -> None:
    wearer = Wearer(relook_ns=60 * S, text_after_ns=60 * S)
    wearer.watch(0.6, eye=1, at=0.5)
    wearer.watch(0.6, eye=2, at=0.52)
    wearer.watch(0.6, eye=3, at=0.8)
    wearer.watch(1.0)
    looks = [look for look in wearer.looks if look.why == "fixation"]
    assert [look.eye_id for look in looks] == [1, 3]
    assert looks[0].regions[0].kind == "foveal"
    assert looks[0].regions[0].want == ("vector", "labels", "tokens", "thumb")


def test_a_look_names_the_frame_that_was_fixated_not_the_newest() -> None:
    wearer = Wearer()
    wearer.watch(1.0, eye=1)
    for look in wearer.looks:
        assert look.frame_seq * 100 * MS == look.t_capture_ns


def test_a_long_fixation_is_looked_at_again() -> None:
    wearer = Wearer(relook_ns=1 * S, text_after_ns=60 * S, heartbeat_ns=60 * S)
    wearer.watch(3.6, eye=1)
    wearer.watch(0.5)
    assert wearer.whys().count("fixation") == 4


def test_a_fixation_is_looked_at_when_the_picture_is_steady_and_named_if_that_takes_long() -> None:
    wearer = Wearer(text_after_ns=60 * S, heartbeat_ns=60 * S)
    wearer.watch(0.3, eye=1, motion=0.05)
    wearer.watch(0.6, eye=2, motion=0.0)
    (look,) = [look for look in wearer.looks if look.why == "fixation"]
    assert 300 * MS <= look.t_capture_ns <= 500 * MS
    restless = Wearer(text_after_ns=60 * S, heartbeat_ns=60 * S)
    restless.watch(1.5, eye=1, motion=0.05)
    whys = [(look.why, look.regions[0].want) for look in restless.looks if look.regions[0].kind == "foveal"]
    assert whys == [("glance", ("labels", "thumb")), ("fixation", ("vector", "labels", "tokens", "thumb"))]


def test_a_saccade_is_not_looked_at() -> None:
    wearer = Wearer(heartbeat_ns=60 * S)
    wearer.watch(1.0, eye=1, kind="saccade")
    wearer.watch(0.5)
    assert "fixation" not in wearer.whys()


def test_text_is_read_after_300_ms_of_fixation_or_pursuit() -> None:
    for kind in ("fixation", "pursuit"):
        short = Wearer(text_every_ns=60 * S)
        short.watch(0.25, eye=1, kind=kind)
        short.watch(0.5, eye=2, kind="saccade")
        assert "text" not in short.whys()
        held = Wearer(text_every_ns=60 * S)
        held.watch(0.9, eye=1, kind=kind)
        held.watch(0.5)
        (look,) = [look for look in held.looks if look.why == "text"]
        assert look.t_capture_ns >= 300 * MS
        box = look.regions[0].box
        assert (round((box.x1 - box.x0) * 960), round((box.y1 - box.y0) * 540)) == (320, 320)


def test_where_nothing_could_be_read_the_same_fixation_is_not_read_again() -> None:
    wearer = Wearer(text_every_ns=300 * MS, relook_ns=60 * S, heartbeat_ns=60 * S)
    wearer.watch(0.9, eye=1)
    (look,) = [look for look in wearer.looks if look.why == "text"]
    empty = LookedRegion("text", look.regions[0].box)
    wearer.feed(Looked(t_ns=wearer.t_ns, answers=look.id, frame_seq=1, t_capture_ns=0, regions=(empty,)), look)
    wearer.watch(1.5, eye=1)
    assert wearer.whys().count("text") == 1


def test_text_that_could_be_read_is_read_again_for_the_vote() -> None:
    wearer = Wearer(text_every_ns=300 * MS, relook_ns=60 * S, heartbeat_ns=60 * S)
    wearer.watch(0.9, eye=1)
    look = next(look for look in wearer.looks if look.why == "text")
    line = TextLine("EXIT", 0.9, Box(0.4, 0.4, 0.6, 0.5))
    read = LookedRegion("text", look.regions[0].box, lines=(line,))
    wearer.feed(Looked(t_ns=wearer.t_ns, answers=look.id, frame_seq=1, t_capture_ns=0, regions=(read,)), look)
    wearer.watch(1.0, eye=1)
    assert wearer.whys().count("text") >= 2


@pytest.mark.parametrize(("confidence", "reads"), [(0.99, 1), (0.9, 2)], ids=["sure at once", "sure when it reads the same again"])
def test_text_that_is_certain_is_read_no_more_often_than_a_thing_is_looked_at(confidence: float, reads: int) -> None:
    wearer = Wearer(text_every_ns=300 * MS, relook_ns=60 * S, heartbeat_ns=60 * S)
    wearer.lines = (TextLine("EXIT", confidence, Box(0.4, 0.4, 0.6, 0.5)),)
    wearer.watch(3.0, eye=1)
    assert wearer.whys().count("text") == reads


def test_what_is_known_to_bear_no_text_is_not_read_again_but_another_thing_is() -> None:
    wearer = Wearer(text_every_ns=300 * MS, heartbeat_ns=60 * S)
    wearer.lines = ()
    for eye, at, view, reads in ((1, 0.5, [1.0, 0, 0, 0], 1), (2, 0.9, [0.0, 1, 0, 0], 2), (3, 0.5, [0.8, 0, 0.6, 0], 2)):
        wearer.views = [view] * 10
        wearer.watch(2.0, eye=eye, at=at)
        wearer.watch(0.3)
        assert wearer.whys().count("text") == reads, eye


def test_text_that_runs_over_the_edge_is_not_taken_for_none() -> None:
    wearer = Wearer(text_every_ns=300 * MS, relook_ns=60 * S, heartbeat_ns=60 * S)
    wearer.lines, wearer.unread = (), 1
    wearer.watch(1.0, eye=1)
    assert wearer.whys().count("text") == 2
    assert wearer.attend.state.bare == []


def test_a_standing_watch_has_what_is_half_known_named_at_once_and_again() -> None:
    wearer = Wearer(text_after_ns=60 * S, heartbeat_ns=60 * S)
    wearer.feed(WatchSet(t_ns=wearer.t_ns, watch="w", text="tell me when a dog appears"))
    wearer.labels = (LabelHint("beagle", 0.55),)
    wearer.watch(0.9, eye=1, at=0.3, motion=0.05)
    assert wearer.whys().count("glance") == 5
    wearer.labels = (LabelHint("beagle", 0.2),)
    wearer.watch(0.9, eye=2, at=0.7, motion=0.05)
    assert wearer.whys().count("glance") == 6


def test_a_new_scene_is_a_boundary_and_is_looked_at_as_a_whole() -> None:
    wearer = Wearer(heartbeat_ns=60 * S)
    wearer.watch(1.0)
    wearer.watch(1.0, glimpse=OTHER)
    assert wearer.whys() == ["scene", "scene"]
    assert wearer.looks[1].regions[0].box == WHOLE
    assert wearer.boundaries == [1 * S]


def test_a_smeared_new_scene_waits_for_the_head_to_be_still_but_not_for_ever() -> None:
    wearer = Wearer(heartbeat_ns=60 * S)
    wearer.watch(1.0)
    wearer.watch(0.5, glimpse=OTHER, motion=0.3)
    assert wearer.whys() == ["scene"]
    wearer.watch(0.5, glimpse=OTHER, motion=0.0)
    assert wearer.whys() == ["scene", "scene"]
    restless = Wearer(heartbeat_ns=60 * S)
    restless.watch(3.0, motion=0.3)
    assert restless.whys() == ["scene"]
    assert 1 * S <= restless.looks[0].t_capture_ns <= 1500 * MS


def test_slow_drift_adds_up_to_a_new_scene() -> None:
    wearer = Wearer(heartbeat_ns=600 * S)
    for step in range(40):
        drifted = bytes((value * (40 - step) + other * step) // 40 for value, other in zip(PLAIN, OTHER, strict=True))
        wearer.watch(0.5, glimpse=drifted)
    assert len(wearer.boundaries) >= 2


def test_light_turned_up_as_a_whole_is_no_new_scene() -> None:
    dim, bright = bytes(value // 2 for value in range(32)), bytes(value // 2 + 100 for value in range(32))
    assert glimpse_change(dim, bright) < 0.01
    assert glimpse_change(PLAIN, OTHER) > 0.3


def test_the_heartbeat_looks_at_a_still_world_now_and_then() -> None:
    wearer = Wearer(heartbeat_ns=4 * S)
    wearer.watch(20.0)
    assert wearer.whys() == ["scene", *["heartbeat"] * 4]


def test_what_the_budget_refuses_is_counted() -> None:
    wearer = Wearer(looks_per_s=0.2, look_burst=2)
    for eye in range(20):
        wearer.watch(0.5, eye=eye)
    assert len(wearer.looks) <= 4
    assert sum(drop.count for drop in wearer.dropped if (drop.what, drop.reason) == ("look", "budget")) > 10


def test_without_a_budget_every_frame_is_looked_at() -> None:
    wearer = Wearer(looks_per_s=0.0)
    wearer.watch(2.0, eye=1)
    wearer.watch(0.5)
    assert {look.frame_seq for look in wearer.looks} >= set(range(20))


def test_low_power_reduces_looks() -> None:
    def looks(power: str) -> int:
        wearer = Wearer(looks_per_s=2.0)
        wearer.feed(msgspec.convert({"type": "BoardChanged", "t_ns": 0, "power": power}, BoardChanged))
        for eye in range(60):
            wearer.watch(0.3, eye=eye, at=0.3 + 0.4 * (eye % 2))
        return len(wearer.looks)

    assert looks("low") < looks("reduced") < looks("full")


@pytest.mark.parametrize(("power", "watched", "named"), [("reduced", False, True), ("low", False, False), ("low", True, True)])
def test_low_power_gives_up_names_unless_a_watch_waits_for_one(power: str, watched: bool, named: bool) -> None:
    wearer = Wearer(text_after_ns=60 * S, heartbeat_ns=60 * S)
    wearer.feed(msgspec.convert({"type": "BoardChanged", "t_ns": 0, "power": power}, BoardChanged))
    if watched:
        wearer.feed(WatchSet(t_ns=0, watch="w1", text="tell me when I see a bus"))
    wearer.watch(3.0, eye=1, motion=0.05)
    parts = [look.regions[0] for look in wearer.looks if look.regions[0].kind == "foveal"]
    assert parts
    assert any("labels" in part.want for part in parts) is named


def test_a_lesson_takes_three_looks_half_a_second_apart() -> None:
    wearer = Wearer(text_after_ns=60 * S)
    wearer.watch(0.5, eye=1)
    wearer.feed(Taught(t_ns=wearer.t_ns, concept=Concept("mug")))
    wearer.watch(4.0, eye=2)
    times = [look.t_capture_ns for look in wearer.looks if look.why == "teach"]
    assert len(times) == 3
    assert all(b - a >= S // 2 for a, b in pairwise(times))


@pytest.mark.parametrize(
    ("views", "looks"),
    [
        ([[0, 1, 0, 0]], 4),
        ([[1, 0, 0, 0], [0, 1, 0, 0]], 4),
        ([[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]], 6),
        ([[1.0]], 4),
        ([[0, 0.9, 0.4359, 0], [0, 1, 0, 0], [0, 0.9, 0.4359, 0]], 3),
    ],
    ids=["the first is odd", "the second is odd", "two things", "a view that cannot be used", "another thing, but always the same"],
)
def test_a_lesson_takes_looks_until_three_views_agree(views: list[list[float]], looks: int) -> None:
    wearer = Wearer(text_after_ns=60 * S)
    wearer.views = views
    wearer.feed(Taught(t_ns=wearer.t_ns, concept=Concept("mug")))
    wearer.watch(6.0, eye=1)
    assert wearer.whys().count("teach") == looks
    assert wearer.attend.state.lesson is None


def test_a_lesson_in_which_nothing_agrees_takes_no_more_looks_after_twenty_seconds() -> None:
    wearer = Wearer(text_after_ns=60 * S)
    wearer.views = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], *[[1.0]] * 100]  # models of another kind than said
    wearer.feed(Taught(t_ns=wearer.t_ns, concept=Concept("mug")))
    wearer.watch(30.0, eye=1)
    times = [look.t_capture_ns for look in wearer.looks if look.why == "teach"]
    assert len(times) >= 30
    assert max(times) <= 20 * S
    assert wearer.attend.state.lesson is None, "nothing of it is kept"


def test_a_frame_captured_before_the_wearer_spoke_is_no_view_of_the_lesson() -> None:
    """Frames arrive late and wait for their gaze: the newest may show what was looked at a moment ago."""
    wearer = Wearer(text_after_ns=60 * S)
    wearer.watch(1.0, eye=1)
    spoken_ns = wearer.t_ns - 50 * MS
    wearer.feed(Taught(t_ns=spoken_ns, concept=Concept("mug")))
    assert [frame.t_capture_ns for frame in wearer.attend.state.pairing.waiting] == [900 * MS], "one still waits for its gaze"
    wearer.watch(3.0, eye=2)
    times = [look.t_capture_ns for look in wearer.looks if look.why == "teach"]
    assert len(times) == 3
    assert min(times) >= spoken_ns
    assert 900 * MS in [percept.t_capture_ns for percept in wearer.percepts]


def test_a_look_of_the_lesson_before_is_no_view_of_the_next() -> None:
    wearer = Wearer(text_after_ns=60 * S)
    wearer.feed(Taught(t_ns=wearer.t_ns, concept=Concept("mug")))
    wearer.watch(0.4, eye=1)
    (look,) = [look for look in wearer.looks if look.why == "teach"]
    wearer.feed(Taught(t_ns=wearer.t_ns, concept=Concept("keys")))
    region = LookedRegion("foveal", look.regions[0].box, np.array([0, 1, 0, 0], np.float32))
    late = Looked(t_ns=wearer.t_ns, answers=look.id, frame_seq=look.frame_seq, t_capture_ns=look.t_capture_ns, regions=(region,))
    wearer.feed(late, look)
    assert wearer.attend.state.lesson is not None
    assert wearer.attend.state.lesson.views == ()


def test_a_watch_looks_over_the_whole_picture_every_second_until_it_is_removed() -> None:
    wearer = Wearer(heartbeat_ns=600 * S, watch_every_ns=1 * S)
    wearer.watch(2.0)
    wearer.feed(WatchSet(t_ns=wearer.t_ns, watch="w", text="tell me when a dog appears"))
    wearer.watch(5.0)
    assert wearer.whys().count("watch") == 5
    assert all(region.kind == "watch" for look in wearer.looks if look.why == "watch" for region in look.regions)
    wearer.feed(WatchRemoved(t_ns=wearer.t_ns, watch="w"))
    wearer.watch(5.0)
    assert wearer.whys().count("watch") == 5


def test_without_gaze_nothing_waits_and_the_middle_is_looked_at_but_not_called_gazed() -> None:
    wearer = Wearer(has_gaze=False)
    wearer.watch(1.0)
    assert len(wearer.percepts) == 10
    assert all(percept.gaze is None for percept in wearer.percepts)
    assert {region.kind for look in wearer.looks for region in look.regions} == {"overview", "watch"}


def test_forgetting_drops_the_frames_that_still_wait() -> None:
    wearer = Wearer()
    wearer.watch(0.3)
    wearer.feed(Forget(t_ns=wearer.t_ns, scope=Scope("all")))
    assert Dropped("frame", "forgotten", 3) in wearer.dropped
    wearer.watch(1.0)
    assert min(percept.t_capture_ns for percept in wearer.percepts) >= 300 * MS


def test_a_restored_attend_goes_on_as_the_one_it_was_taken_from() -> None:
    one, two = Wearer(), Wearer()
    one.watch(2.0, eye=1)
    two.attend.restore(one.attend.snapshot())
    two.t_ns, two.seq = one.t_ns, one.seq
    one.looks.clear()
    one.percepts.clear()
    for wearer in (one, two):
        wearer.watch(2.0, eye=2, glimpse=OTHER)
    assert [(look.why, look.frame_seq) for look in one.looks] == [(look.why, look.frame_seq) for look in two.looks]
    assert one.percepts == two.percepts


# ---------------------------------------------------------------- questions

SEEING = msgspec.structs.replace(ABLE, language=True)


def calm(models: Capabilities = SEEING, *, has_gaze: bool = True, **settings: float | int) -> Wearer:
    """A wearer for whom little but a question calls for a look."""
    quiet: dict[str, float | int] = {"heartbeat_ns": 600 * S, "text_after_ns": 600 * S, "scene_threshold": 1.0}
    return Wearer(has_gaze=has_gaze, models=models, **{**quiet, **settings})


def asks(wearer: Wearer, *, after_s: float = 0.0) -> list[Look]:
    """The looks that a question calls for."""
    before = len(wearer.looks)
    wearer.feed(Asked(t_ns=wearer.t_ns + round(after_s * S), question="q1", text="what is it made of?"))
    return wearer.looks[before:]


def test_a_question_is_looked_at_where_gaze_rests_and_as_a_whole() -> None:
    wearer = calm()
    wearer.watch(1.0, eye=1, at=0.25)
    (look,) = asks(wearer)
    assert (look.why, look.eye_id) == ("question", 1)
    assert look.frame_seq == wearer.percepts[-1].frame_seq, "the newest moment that is complete"
    foveal, overview = look.regions
    assert (foveal.kind, foveal.want) == ("foveal", ("vector", "labels", "tokens", "thumb"))
    assert foveal.box.centre == pytest.approx((0.25, 0.5))
    assert (overview.kind, overview.box, overview.want) == ("overview", WHOLE, ("vector", "tokens", "thumb"))


def test_without_gaze_a_question_is_looked_at_in_the_middle_which_nobody_is_said_to_have_looked_at() -> None:
    wearer = calm(has_gaze=False)
    wearer.watch(1.0)
    (look,) = asks(wearer)
    assert [(region.kind, region.want) for region in look.regions] == [
        ("watch", ("vector", "labels", "tokens", "thumb")),
        ("overview", ("vector", "tokens", "thumb")),
    ]


def test_a_question_is_looked_at_whatever_the_budget_has_left_and_paid_for_afterwards() -> None:
    wearer = calm(look_burst=1, looks_per_s=0.1)
    wearer.watch(1.0, eye=1)
    spent = len(wearer.looks)
    assert [len(asks(wearer)) for _ in range(3)] == [1, 1, 1]
    assert wearer.attend.state.budget.saved < 0.0
    wearer.watch(9.0, eye=2, at=0.9)
    assert len(wearer.looks) == spent + 3
    assert Dropped("look", "budget") in wearer.dropped


@pytest.mark.parametrize("lack", ["model", "power", "frame", "young frame"])
def test_a_question_is_not_looked_at_without(lack: str) -> None:
    wearer = calm(ABLE if lack == "model" else SEEING)
    if lack != "frame":
        wearer.watch(1.0, eye=1)
    if lack == "power":
        wearer.feed(BoardChanged(t_ns=wearer.t_ns, power="reduced"))
    assert asks(wearer, after_s=3.0 if lack == "young frame" else 0.0) == []


def test_what_was_seen_before_forgetting_is_not_looked_at_for_a_question_after_it() -> None:
    wearer = calm()
    wearer.watch(1.0, eye=1)
    wearer.feed(Forget(t_ns=wearer.t_ns, scope=Scope("since", t_from_ns=0)))
    assert asks(wearer) == []


def test_what_a_question_was_just_looked_at_for_is_not_looked_at_again_at_once() -> None:
    wearer = calm(relook_ns=2 * S)
    wearer.watch(1.9, eye=1)
    asks(wearer)
    wearer.watch(1.5, eye=1)
    assert wearer.whys() == ["scene", "fixation", "question"]
