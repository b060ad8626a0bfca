from __future__ import annotations

import pytest

from edge_runtime.units import SIZE_BYTES, TIME_NS, parse_quantity, say_quantity, units_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3s", 3_000_000_000),
        ("250 ms", 250_000_000),
        ("2min", 120_000_000_000),
        ("7", 7),
        ("1_000", 1000),
        ("0.1 s", 100_000_000),
        ("-1", -1),
    ],
)
def test_a_duration_is_read_in_nanoseconds(text: str, value: int) -> None:
    assert parse_quantity(text, TIME_NS) == value


@pytest.mark.parametrize(("text", "value"), [("64 MiB", 64 * 2**20), ("1.5KiB", 1536), ("2GiB", 2**31), ("12 B", 12), ("65536", 65536)])
def test_a_size_is_read_in_bytes(text: str, value: int) -> None:
    assert parse_quantity(text, SIZE_BYTES) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", "not a number with a unit"),
        ("3 h", "unknown unit 'h'"),
        ("64 MB", "unknown unit 'MB'"),
        ("0.5", "not a whole number of ns"),
        ("1e9", "not a number"),
        ("", "not a number with a unit"),
        ("nan", "not a number"),
    ],
)
def test_what_is_not_a_duration_is_refused(text: str, message: str) -> None:
    units = TIME_NS
    with pytest.raises(ValueError, match=message):
        parse_quantity(text, units)


def test_what_is_said_is_read_back_the_same() -> None:
    for units in (TIME_NS, SIZE_BYTES):
        for value in (0, 1, 999, 1000, 1024, 65536, 90_000_000_000, 128 * 2**20, 2**31 + 1):
            assert parse_quantity(say_quantity(value, units), units) == value


def test_a_name_says_its_unit() -> None:
    assert units_of("speak.cooldown_ns") is TIME_NS
    assert units_of("ram_bytes") is SIZE_BYTES
    assert units_of("models.threads") is None
