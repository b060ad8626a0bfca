"""A journal whose process is killed again and again: what can be read of it each time.

    python -m tests.dying_journal FOLDER KILLS SEED

A child writes steps and forgets things by name, and says of each call that has returned that it has. It dies before or after a call
of the file system that the seed has drawn.
"""

from __future__ import annotations

import random
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import msgspec

from edge_runtime.config import Config, JournalConfig, S
from edge_runtime.journal import Head, Journal, JournalReader, Step
from edge_runtime.protocol import Asked
from edge_runtime.records import Scope
from edge_runtime.types import Session
from tests.dying_disk import Countdown, Say, lived

MOST_CALLS = 1400
_CALLS = {"write", "flush", "close", "open", "unlink", "replace", "truncate", "fsync"}
_SEGMENT_BYTES = 1 << 12


@dataclass
class Ledger:
    """What the child has said: the steps that must be there by time, and the names of which no byte may be."""

    steps: dict[int, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    forgetting: bool = False

    def hear(self, line: str) -> None:
        """Take in what the child says."""
        verb, *words = line.split()
        if verb == "stepped":
            self.steps[int(words[0])] = words[1]
        elif verb == "forgetting":
            self.forgetting = True
        else:
            self.forgetting = False
            self.forgotten.append(words[0])
            self.steps = {t_ns: name for t_ns, name in self.steps.items() if t_ns < int(words[1])}


def live(folder: Path, dice: random.Random, say: Say) -> None:
    """One life: steps, some of which name a secret, and wishes to forget it."""
    config = Config(journal=msgspec.structs.replace(JournalConfig(), segment_bytes=_SEGMENT_BYTES))
    head = Head(version="1", segment=0, config=config, session=Session(), snapshot=b"")
    with Journal(folder, head, lambda: b"state" * 50) as journal:
        word = "secret0"
        for number in range(1, 200):
            t_ns = number * S
            if dice.random() < 0.04:
                say(f"forgetting {word}")
                from_ns = journal.forget(t_ns, t_ns, Scope("thing", name=word))
                say(f"forgot {word} {from_ns}")
                word = f"secret{number}"
            else:
                name = word if dice.random() < 0.1 else "vase"
                journal.step(Asked(t_ns=t_ns, question=f"q{number}", text=f"where is my {name}? " * 3), ())
                say(f"stepped {t_ns} {name}")


def check(folder: Path, ledger: Ledger) -> None:
    """Compare the journal with what was said."""
    there = b"".join(path.read_bytes() for path in sorted(folder.glob("*"))) if folder.exists() else b""
    for word in ledger.forgotten:
        assert word.encode() + b"?" not in there, f"{word} was forgotten, and is in a file"
    records = list(JournalReader(folder)) if ledger.steps or ledger.forgotten else []  # there is always a head to go on from
    found = {record.event.t_ns for record in records if isinstance(record, Step)}
    lost = [t_ns for t_ns in ledger.steps if t_ns not in found]
    if ledger.forgetting:
        # What was being forgotten goes from the end: what is left is a beginning.
        assert lost == list(ledger.steps)[len(ledger.steps) - len(lost) :], "steps are missing in the middle"
    else:
        assert not lost, f"{len(lost)} steps were written, and are not there"


def one_death(folder: Path, seed: int) -> bool:
    """Live, die, and compare; returns whether the child was killed before it had lived its life."""
    dice, ledger = random.Random(seed), Ledger()  # noqa: S311
    countdown = Countdown(1 + dice.randrange(MOST_CALLS))

    def watch(_: FrameType, event: str, call: object) -> None:
        if event in ("c_call", "c_return") and getattr(call, "__name__", "") in _CALLS:
            countdown()

    def life(say: Say) -> None:
        sys.setprofile(watch)
        live(folder, dice, say)

    killed = lived(life, ledger.hear)
    try:
        check(folder, ledger)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    shutil.rmtree(folder, ignore_errors=True)
    return killed


def main(folder: Path, kills: int, seed: int) -> None:
    """Kill so many times."""
    done = lives = 0
    while done < kills:
        done += one_death(folder / str(lives), seed + lives)
        lives += 1
    print(f"{done} kills in {lives} lives")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
