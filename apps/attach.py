"""The verb ``simulator`` with ``--attach``: the page of a daemon that runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from apps.glasses.attached import AttachedGlasses
from apps.serving import serve
from edge_runtime.errors import UsageError

_OWN: tuple[tuple[str, str, object], ...] = (
    ("--camera", "camera", "browser"),
    ("--device", "device", "0"),
    ("--hfov-deg", "hfov_deg", None),
    ("--out", "out", Path("out/simulator")),
    ("--config", "config", None),
    ("--set", "flags", {}),
)
"""What belongs to a simulator that wears glasses of its own, and how it stands when it is not given."""


def attach(args: argparse.Namespace) -> None:
    """Serve the page of the daemon that runs until Ctrl-C.

    Raises:
        UsageError: A flag was given that only glasses of its own have.
        NotRunning: No daemon runs.
        DeviceError: The port is taken, or the daemon has no sockets yet.
    """
    given = [flag for flag, name, unset in _OWN if getattr(args, name) != unset]
    if given:
        raise UsageError(f"--attach takes no {given[0]}", hint="the daemon has its own camera and settings; give them to edge-runtime run")
    with AttachedGlasses() as glasses:
        serve(glasses, port=args.port, open_browser=not args.no_open, note="Ctrl-C ends the page; the daemon goes on.")
        print("\nThe page has ended. The daemon goes on; to end it: edge-runtime stop", flush=True)
