"""A pytest plugin: prints every skipped test with its reason, and fails the run on one that is not on the list.

The list is a TOML file of ``[[allow]]`` tables, named by the ini option ``allowed_skips``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Allowed:
    """One entry of the list."""

    test: str
    reason: str
    ci: bool
    why: str


@dataclass(frozen=True)
class Skip:
    """One skipped test, or file of tests."""

    test: str
    reason: str


def read_list(path: Path) -> tuple[Allowed, ...]:
    """Read the list; a missing or unknown key is an error."""
    return tuple(Allowed(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("allow", ()))


def refused(skips: Iterable[Skip], allowed: Sequence[Allowed], *, ci: bool) -> list[Skip]:
    """The skips that no entry covers."""

    def covers(entry: Allowed, skip: Skip) -> bool:
        return fnmatchcase(skip.test, entry.test) and skip.reason == entry.reason and (entry.ci or not ci)

    return [skip for skip in skips if not any(covers(entry, skip) for entry in allowed)]


class _Gate:
    def __init__(self, allowed: Sequence[Allowed]) -> None:
        self._allowed = allowed
        self._skips: list[Skip] = []
        self._refused: list[Skip] = []

    def _take(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._skips.append(Skip(report.nodeid, reason.removeprefix("Skipped: ")))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._take(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._take(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._refused = refused(self._skips, self._allowed, ci=bool(os.environ.get("CI")))
        if self._refused and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._skips:
            terminalreporter.section("skipped tests")
        for skip in self._skips:
            verdict = "NOT ALLOWED" if skip in self._refused else "allowed"
            terminalreporter.write_line(f"{verdict:<11}  {skip.test}: {skip.reason}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the list in the ini file."""
    parser.addini("allowed_skips", "TOML file of the skips that may happen", type="string", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Start with the list the ini file names; without one nothing may be skipped."""
    name = str(config.getini("allowed_skips"))
    config.pluginmanager.register(_Gate(read_list(config.rootpath / name) if name else ()), "skip-gate")
