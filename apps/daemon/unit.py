"""The daemon as a service of systemd: the unit, made to fit this installation."""

from __future__ import annotations

import shutil
import sysconfig
from importlib.resources import files
from pathlib import Path

from edge_runtime.errors import DeviceError

UNIT_NAME = "edge-runtime.service"
_PROGRAM = "edge-runtime"
_START = f"ExecStart={_PROGRAM} run\n"
_REFUSED = frozenset("\\\"'")


def unit_text() -> str:
    """The unit that starts the program of this installation.

    Raises:
        DeviceError: The program is not found.
    """
    return unit_for(installed_program())


def unit_for(program: Path) -> str:
    """The unit that starts a program.

    Args:
        program: An absolute path: systemd does not look where a shell does.

    Raises:
        DeviceError: systemd cannot start a program of that name.
    """
    path = str(program)
    if not path.isprintable() or set(path) & _REFUSED:
        raise DeviceError(f"systemd starts no program at {path}", hint="install it where no folder has quotes or backslashes in its name")
    written = path.replace("%", "%%")
    template = files("apps.daemon").joinpath(UNIT_NAME).read_text(encoding="utf-8")
    return template.replace(_START, f'ExecStart="{written}" run\n')


def installed_program() -> Path:
    """Where ``edge-runtime`` is: beside the Python that runs this, or where the shell finds it.

    Raises:
        DeviceError: Nowhere.
    """
    beside = Path(sysconfig.get_path("scripts")) / _PROGRAM
    found = str(beside) if beside.is_file() else shutil.which(_PROGRAM)
    if found is None:
        raise DeviceError(f"{_PROGRAM} is not installed as a program", hint="install the project: pip install '.[cpu]'")
    return Path(found).absolute()
