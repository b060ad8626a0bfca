"""The log at the end of a day: is a thing found by how it looks, and how soon? In short; :mod:`tests.bench.log` has the rest."""

from __future__ import annotations

import functools
import tempfile
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_runtime.config import S
from edge_runtime.records import Query
from edge_runtime.store import open_store
from edge_runtime.store_keys import KEY_DIM, KeyMatrix
from tests.bench.log import ASKED, Day, cpu_ms, recall, spread

KEYS = 100_000
ROWS, QUICK_ROWS = 14_400, 1_800
"""Things in the log of a day: one every 4 s; and as many texts."""
FOUND = 16
QUERY_COSINE = 0.8
_AT_ONCE = 200


class LogFigures(NamedTuple):
    """What was measured; times are processor time, milliseconds.

    Attributes:
        keys_p99_ms: Of a search over 100,000 keys in memory.
        rows: Sightings in the log.
        answer_p50_ms: Of a search of the log by vector, in hour 16.
        answer_p99_ms: The same, the slowest of a hundred.
        recall: Share of a hundred needles that come first when another view of them is asked for.
    """

    keys_p99_ms: float
    rows: int
    answer_p50_ms: float
    answer_p99_ms: float
    recall: float


def log(*, quick: bool) -> LogFigures:
    """Measure a full matrix of keys, and the log of a day."""
    day = Day(QUICK_ROWS if quick else ROWS)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), log_bytes=2**31) as store:
        rows = day.rows()
        while batch := list(islice(rows, _AT_ONCE)):
            store.append(batch)
        dice = np.random.default_rng(3)
        queries = [Query(key=day.look(day.kinds[int(dice.integers(len(day.kinds)))], 0.9)) for _ in range(ASKED)]
        answers = spread([cpu_ms(functools.partial(store.search, query)) for query in queries])
        found = recall(store, day, QUERY_COSINE)
    return LogFigures(_keys_p99_ms(), 2 * day.count, answers["p50"], answers["p99"], found)


def _keys_p99_ms() -> float:
    dice = np.random.default_rng(4)
    directions = dice.normal(size=(KEYS, KEY_DIM)).astype(np.float32)
    keys = np.rint(directions * (127.0 / np.linalg.norm(directions, axis=1, keepdims=True))).astype(np.int8)
    matrix = KeyMatrix(2 * KEYS * KEY_DIM)
    for number, key in enumerate(keys):
        matrix.put(number, "thing", number * S, number * S, key.tobytes())

    def search(number: int) -> None:
        list(matrix.nearest(keys[number], FOUND))

    return spread([cpu_ms(functools.partial(search, number)) for number in dice.integers(0, KEYS, ASKED).tolist()])["p99"]
