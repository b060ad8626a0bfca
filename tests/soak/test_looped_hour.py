"""An hour of the sample, over and over: once the memory is full, nothing grows. Takes a quarter of an hour; ``scripts/test --soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices import gallery
from edge_runtime.config import S
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import open_looker
from tests.bench.replay import LOOPED, RESIDENT_MUST_BYTES, RESIDENT_SLOPE_MUST_BYTES_PER_H, loop, measure

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.weights]


def test_resident_memory_is_flat_over_a_looped_hour_and_under_a_gigabyte(pocket_cache: Path) -> None:
    with open_looker(load_bundle("pocket"), threads=2) as looker:
        row = measure(loop(gallery.sample(), 3600 * S), LOOPED, looker)
    assert row["stream_s"] >= 3590
    assert row["resident_max_bytes"] < RESIDENT_MUST_BYTES
    assert row["resident_slope_bytes_per_h"] < RESIDENT_SLOPE_MUST_BYTES_PER_H
