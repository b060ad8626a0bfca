"""Check that a wheel holds the five packages, all of them, and nothing else.

Usage: python scripts/check_wheel.py WHEEL [--tree CHECKOUT]
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

PACKAGES = ("apps", "devices", "edge_runtime", "export", "gaze")
LARGEST_NPZ_BYTES = 1_000_000


def faults(sizes: Mapping[str, int], checkout: Collection[str] | None = None) -> list[str]:
    """What is wrong with a wheel's contents, a line each.

    Args:
        sizes: Bytes of each file, by its path in the wheel.
        checkout: The files of the packages in the checkout: the wheel holds these and no others.
    """
    found = []
    for name, size_bytes in sizes.items():
        path = PurePosixPath(name)
        top = path.parts[0]
        if top not in PACKAGES and not top.endswith(".dist-info"):
            found.append(f"{name}: {top} is not one of the five packages")
        elif "tests" in path.parts or path.name.startswith(("test_", "conftest")):
            found.append(f"{name}: tests stay out of the wheel")
        elif path.suffix == ".npz" and size_bytes > LARGEST_NPZ_BYTES:
            found.append(f"{name}: {size_bytes} bytes of arrays; weights belong in a bundle")
    for package in PACKAGES:
        for part in ("__init__.py", "py.typed"):
            if f"{package}/{part}" not in sizes:
                found.append(f"{package}/{part} is missing")
    if checkout is not None:
        packed = {name for name in sizes if name.partition("/")[0] in PACKAGES}
        found += [f"{name} is in the checkout and not in the wheel" for name in sorted(set(checkout) - packed)]
        found += [f"{name} is in the wheel and not in the checkout: remove build/" for name in sorted(packed - set(checkout))]
    return found


def tree_files(checkout: Path) -> list[str]:
    """Every file of the five packages in a checkout, as paths in the wheel."""
    files = (path for package in PACKAGES for path in (checkout / package).rglob("*") if path.is_file())
    return [path.relative_to(checkout).as_posix() for path in files if "__pycache__" not in path.parts]


def main() -> int:
    """Check one wheel; returns the exit code."""
    parser = argparse.ArgumentParser(description="Check that a wheel holds the five packages, all of them, and nothing else.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--tree", type=Path, metavar="CHECKOUT", help="the wheel must hold exactly the files of the packages there")
    args = parser.parse_args()
    with zipfile.ZipFile(args.wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist() if not entry.is_dir()}
    found = faults(sizes, tree_files(args.tree) if args.tree else None)
    for line in found:
        print(line, file=sys.stderr)
    print(f"{args.wheel.name}: {len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB, {'not ' if found else ''}as it should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
