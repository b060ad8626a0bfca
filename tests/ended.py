"""Runs that have ended, for tests of what is done with them afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.main import main
from edge_runtime.config import S
from edge_runtime.log import open_log
from edge_runtime.log_contents import Found
from edge_runtime.protocol import Asked, Taught
from edge_runtime.records import Concept
from tests import world

WORDS = (
    Taught(t_ns=6 * S, concept=Concept("mug", (world.MUG,))),
    Asked(t_ns=9 * S, question="q1", text="where was my mug?"),
    Asked(t_ns=32 * S, question="q2", text="where was my mug?"),
)


def ended(run: Path) -> Path:
    """A run in which a mug was taught and asked for and a PIN was read; with a report."""
    world.run(run, *WORDS)
    (run / "report.html").write_text("a report that shows the mug and PIN 4071")
    return run


def refused(words: list[object], code: int, message: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", *map(str, words)]) == code
    first, second = capsys.readouterr().err.splitlines()[-2:]
    assert first.startswith("edge-runtime: ") and message in first
    assert second.startswith("hint: ") and hint in second


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def open_all(run: Path) -> list[Found]:
    with open_log(run) as log:
        return list(log.every())
