"""Words are found by their letters, mean what they mean in memory, and leave the index when they are forgotten."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_runtime import store_schema, store_search
from edge_runtime.errors import StoreError
from edge_runtime.records import Query, Scope
from edge_runtime.remember.recall import answer
from edge_runtime.store import LOG_NAME, Store, open_store
from edge_runtime.store_search import grams
from tests.unit.test_store import row

MIB = 1024 * 1024
TEXTS = (
    "EXIT 7",
    "Emergency exit",
    "OUTOFORDER",
    "out of order",
    "No. 12",
    "出口在左边",
    "出口",
    'say "when"',
    "50% OFF",
    "",
    "Straße AND NOT",
)


def terms(store: Store) -> set[str]:
    """Every three letters that the index knows."""
    store._db.execute("CREATE VIRTUAL TABLE temp.known USING fts5vocab(main, texts, row)")
    try:
        return {term for (term,) in store._db.execute("SELECT term FROM temp.known")}
    finally:
        store._db.execute("DROP TABLE temp.known")


def index(file: Path) -> list[tuple[object, ...]]:
    """The index as it lies in the file."""
    with closing(sqlite3.connect(file)) as db:
        return [row for table in ("texts_data", "texts_idx") for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608


@pytest.mark.parametrize("few", [1000, 0])
@pytest.mark.parametrize(
    "asked",
    ["exit", "EXIT 7", "exit 8", "order", "out", "out of order", "12", "出口", "左边", "口", '"when"', "50%", "strasse", "and not", "*"],
)
def test_words_mean_what_they_mean_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, few: int) -> None:
    """By the index where few texts have them, else by going back in time."""
    monkeypatch.setattr(store_search, "_FEW", few)
    rows = [row(n, text, "text") for n, text in enumerate(TEXTS, 1)] + [row(90, "exit", "label")]
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append(rows)
        for query in (Query(text=asked), Query(text=asked, newest_first=False, limit=1), Query(text=asked, t_from_ns=30)):
            assert store.search(query)[0] == answer([one.sighting for one in rows], query)


@pytest.mark.parametrize(
    ("words", "query"),
    [(("door",), '"doo" AND "oor"'), ((" 7 ",), '" 7 "'), (("出口",), ""), ((), ""), (("出口", " no "), '" no" AND "no "')],
)
def test_words_are_looked_for_by_their_pieces(words: tuple[str, ...], query: str) -> None:
    assert grams(words) == query


def test_a_text_that_is_read_better_is_no_longer_found_by_what_it_was(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(1, "EX1TUS", "text")])
        store.append([row(1, "EXIT", "text")])
        assert [len(store.search(Query(text=text))[0]) for text in ("ex1tus", "exit")] == [0, 1]
        store.append([row(1, "EXIT", "label")])
        assert store.search(Query(text="exit"))[0] == ()


def test_each_session_is_searched_for_itself(tmp_path: Path) -> None:
    for text in ("EXIT 1", "EXIT 2"):
        with open_store(tmp_path, log_bytes=MIB) as store:
            store.append([row(1, text, "text")])
            assert [one.what.name for one in store.search(Query(text="exit"))[0]] == [text]


@pytest.mark.parametrize("scope", [Scope("thing", name="zyxwvut"), Scope("since", t_from_ns=300), Scope("all")])
def test_after_forgetting_the_index_is_that_of_a_log_that_never_had_it(tmp_path: Path, scope: Scope) -> None:
    """The index packs its letters: looking for the word in the file would prove nothing."""
    kept = [row(n, f"sign number {n}", "text") for n in range(1, 30)]
    with open_store(tmp_path / "one", log_bytes=MIB) as store:
        store.append(kept)
        for number in range(30, 60):
            store.append([row(number, f"ZYXWVUT {number}", "text")])
        store.append([row(30, "another reading of it", "text")])  # what it was first read as must go as well
        assert "zyx" in terms(store)
        store.erase(scope, range(30, 60))
        left = {
            text[i : i + 3] for one in store.search(Query(limit=100))[0] for text in [f" {one.what.name} "] for i in range(len(text) - 2)
        }
        assert terms(store) == left
    with open_store(tmp_path / "other", log_bytes=MIB) as store:
        store.append([] if scope.kind == "all" else kept)
        store.erase(Scope("thing", name="nothing of the kind"))  # makes the index anew here too
    assert index(tmp_path / "one" / LOG_NAME) == index(tmp_path / "other" / LOG_NAME)


def test_words_that_had_to_make_room_can_still_be_forgotten(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=65536) as store:
        store.append([row(1, "ZYXWVUT", "text")])
        for number in range(2, 400):
            store.append([row(number, f"vase {number} of many others", "label")])
        assert store.search(Query(text="zyxwvut"))[0] == ()
        store.erase(Scope("thing", name="zyxwvut"))
        assert terms(store) == set()


def test_a_sqlite_that_cannot_search_letters_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tuple(part.replace("trigram", "quadgram") for part in store_schema._WITH_SIGHTINGS)
    monkeypatch.setattr(store_schema, "_WITH_SIGHTINGS", parts)
    with pytest.raises(StoreError, match="cannot search texts by their letters: no such tokenizer") as caught:
        open_store(tmp_path, log_bytes=MIB)
    assert "3.34" in caught.value.hint
