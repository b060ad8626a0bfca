"""A log whose process is killed again and again: what it must hold each time that it is opened after that.

    python -m tests.dying_log FOLDER KILLS SEED LOG_BYTES

A child, forked from a process that has imported everything, writes, erases and checkpoints, and says of each call that has returned
that it has. It dies at a write of the file system, or at a step of SQLite's virtual machine, that the seed has drawn. Then the log is
opened, compared with what the child has said, and the next child goes on with it. It ends with code 0 if all was as it must be.
"""

from __future__ import annotations

import random
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_runtime.config import S
from edge_runtime.records import Evidence, Query, Row, Scope, Sighting, SightingKind, What
from edge_runtime.store import LOG_NAME, Store, open_store
from edge_runtime.types import WHOLE, Thumb
from tests.dying_disk import Countdown, Say, lived, watch_writes

STEP_NS = 600 * S
"""From one sighting to the next: an hour, which is merged when the log is full, has six."""
MOST_WRITES, MOST_STEPS = 400, 60
PLENTY = 2**20
"""A log of this many bytes is never full here."""
_STEPS = 2000  # of the virtual machine, between two calls of its progress handler


@dataclass
class Ledger:
    """What children have begun, and what they have been told is done.

    Attributes:
        begun: Numbers handed to :meth:`Store.append`, whether or not it returned.
        stored: For each number that is in the log, the name by which it was last written.
        secrets: The words to be forgotten that were ever begun, each with its numbers.
        erasing: The words that were begun to be erased; whether it was noted is not known.
        erased: Those of which it is known that nothing is left.
    """

    begun: int = 0
    stored: dict[int, str] = field(default_factory=dict)
    secrets: dict[str, list[int]] = field(default_factory=dict)
    erasing: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        """Take in what a child says."""
        verb, *words = line.split()
        if verb == "appending":
            self.begun = max(self.begun, int(words[1]))
            if words[2] != "vase":
                self.secrets.setdefault(words[2], []).extend(range(int(words[0]), int(words[1]) + 1))
        elif verb == "appended":
            self.stored.update(dict.fromkeys(range(int(words[0]), int(words[1]) + 1), words[2]))
        elif verb == "erasing":
            self.erasing.add(words[0])
        elif verb == "erased":
            self.erased.add(words[0])


def row(number: int, name: str) -> Row:
    """A sighting with a picture and, now and then, a vector; what shows a secret holds its name in both."""
    t_ns = number * STEP_NS
    vector = np.random.default_rng(number).standard_normal(32).astype(np.float32) if number % 3 == 0 else None
    kind: SightingKind = "text" if name != "vase" else "concept"
    told = name if name == "vase" else f"{name} on the door " * (1 + number % 5)
    sighting = Sighting(
        number,
        What(kind, told),
        number % 4,
        WHOLE,
        t_ns,
        t_ns + 5,
        0.9,
        1,
        True,
        0,
        (Evidence(number, t_ns, WHOLE, f"{number}-0"),),
        vector,
    )
    picture = (f"{name} " * (20 + 97 * number % 400)).encode()
    return Row(sighting, f"by the {name}", (Thumb(f"{number}-0", len(picture), picture),))


def live(folder: Path, log_bytes: int, dice: random.Random, first: int, say: Say) -> None:
    """One life: a dozen calls, each announced, and said to have returned."""
    with open_store(folder, log_bytes=log_bytes, resume=True) as store:
        word = f"SECRET{first:06d}"
        for _ in range(dice.randrange(8, 16)):
            count, name = dice.randrange(1, 6), dice.choice(["vase", word])
            say(f"appending {first} {first + count - 1} {name}")
            store.append([row(number, name) for number in range(first, first + count)])
            say(f"appended {first} {first + count - 1} {name}")
            first += count
            if dice.random() < 0.25:
                say(f"erasing {word}")
                kept = _one_to_keep(store)
                store.erase(Scope("thing", name=word), [one.sighting.id for one in kept], kept)
                say(f"erased {word}")
                word = f"SECRET{first:06d}"


def _one_to_keep(store: Store) -> list[Row]:
    found, _ = store.search(Query(names=("vase",), limit=1))
    return [row(one.id, "vase") for one in found]


def check(folder: Path, log_bytes: int, ledger: Ledger) -> None:
    """Compare the log with what was said."""
    left = raw(folder)
    for word in ledger.erased:
        assert word.encode() not in left and word.lower().encode() not in left, f"{word} was erased, and is in a file"
    with open_store(folder, log_bytes=log_bytes, resume=True) as store:
        assert store.salvage is None, store.salvage
        found = {one.id: one.what.name.split()[0] for one in store.search(Query(limit=100_000))[0]}
        for word in ledger.erasing - ledger.erased:
            known = ledger.stored.keys() & set(ledger.secrets.get(word, ()))
            assert not known & found.keys() or known <= found.keys() or log_bytes < PLENTY, f"{word} is half erased"
            if not known & found.keys():
                ledger.erased.add(word)
        gone = {number for word in ledger.erased for number in ledger.secrets.get(word, ())}
        # In a full log the oldest are merged and let go; what was written last is not, unless more had been begun to be written.
        last = [ledger.begun] if ledger.begun in ledger.stored else []
        must = list(ledger.stored) if log_bytes >= PLENTY else last
        for number in must:
            assert number in gone or found.get(number) == ledger.stored[number], f"{number} was stored, and is not there"
        assert not gone & found.keys(), "what was erased is there"
        store.append([])
        assert store.nbytes() <= log_bytes, f"it takes {store.nbytes()} bytes"
        ledger.stored = {number: name for number, name in ledger.stored.items() if number not in gone}
    with closing(sqlite3.connect(folder / LOG_NAME)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM owed").fetchone() == (0,)
    left = raw(folder)
    for word in ledger.erased:
        assert word.encode() not in left and word.lower().encode() not in left, f"{word} was to be erased, and is in a file"


def raw(folder: Path) -> bytes:
    """All bytes of all files."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def one_death(folder: Path, log_bytes: int, seed: int, ledger: Ledger) -> bool:
    """Live, die, and compare; returns whether the child was killed before it had lived its life."""
    dice = random.Random(seed)  # noqa: S311
    at_writes = seed % 3 > 0
    moment = 1 + dice.randrange(MOST_WRITES if at_writes else MOST_STEPS)

    def life(say: Say) -> None:
        hooks = (watch_writes if at_writes else _count_steps)(Countdown(moment))
        live(folder, log_bytes, dice, ledger.begun + 1, say)
        del hooks

    killed = lived(life, ledger.hear)
    try:
        check(folder, log_bytes, ledger)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, {'write' if at_writes else 'step'} {moment}: {error}") from error
    return killed


def _count_steps(countdown: Countdown) -> None:
    """Count down with the virtual machine of every connection that is opened from now on."""
    real = sqlite3.connect

    def connect(*args: object, **kwargs: object) -> sqlite3.Connection:
        db = real(*args, **kwargs)  # type: ignore[call-overload]
        assert isinstance(db, sqlite3.Connection)
        db.set_progress_handler(countdown, _STEPS)
        return db

    sqlite3.connect = connect  # type: ignore[assignment]


def main(folder: Path, kills: int, seed: int, log_bytes: int) -> None:
    """Kill so many times; every twentieth the log is begun anew."""
    done = lives = 0
    ledger, place = Ledger(), folder
    while done < kills:
        if lives % 20 == 0:
            ledger, place = Ledger(), folder / str(lives)
        done += one_death(place, log_bytes, seed + lives, ledger)
        lives += 1
    print(f"{done} kills in {lives} lives")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
