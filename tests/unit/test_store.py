"""The log on disk: written, asked, bounded, erased to the last byte, and clear about what is wrong."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.errors import Locked, StoreError
from edge_runtime.records import Evidence, Query, Receipt, Row, Scope, Sighting, SightingKind, What
from edge_runtime.store import LOG_NAME, Store, open_store
from edge_runtime.store_keys import key_of
from edge_runtime.store_lock import LOCK_NAME
from edge_runtime.types import WHOLE, Box, Thumb
from tests.dying_disk import give_up_rights, in_child, room

MIB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]
SECRET = np.random.default_rng(9).standard_normal(32).astype(np.float32)
_KEY = key_of(SECRET)
assert _KEY is not None
TRACES = (b"PASSPORT", b"passport", b"SECRETPICTURE", SECRET.astype("<f2").tobytes()[:24], _KEY.tobytes()[:24])
"""Words, picture, vector and search key of what is to be forgotten."""


def row(
    number: int,
    name: str = "mug",
    kind: SightingKind = "concept",
    *,
    t_ns: int | None = None,
    place_id: int | None = None,
    place: str = "",
    pictures: dict[str, bytes] | None = None,
) -> Row:
    t_ns = number * 10 if t_ns is None else t_ns
    pictures = pictures or {}
    evidence = tuple(Evidence(number, t_ns, WHOLE, thumb_id) for thumb_id in pictures) or (Evidence(number, t_ns, WHOLE),)
    sighting = Sighting(number, What(kind, name), place_id, WHOLE, t_ns, t_ns + 5, 0.9, 1, True, 0, evidence)
    return Row(sighting, place, tuple(Thumb(thumb_id, len(data), data) for thumb_id, data in pictures.items()))


def ids(store: Store, query: Query | None = None) -> list[int]:
    return [sighting.id for sighting in store.search(query or Query(limit=10_000))[0]]


def file_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path, log_bytes=64 * MIB) as opened:
        yield opened


def test_what_is_appended_is_found_with_its_place_and_picture(store: Store) -> None:
    vector = np.linspace(-0.2, 0.2, 16, dtype=np.float32)
    evidence = (Evidence(3, 100, Box(0.1, 0.2, 0.3, 0.4), "3-0"), Evidence(4, 200, WHOLE))
    sighting = Sighting(7, What("concept", "mug"), 2, Box(0.1, 0.2, 0.3, 0.4), 100, 200, 0.75, 2, True, 90, evidence, vector)
    receipt = store.append([Row(sighting, 'by the sign "EXIT"', (Thumb("3-0", 4, b"jpeg"),))])
    assert receipt == Receipt(rows=1, thumbs=1, nbytes=4)
    (found,), places = store.search(Query(names=("mug",)))
    assert places == ('by the sign "EXIT"',)
    assert found.vector is not None and np.allclose(found.vector, vector, atol=1e-3)
    assert (found.id, found.what, found.place_id, found.box, found.evidence) == (7, sighting.what, 2, sighting.box, evidence)
    assert (found.t_start_ns, found.t_end_ns, found.confidence, found.looks, found.gazed, found.gaze_ns) == (100, 200, 0.75, 2, True, 90)
    assert store.thumb("3-0") == b"jpeg" and store.thumb("3-1") is None


def test_a_known_sighting_is_replaced_and_its_old_pictures_go(store: Store) -> None:
    store.append([row(1, "thing 1", "thing", pictures={"1-0": b"old", "2-0": b"kept"})])
    store.append([row(1, "mug", pictures={"2-0": b"kept", "3-0": b"new"})])
    assert [s.what.name for s in store.search(Query())[0]] == ["mug"]
    assert [store.thumb(thumb_id) for thumb_id in ("1-0", "2-0", "3-0")] == [None, b"kept", b"new"]


def test_a_picture_that_two_sightings_cite_stays_for_the_other(store: Store) -> None:
    store.append([row(1, pictures={"1-0": b"both"}), row(2, "cup", "label", pictures={"1-0": b"both"})])
    store.append([row(1)])
    assert store.thumb("1-0") == b"both"
    store.append([row(2, "cup", "label")])
    assert store.thumb("1-0") is None


def test_a_picture_without_bytes_does_not_replace_one_with(store: Store) -> None:
    evidence = (Evidence(1, 10, WHOLE, "1-0"),)
    sighting = Sighting(1, What("concept", "mug"), None, WHOLE, 10, 15, 0.9, 1, True, 0, evidence)
    store.append([Row(sighting, "", (Thumb("1-0", 4, b"jpeg"),))])
    store.append([Row(sighting, "", (Thumb("1-0", 4),))])
    assert store.thumb("1-0") == b"jpeg"


def test_a_place_goes_by_its_latest_name_for_all_its_sightings(store: Store) -> None:
    store.append([row(1, place_id=1, place="at place 1")])
    store.append([row(2, place_id=1, place='by the sign "EXIT"'), row(3)])
    assert store.search(Query(newest_first=False))[1] == ('by the sign "EXIT"', 'by the sign "EXIT"', "")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), [4, 3, 2, 1]),
        (Query(newest_first=False, limit=2), [1, 2]),
        (Query(names=("Mug", "keys")), [4, 1]),
        (Query(kinds=("text",)), [3, 2]),
        (Query(text="exit"), [2]),
        (Query(text="order please"), [3]),
        (Query(text="%"), []),
        (Query(t_from_ns=16, t_to_ns=30), [3, 2]),
        (Query(names=("passport",)), []),
    ],
)
def test_questions_mean_what_they_mean_in_memory(store: Store, query: Query, found: list[int]) -> None:
    store.append([row(1), row(2, "EXIT\n7", "text"), row(3, "OUT OF ORDER, PLEASE", "text"), row(4, "keys")])
    assert ids(store, query) == found


def test_a_new_session_answers_for_itself_and_a_resumed_one_goes_on(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(1, pictures={"1-0": b"first"})])
    with open_store(tmp_path, log_bytes=MIB, resume=True) as store:
        assert ids(store) == [1]
    with open_store(tmp_path, log_bytes=MIB) as store:
        assert ids(store) == [] and store.thumb("1-0") is None
        store.append([row(1, "keys", pictures={"1-0": b"second"})])
        assert store.thumb("1-0") == b"second"
    with open_store(tmp_path, log_bytes=MIB, resume=True) as store:
        assert [s.what.name for s in store.search(Query())[0]] == ["keys"]


def test_rows_survive_a_process_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from tests.unit.test_store import row; from edge_runtime.store import open_store\n"
        "store = open_store(Path(sys.argv[1]), log_bytes=1 << 20); store.append([row(1)]); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)  # noqa: S603
    assert done.returncode == 9
    with open_store(tmp_path, log_bytes=MIB, resume=True) as store:
        assert ids(store) == [1]


# ---------------------------------------------------------------- bounded


@pytest.mark.parametrize("log_bytes", [65536, MIB, 6 * MIB])
def test_the_log_keeps_its_bound_after_every_append_and_counts_what_goes(tmp_path: Path, log_bytes: int) -> None:
    dice = random.Random(1)  # noqa: S311
    with open_store(tmp_path, log_bytes=log_bytes) as store:
        for number in range(1, 100):
            picture = dice.randbytes(log_bytes // 50)
            store.append([row(number, f"vase {number}", "label", pictures={f"{number}-0": picture})])
            files = [tmp_path / LOG_NAME, tmp_path / f"{LOG_NAME}-wal"]
            assert store.nbytes() <= log_bytes
            assert sum(file.stat().st_size for file in files if file.exists()) <= log_bytes
        kept = ids(store, Query(newest_first=False, limit=1000))
        pictured = [number for number in range(1, 100) if store.thumb(f"{number}-0") is not None]
        dropped = {drop.what: drop.count for drop in store.dropped}
    assert kept[-1] == pictured[-1] == 99
    assert kept == list(range(kept[0], 100)) and pictured == list(range(pictured[0], 100)), "the oldest go first"
    assert pictured[0] >= kept[0], "pictures before facts"
    assert dropped.get("sighting", 0) == 99 - len(kept) and dropped["thumb"] == 99 - len(pictured)


def test_old_facts_do_not_crowd_out_new_pictures(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=262144) as store:
        for number in range(1, 400, 4):
            store.append([row(n, f"vase {n} " * 50, "label", pictures={f"{n}-0": bytes(300)}) for n in range(number, number + 4)])
        assert store.thumb("400-0") is not None and store.thumb("360-0") is not None
        assert 1 not in ids(store) and 360 in ids(store)


# ---------------------------------------------------------------- forgotten


def fill(store: Store, dice: random.Random) -> None:
    """A few hundred rows, some of them about a passport, written in an order that makes pages split."""
    for number in dice.sample(range(1, 400), 399):
        secret = number % 3 == 0
        name, picture = ("PASSPORT", b"SECRETPICTURE") if secret else (f"vase {dice.randrange(10**6)}", b"vase")
        pictures = {f"{number}-0": picture * dice.randrange(1, 300)}
        kind: SightingKind = dice.choice(["text", "label"])
        told = row(number, name + " x" * dice.randrange(60), kind, place_id=number % 5, place=f"by the {name}", pictures=pictures)
        vector = SECRET if secret else np.array([dice.random() for _ in range(32)], np.float32)
        store.append([msgspec.structs.replace(told, sighting=msgspec.structs.replace(told.sighting, vector=vector))])


@pytest.mark.parametrize("seed", range(3))
def test_no_byte_of_what_is_forgotten_stays_in_the_files(tmp_path: Path, seed: int) -> None:
    with open_store(tmp_path, log_bytes=64 * MIB) as store:
        fill(store, random.Random(seed))  # noqa: S311
        assert all(trace in file_bytes(tmp_path) for trace in TRACES)
        receipt = store.erase(Scope("all") if seed == 2 else Scope("thing", name="passport"), [n for n in range(1, 400) if n % 3 == 0])
        assert receipt.rows >= 133 and receipt.thumbs >= 133 and receipt.nbytes > 0
        left = file_bytes(tmp_path)
        assert all(trace not in left for trace in TRACES)
        assert len(ids(store)) == (0 if seed == 2 else 266)
    assert all(trace not in file_bytes(tmp_path) for trace in TRACES)


def test_a_name_is_forgotten_in_every_session_and_by_whole_words(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(1, "mug", pictures={"1-0": b"MUGSHOT"}), row(2, "MUG SALE", "text"), row(3, "smug", "label")])
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(1, "keys"), row(2, "coffee mug", "label", t_ns=100)])
        assert store.erase(Scope("thing", name="mug")).rows == 2
        assert [s.what.name for s in store.search(Query(newest_first=False))[0]] == ["keys", "coffee mug"]
    with sqlite3.connect(tmp_path / LOG_NAME) as db:
        assert [name for (name,) in db.execute("SELECT name FROM sightings ORDER BY session, id")] == ["smug", "keys", "coffee mug"]
    db.close()
    assert b"MUGSHOT" not in file_bytes(tmp_path)


def test_another_name_of_the_same_look_goes_with_it(store: Store) -> None:
    shared = Evidence(5, 50, Box(0.1, 0.1, 0.4, 0.4), "5-0")
    other = Evidence(9, 90, Box(0.1, 0.1, 0.4, 0.4))
    mug = Sighting(1, What("concept", "mug"), None, WHOLE, 50, 60, 0.9, 1, True, 0, (shared,))
    label = Sighting(2, What("label", "coffee mug"), None, WHOLE, 50, 50, 0.9, 1, True, 0, (shared,))
    seen_elsewhere = Sighting(3, What("label", "cup"), None, WHOLE, 50, 90, 0.9, 2, True, 0, (shared, other))
    store.append([Row(mug, "", (Thumb("5-0", 4, b"jpeg"),)), Row(label, ""), Row(seen_elsewhere, "")])
    store.erase(Scope("thing", name="mug"))
    assert ids(store) == [3] and store.thumb("5-0") is None


def test_pictures_taken_while_it_was_in_view_go_too(store: Store) -> None:
    store.append([row(1, "mug", t_ns=100, pictures={"1-0": b"mug"})])
    store.append([row(2, "EXIT", "text", t_ns=103, pictures={"2-0": b"sign beside the mug"})])
    store.append([row(3, "keys", t_ns=200, pictures={"3-0": b"keys"})])
    assert store.erase(Scope("thing", name="mug")).thumbs == 2
    assert [store.thumb(f"{n}-0") for n in (1, 2, 3)] == [None, None, b"keys"]
    assert ids(store) == [3, 2]


def test_since_and_place_reach_this_session_only(tmp_path: Path) -> None:
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(1, t_ns=500, place_id=1)])
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append(
            [row(1, t_ns=100, place_id=1, place="by the door"), row(2, t_ns=300, place_id=2, place="by the EXIT"), row(3, t_ns=400)]
        )
        assert store.erase(Scope("since", t_from_ns=350)).rows == 1
        assert store.erase(Scope("place", place_id=2)).rows == 1
        assert store.search(Query())[1] == ("by the door",)
        assert b"EXIT" not in file_bytes(tmp_path)
    with sqlite3.connect(tmp_path / LOG_NAME) as db:
        assert db.execute("SELECT count(*) FROM sightings").fetchone() == (2,)
    db.close()


def test_place_names_made_of_it_are_blanked(store: Store) -> None:
    store.append([row(1, "EXIT", "text", place_id=1, place='by the sign "EXIT"'), row(2, "keys", place_id=1, place='by the sign "EXIT"')])
    store.erase(Scope("thing", name="exit"))
    assert store.search(Query())[1] == ("",)


# ---------------------------------------------------------------- what can go wrong


def test_a_second_holder_is_told_so(tmp_path: Path, store: Store) -> None:
    with pytest.raises(Locked, match="another process holds the log") as caught:
        open_store(tmp_path, log_bytes=MIB)
    assert "folder of its own" in caught.value.hint
    script = (
        "import sys; from pathlib import Path; from edge_runtime.store import open_store; open_store(Path(sys.argv[1]), log_bytes=1 << 20)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 1 and "another process holds the log" in done.stderr
    store.close()
    with open_store(tmp_path, log_bytes=MIB) as after:
        assert after.session == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: _no_log_at_all(file), "damaged"),
        (lambda file: _of_another_program(file), "another program"),
        (lambda file: _of_the_future(file), "newer version"),
    ],
)
def test_a_file_that_is_no_log_of_ours_is_left_as_it_is(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    file = tmp_path / LOG_NAME
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([row(n, f"vase {n}", pictures={f"{n}-0": bytes(5000)}) for n in range(1, 20)])
    damage(file)
    before = file.read_bytes()
    with pytest.raises(StoreError, match=message) as caught, open_store(tmp_path, log_bytes=MIB) as store:
        store.search(Query())
        store.append([row(1)])
    assert caught.value.hint and file.read_bytes() == before


def _no_log_at_all(file: Path) -> None:
    file.write_bytes(b"this is not a log" * 1000)
    file.with_name(LOCK_NAME).unlink()  # which tells a file of ours that is damaged from one of somebody else's


def _of_another_program(file: Path) -> None:
    file.unlink()
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE recipes (name TEXT)")
    db.close()


def _of_the_future(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version=99")
    db.close()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        open_store(tmp_path / "log", log_bytes=MIB)
    assert "folder" in caught.value.hint


def test_a_folder_that_is_read_only_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    in_child(_open_read_only, tmp_path)


def test_a_full_disk_is_told_loses_nothing_and_is_got_over(tmp_path: Path) -> None:
    in_child(_fill_the_disk, tmp_path)


def test_an_erasure_that_does_not_fit_is_owed_and_made_up_for(tmp_path: Path) -> None:
    in_child(_erase_on_a_full_disk, tmp_path)


def _open_read_only(folder: Path) -> None:
    os.chdir(folder)
    give_up_rights()
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        open_store(Path(), log_bytes=MIB)
    assert "can be written" in caught.value.hint


def _fill_the_disk(folder: Path) -> None:
    with open_store(folder, log_bytes=8 * MIB) as store:
        store.append([row(1, pictures={"1-0": b"jpeg"})])
        room(60_000)
        big = [row(n, pictures={f"{n}-0": bytes(20_000)}) for n in range(2, 20)]
        with pytest.raises(StoreError, match="full or does not take writes") as caught:
            store.append(big)
        assert "free some space" in caught.value.hint
        assert ids(store) == [1] and store.thumb("1-0") == b"jpeg"
        room(None)
        assert store.append(big).rows == 18
        assert len(ids(store)) == 19


def _erase_on_a_full_disk(folder: Path) -> None:
    with open_store(folder, log_bytes=8 * MIB) as store:
        store.append([row(n, "PASSPORT", "text", pictures={f"{n}-0": bytes(20_000)}) for n in range(1, 20)])
        store.append([row(n, "keys") for n in range(20, 40)])
        room(1000)
        with pytest.raises(StoreError, match="full"):
            store.erase(Scope("thing", name="passport"))
        with pytest.raises(StoreError, match="full"):
            store.search(Query(text="passport"))
        room(None)
        assert ids(store, Query(text="passport")) == [] and len(ids(store)) == 20
        store.append([row(41, "keys")])
        assert b"PASSPORT" not in file_bytes(folder)
