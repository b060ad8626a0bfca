"""A run whose process is killed again and again, and goes on each time: nothing that was acknowledged is lost, nothing is said twice.

    python -m tests.dying_run FOLDER KILLS SEED

A child lives through the scripted world with a real core, log, journal and decisions, and says of what has been done that it has. It
dies before or after a call of the file system or of the log that the seed has drawn; the next child goes on in the same folder.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import msgspec

from edge_runtime.config import Config, JournalConfig, S
from edge_runtime.core import Core
from edge_runtime.decisions import read_decisions
from edge_runtime.protocol import Append, Command, Event, Forget, Stored
from edge_runtime.records import Query, Scope
from edge_runtime.store import open_store
from tests import world
from tests.dying_disk import Countdown, Say, lived
from tests.lives import life, replayed

_MOST_KILLS = 12
"""Of one run."""
_LOSING = {"unlink", "replace", "truncate"}
_SELDOM = {*_LOSING, "close", "open", "fsync", "execute", "executemany"}
_OFTEN = {*_SELDOM, "write", "flush"}
_DRAWN = ((_LOSING, 70), (_SELDOM, 3900), (_OFTEN, 30_000))
"""At which calls it may die, and about how many of them there are in a whole life: most are of the steps that are written."""
_CONFIG = Config(journal=msgspec.structs.replace(JournalConfig(), segment_bytes=1 << 14, segment_ns=3 * S))
_SECRET, _SECRET_NS = b"4071", 24 * S
_WORDS = (*world.WORDS, Forget(t_ns=31 * S, scope=Scope("since", t_from_ns=_SECRET_NS)))


@dataclass
class Ledger:
    """What the children have said.

    Attributes:
        heard: Which of the wearer's words have been taken in.
        given_out: How often each sentence was given to the voice, by the number of its command.
        alerts: How many of them were alerts: the world has occasion for one.
        watches: Those that stand.
        concepts: Those learned.
        stored: Sightings that the log has acknowledged, with their ends.
        noted: What is to be forgotten has been noted; nothing of it may be left after the next start.
    """

    heard: set[int] = field(default_factory=set)
    given_out: Counter[str] = field(default_factory=Counter)
    alerts: int = 0
    watches: set[str] = field(default_factory=set)
    concepts: set[str] = field(default_factory=set)
    stored: dict[int, int] = field(default_factory=dict)
    noted: bool = False

    def hear(self, line: str) -> None:
        """Take in what a child says."""
        verb, *words = line.split()
        match verb:
            case "stands":
                standing, watched, known = (word.removeprefix(":") for word in words)
                assert standing in ("first", "whole"), "a process that is killed loses nothing of its journal"
                assert self.watches <= set(watched.split(",")), f"of the watches {self.watches} {watched} are left"
                assert self.concepts <= set(known.split(",")), f"of the concepts {self.concepts} {known} are left"
            case "heard":
                self.heard.add(int(words[0]))
            case "watches":
                self.watches.update(words)
            case "knows":
                self.concepts.update(words)
            case "gives":
                self.given_out[words[0]] += 1
                self.alerts += words[1] == "alert"
            case "stored":
                self.stored[int(words[0])] = int(words[1])
            case "noted":
                self.noted = True
                self.heard.add(len(_WORDS) - 1)
                self.stored = {number: end_ns for number, end_ns in self.stored.items() if end_ns < _SECRET_NS}
            case _:
                raise AssertionError(f"what is {line!r}?")


class Witness:
    """An observer that says what has been done."""

    def __init__(self, say: Say, waiting: dict[int, Event]) -> None:
        self._say, self._waiting = say, waiting
        self._appended: dict[int, Append] = {}
        self._told: set[str] = set()

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        for number, words in list(self._waiting.items()):
            if type(words) is type(event) and msgspec.structs.replace(words, t_ns=event.t_ns) == event:
                del self._waiting[number]
                self._say(f"heard {number}")
        for line in (f"watches {' '.join(watches(core))}", f"knows {' '.join(concepts(core))}"):
            if line not in self._told:
                self._told.add(line)
                self._say(line)
        self._appended.update({command.id: command for command in commands if isinstance(command, Append)})
        if isinstance(event, Stored) and event.answers in self._appended:
            for row in self._appended.pop(event.answers).rows:
                self._say(f"stored {row.sighting.id} {row.sighting.t_end_ns}")


def watches(core: Core) -> list[str]:
    return [watch.id for watch in core.speaker.state.watches]


def concepts(core: Core) -> list[str]:
    return [name for name, concept in core.memory.concepts.items() if concept.views]


def live(run: Path, ledger: Ledger, say: Say) -> None:
    """One life, to the end of the world unless it is cut short."""
    waiting = {number: words for number, words in enumerate(_WORDS) if number not in ledger.heard}
    with life(run, Witness(say, waiting), _CONFIG) as (host, resumed):
        standing = "first" if resumed is None else resumed.standing
        say(f"stands :{standing} :{','.join(watches(host.core))} :{','.join(concepts(host.core))}")
        host.voice.append(lambda command: say(f"gives {command.id} {'alert' if command.response.watch else 'else'}"))
        host.noted.append(lambda: say("noted"))
        if resumed is not None:
            host.take_up(resumed)
        host.go_on(list(waiting.values()))


def check(run: Path, ledger: Ledger) -> None:
    """Compare a run that has come to its end with what was said."""
    assert max(ledger.given_out.values()) == 1, "a sentence was given to the voice twice"
    assert ledger.alerts <= 1, "an alert was given to the voice twice"
    assert (run / "decisions.jsonl").read_bytes() == replayed(run, run / "again.jsonl")
    spoken = [decision for decision in read_decisions(run / "decisions.jsonl") if decision.action == "SPEAK"]
    assert sum(bool(decision.watch) for decision in spoken) <= 1
    with open_store(run / "log", log_bytes=_CONFIG.store.log_bytes, resume=True) as store:
        there = {sighting.id for sighting in store.search(Query(limit=10_000))[0]}
    assert set(ledger.stored) <= there, f"{set(ledger.stored) - there} were stored, and are not there"
    assert ledger.noted
    assert_forgotten(run)


def assert_forgotten(run: Path) -> None:
    for path in run.rglob("*"):
        assert not path.is_file() or _SECRET not in path.read_bytes(), f"what was forgotten is in {path}"
    assert not (run / "journal" / "forgetting").exists()


def one_run(run: Path, seed: int) -> int:
    """Live, die and go on until a life comes to its end, and compare; returns how many were cut short."""
    dice, ledger, kills = random.Random(seed), Ledger(), 0  # noqa: S311
    while True:
        calls, count = dice.choice(_DRAWN)
        countdown = Countdown(1 + dice.randrange(count) if kills < _MOST_KILLS else 0)

        def life_cut_short(say: Say, calls: set[str] = calls, countdown: Countdown = countdown) -> None:
            def watch(_: FrameType, event: str, call: object) -> None:
                name = getattr(call, "__name__", "")
                # Strings and structs have a ``replace`` too.
                if event in ("c_call", "c_return") and name in calls and (name != "replace" or call is os.replace):
                    countdown()

            sys.setprofile(watch)
            live(run, ledger, say)

        try:
            if not lived(life_cut_short, ledger.hear):
                check(run, ledger)
                shutil.rmtree(run)
                return kills
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        kills += 1


def main(folder: Path, kills: int, seed: int) -> None:
    """Kill so many times, at least."""
    done = runs = 0
    while done < kills:
        done += one_run(folder / str(runs), seed + runs)
        runs += 1
    print(f"{done} kills in {runs} runs")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
