"""Whatever happens, the governor asks its rules in one order, and keeps to its numbers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.config import S, SpeakConfig
from edge_runtime.records import Evidence
from edge_runtime.speak import governor
from edge_runtime.speak.governor import Candidate, Case, Circumstances, Ledger
from edge_runtime.speech import Intention
from edge_runtime.types import WHOLE

HOUR_NS = 3600 * S
NOW_NS = 10 * HOUR_NS

times = st.integers(0, NOW_NS)
recent = st.integers(NOW_NS - 60 * S, NOW_NS)
words = st.sampled_from(["exit", "taxi", "room 204", "quiet please"])


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    label = draw(st.sampled_from(["alert", "read_aloud", "confirm", "answer", "refuse", "learned", "notice"]))
    claims = label in ("alert", "read_aloud", "confirm")
    evidence = tuple(Evidence(i, t_ns, WHOLE) for i, t_ns in enumerate(draw(st.lists(recent, min_size=int(claims), max_size=3))))
    asked = label not in ("read_aloud", "confirm")
    watch = draw(st.sampled_from(["w1", "w2"])) if label == "alert" else ""
    text = draw(words)
    intention = Intention(label, text, text, 0.5, asked, evidence, NOW_NS, watch, draw(st.integers(0, 3)))  # type: ignore[arg-type]
    return Candidate(intention, key=text, topic=draw(st.sampled_from(["", text])), content=draw(st.sampled_from(["", text])))


ledgers = st.builds(
    Ledger,
    unasked_ns=st.none() | recent,
    topics=st.dictionaries(words, recent, max_size=4),
    contents=st.dictionaries(words, recent, max_size=4),
    watches=st.dictionaries(st.sampled_from(["w1", "w2"]), st.lists(times, max_size=30).map(lambda t: tuple(sorted(t))), max_size=2),
    tokens=st.none() | st.floats(0, 2),
    tokens_ns=recent,
    forgotten=st.lists(st.tuples(recent, recent), max_size=2).map(tuple),
)
circumstances = st.builds(
    Circumstances,
    muted_until_ns=st.none() | st.integers(NOW_NS - S, NOW_NS + S),
    user_speaking=st.booleans(),
    user_silent_ns=st.none() | recent,
    voice=st.none() | st.integers(0, 3),
    power=st.sampled_from(["full", "reduced", "low"]),
)
configs = st.builds(SpeakConfig, quiet=st.booleans(), watch_per_hour=st.integers(0, 20))


@given(candidates(), ledgers, circumstances, configs)
def test_the_verdict_is_the_first_rule_that_objects(c: Candidate, ledger: Ledger, now: Circumstances, config: SpeakConfig) -> None:
    case = Case(c, ledger, now, config, NOW_NS)
    objections = [code for code, objects in governor.RULES if objects(case)]
    assert governor.judge(c, ledger, now, config, NOW_NS) == (objections[0] if objections else None)


@given(candidates(), ledgers, circumstances, configs)
def test_judging_changes_nothing_and_is_the_same_twice(c: Candidate, ledger: Ledger, now: Circumstances, config: SpeakConfig) -> None:
    before = msgspec.json.encode((c, ledger, now))
    assert governor.judge(c, ledger, now, config, NOW_NS) == governor.judge(c, ledger, now, config, NOW_NS)
    assert msgspec.json.encode((c, ledger, now)) == before


@given(candidates(), ledgers, circumstances, configs)
def test_nobody_is_kept_waiting_for_what_they_asked_by_what_they_did_not(
    c: Candidate, ledger: Ledger, now: Circumstances, config: SpeakConfig
) -> None:
    verdict = governor.judge(c, ledger, now, config, NOW_NS)
    if c.intention.asked:
        assert verdict not in ("COOLDOWN", "TOPIC_COOLDOWN", "BUDGET", "POWER")
    if c.intention.label == "answer":
        assert verdict != "STALE_EVIDENCE"
    if c.intention.label != "alert":
        assert verdict not in ("WATCH_REARM", "WATCH_BUDGET")


def play(steps: Sequence[tuple[int, Candidate]], config: SpeakConfig) -> list[tuple[int, Candidate]]:
    """Offer candidates one after the other; returns what was said, and when."""
    ledger, now_ns, said = Ledger(), 0, []
    for gap_ns, c in steps:
        now_ns += gap_ns
        fresh = tuple(msgspec.structs.replace(look, t_ns=now_ns) for look in c.intention.evidence)
        c = msgspec.structs.replace(c, intention=msgspec.structs.replace(c.intention, evidence=fresh))
        if governor.judge(c, ledger, Circumstances(), config, now_ns) is None:
            ledger = governor.booked(c, ledger, config, now_ns)
            said.append((now_ns, c))
    return said


steps = st.lists(st.tuples(st.integers(0, 400 * S), candidates()), max_size=60)


@given(steps)
def test_unasked_sentences_keep_their_distance_and_their_budget(played: list[tuple[int, Candidate]]) -> None:
    config = SpeakConfig()
    unasked = [(t_ns, c) for t_ns, c in play(played, config) if not c.intention.asked]
    calm = [t_ns for t_ns, c in unasked if c.intention.urgency < governor.URGENT]
    assert all(b - a >= config.cooldown_ns for a, b in itertools.pairwise(calm))
    for i, (begin_ns, _) in enumerate(unasked):
        within = sum(t_ns - begin_ns <= HOUR_NS for t_ns, _ in unasked[i:])
        assert within <= config.unasked_per_hour + config.unasked_burst


@given(steps)
def test_a_watch_fires_no_oftener_than_it_may(played: list[tuple[int, Candidate]]) -> None:
    config = msgspec.structs.replace(SpeakConfig(), watch_per_hour=5)
    for watch in ("w1", "w2"):
        fired = [t_ns for t_ns, c in play(played, config) if c.intention.watch == watch]
        assert all(b - a >= config.watch_rearm_ns for a, b in itertools.pairwise(fired))
        assert all(sum(0 <= t_ns - begin_ns < HOUR_NS for t_ns in fired) <= 5 for begin_ns in fired)


@given(steps)
def test_the_same_words_are_not_repeated_too_soon(played: list[tuple[int, Candidate]]) -> None:
    config = SpeakConfig()
    last: dict[str, int] = {}
    for t_ns, c in play(played, config):
        if c.content:
            assert t_ns - last.get(c.content, -config.duplicate_ns) >= config.duplicate_ns
            last[c.content] = t_ns
