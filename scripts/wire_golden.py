"""Keeps the bytes of every message: python -m scripts.wire_golden [--overwrite].

Writes ``tests/golden/wire/v1/NAME.1.msgpack`` for a message that is new. One that has only gained fields gets its next revision beside
the old one, which must stay readable for ever. One that has changed in any other way is refused (exit 1): it would not be understood by
processes of the same major version. ``--overwrite`` replaces it all the same, for a message that no release has sent yet.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from edge_runtime import codec
from edge_runtime.transport.routes import MAJOR
from tests.golden.wire.samples import SAMPLES

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden" / "wire" / f"v{MAJOR}"


def revisions(name: str, folder: Path = FOLDER) -> list[Path]:
    """The files of a message, oldest first."""
    return sorted(folder.glob(f"{name}.*.msgpack"), key=lambda path: int(path.suffixes[-2][1:]))


def grew(old: bytes, new: bytes) -> bool:
    """Whether a message is the same as before, or has only gained fields behind those it had, at any depth."""
    return _grew(msgspec.msgpack.decode(old), msgspec.msgpack.decode(new))


def _grew(old: object, new: object) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return list(old) == list(new)[: len(old)] and all(_grew(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_grew(*pair) for pair in zip(old, new, strict=True))
    return type(old) is type(new) and old == new


def update(samples: dict[str, bytes], folder: Path, *, overwrite: bool = False) -> list[str]:
    """Write what is new; returns what is refused, a line each, and then nothing is written of it.

    Args:
        samples: Today's bytes of each message, by its name.
        folder: Of the files.
        overwrite: Replace the newest revision of what would be refused, and remove messages that are no more.
    """
    refused = []
    for path in sorted(folder.glob("*.msgpack")):
        if path.name.partition(".")[0] not in samples:
            refused.append(f"{path.name}: there is no such message any more")
            if overwrite:
                path.unlink()
    for name, new in samples.items():
        known = revisions(name, folder)
        old = known[-1].read_bytes() if known else b""
        if old == new:
            continue
        if known and not grew(old, new):
            refused.append(f"{known[-1].name}: changed otherwise than by appended fields")
            if overwrite:
                known[-1].write_bytes(new)
        else:
            (folder / f"{name}.{len(known) + 1}.msgpack").write_bytes(new)
    return [] if overwrite else refused


def main() -> int:
    """Update the files of the checkout."""
    parser = argparse.ArgumentParser(description="Keep the bytes of every message under tests/golden/wire.")
    parser.add_argument("--overwrite", action="store_true", help="replace what has changed; only for what no release has sent yet")
    args = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    refused = update({name: codec.encode(message) for name, message in SAMPLES.items()}, FOLDER, overwrite=args.overwrite)
    for line in refused:
        print(line, file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
