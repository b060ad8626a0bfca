"""The log of a run that goes on without one: where it cannot be opened or written, or is lost meanwhile, it is tried again later.

What is remembered waits in memory until then, bounded by ``ram_bytes`` (:mod:`edge_runtime.remember.rows` tries again, less and less
often); what has to leave memory before the log takes it is counted as ``row:store``.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from edge_runtime.errors import DeviceError, StoreError
from edge_runtime.records import Dropped, Query, Receipt, Row, Scope, Sighting
from edge_runtime.store import MOST_OWED, Store, open_store
from edge_runtime.store_owed import Erasure

_log = logging.getLogger(__name__)
Tell = Callable[[str, bool], None]
"""Takes a sentence for the wearer, and whether it is trouble. Called in the thread that uses the log."""


class RunLog:
    """The log in a folder, or the lack of one, with the methods of a :class:`~edge_runtime.store.Store`. A context manager.

    Args:
        folder: Where the log lies.
        log_bytes: Bound on its files.
        matrix_bytes: What its search matrix takes in memory.
        resume: Go on with the last session of the log: this run goes on with another that was cut short or ended.
        tell: Told when trouble begins and when it is over; both go to the program's log in any case.

    Attributes:
        trouble: Why the log takes nothing just now; ``""`` if it does.

    Raises:
        Locked: Another run holds the log. To go on without would be to write into the folder of that run.
    """

    def __init__(self, folder: Path, *, log_bytes: int, matrix_bytes: int, resume: bool = False, tell: Tell | None = None) -> None:
        self._folder = folder
        self._log_bytes = log_bytes
        self._matrix_bytes = matrix_bytes
        self._tell = tell
        self._store: Store | None = None
        self._resume = resume
        self._wished: list[Erasure] = []
        self._dropped: dict[tuple[str, str], int] = {}
        self.trouble = ""
        with contextlib.suppress(StoreError):  # told and counted, and tried again with the first rows
            self._catch_up()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the log. May be called twice."""
        if self._store is not None:
            self._store.close()

    def append(self, rows: Sequence[Row]) -> Receipt:
        """Write rows, as :meth:`Store.append <edge_runtime.store.Store.append>` does; where there is no log, try to open it first.

        Raises:
            DeviceError: It cannot be opened or written.
        """
        self._catch_up()
        with self._watched() as store:
            receipt = store.append(rows)
        self._take_again()
        return receipt

    def erase(self, scope: Scope, sightings: Sequence[int] = (), kept: Sequence[Row] = ()) -> Receipt:
        """Erase, as :meth:`Store.erase <edge_runtime.store.Store.erase>` does; where there is no log, as soon as there is one.

        Raises:
            DeviceError: It cannot be done now.
        """
        if len(self._wished) >= MOST_OWED:
            raise StoreError(
                f"{MOST_OWED} wishes to forget wait for the log in {self._folder} already", hint="see to the log, then ask again"
            )
        self._wished.append(Erasure(scope, tuple(sightings), tuple(kept)))
        return self._catch_up()

    def search(self, query: Query) -> tuple[tuple[Sighting, ...], tuple[str, ...]]:
        """Ask the log.

        Raises:
            DeviceError: There is none, or it cannot be read.
        """
        with self._watched() as store:
            return store.search(query)

    def thumb(self, thumb_id: str) -> bytes | None:
        """A thumbnail of this run, as JPEG; ``None`` if it is not there (any more).

        Raises:
            DeviceError: There is no log, or it cannot be read.
        """
        with self._watched() as store:
            return store.thumb(thumb_id)

    def nbytes(self) -> int:
        """Bytes of the log's files; 0 where there are none."""
        try:
            return 0 if self._store is None else self._store.nbytes()
        except DeviceError:
            return 0

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What the log let go, and how often it came to be of no use (``log:unusable``)."""
        totals = dict(self._dropped)
        for drop in self._store.dropped if self._store is not None else ():
            totals[drop.what, drop.reason] = totals.get((drop.what, drop.reason), 0) + drop.count
        return tuple(Dropped(what, reason, count) for (what, reason), count in sorted(totals.items()))

    # ------------------------------------------------------------ inside

    def _catch_up(self) -> Receipt:
        """Open the log if it is not, and erase what was to be forgotten meanwhile; returns the receipt for the last of that."""
        receipt = Receipt(0)
        with self._telling():
            if self._store is None:
                self._store = open_store(self._folder, log_bytes=self._log_bytes, matrix_bytes=self._matrix_bytes, resume=self._resume)
                if self._store.salvage is not None:
                    self._say(f"{self._store.salvage.words[0].upper()}{self._store.salvage.words[1:]}.", trouble=True)
        while self._wished:
            wish = self._wished.pop(0)
            with self._watched() as store:
                receipt = store.erase(wish.scope, wish.sightings, wish.kept)
            self._take_again()
        return receipt

    @contextlib.contextmanager
    def _watched(self) -> Iterator[Store]:
        """The log as it is used: what goes wrong is told once, and a log that is lost is let go, so that the next rows open another."""
        with self._telling():
            if self._store is None:
                raise StoreError(self.trouble, hint="what is remembered stays in memory until the log can be opened")
            try:
                yield self._store
            finally:
                if self._store.lost:
                    self._let_go(self._store)

    def _let_go(self, store: Store) -> None:
        self._resume = store.lost == "damaged"
        self._wished[:0] = store.wished
        for drop in store.dropped:
            self._dropped[drop.what, drop.reason] = self._dropped.get((drop.what, drop.reason), 0) + drop.count
        self._store = None
        store.close()

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Say when the log begins to refuse."""
        try:
            yield
        except DeviceError as error:
            if not self.trouble:
                self._dropped["log", "unusable"] = self._dropped.get(("log", "unusable"), 0) + 1
                self._say(
                    f"The log takes nothing: {error}. What is remembered stays in memory and is tried again. {_sentence(error.hint)}",
                    trouble=True,
                )
            self.trouble = str(error)
            raise

    def _take_again(self) -> None:
        """It has just written something: whatever the trouble was, it is over."""
        if self.trouble:
            self.trouble = ""
            self._say("The log takes what is remembered again.", trouble=False)

    def _say(self, words: str, *, trouble: bool) -> None:
        _log.log(logging.WARNING if trouble else logging.INFO, "%s", words)
        if self._tell is not None:
            self._tell(words, trouble)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
