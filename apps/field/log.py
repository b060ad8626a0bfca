"""What the log costs: one row appended, which means on the disk, and one search by a word."""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from apps.field.timing import Job, Jobs
from edge_runtime.config import Config, S
from edge_runtime.errors import DeviceError
from edge_runtime.records import Evidence, Query, Row, Sighting, SightingKind, What
from edge_runtime.store import open_store
from edge_runtime.types import WHOLE

_ROWS, _BATCH, _DIM = 4000, 64, 384
_COMMON = ("exit", "open", "coffee", "room", "please", "private", "street", "bakery", "keep", "left", "platform", "menu")


def state_folder() -> Path:
    """Where this user's programs keep their state, or the folder above it that exists: the disk that a log lies on."""
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    wanted = given if given.is_absolute() else Path.home() / ".local" / "state"
    return next(folder for folder in (wanted, *wanted.parents) if folder.is_dir())


def jobs(folder: Path) -> Jobs:
    """Append and search, in a log of 4,000 rows that lies in a folder of its own below ``folder`` and is removed afterwards.

    Raises:
        DeviceError: Nothing can be written there.
    """
    try:
        scratch = tempfile.TemporaryDirectory(prefix=".field-report-", dir=folder)
    except OSError as error:
        raise DeviceError(f"{folder} cannot be written: {error.strerror}", hint="set XDG_STATE_HOME to a folder of yours") from error
    with scratch as name, open_store(Path(name), log_bytes=Config().store.log_bytes) as store:
        rows = _rows()
        for _ in range(_ROWS // _BATCH):
            store.append(list(itertools.islice(rows, _BATCH)))
        yield Job("append", (functools.partial(store.append, [row]) for row in rows))
        yield Job("search", itertools.repeat(functools.partial(store.search, Query(text="1234"))))


def _rows() -> Iterator[Row]:
    """Things with vectors and texts, in turn, without end."""
    dice = np.random.default_rng(7)
    for number in itertools.count(1):
        kind: SightingKind = "thing" if number % 2 else "text"
        vector = dice.standard_normal(_DIM).astype(np.float32)
        vector /= np.linalg.norm(vector)
        words = " ".join(dice.choice(_COMMON, 4).tolist())
        what = What(kind, f"thing {number % 1000}" if kind == "thing" else f"{words} number {number}")
        look = (Evidence(number, number * S, WHOLE),)
        found = vector if kind == "thing" else None
        sighting = Sighting(number, what, number % 50, WHOLE, number * S, (number + 2) * S, 0.9, 3, True, S, look, found)
        yield Row(sighting, f"at place {number % 50}")
