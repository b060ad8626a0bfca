"""The unit of the daemon, as it is handed out and as systemd reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from apps.daemon.unit import UNIT_NAME, installed_program, unit_for, unit_text
from edge_runtime.errors import DeviceError


def verified(unit: str, folder: Path) -> str:
    """What systemd has to say against a unit; nothing if all is well."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd absent")
    file = folder / UNIT_NAME
    file.write_text(unit, encoding="utf-8")
    (folder / "runtime").mkdir(mode=0o700)
    env = {"XDG_RUNTIME_DIR": str(folder / "runtime"), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    command = [program, "--user", "--man=no", "verify", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)  # noqa: S603
    said = [line for line in done.stderr.splitlines() if UNIT_NAME in line]
    return "\n".join(said) or ("" if done.returncode == 0 else done.stderr)


def program_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def started(unit: str) -> str:
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    return line.removeprefix("ExecStart=")


def test_the_unit_starts_the_program_of_this_installation() -> None:
    assert started(unit_text()) == f'"{installed_program()}" run'
    assert installed_program().is_absolute()


@pytest.mark.parametrize("name", ["edge-runtime", "of mine/edge-runtime", "100%n/edge-runtime", "$HOME; größer/edge-runtime"])
def test_systemd_finds_nothing_wrong_with_it_wherever_the_program_is(tmp_path: Path, name: str) -> None:
    assert verified(unit_for(program_at(tmp_path / "bin" / name)), tmp_path) == ""


@pytest.mark.parametrize("name", ['the "best"', "it's", "back\\slash", "two\nlines"])
def test_a_program_that_systemd_cannot_start_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeviceError, match="systemd starts no program at"):
        unit_for(tmp_path / name)


def test_systemd_would_say_what_is_wrong(tmp_path: Path) -> None:
    unit = unit_for(program_at(tmp_path / "edge-runtime")).replace("RestartSec=1", "RestartSec=soon")
    assert "Failed to parse sec value, ignoring: soon" in verified(unit, tmp_path)


def test_systemd_would_say_that_the_program_is_missing(tmp_path: Path) -> None:
    assert "not executable" in verified(unit_for(tmp_path / "edge-runtime"), tmp_path)
