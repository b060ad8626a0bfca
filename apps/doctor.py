"""``edge-runtime doctor``: what this machine has and what is missing. It opens no camera and writes nothing."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from apps.doctor_board import board
from apps.verbs import Verbs, add_json, add_settings, settings
from edge_runtime.errors import BundleError, ConfigError, EdgeError
from edge_runtime.models.bundle import list_bundles, load_bundle
from edge_runtime.models.hub import cache_folder
from edge_runtime.settings import default_path

_MODULES = {"opencv-python-headless": "cv2", "pyzmq": "zmq", "onnxruntime-gpu": "onnxruntime", "llama-cpp-python": "llama_cpp"}
_EXTRAS = ("cpu", "simulator", "cuda", "tensorrt", "llm", "export")
_GIB = 2**30
_LOW_DISK_BYTES = _GIB

State = Literal["ok", "note", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        state: ``ok``; ``note``: worth knowing; ``missing``: not here, and the hint says how to get it; ``broken``: has to be repaired.
        name: Of what was looked at.
        detail: What was found.
        hint: What to do about it, or ``""``.
        exit_code: What a broken one makes the program return.
    """

    state: State
    name: str
    detail: str
    hint: str = ""
    exit_code: int = 5


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "doctor",
        help="say what this machine has and what is missing",
        description="Say what this machine has and what is missing. Opens no camera, uses no network, writes nothing.\n"
        "Returns 0 unless something that is needed is broken.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_settings(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Look, and print."""
    findings = [*_machine(), *_board(), *_packages(), *_settings(args), *_bundles(), *_cameras()]
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            hint = f"  ({finding.hint})" if finding.hint else ""
            print(f"{finding.state:<8} {finding.name:<24} {finding.detail}{hint}")
    return next((finding.exit_code for finding in findings if finding.state == "broken"), 0)


def _machine() -> Iterator[Finding]:
    yield Finding("ok", "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.prefix}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("ok", "processor cores", str(cores))
    page = os.sysconf("SC_PAGE_SIZE")
    free, total = (os.sysconf(name) * page / _GIB for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"))
    yield Finding("ok", "memory", f"{total:.1f} GiB, {free:.1f} GiB of it unused")
    yield _cache()
    with closing(sqlite3.connect(":memory:")) as memory:
        options = {row[0] for row in memory.execute("pragma compile_options")}
    if "ENABLE_FTS5" in options:
        yield Finding("ok", "sqlite", f"{sqlite3.sqlite_version} with full-text search")
    else:
        yield Finding("note", "sqlite", f"{sqlite3.sqlite_version} without FTS5", hint="a Python from python.org or Debian has it")


def _cache() -> Finding:
    folder = cache_folder()
    standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    change = "set EDGE_RUNTIME_CACHE to a folder that can be written"
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        return Finding("broken", "cache folder", f"{folder} cannot be written", hint=change)
    free = shutil.disk_usage(standing).free
    state: State = "note" if free < _LOW_DISK_BYTES else "ok"
    return Finding(state, "cache folder", f"{folder}, {free / _GIB:.1f} GiB free", hint=change if state == "note" else "")


def _board() -> Iterator[Finding]:
    for known, name, detail in board(Path("/"), time.monotonic_ns):
        yield Finding("ok" if known else "note", name, detail)


def _packages() -> Iterator[Finding]:
    try:
        required = importlib.metadata.requires("edge-runtime") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("broken", "edge-runtime", "not installed", hint="run scripts/install cpu,export", exit_code=4)
        return
    for line in required:
        name, extra = re.match(r"[\w.-]+", line), re.search(r"extra\s*==\s*['\"](\w+)", line)
        # A requirement of another Python version has no extra and is not installed: tomli.
        if name is not None and name[0] != "tomli" and (extra is None or extra[1] in _EXTRAS):
            yield _package(name[0], extra[1] if extra else "")


def _package(name: str, extra: str) -> Finding:
    where = f" [{extra}]" if extra else ""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(_absent(name, extra), f"{name}{where}", "not installed", hint=f"pip install {name}", exit_code=4)
    try:
        module = importlib.import_module(_MODULES.get(name, name))
    except (ImportError, OSError) as error:
        return Finding("broken", f"{name}{where}", f"{version}, cannot be imported: {error}", hint=f"reinstall {name}", exit_code=4)
    providers = getattr(module, "get_available_providers", None)
    return Finding("ok", f"{name}{where}", f"{version}, {', '.join(providers())}" if providers else version)


def _absent(name: str, extra: str) -> State:
    if not extra:
        return "broken"
    # ONNX Runtime comes in two packages, and one of them is enough.
    needed = extra in ("cpu", "export") and importlib.util.find_spec(_MODULES.get(name, name)) is None
    return "missing" if needed else "note"


def _settings(args: argparse.Namespace) -> Iterator[Finding]:
    try:
        origins = {origin.partition(":")[0] for origin in settings(args).origin.values()} - {"default"}
    except ConfigError as error:
        yield Finding("broken", "settings", str(error), hint=error.hint, exit_code=error.exit_code)
        return
    yield Finding("ok", "settings", ", ".join(sorted(origins)) or f"defaults; there is no {default_path(os.environ)}")


def _bundles() -> Iterator[Finding]:
    try:
        names = [manifest.name for manifest in list_bundles()]
    except BundleError as error:
        yield _broken("bundles", error)
        return
    for name in names:
        try:
            bundle = load_bundle(name)
        except BundleError as error:
            yield _broken(f"bundle {name}", error)
        else:
            yield Finding("ok", f"bundle {name}", f"{bundle.manifest.version}, {bundle.nbytes / 1e6:.0f} MB, every hash right")
    if "pocket" not in names:
        yield Finding("missing", "bundle pocket", "not prepared", hint="run: edge-runtime models prepare pocket")


def _broken(name: str, error: EdgeError) -> Finding:
    return Finding("broken", name, str(error), hint=error.hint, exit_code=error.exit_code)


def _cameras() -> Iterator[Finding]:
    seen = sorted(path.name for path in Path("/dev").glob("video*"))
    yield Finding("note", "cameras", f"{len(seen)} seen{': ' + ', '.join(seen) if seen else ''}; none opened")
