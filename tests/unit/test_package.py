"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_runtime
from scripts.check_wheel import PACKAGES

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(source: Path) -> Iterator[str]:
    """Top-level names of everything a file imports, at the top or inside functions."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def declared() -> set[str]:
    """Names of the packages that users get: the base and every extra but ``test``."""
    lines = importlib.metadata.requires("edge-runtime") or []
    return {normal(re.split(r"[^\w.-]", line)[0]) for line in lines if "extra == 'test'" not in line.replace('"', "'")}


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_there_are_five_packages_and_each_has_types() -> None:
    assert PACKAGES == ("apps", "devices", "edge_runtime", "export", "gaze")
    for package in PACKAGES:
        assert (ROOT / package / "__init__.py").is_file(), package
        assert (ROOT / package / "py.typed").is_file(), package


def test_the_version_is_said_once() -> None:
    assert importlib.metadata.version("edge-runtime") == edge_runtime.__version__


def test_gaze_imports_numpy_and_nothing_else_but_where_it_is_compiled() -> None:
    for source in SOURCES:
        if source.is_relative_to(ROOT / "gaze") and source != ROOT / "gaze" / "fast" / "compiled.py":
            assert set(imported(source)) <= {"gaze", "numpy", *sys.stdlib_module_names}, source


def test_every_package_that_is_imported_is_declared() -> None:
    owners = {name: {*map(normal, found)} for name, found in importlib.metadata.packages_distributions().items()}
    # Where these are not installed nobody else knows.
    owners.setdefault("llama_cpp", {"llama-cpp-python"})
    owners.setdefault("tensorrt_rtx", {"tensorrt-rtx-cu12"})
    for source in SOURCES:
        foreign = {name for name in imported(source) if name not in sys.stdlib_module_names and name not in PACKAGES}
        undeclared = {name for name in foreign if not declared() & {*owners.get(name, ()), normal(name)}}
        assert not undeclared, f"{source} imports {undeclared}, which pyproject.toml does not name"


def test_no_module_is_too_long_to_be_read_in_one_sitting() -> None:
    lines = {source: len(source.read_text(encoding="utf-8").splitlines()) for source in SOURCES}
    assert not {source: count for source, count in lines.items() if count > 400}


def test_every_module_is_named_for_what_it_does() -> None:
    assert not [source for source in SOURCES if source.stem in ("utils", "util", "helpers", "helper", "common", "manager", "misc")]


def test_names_of_test_files_are_unique() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("module", ["gaze", "edge_runtime.core", "edge_runtime.settings"])
def test_the_inner_house_starts_without_heavy_packages(module: str) -> None:
    heavy = "{'cv2', 'llama_cpp', 'onnx', 'onnxruntime', 'tensorrt', 'tensorrt_rtx', 'torch', 'zmq'}"
    program = f"import sys, {module}; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
