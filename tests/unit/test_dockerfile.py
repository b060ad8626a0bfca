"""The container, as far as it can be checked without building it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from apps.main import VERBS
from scripts.check_wheel import PACKAGES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def verb(instruction: str) -> str:
    """The last word of what an instruction calls."""
    (words,) = re.findall(rf"^{instruction}\b.*?(\[.*\])$", TEXT, re.MULTILINE)
    return str(json.loads(words)[-1])


def test_the_image_is_built_from_what_the_wheel_is_built_from() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    passed = {line[1:] for line in lines if line.startswith("!")}
    assert passed == {*PACKAGES, "LICENSE", "README.md", "pyproject.toml"}
    assert all((ROOT / name).exists() for name in passed)


def test_it_runs_the_daemon_and_asks_it_how_it_is() -> None:
    assert verb("ENTRYPOINT") == "edge-runtime"
    assert verb("CMD") == "run" in VERBS
    assert verb("HEALTHCHECK") == "status" in VERBS


def test_nobody_is_root_and_the_documented_run_has_no_network() -> None:
    users = re.findall(r"^USER (\w+)$", TEXT, re.MULTILINE)
    assert users and users[-1] != "root"
    assert "--network none" in TEXT
