"""A thousand kills each of the log, with room and full, and of the journal. Takes some minutes; ``scripts/test --soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dying_disk import tortured

pytestmark = [pytest.mark.soak, pytest.mark.slow]


@pytest.mark.parametrize("log_bytes", [8 * 2**20, 96 * 2**10], ids=["plenty", "full"])
def test_a_log_survives_a_thousand_kills(tmp_path: Path, log_bytes: int) -> None:
    assert tortured("tests.dying_log", tmp_path, 1000, 7000, log_bytes).startswith("1000 kills")


def test_a_journal_survives_a_thousand_kills(tmp_path: Path) -> None:
    assert tortured("tests.dying_journal", tmp_path, 1000, 7000).startswith("1000 kills")
