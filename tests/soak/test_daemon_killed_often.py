"""As ``test_daemon_killed``, two hundred times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.killing import survives

pytestmark = [pytest.mark.soak, pytest.mark.weights]


def test_two_hundred_kills(tmp_path: Path, pocket_cache: Path) -> None:
    survives(tmp_path, pocket_cache, count=200, seed=200)
