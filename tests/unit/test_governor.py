from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from edge_runtime.config import S, SpeakConfig
from edge_runtime.speak import governor
from edge_runtime.speak.governor import Candidate, Circumstances, Ledger
from edge_runtime.speech import Intention
from tests.speaking import look_at, ns

CONFIG = SpeakConfig()
NOW_NS = 1000 * S


def unasked(**changes: Any) -> Candidate:
    """Text to be read aloud: nobody asked."""
    return candidate("read_aloud", asked=False, topic="read:exit", content="exit", **changes)


def alert(**changes: Any) -> Candidate:
    return candidate("alert", asked=True, watch="w1", content="I see your mug. sighting 7", **changes)


def reply(**changes: Any) -> Candidate:
    return candidate("answer", asked=True, **changes)


def candidate(
    label: Literal["answer", "alert", "read_aloud"],
    *,
    asked: bool,
    watch: str = "",
    topic: str = "",
    content: str = "",
    urgency: int = 1,
    seen_s: float = 999.5,
) -> Candidate:
    intention = Intention(label, "it", "A sentence.", 0.9, asked, (look_at(seen_s),), NOW_NS + S, watch, urgency, ("WHY",))
    return Candidate(intention, key="k", topic=topic, content=content)


def judge(
    c: Candidate, ledger: Ledger | None = None, circumstances: Circumstances | None = None, config: SpeakConfig = CONFIG
) -> str | None:
    return governor.judge(c, ledger or Ledger(), circumstances or Circumstances(), config, NOW_NS)


QUIET = msgspec.structs.replace(CONFIG, quiet=True)
MUTED = Circumstances(muted_until_ns=NOW_NS + 1)
TALKING = Circumstances(user_speaking=True)
JUST_TALKED = Circumstances(user_silent_ns=NOW_NS - CONFIG.pause_ns + 1)
VOICE = Circumstances(voice=1)
LOW = Circumstances(power="low")
FORGOTTEN = Ledger(forgotten=((ns(999), ns(999.6)),))
SPOKEN = Ledger(unasked_ns=NOW_NS - CONFIG.cooldown_ns + 1)
TOPIC = Ledger(topics={"read:exit": NOW_NS - CONFIG.topic_cooldown_ns + 1})
FIRED = Ledger(watches={"w1": (NOW_NS - CONFIG.watch_rearm_ns + 1,)})
FIRED_OFTEN = Ledger(watches={"w1": tuple(NOW_NS - 3000 * S + i for i in range(CONFIG.watch_per_hour))})
SPENT = Ledger(tokens=0.9, tokens_ns=NOW_NS)
SAID = Ledger(contents={"exit": NOW_NS - CONFIG.duplicate_ns + 1, "I see your mug. sighting 7": NOW_NS - 1})


def test_nothing_objects_on_a_quiet_day() -> None:
    assert [judge(c) for c in (unasked(), alert(), reply())] == [None] * 3


@pytest.mark.parametrize(
    ("code", "ledger", "circumstances", "config", "meets"),
    [
        ("MUTE", Ledger(), MUTED, CONFIG, "unasked alert reply"),
        ("QUIET_HOURS", Ledger(), Circumstances(), QUIET, "unasked alert reply"),
        ("PRIVACY", FORGOTTEN, Circumstances(), CONFIG, "unasked alert reply"),
        ("USER_SPEAKING", Ledger(), TALKING, CONFIG, "unasked alert reply"),
        ("USER_SPEAKING", Ledger(), JUST_TALKED, CONFIG, "unasked alert reply"),
        ("SPEAKING", Ledger(), VOICE, CONFIG, "unasked alert reply"),
        ("COOLDOWN", SPOKEN, Circumstances(), CONFIG, "unasked"),
        ("TOPIC_COOLDOWN", TOPIC, Circumstances(), CONFIG, "unasked"),
        ("WATCH_REARM", FIRED, Circumstances(), CONFIG, "alert"),
        ("WATCH_BUDGET", FIRED_OFTEN, Circumstances(), CONFIG, "alert"),
        ("BUDGET", SPENT, Circumstances(), CONFIG, "unasked"),
        ("POWER", Ledger(), LOW, CONFIG, "unasked"),
        ("DUPLICATE", SAID, Circumstances(), CONFIG, "unasked alert"),
    ],
)
def test_each_rule_objects_to_its_own(code: str, ledger: Ledger, circumstances: Circumstances, config: SpeakConfig, meets: str) -> None:
    kinds = {"unasked": unasked(), "alert": alert(), "reply": reply()}
    for name, c in kinds.items():
        assert judge(c, ledger, circumstances, config) == (code if name in meets.split() else None), name


def test_stale_evidence_is_not_announced_but_an_answer_s_evidence_is_old_by_nature() -> None:
    old_s = 1000 - CONFIG.stale_ns / S - 0.1
    assert judge(unasked(seen_s=old_s)) == "STALE_EVIDENCE"
    assert judge(alert(seen_s=old_s)) == "STALE_EVIDENCE"
    assert judge(reply(seen_s=0)) is None


def test_the_order_is_fixed_and_the_first_rule_wins() -> None:
    circumstances = Circumstances(muted_until_ns=NOW_NS + 1, user_speaking=True, voice=1, power="low")
    ledger = Ledger(
        unasked_ns=NOW_NS - 1,
        topics={"read:exit": NOW_NS - 1},
        contents={"exit": NOW_NS - 1},
        watches={"w1": (NOW_NS - 1,) * CONFIG.watch_per_hour},
        tokens=0.0,
        tokens_ns=NOW_NS,
        forgotten=((0, NOW_NS),),
    )
    config, seen_s = QUIET, 900.0
    found = []
    # Lift one objection after the other; what is left must come up in the documented order.
    lifts: list[dict[str, Any]] = [
        {"circumstances": {"muted_until_ns": None}},
        {"config": {"quiet": False}},
        {"ledger": {"forgotten": ()}},
        {"seen_s": 999.5},
        {"circumstances": {"user_speaking": False}},
        {"circumstances": {"voice": None}},
        {"ledger": {"unasked_ns": None}},
        {"ledger": {"topics": {}}},
        {"ledger": {"tokens": None}},
        {"circumstances": {"power": "full"}},
        {"ledger": {"contents": {}}},
    ]
    for lift in lifts:
        found.append(judge(unasked(seen_s=seen_s), ledger, circumstances, config))
        circumstances = msgspec.structs.replace(circumstances, **lift.get("circumstances", {}))
        ledger = msgspec.structs.replace(ledger, **lift.get("ledger", {}))
        config = msgspec.structs.replace(config, **lift.get("config", {}))
        seen_s = lift.get("seen_s", seen_s)
    assert found == [
        "MUTE",
        "QUIET_HOURS",
        "PRIVACY",
        "STALE_EVIDENCE",
        "USER_SPEAKING",
        "SPEAKING",
        "COOLDOWN",
        "TOPIC_COOLDOWN",
        "BUDGET",
        "POWER",
        "DUPLICATE",
    ]
    assert judge(unasked(seen_s=seen_s), ledger, circumstances, config) is None
    assert judge(alert(), msgspec.structs.replace(ledger, contents={"I see your mug. sighting 7": NOW_NS})) == "WATCH_REARM"


def test_the_codes_stand_in_the_documented_order() -> None:
    assert [code for code, _ in governor.RULES] == [
        "MUTE",
        "QUIET_HOURS",
        "PRIVACY",
        "STALE_EVIDENCE",
        "USER_SPEAKING",
        "SPEAKING",
        "COOLDOWN",
        "TOPIC_COOLDOWN",
        "WATCH_REARM",
        "WATCH_BUDGET",
        "BUDGET",
        "POWER",
        "DUPLICATE",
    ]


@pytest.mark.parametrize("circumstances", [MUTED, Circumstances(user_silent_ns=NOW_NS - CONFIG.pause_ns), LOW])
def test_what_is_urgent_passes_mute_cooldown_and_low_power(circumstances: Circumstances) -> None:
    ledger = Ledger(unasked_ns=NOW_NS - 1, topics={"read:exit": NOW_NS - 1})
    assert judge(unasked(urgency=3), ledger, circumstances, QUIET) is None


def test_what_was_asked_for_breaks_into_what_matters_less() -> None:
    assert judge(alert(urgency=2), circumstances=VOICE) is None
    assert judge(reply(urgency=1), circumstances=VOICE) == "SPEAKING"
    assert judge(unasked(urgency=2), circumstances=VOICE) == "SPEAKING"


def test_waits_end_when_their_time_is_over() -> None:
    over = Ledger(
        unasked_ns=NOW_NS - CONFIG.cooldown_ns,
        topics={"read:exit": NOW_NS - CONFIG.topic_cooldown_ns},
        contents={"exit": NOW_NS - CONFIG.duplicate_ns},
    )
    assert judge(unasked(), over) is None
    assert judge(alert(), Ledger(watches={"w1": (NOW_NS - CONFIG.watch_rearm_ns,)})) is None
    hour_ago = Ledger(watches={"w1": tuple(NOW_NS - 3600 * S + i for i in range(1, CONFIG.watch_per_hour + 1))})
    assert judge(alert(), hour_ago) == "WATCH_BUDGET"
    assert judge(alert(), Ledger(watches={"w1": tuple(NOW_NS - 3600 * S - i for i in range(CONFIG.watch_per_hour, 0, -1))})) is None
    assert judge(unasked(), circumstances=Circumstances(muted_until_ns=NOW_NS)) is None


def test_a_hundred_watches_do_not_share_a_budget_and_no_other_topic_waits() -> None:
    assert judge(alert(), Ledger(watches={"w2": (NOW_NS - 1,) * 50})) is None
    assert judge(unasked(), Ledger(topics={"read:taxi": NOW_NS - 1})) is None


def test_the_bucket_fills_by_the_hour_up_to_the_burst() -> None:
    ledger = Ledger()
    assert governor.tokens(ledger, CONFIG, NOW_NS) == CONFIG.unasked_burst
    for _ in range(CONFIG.unasked_burst):
        assert judge(unasked(), msgspec.structs.replace(ledger, unasked_ns=None, topics={}, contents={})) is None
        ledger = governor.booked(unasked(), ledger, CONFIG, NOW_NS)
    assert judge(unasked(), msgspec.structs.replace(ledger, unasked_ns=None, topics={}, contents={})) == "BUDGET"
    ten_minutes_ns = 600 * S
    assert governor.tokens(ledger, CONFIG, NOW_NS + ten_minutes_ns) == pytest.approx(1.0)
    assert governor.tokens(ledger, CONFIG, NOW_NS + 100 * ten_minutes_ns) == CONFIG.unasked_burst


def test_what_was_asked_for_costs_nothing_of_the_bucket() -> None:
    for c in (alert(), reply()):
        ledger = governor.booked(c, Ledger(), CONFIG, NOW_NS)
        assert governor.tokens(ledger, CONFIG, NOW_NS) == CONFIG.unasked_burst
        assert ledger.unasked_ns is None


def test_a_part_of_what_was_said_is_no_news_but_more_than_that_is() -> None:
    ledger = Ledger(contents={"room 204 quiet please": NOW_NS})
    assert judge(msgspec.structs.replace(unasked(), content="quiet please"), ledger) == "DUPLICATE"
    assert judge(msgspec.structs.replace(unasked(), content="room 204 quiet please thank you"), ledger) is None


def test_what_was_cut_short_has_not_been_told() -> None:
    ledger = governor.booked(alert(), Ledger(), CONFIG, NOW_NS)
    assert judge(alert(), ledger) == "WATCH_REARM"
    assert judge(alert(), governor.unbooked(alert(), ledger)) is None


def test_forgetting_closes_a_span_and_drops_the_words_said_since() -> None:
    ledger = Ledger(contents={"old": 10 * S, "new": 30 * S}, topics={"old": 10 * S, "new": 30 * S})
    after = governor.forgetting(ledger, 20 * S, 40 * S)
    assert (after.contents, after.topics, after.forgotten) == ({"old": 10 * S}, {"old": 10 * S}, ((20 * S, 40 * S),))


def test_the_ledger_is_bounded() -> None:
    ledger, config = Ledger(), msgspec.structs.replace(CONFIG, duplicate_ns=10**18, topic_cooldown_ns=10**18)
    for i in range(2000):
        c = msgspec.structs.replace(unasked(), content=f"c{i}", topic=f"t{i}")
        ledger = governor.forgetting(governor.booked(c, ledger, config, NOW_NS + i), NOW_NS + i + 1, NOW_NS + i + 1)
    assert max(len(ledger.contents), len(ledger.topics), len(ledger.forgotten)) <= 256
    assert "c1999" in ledger.contents
