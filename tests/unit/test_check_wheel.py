from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.check_wheel import PACKAGES, faults, tree_files

ROOT = Path(__file__).parents[2]
GOOD = {f"{package}/{part}": 10 for package in PACKAGES for part in ("__init__.py", "py.typed")} | {
    "edge_runtime/boards.toml": 300,
    "edge_runtime/models/whitening.npz": 600_000,
    "edge_runtime-0.1.0.dist-info/METADATA": 900,
}


def test_the_five_packages_and_their_metadata_are_right() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("name", "size_bytes", "message"),
    [
        ("tests/unit/test_core.py", 10, "tests is not one of the five packages"),
        ("scripts/check_wheel.py", 10, "scripts is not one of the five packages"),
        ("setup.py", 10, "setup.py is not one of the five packages"),
        ("edge_runtime/tests/fixtures.py", 10, "tests stay out of the wheel"),
        ("gaze/test_types.py", 10, "tests stay out of the wheel"),
        ("edge_runtime/models/weights.npz", 1_000_001, "1000001 bytes of arrays; weights belong in a bundle"),
    ],
)
def test_what_does_not_belong_in_a_wheel_is_named(name: str, size_bytes: int, message: str) -> None:
    assert faults({**GOOD, name: size_bytes}) == [f"{name}: {message}"]


def test_a_package_that_is_missing_is_named() -> None:
    without = {name: size for name, size in GOOD.items() if not name.startswith("gaze/")}
    assert faults(without) == ["gaze/__init__.py is missing", "gaze/py.typed is missing"]


def test_the_wheel_holds_the_checkout_and_nothing_older() -> None:
    checkout = [name for name in GOOD if "dist-info" not in name and "boards" not in name] + ["apps/report/page.css"]
    assert faults(GOOD, checkout) == [
        "apps/report/page.css is in the checkout and not in the wheel",
        "edge_runtime/boards.toml is in the wheel and not in the checkout: remove build/",
    ]


def test_the_files_of_a_checkout_are_those_of_the_packages(tmp_path: Path) -> None:
    for name in ("gaze/__init__.py", "gaze/__pycache__/x.pyc", "apps/page.html", "tests/test_x.py", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(tree_files(tmp_path)) == ["apps/page.html", "gaze/__init__.py"]


@pytest.mark.parametrize(("extra", "code"), [((), 0), (("tests/test_x.py",), 1)])
def test_the_command_ends_with_1_on_a_fault(tmp_path: Path, extra: tuple[str, ...], code: int) -> None:
    wheel = tmp_path / "edge_runtime-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (*GOOD, *extra):
            archive.writestr(name, b"x")
    command = [sys.executable, str(ROOT / "scripts" / "check_wheel.py"), str(wheel)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == code  # noqa: S603
