"""Every process of the daemon is killed with SIGKILL, at random, again and again: it comes back, and nothing that was promised is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.killing import survives

pytestmark = [pytest.mark.slow, pytest.mark.weights]


def test_twenty_kills(tmp_path: Path, pocket_cache: Path) -> None:
    survives(tmp_path, pocket_cache, count=20, seed=6)
