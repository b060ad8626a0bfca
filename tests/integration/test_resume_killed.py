"""A run whose process is killed at any write goes on: watches, concepts, budget and memory are there, and no alert is said twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dying_disk import tortured


@pytest.mark.slow
def test_a_run_may_be_killed_at_any_write_and_goes_on(tmp_path: Path) -> None:
    kills, *_ = tortured("tests.dying_run", tmp_path, 20, 2000).split()
    assert int(kills) >= 20
