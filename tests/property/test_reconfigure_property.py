"""Settings changed while a run goes on: it does what a core made with the new ones, and restored from its snapshot, would do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_runtime import codec
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.protocol import (
    Append,
    Asked,
    BoardChanged,
    Command,
    Erase,
    Erased,
    Event,
    Eye,
    Feedback,
    Forget,
    Found,
    FrameSeen,
    Gaze,
    Look,
    Looked,
    Say,
    Search,
    SpeechEnded,
    SpeechStarted,
    Stored,
    Taught,
    Tick,
    UserSpeech,
    WatchSet,
)
from edge_runtime.records import Concept, Receipt, Scope
from edge_runtime.settings import changed
from edge_runtime.settings_schema import Key, Setting, keys
from edge_runtime.types import LabelHint, LookedRegion, Region, Session, Signals, TextLine, Thumb
from gaze.types import EyeEvent, GazeSample
from tests import world

HALF_MUG = (0.5 * world.MUG + np.sqrt(0.75, dtype=np.float32) * world.WALL).astype(np.float32)
THINGS = {"mug": world.MUG, "half a mug": HALF_MUG, "cat": world.CAT, "sign": world.DOOR}
STEPS = [
    *(f"look at the {thing}" for thing in (*THINGS, *THINGS)),
    "look at the mug in another scene",
    *("teach", "show", "watch for the mug", "watch for the cat", "watch for the sign"),
    *("ask where", "ask what", "yes", "no", "talk", "hush", "wait", "pause"),
    *("power full", "power reduced", "power low", "forget the mug", "the log fails"),
]
DAYS = st.lists(st.sampled_from(STEPS), min_size=2, max_size=10)


@st.composite
def values(draw: st.DrawFn, key: Key) -> Setting:
    """A value of a setting that is within its bounds and often far from its default."""
    if isinstance(key.default, bool):
        return draw(st.booleans())
    if isinstance(key.default, str):
        return draw(st.sampled_from(["", "07:30"]))
    limits = dict(key.bounds)
    least, most = limits[">="], limits.get("<=", 4 * key.default)
    return key.kind(draw(st.sampled_from([least, (least + key.default) / 2, min(most, 2 * key.default), most])))


@st.composite
def reloadable_changes(draw: st.DrawFn) -> Config:
    """The default settings with some others that a run can take up."""
    config = Config()
    for key in draw(st.lists(st.sampled_from([key for key in keys().values() if key.reloadable]), min_size=1, max_size=6)):
        section = replace(getattr(config, key.section), **{key.leaf: draw(values(key))})
        config = replace(config, **{key.section: section})
    return config


class Twins:
    """Two cores that are fed the same and must command the same."""

    def __init__(self, one: Core, other: Core) -> None:
        self.one = one
        self.other = other

    def feed(self, event: Event) -> tuple[Command, ...]:
        commands = self.one.feed(event)
        assert codec.encode(self.other.feed(event)) == codec.encode(commands)
        return commands


class Life:
    """Feeds a core with what a wearer sees, says and hears, and answers what it commands: looks, the log, the voice."""

    def __init__(self, core: Core | Twins) -> None:
        self.core = core
        self.t_ns = self.seq = self.eye = 0
        self.thing = "cat"
        self.scene = bytes(range(0, 256, 8))
        self.looks: list[Look] = []
        self.log_works = True

    def feed(self, event: Event) -> None:
        for command in self.core.feed(event):
            t_ns, number = self.t_ns, command.id
            match command:
                case Look():
                    self.looks.append(command)
                case Search():
                    self.feed(Found(t_ns, number, ()))
                case Append() if self.log_works:
                    self.feed(Stored(t_ns, number, Receipt(len(command.rows))))
                case Erase():
                    self.feed(Erased(t_ns, number, Receipt(1)))
                case Say():
                    self.feed(SpeechStarted(t_ns, number))
                    self.feed(SpeechEnded(t_ns, number, len(command.response.text)))
                case _:
                    pass

    def seen(self, look: Look, index: int, part: Region) -> LookedRegion:
        """What the models find; a snapshot keeps no pixels, so neither has a thumbnail here."""
        lines = (TextLine("PLATFORM 9", 0.9, part.box),) if self.thing == "sign" and "text" in part.want else ()
        labels = (LabelHint("tabby", 0.65),) if self.thing == "cat" and "labels" in part.want else ()
        vector = THINGS[self.thing] if "vector" in part.want else None
        return LookedRegion(part.kind, part.box, vector, None, labels, lines, Thumb(f"{look.frame_seq}-{index}", 900))

    def pass_time(self, tenths: int, *, see: bool = False) -> None:
        began_ns = self.t_ns
        for _ in range(tenths):
            self.t_ns += 100 * MS
            t_ns = self.t_ns
            if see:
                self.seq += 1
                self.feed(Eye(t_ns, EyeEvent(self.eye, "fixation", began_ns, t_ns, 0.5, 0.5, 0.2, "provisional", t_ns)))
                self.feed(Gaze(t_ns, tuple(GazeSample(t_ns - n * 20 * MS, 0.5, 0.5) for n in range(4, -1, -1))))
                self.feed(FrameSeen(t_ns, self.seq, t_ns - 30 * MS, 960, 540, Signals(0.0, 0.1, 0.5, self.scene)))
                looks, self.looks = self.looks, []
                for look in looks:
                    regions = tuple(self.seen(look, index, part) for index, part in enumerate(look.regions))
                    self.feed(Looked(t_ns, look.id, look.frame_seq, look.t_capture_ns, regions))
            self.feed(Tick(t_ns))

    def do(self, step: str) -> None:
        t_ns = self.t_ns
        match step.split():
            case ["look", "at", "the", *thing]:
                if thing[-2:] == ["another", "scene"]:
                    self.scene, thing = self.scene[::-1], ["mug"]
                self.thing = " ".join(thing)
                self.eye += 1
                self.pass_time(14, see=True)
            case ["teach"]:
                self.feed(Taught(t_ns, Concept("mug")))
            case ["show"]:
                self.feed(Taught(t_ns, Concept("mug", (world.MUG,))))
            case ["watch", "for", "the", thing]:
                wish = {"mug": "my mug", "cat": "a cat", "sign": 'the words "PLATFORM 9"'}[thing]
                self.feed(WatchSet(t_ns, thing, f"tell me when I see {wish}"))
            case ["ask", what]:
                self.feed(Asked(t_ns, f"q{t_ns}", "where is my mug?" if what == "where" else "what is this?"))
            case ["yes"] | ["no"]:
                self.feed(Feedback(t_ns, 1, "yes" if step == "yes" else "no"))
            case ["talk"] | ["hush"]:
                self.feed(UserSpeech(t_ns, "start" if step == "talk" else "end"))
            case ["power", "full" | "reduced" | "low" as power]:
                self.feed(BoardChanged(t_ns, power))
            case ["forget", _, thing]:
                self.feed(Forget(t_ns, Scope("thing", name=thing)))
            case ["the", "log", "fails"]:
                self.log_works = not self.log_works
            case ["pause"]:
                self.t_ns += 20 * S
            case ["wait"]:
                self.pass_time(12)
            case _:
                raise AssertionError(step)
        self.t_ns += 20 * MS


def lived(life: Life, day: Sequence[str]) -> Life:
    for step in day:
        life.do(step)
    return life


@pytest.mark.slow
@settings(max_examples=120)
@given(DAYS, DAYS, reloadable_changes())
def test_a_core_with_other_settings_goes_on_as_one_restored_under_them(before: list[str], after: list[str], config: Config) -> None:
    session = Session(EVERYTHING)
    core = Core(Config(), session)
    life = lived(Life(core), ["show", *before])
    other = Core(config, session)
    other.restore(core.snapshot())
    core.reconfigure(config)
    assert core.config == config and core.snapshot() == other.snapshot()
    life.core = Twins(core, other)
    lived(life, [*after, "hush", "wait"])
    assert core.snapshot() == other.snapshot()
    assert core.nbytes() <= config.remember.ram_bytes


@given(reloadable_changes(), reloadable_changes())
def test_what_a_run_takes_up_is_all_that_can_be_taken_up(before: Config, after: Config) -> None:
    found = changed(before, after)
    assert found.taken == after and not found.needs_restart
    assert set(found.applied) == {name for name, key in keys().items() if key.value(before) != key.value(after)}
