"""Settings taken up while a run goes on: from the next event on, and nothing is lost by it."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from edge_runtime.attend import Attend
from edge_runtime.config import MIB, AttendConfig, Config, RememberConfig, S, SpeakConfig
from edge_runtime.core import Core
from edge_runtime.errors import UsageError
from edge_runtime.models.scripted import EVERYTHING
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import FrameSeen, Look, Taught, Tick, UserSpeech, WatchSet
from edge_runtime.records import Concept, Query
from edge_runtime.types import Session, Signals, Tokens
from tests import world
from tests.speaking import mug, ns, with_mug
from tests.wearer import SETTINGS, Wearer, direction, like, seen

EVERY_FRAME = AttendConfig(looks_per_s=1.0, look_burst=3, heartbeat_ns=0)
"""Without gaze and with a heartbeat at every frame: whatever the budget allows is looked at."""


def looks(attend: Attend, from_s: float, to_s: float) -> int:
    out = Outbox(1)
    for tenth in range(round(from_s * 10), round(to_s * 10)):
        t_ns = tenth * S // 10
        frame = FrameSeen(t_ns, tenth, t_ns, 960, 540, Signals(0.0, 0.1, 0.5, bytes(32)))
        attend.feed(frame, None, out)
    return sum(isinstance(command, Look) for command in out.commands)


def attention(config: AttendConfig) -> Attend:
    return Attend(config, Session(EVERYTHING, has_gaze=False), teach_views=3, teach_floor=0.45, look_deadline_ns=5 * S)


def test_a_look_budget_that_is_spent_stays_spent_and_fills_at_the_new_rate() -> None:
    attend = attention(EVERY_FRAME)
    assert looks(attend, 0.0, 0.5) == 3
    attend.reconfigure(replace(EVERY_FRAME, scene_threshold=0.5), teach_views=3, teach_floor=0.45)
    assert looks(attend, 0.5, 1.0) == 0, "the burst is not granted again"
    attend.reconfigure(replace(EVERY_FRAME, looks_per_s=5.0), teach_views=3, teach_floor=0.45)
    assert 24 <= looks(attend, 1.0, 6.0) <= 28


def test_sentences_keep_their_distance_from_what_was_said_under_other_settings() -> None:
    theatre = with_mug()
    theatre.watch(1.0, "tell me when I see my mug")
    theatre.look(2.0, mug(2.0))
    assert theatre.said == ["I see your mug."]
    theatre.look(3.0)
    theatre.speaker.reconfigure(SpeakConfig(watch_rearm_ns=60 * S, duplicate_ns=0))
    for t_s in (50.0, 51.0, 52.0):
        theatre.look(t_s, mug(t_s, 0.1, accepted=False))
    theatre.look(53.0, mug(53.0))
    assert theatre.said == ["I see your mug."], "its last alert is 51 s ago, which the former 30 s would allow"
    assert theatre.log[-1][:2] == ("SILENT", ("WATCH_REARM",))


def test_quiet_begins_at_once_and_the_watch_stands() -> None:
    theatre = with_mug()
    theatre.watch(1.0, "tell me when I see my mug")
    theatre.speaker.reconfigure(SpeakConfig(quiet=True))
    theatre.look(2.0, mug(2.0))
    assert theatre.said == []
    theatre.speaker.reconfigure(SpeakConfig())
    theatre.look(2.5, mug(2.5))
    assert theatre.said == ["I see your mug."]


def test_a_threshold_counts_from_the_next_look_and_memory_keeps_facts_and_tokens() -> None:
    wearer, cup = Wearer(), direction(1)
    tokens = Tokens((2, 2), 8, np.ones((4, 8), np.float16))
    wearer.teach(0.0, "cup", cup)
    wearer.look(1.0, seen(like(cup, 0.5), tokens=tokens))
    before = wearer.memory.recall(Query())
    nbytes, kept = wearer.memory.tiers(), wearer.memory.slab(100).t_ns.tolist()
    assert [sighting.what.name for sighting in before] == ["cup"]
    wearer.memory.reconfigure(replace(SETTINGS, concept_accept=0.6, concept_ask=0.55))
    assert wearer.memory.recall(Query()) == before
    assert wearer.memory.tiers() == nbytes and nbytes["tokens"] > 0
    assert wearer.memory.slab(100).t_ns.tolist() == kept
    wearer.look(20.0, seen(like(cup, 0.5)))
    assert [sighting.what.kind for sighting in wearer.memory.recall(Query())] == ["thing", "concept"], "newest first"


def test_a_core_goes_on_with_its_watches_lessons_and_what_it_waits_for() -> None:
    core = Core(Config(), Session(EVERYTHING))
    core.feed(Taught(1 * S, Concept("mug", (world.MUG,))))
    core.feed(WatchSet(2 * S, "w1", "tell me when I see my mug"))
    core.feed(Taught(3 * S, Concept("cat")))
    before = core.snapshot()
    owed = dict(core.state.pending)
    config = Config(AttendConfig(relook_ns=S), RememberConfig(gap_ns=5 * S, teach_views=2), SpeakConfig(pause_ns=S))
    core.reconfigure(config)
    assert core.config == config
    assert owed and core.state.pending == owed
    assert core.snapshot() == before
    assert core.memory.lesson == ("cat", 0)
    assert [watch.id for watch in core.speaker.state.watches] == ["w1"]


def test_what_waits_is_judged_by_the_settings_of_now() -> None:
    theatre = with_mug()
    theatre.watch(1.0, "tell me when I see my mug")
    theatre.feed(UserSpeech(t_ns=ns(1.5), phase="start"))
    theatre.feed(UserSpeech(t_ns=ns(2.0), phase="end"))
    theatre.look(2.1, mug(2.1))
    theatre.feed(Tick(t_ns=ns(2.3)))
    assert theatre.said == [], "0.5 s after the wearer's speech are not over"
    theatre.speaker.reconfigure(SpeakConfig(pause_ns=S // 10))
    theatre.feed(Tick(t_ns=ns(2.4)))
    assert theatre.said == ["I see your mug."]


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (Config(remember=RememberConfig(ram_bytes=64 * MIB)), "remember.ram_bytes"),
        (Config(remember=RememberConfig(token_policy="recent_window")), "remember.token_policy"),  # noqa: S106 (no password)
        (Config(attend=AttendConfig(hfov_deg=70.0), speak=SpeakConfig(quiet=True)), "attend.hfov_deg"),
    ],
)
def test_what_needs_a_new_start_is_refused_by_name_and_nothing_changes(config: Config, name: str) -> None:
    core = Core(Config(), Session(EVERYTHING))
    with pytest.raises(UsageError, match=f"a run cannot change {name} while it goes on") as caught:
        core.reconfigure(config)
    assert caught.value.hint == "end it and start it anew"
    assert core.config == Config()
