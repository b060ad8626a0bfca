"""Once a thing is forgotten by name, no command says that name again: whatever was open, waiting or on its way at that moment."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime import codec
from edge_runtime.config import MS, Config, S
from edge_runtime.core import Core
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.protocol import (
    Append,
    Asked,
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
    Muted,
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
from edge_runtime.types import LookedRegion, Session, Signals
from gaze.types import EyeEvent, GazeSample
from tests import world

QUESTIONS = (
    "where is my mug?",
    "did you see a mug?",
    "how often did I see the mug?",
    "what did I look at before my mug?",
    "what is this?",
    "have I seen this before?",
    "how often did I look at these two?",
    "what did I see since I saw my mug?",
    "what was by the mug?",
)
LOOK_ALIKE = (0.5 * world.MUG + np.sqrt(0.75, dtype=np.float32) * world.WALL).astype(np.float32)
THINGS = {"mug": world.MUG, "something like the mug": LOOK_ALIKE, "door": world.DOOR}
NAMED = [*(f"ask {text}" for text in QUESTIONS), "teach", "show", "watch"]
WORDLESS = ["talk", "hush", "mute", "unmute", "yes", "no", "wait", "the log answers", "models answer"]
NAMELESS = [*(f"look at the {name}" for name in THINGS), *WORDLESS]
BEFORE = st.lists(st.sampled_from([*NAMED, *NAMELESS]), min_size=4, max_size=14)
AFTER = st.lists(st.sampled_from(NAMELESS), min_size=4, max_size=10)


class Life:
    """A core from which things have left memory before, so that questions go to the log; who answers it, and when, is the test's."""

    def __init__(self) -> None:
        self.core = Core(Config(), Session(EVERYTHING))
        self.core.memory._parts.sightings.state.complete_since_ns = 1
        self.t_ns = 0
        self.eye = self.seq = 0
        self.thing = "door"
        self.waiting: list[Event] = []
        self.commands: list[Command] = []

    def feed(self, event: Event) -> None:
        for command in self.core.feed(event):
            self.commands.append(command)
            self.take(command)

    def take(self, command: Command) -> None:
        t_ns = self.t_ns
        match command:
            case Look():
                regions = tuple(LookedRegion(part.kind, part.box, vector=THINGS[self.thing]) for part in command.regions)
                self.waiting.append(Looked(t_ns, command.id, command.frame_seq, command.t_capture_ns, regions))
            case Search():
                rows = self.core.memory.recall(command.query)
                self.waiting.append(Found(t_ns, command.id, rows, tuple("by your mug" for _ in rows)))
            case Append():
                self.feed(Stored(t_ns, command.id, Receipt(len(command.rows))))
            case Erase():
                self.waiting.append(Erased(t_ns, command.id, Receipt(1)))
            case Say():
                self.feed(SpeechStarted(t_ns, command.id))
                self.waiting.append(SpeechEnded(t_ns, command.id, 3))
            case _:
                pass

    def answer(self, *kinds: type[Event]) -> None:
        for event in [event for event in self.waiting if isinstance(event, kinds)]:
            self.waiting.remove(event)
            self.feed(event.__class__(**{**{name: getattr(event, name) for name in event.__struct_fields__}, "t_ns": self.t_ns}))

    def pass_time(self, tenths: int, *, see: bool = False) -> None:
        began_ns = self.t_ns
        for _ in range(tenths):
            self.t_ns += 100 * MS
            t_ns = self.t_ns
            if see:
                self.feed(Eye(t_ns, EyeEvent(self.eye, "fixation", began_ns, t_ns, 0.5, 0.5, 0.2, "provisional", t_ns)))
                self.feed(Gaze(t_ns, tuple(GazeSample(t_ns - n * 10 * MS, 0.5, 0.5) for n in range(9, -1, -1))))
                self.seq += 1
                self.feed(FrameSeen(t_ns, self.seq, t_ns, 960, 540, Signals(0.0, 0.1, 0.5, bytes(range(0, 256, 8)))))
                self.answer(Looked)
            self.feed(Tick(t_ns))

    def do(self, step: str) -> None:
        what, _, rest = step.partition(" ")
        t_ns = self.t_ns
        match what:
            case "ask":
                self.feed(Asked(t_ns, f"q{t_ns}", rest))
            case "teach":
                self.feed(Taught(t_ns, Concept("mug")))
            case "show":
                self.feed(Taught(t_ns, Concept("mug", (world.MUG,))))
            case "watch":
                self.feed(WatchSet(t_ns, "w1", "tell me when I see my mug"))
            case "look":
                self.thing = step.removeprefix("look at the ")
                self.eye += 1
                self.pass_time(12, see=True)
            case "talk" | "hush":
                self.feed(UserSpeech(t_ns, "start" if what == "talk" else "end"))
            case "mute" | "unmute":
                self.feed(Muted(t_ns, t_ns + 100 * S if what == "mute" else None))
            case "yes":
                self.feed(Feedback(t_ns, 1, "yes"))
            case "no":
                self.feed(Feedback(t_ns, 1, "no"))
            case "wait":
                self.pass_time(12)
            case "the":
                self.answer(Found, Erased)
            case "models":
                self.answer(Looked, SpeechEnded)
            case _:
                raise AssertionError(step)
        self.t_ns += 20 * MS


@settings(max_examples=150)
@given(BEFORE, AFTER)
def test_a_name_that_is_forgotten_is_in_no_later_command(before: list[str], after: list[str]) -> None:
    life = Life()
    for step in ("show", "look at the mug", *before):
        life.do(step)
    assert any(b"mug" in codec.encode(command) for command in life.commands)
    life.commands.clear()
    life.feed(Forget(life.t_ns, Scope("thing", name="mug")))
    assert b"mug" not in life.core.snapshot(), "a journal begins a new segment with this"
    for step in (*after, "unmute", "hush", "the log answers", "models answer", "wait", "wait"):
        life.do(step)
    assert not [command for command in life.commands if not isinstance(command, Erase) and b"mug" in codec.encode(command).lower()]
