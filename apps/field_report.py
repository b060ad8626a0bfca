"""``edge-runtime field-report``: measure this machine for those who have none like it, or take up what somebody measured."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from apps.field.measuring import measure
from apps.field.merging import merged, table
from apps.field.page import render
from apps.field.report import from_json, to_json
from apps.verbs import Verbs, add_model, add_settings, settings
from edge_runtime.errors import DeviceError, InputError, UsageError

JSON_NAME, PAGE_NAME = "field-report.json", "field-report.html"
_MOST_BYTES = 1024 * 1024


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "field-report",
        help="measure what everything costs on this machine",
        description="Measure what everything costs on this machine, in less than a minute, and write it down as field-report.json and\n"
        "field-report.html. Both may be sent: they name no host, user, folder, address or serial number.\n"
        "What is not there to be measured is left out, and said.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer calls of each, for a first look")
    parser.add_argument("--out", type=Path, default=Path("out/field-report"), metavar="DIR", help="where to (default out/field-report)")
    parser.add_argument("--merge", type=Path, metavar="REPORT.json", help="measure nothing; print the table for boards.toml")
    parser.add_argument("--as", dest="board", metavar="BOARD", help="with --merge: the profile, where none fits for certain")
    add_model(parser)
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and write, or read and print."""
    if args.merge is not None:
        print(table(merged(from_json(_read(args.merge)), args.board)), end="")
    elif args.board is not None:
        raise UsageError("--as is for --merge", hint="a report says by itself which machine it is of")
    else:
        _measure(args)
    return 0


def _measure(args: argparse.Namespace) -> None:
    config = settings(args).config
    _make(args.out)
    report = measure(config, quick=args.quick, today=datetime.now(timezone.utc).date(), say=_say)
    _write(args.out, {JSON_NAME: to_json(report), PAGE_NAME: render(report).encode()})
    print(f"\nwritten: {args.out / JSON_NAME}, {args.out / PAGE_NAME}")


def _say(line: str) -> None:
    print(line, flush=True)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="give the JSON file of a field report") from error
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path} is too large for a field report", hint="give the JSON file of a field report")
    return data


def _make(folder: Path) -> None:
    """Make the folder before anything is measured: whoever waits for a minute wants to find something in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DeviceError(f"{folder} cannot be written", hint="choose another folder with --out")


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files so that all are there as a whole, or those that were there before."""
    parts = {name: folder / f"{name}.part" for name in contents}
    try:
        for name, content in contents.items():
            parts[name].write_bytes(content)
        for name, part in parts.items():
            part.replace(folder / name)
    except OSError as error:
        raise _refused(folder, error) from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _refused(folder: Path, error: OSError) -> DeviceError:
    return DeviceError(f"{folder} cannot be written: {error.strerror}", hint="free some disk, or choose another folder with --out")
