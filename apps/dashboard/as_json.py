"""How a running daemon is, for programs: ages and times in seconds, ``null`` for what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from apps.daemon.heard import Heard
from apps.dashboard import rates
from apps.dashboard.rates import Span
from edge_runtime.config import S
from edge_runtime.transport.statuses import Role


def status_as_json(heard: Heard, ailments: Sequence[str]) -> dict[str, Any]:
    """What ``edge-runtime status`` shows."""
    return {
        "well": not ailments,
        "ails": list(ailments),
        "t_s": heard.now_ns / S,
        "processes": {role: _process(heard, role) for role in heard.roles},
    }


def top_as_json(heard: Heard) -> dict[str, Any]:
    """What ``edge-runtime top`` shows: the same, and what happened in the last seconds."""
    return {
        **status_as_json(heard, heard.ailments),
        "over_s": rates.window_ns(heard) / S,
        "done_per_s": [asdict(rate) for rate in rates.tallies(heard)],
        "dropped_per_s": [asdict(rate) for rate in rates.drops(heard)],
        "ages": [_ages(one) for one in rates.spans(heard)],
    }


def seconds(span_ns: int | None) -> float | None:
    """Nanoseconds as seconds."""
    return None if span_ns is None else span_ns / S


def _ages(one: Span) -> dict[str, Any]:
    return {
        "process": one.process,
        "stage": one.stage,
        "count": one.count,
        "p50_s": seconds(one.p50_ns),
        "p95_s": seconds(one.p95_ns),
        "newest_s": seconds(one.newest_ns),
    }


def _process(heard: Heard, role: Role) -> dict[str, Any]:
    status, child = heard.newest.get(role), heard.child(role)
    known = {
        "pid": heard.pid(role),
        "is": heard.condition(role),
        "up_s": seconds(heard.up_ns(role)),
        "restarts": child.restarts if child else None,
        "ended": child.ended if child else "",
        "last_word_age_s": seconds(heard.age_ns(role)),
        "newest_frame_age_s": seconds(heard.newest_frame_age_ns(role)),
    }
    if status is None:
        return known
    talk = status.talk
    return {
        **known,
        "trouble": status.trouble,
        "kept": msgspec.to_builtins(status.kept),
        "dropped": msgspec.to_builtins(status.dropped),
        "tallies": {tally.name: tally.count for tally in status.tallies},
        "camera": msgspec.to_builtins(status.camera),
        "capabilities": msgspec.to_builtins(status.capabilities),
        "heat": msgspec.to_builtins(status.heat),
        "talk": talk
        and {
            "watches": talk.watches,
            "concepts": talk.concepts,
            "muted_s": max(0, talk.muted_until_ns - heard.now_ns) / S if talk.muted_until_ns is not None else 0.0,
            "quiet": talk.quiet,
            "unasked_left": talk.unasked_left,
            "power": talk.power,
            "reduced": list(talk.reduced),
        },
    }
