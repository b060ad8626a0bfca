"""``edge-runtime models``: what models are here, and how others come here: prepared from wheels, pulled from the Hub or from a folder."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from apps.daemon.running import running_pid
from apps.models_text import listed, verified
from apps.verbs import Verbs, add_json
from edge_runtime.errors import BundleError, DeviceError, UsageError
from edge_runtime.models.bundle import PREPARABLE, bundle_folders, load_bundle, read_manifest
from edge_runtime.models.hub import cache_folder, megabytes
from edge_runtime.models.hub_bundles import pull, remove_bundle
from edge_runtime.models.hub_checkpoint import list_checkpoints
from edge_runtime.models.hub_verify import verify_bundle
from edge_runtime.transport.endpoints import runtime_folder

_PULL = """\
Bring models here. SOURCE is one of

  hf:owner/name[@revision]   a repository of the Hub: a bundle, or a checkpoint to make one from
  file:/folder               the folder of a bundle, such as one carried over on a stick

Of a repository, sizes and licence are said before anything is downloaded, only plain data is taken, every
file is checked by its hash, and an interrupted download goes on where it stopped. Nothing that may run
code when it is loaded is taken. What is here already needs no network.

HF_HUB_OFFLINE=1 forbids asking the Hub, HF_ENDPOINT names another one, HF_TOKEN opens what is not for
everybody. What wheels of the package index hold is not pulled but prepared: edge-runtime models prepare."""


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    about = "list, pull, prepare, verify or remove models"
    parser = verbs.add_parser("models", help=about, description=f"{about.capitalize()}.")
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)

    def action(name: str, summary: str, description: str) -> argparse.ArgumentParser:
        raw = argparse.RawDescriptionHelpFormatter
        added = actions.add_parser(name, help=summary, description=description, formatter_class=raw)
        add_json(added)
        return added

    action(
        "list",
        "what is here, and what can be prepared",
        "What is here, with size, licence and what it can do, and what can be prepared.\n"
        "Hashes are not looked at: models verify does that.",
    )
    action("pull", "bring a bundle or a checkpoint here", _PULL).add_argument("source", metavar="SOURCE", help="where from")
    action(
        "prepare",
        "download weights and derive a bundle",
        "Download weights from the package index and derive a bundle from them. Says first what is downloaded,\n"
        "how large it is and under which licence. Safe to run again: what is there and right is left alone.",
    ).add_argument("name", metavar="NAME", help=f"which one: {', '.join(PREPARABLE)}")
    action(
        "verify",
        "check every file of a bundle",
        "Check every file of a bundle by its hash, and that its parts fit together; say which gates it passed and\n"
        "which it missed. Returns 4 when something is wrong with it; a gate that was missed is said, and is no fault.",
    ).add_argument("bundle", metavar="BUNDLE", help="its name, or its folder")
    action(
        "remove",
        "remove a bundle or a checkpoint",
        "Remove a bundle, or with hf:owner/name a checkpoint that was pulled. Does not ask; says how much is free\n"
        "again. Does nothing while a daemon runs, which may be using it.",
    ).add_argument("name", metavar="NAME", help="as models list shows it")


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    return _ACTIONS[args.action](args)


def _list(args: argparse.Namespace) -> int:
    bundles: list[dict[str, Any]] = []
    for folder in bundle_folders():
        try:
            manifest = read_manifest(folder)
        except BundleError as error:
            bundles.append({"name": folder.name, "prepared": False, "fault": str(error), "hint": error.hint})
        else:
            can = msgspec.to_builtins(manifest.capabilities)
            row = {**msgspec.to_builtins(manifest), "prepared": True, "size_bytes": manifest.nbytes}
            bundles.append({**row, "can": [name for name, value in can.items() if value is True], "folder": str(folder)})
    there = {row["name"] for row in bundles}
    bundles += [{"name": name, "summary": summary, "prepared": False} for name, summary in PREPARABLE.items() if name not in there]
    found = {"bundles": bundles, "checkpoints": [{**msgspec.to_builtins(p), "size_bytes": p.nbytes} for p in list_checkpoints()]}
    print(json.dumps(found, indent=2) if args.json else listed(found))
    return 0


def _pull(args: argparse.Namespace) -> int:
    folder = pull(args.source, say=_say(args))
    kind = "bundle" if (folder / "bundle.toml").is_file() else "checkpoint"
    return _done(args, {"kind": kind, "folder": str(folder)})


def _prepare(args: argparse.Namespace) -> int:
    if args.name not in PREPARABLE:
        near = difflib.get_close_matches(args.name, PREPARABLE, n=1)
        hint = f"did you mean: edge-runtime models prepare {near[0]}" if near else "run: edge-runtime models list"
        raise UsageError(f"no bundle {args.name} can be prepared", hint=hint)
    if args.name == "smollm2":
        from export.smollm2 import prepare_smollm2 as prepare
    else:
        # The workshop needs the export extra; listing does not.
        from export.pocket import prepare_pocket as prepare
    return _done(args, {"kind": "bundle", "folder": str(prepare(say=_say(args)))})


def _verify(args: argparse.Namespace) -> int:
    found = verify_bundle(args.bundle)
    manifest, faults = found.manifest, list(found.faults)
    about = {"name": manifest.name, "version": manifest.version, "folder": str(found.folder), "size_bytes": manifest.nbytes}
    row = {**about, "faults": faults, "gates": manifest.gates, "failed": list(manifest.failed)}
    print(json.dumps(row, indent=2) if args.json else verified(found))
    if faults and not args.json:
        # When a file is wrong, this knows how the bundle is made right.
        load_bundle(found.folder)
        raise BundleError(f"bundle {manifest.name} does not fit together: {faults[0]}", hint="tell whoever made it; export it again")
    return BundleError.exit_code if faults else 0


def _remove(args: argparse.Namespace) -> int:
    if pid := running_pid(runtime_folder()):
        message = f"the daemon, process {pid}, runs and may be using {args.name}"
        raise DeviceError(message, hint="end it first: edge-runtime stop")
    gained = remove_bundle(args.name)
    if args.json:
        print(json.dumps({"name": args.name, "freed_bytes": gained.freed_bytes, "kept_bytes": gained.kept_bytes}))
    else:
        kept = f"; {megabytes(gained.kept_bytes)} stay in {cache_folder() / 'wheels'}, to prepare it again" if gained.kept_bytes else ""
        print(f"{args.name} is removed: {megabytes(gained.freed_bytes)} are free again{kept}")
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "pull": _pull,
    "prepare": _prepare,
    "verify": _verify,
    "remove": _remove,
}


def _say(args: argparse.Namespace) -> Callable[[str], None]:
    """Progress goes where it is not in the way of JSON."""
    return partial(print, file=sys.stderr if args.json else sys.stdout, flush=True)


def _done(args: argparse.Namespace, outcome: dict[str, str]) -> int:
    """The outcome as JSON; in words it was said already."""
    if args.json:
        print(json.dumps(outcome))
    return 0
