"""Killing the processes of a real daemon, one after another; where the daemon itself is killed it is started again, as systemd would."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apps.daemon.client import DaemonClient
from apps.daemon.heard import Heard
from edge_runtime.config import Config, S
from edge_runtime.transport.messages import SetWatch, Stands, Taken, Teach, WhatStands
from edge_runtime.transport.statuses import Role, Status
from tests.daemon_run import Daemon, Home, all_have_spoken, home_of_its_own
from tests.survived import (
    nothing_was_said_twice,
    the_journal_replays_to_the_decisions,
    watches_keep_their_pause,
    what_was_acknowledged_is_in_the_log,
)

ROLES: tuple[Role, ...] = ("capture", "core", "model", "supervisor")
_LEARN_S = 40.0


@dataclass
class Killer:
    """Kills, and waits until all is back.

    Attributes:
        home: Where the daemon lives.
        daemon: The one that runs now.
        back_s: How long it took until every process was well again and saw, by which was killed.
    """

    home: Home
    flags: tuple[str, ...]
    stack: contextlib.ExitStack
    daemon: Daemon
    back_s: dict[Role, list[float]] = field(default_factory=lambda: {role: [] for role in ROLES})

    def kill(self, role: Role) -> None:
        """Kill a process with SIGKILL, and wait until it is back and frames reach the core."""
        heard = self.daemon.wait_ready()
        pid, t_ns = self.pid(heard, role), heard.newest["core"].t_ns
        begun_s = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        if role == "supervisor":
            self.daemon.wait_ended()
            self.daemon = self.stack.enter_context(self.home.daemon(*self.flags))
        self.daemon.wait_for(lambda now: all_have_spoken(now) and self.pid(now, role) != pid and _sees_since(now, t_ns))
        self.back_s[role].append(time.monotonic() - begun_s)

    def stands(self) -> Stands:
        """What stands now."""
        with self.daemon.client() as client:
            return client.call(WhatStands(), Stands, 10.0)

    def status(self, role: Role) -> Status:
        """The last word of a process."""
        return self.daemon.wait_ready().newest[role]

    def client(self) -> DaemonClient:
        """A client of the daemon that runs now."""
        return self.daemon.client()

    @staticmethod
    def pid(heard: Heard, role: Role) -> int:
        """The number of a process, by its own word."""
        return heard.newest[role].pid if role in heard.newest else 0


def _sees_since(heard: Heard, t_ns: int) -> bool:
    core = heard.newest["core"]
    return core.t_newest_ns is not None and core.t_newest_ns > t_ns and core.t_ns - core.t_newest_ns < 2 * S


def drawn(seed: int, count: int) -> list[Role]:
    """Whom to kill: each as often as the others, in an order that the seed draws."""
    roles = [ROLES[n % len(ROLES)] for n in range(count)]
    random.Random(seed).shuffle(roles)  # noqa: S311
    return roles


@contextlib.contextmanager
def killer(home: Home, *flags: str) -> Iterator[Killer]:
    """Start the daemon; in the end it is stopped in good order."""
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(home.daemon(*flags))
        daemon.wait_ready()
        found = Killer(home, flags, stack, daemon)
        yield found
        home.command("stop")
        found.daemon.wait_ended()


def survives(scratch: Path, cache: Path, count: int, seed: int) -> None:
    """Kill so many times; what was promised is still there after each, and in the end all files agree."""
    with home_of_its_own(EDGE_RUNTIME_CACHE=str(cache)) as home:
        with killer(home, "--camera", "gallery") as run:
            with run.client() as client:
                client.call(Teach("mug"), Taken)
            until_s = time.monotonic() + _LEARN_S
            while time.monotonic() < until_s and not run.stands().concepts:
                pass  # the walk goes on until what is looked at has been seen often enough
            with run.client() as client:
                for words in ("tell me when I see my mug", "tell me when I see a cat", "tell me when I see a bicycle"):
                    client.call(SetWatch(words), Taken)
            before = run.stands()
            assert len(before.watches) == 3 and [known.name for known in before.concepts] == ["mug"]
            for role in drawn(seed, count):
                left = run.status("core").talk
                run.kill(role)
                now = run.stands()
                assert now.watches == before.watches, f"after {role} was killed"
                assert now.concepts == before.concepts, f"after {role} was killed"
                talk, speak = run.status("core").talk, Config().speak
                assert left is not None and talk is not None
                # What may be said unasked fills up by the hour, and never at once.
                assert talk.unasked_left <= left.unasked_left + speak.unasked_per_hour / 60.0, f"after {role} was killed"
        assert {path.name for path in home.runtime.iterdir()} == {"daemon.lock"}, "sockets were left behind"
        decided = the_journal_replays_to_the_decisions(home.state, scratch / "again.jsonl")
        nothing_was_said_twice(home.state)
        watches_keep_their_pause(home.state, Config().speak.watch_rearm_ns)
        stored = what_was_acknowledged_is_in_the_log(home.state, Config().store.log_bytes)
        assert decided and stored, run.back_s
