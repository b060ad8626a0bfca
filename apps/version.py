"""``edge-runtime version``: which one this is."""

from __future__ import annotations

import argparse
import json
import platform

from apps.verbs import Verbs, add_json
from edge_runtime import __version__


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    add_json(verbs.add_parser("version", help="print the version", description="Print the version."))


def run(args: argparse.Namespace) -> int:
    """Print it."""
    if args.json:
        print(json.dumps({"version": __version__, "python": platform.python_version(), "machine": platform.machine()}))
    else:
        print(f"edge-runtime {__version__}")
    return 0
