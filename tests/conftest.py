"""Fixtures for all tests. Leaks, isolation and the list of skips are plugins beside this file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.hub_stand_in import HubStandIn

pytest_plugins = ["tests.leaks", "tests.isolation", "tests.skip_gate"]

ROOT = Path(__file__).resolve().parents[1]

# The same examples every time, here and in CI. To look for new ones: HYPOTHESIS_PROFILE=explore.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what tests produce to tests/golden instead of comparing")


@pytest.fixture
def shared_data() -> Path:
    """Evaluation data beside the checkout. It is never copied into the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared data absent")
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """An empty Hub of the test's own, which everything here takes for the Hub."""
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", *(name for name in os.environ if name.lower().endswith("_proxy"))):
        monkeypatch.delenv(name, raising=False)
    with HubStandIn() as stand_in:
        monkeypatch.setenv("HF_ENDPOINT", stand_in.address)
        yield stand_in


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """Compares bytes with a file under ``tests/golden``; ``--update-golden`` writes it instead."""

    def compare(name: str, got: bytes) -> None:
        file = ROOT / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(got)
        want = file.read_bytes() if file.is_file() else b""
        assert got == want, f"{file} differs; if the change is meant, run pytest --update-golden and look at the diff"

    return compare
