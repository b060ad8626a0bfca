"""Search keys: angles survive the projection, the same on every machine, and the matrix that is searched by them is bounded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.records import Evidence, Query, Row, Scope, Sighting, SightingKind, What
from edge_runtime.remember.recall import alike, answer
from edge_runtime.store import open_store
from edge_runtime.store_keys import KEY_DIM, Key, KeyMatrix, dots, key_of
from edge_runtime.types import WHOLE, Vector

MIB = 1024 * 1024
ROW_BYTES = KEY_DIM + 25


def units(count: int, dim: int, seed: int = 1) -> Vector:
    made = np.random.default_rng(seed).standard_normal((count, dim))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def key(vector: Vector) -> Key:
    made = key_of(vector)
    assert made is not None
    return made


def seen(number: int, vector: Vector | None, kind: SightingKind = "thing", name: str = "thing 1") -> Row:
    look = Evidence(number, 10 * number, WHOLE)
    return Row(Sighting(number, What(kind, name), None, WHOLE, 10 * number, 10 * number + 5, 0.9, 1, True, 0, (look,), vector), "")


@pytest.mark.parametrize(("dim", "error"), [(4, 0.01), (128, 0.01), (192, 0.3), (384, 0.35), (1000, 0.4)])
def test_a_key_keeps_the_cosine(dim: int, error: float) -> None:
    one, other = units(300, dim), units(300, dim, seed=2)
    mixed = 0.8 * one + 0.6 * other
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    true = np.sum(one * mixed, axis=1)
    keys = [(key(a).astype(np.float64), key(b).astype(np.float64)) for a, b in zip(one, mixed, strict=True)]
    kept = np.array([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in keys])
    assert np.abs(kept - true).max() < error and abs(np.mean(kept - true)) < 0.02


def test_a_key_is_a_direction_times_127_and_scale_does_not_count() -> None:
    for vector in units(20, 384):
        made = key(vector)
        assert made.dtype == np.int8 and made.shape == (KEY_DIM,)
        assert abs(np.linalg.norm(made.astype(np.float64)) - 127) < 4
        assert np.array_equal(made, key(2**10 * vector))


def test_keys_are_these_on_every_machine() -> None:
    """Keys lie in logs: whatever changes them needs a new format of the log."""
    data = b"".join(key((np.arange(dim) % 7 - 3).astype(np.float32)).tobytes() for dim in (5, 128, 129, 384, 768))
    assert hashlib.sha256(data).hexdigest()[:16] == "e5d62dc6d88de32a"


@pytest.mark.parametrize(
    "vector", [None, np.zeros(8, np.float32), np.array([1, np.nan], np.float32), np.zeros(0, np.float32), np.ones((2, 2), np.float32)]
)
def test_what_has_no_direction_has_no_key(vector: Vector | None) -> None:
    assert key_of(vector) is None


def test_dot_products_are_exact() -> None:
    keys = np.random.default_rng(3).integers(-127, 128, (9000, KEY_DIM)).astype(np.int8)
    assert np.array_equal(dots(keys, keys[0]), keys.astype(np.int64) @ keys[0].astype(np.int64))


# ---------------------------------------------------------------- the matrix


def test_the_nearest_are_found_among_those_that_fit() -> None:
    matrix, vectors = KeyMatrix(100 * ROW_BYTES), units(40, 16)
    for number, vector in enumerate(vectors, 1):
        matrix.put(number, "thing" if number % 2 else "concept", 10 * number, 10 * number + 5, key(vector).tobytes())
    wanted = key(vectors[19])
    assert max(matrix.nearest(wanted, 3))[1] == 20
    assert {number for _, number in matrix.nearest(wanted, 100, kinds=("thing",))} == set(range(1, 41, 2))
    assert {number for _, number in matrix.nearest(wanted, 100, t_from_ns=100, t_to_ns=120)} == {10, 11, 12}
    assert {number for _, number in matrix.nearest(wanted, 100, among=np.array([7, 99]))} == {7}
    assert len(list(matrix.nearest(wanted, 5))) == 5 and list(matrix.nearest(wanted, 0)) == []


def test_of_equals_the_newest_are_chosen() -> None:
    matrix = KeyMatrix(100 * ROW_BYTES)
    same = key(units(1, 16)[0])
    for number in range(1, 51):
        matrix.put(number, "thing", number, number, same.tobytes())
    assert sorted(number for _, number in matrix.nearest(same, 3)) == [48, 49, 50]


def test_what_is_put_again_or_dropped_leaves_nothing() -> None:
    matrix, vectors = KeyMatrix(10 * ROW_BYTES), units(3, 16)
    for number, vector in ((2, 0), (1, 1), (2, 2)):  # the second is told again, the first comes late
        matrix.put(number, "thing", number, number, key(vectors[vector]).tobytes())
    assert len(matrix) == 2 and max(matrix.nearest(key(vectors[2]), 2))[1] == 2
    matrix.put(1, "thing", 1, 1, None)
    matrix.drop((2, 77))
    assert len(matrix) == 0 and not matrix._keys.any()


def test_a_full_matrix_keeps_the_newest_and_says_from_where_on() -> None:
    matrix, vectors = KeyMatrix(16 * ROW_BYTES), units(100, 16)
    for number, vector in enumerate(vectors, 1):
        matrix.put(number, "thing", number, number, key(vector).tobytes())
        held = {found for _, found in matrix.nearest(key(vector), 100)}
        assert (held == set(range(max(1, matrix.floor), number + 1)) and 14 <= len(held) <= 16) or number < 16
    assert matrix.floor > 80 and matrix.nbytes == 16 * ROW_BYTES
    matrix.put(3, "thing", 3, 3, key(vectors[2]).tobytes())
    assert 3 not in {found for _, found in matrix.nearest(key(vectors[2]), 100)}


# ---------------------------------------------------------------- the log


@pytest.mark.parametrize("matrix_bytes", [MIB, 24 * ROW_BYTES])
def test_the_log_finds_what_is_most_alike_whether_or_not_the_matrix_holds_all(tmp_path: Path, matrix_bytes: int) -> None:
    vectors = units(200, 384)
    kinds: tuple[SightingKind, ...] = ("thing", "concept")
    rows = [seen(n, vectors[n - 1], kinds[n % 2], f"thing {n % 5}") for n in range(1, 201)] + [seen(201, None), seen(202, units(1, 7)[0])]
    sightings = [row.sighting for row in rows]
    with open_store(tmp_path, log_bytes=64 * MIB, matrix_bytes=matrix_bytes) as store:
        store.append(rows)
        assert store.ram_bytes <= matrix_bytes
        for query in (
            Query(key=vectors[3], limit=1),
            Query(key=vectors[150], kinds=("thing",), limit=5),
            Query(key=vectors[20], names=("thing 0", "thing 3"), limit=5, newest_first=False),
            Query(key=vectors[20], t_from_ns=500, t_to_ns=700, limit=7),
        ):
            found, _ = store.search(query)
            assert [one.id for one in found] == [one.id for one in answer(sightings, query)] and found
            scores = [alike(one, vectors[3]) for one in found]
            assert all(-1 <= score <= 1 for score in scores)
        assert store.search(Query(key=np.zeros(384, np.float32)))[0] == () == store.search(Query(key=units(1, 99)[0]))[0]


def test_a_log_that_is_opened_again_finds_as_before(tmp_path: Path) -> None:
    vectors = units(50, 384)
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([seen(n, vectors[n - 1]) for n in range(1, 51)])
    with open_store(tmp_path, log_bytes=MIB, resume=True) as store:
        assert store.search(Query(key=vectors[30], limit=1))[0][0].id == 31
        store.append([seen(31, None)])  # told again, now without a vector
        assert store.search(Query(key=vectors[30], limit=1))[0][0].id != 31


def test_a_forgotten_vector_is_gone_from_the_files_and_from_memory(tmp_path: Path) -> None:
    secret, *others = units(40, 384)
    with open_store(tmp_path, log_bytes=MIB) as store:
        store.append([seen(n, vector) for n, vector in enumerate(others, 1)])
        store.append([seen(99, secret, "concept", "diary")])
        traces = (secret.astype("<f2").tobytes(), key(secret).tobytes())
        assert all(trace in _files(tmp_path) for trace in traces)
        store.erase(Scope("thing", name="diary"))
        assert not any(trace[i : i + 16] in _files(tmp_path) for trace in traces for i in range(0, len(trace), 16))
        assert traces[1] not in store._matrix._keys.tobytes()
        assert store.search(Query(key=secret, limit=100))[0] and 99 not in [one.id for one in store.search(Query(key=secret, limit=100))[0]]


def _files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
