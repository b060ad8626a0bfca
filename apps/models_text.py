"""What ``edge-runtime models list`` and ``verify`` print."""

from __future__ import annotations

from typing import Any

from edge_runtime.models.bundle import bundles_folder
from edge_runtime.models.hub import amount, megabytes
from edge_runtime.models.hub_address import HubName
from edge_runtime.models.hub_checkpoint import checkpoints_folder
from edge_runtime.models.hub_verify import Verified

_CAN = {
    "vector": "tells what looks alike",
    "labels": "proposes names",
    "text": "reads",
    "tokens": "gives memory tokens to look back on",
    "language": "answers in free language",
    "rewording": "says facts in other words",
}


def listed(found: dict[str, Any]) -> str:
    """Bundles and checkpoints, and how to get what is not here.

    Args:
        found: What ``models list --json`` prints.
    """
    lines = [f"bundles in {bundles_folder()}"]
    for row in found["bundles"]:
        lines += _bundle(row)
    if found["checkpoints"]:
        lines.append(f"checkpoints in {checkpoints_folder()}")
    for row in found["checkpoints"]:
        name = HubName(row["repository"], row["revision"])
        lines += [
            f"  {name}, commit {row['commit'][:12]}, {megabytes(row['size_bytes'])}, licence {row['licence']}",
            f"      make a bundle of it: edge-runtime export vlm {name} -o BUNDLE",
        ]
    return "\n".join(lines)


def verified(found: Verified) -> str:
    """What was found in a bundle, a line each; the last says how it is."""
    manifest = found.manifest
    lines = [f"bundle {manifest.name} {manifest.version} in {found.folder}: {amount(len(manifest.files), manifest.nbytes)}"]
    lines += [f"  wrong: {fault}" for fault in found.faults]
    lines += [f"  gate {name}: {value:g}" for name, value in manifest.gates.items()]
    lines += [f"  missed, and written all the same: {gate}" for gate in manifest.failed]
    lines.append("not as it was prepared" if found.faults else "every file is right, and the parts fit together")
    return "\n".join(lines)


def _bundle(row: dict[str, Any]) -> list[str]:
    if "fault" in row:
        return [f"  {row['name']} cannot be used: {row['fault']}", f"      {row['hint']}"]
    if not row["prepared"]:
        return [f"  {row['name']}, not prepared: {row['summary']}", f"      run: edge-runtime models prepare {row['name']}"]
    return [
        f"  {row['name']} {row['version']}, {megabytes(row['size_bytes'])}: {row['summary']}",
        f"      {', '.join(_CAN[name] for name in row['can']) or 'can do nothing yet'}",
        *(f"      missed a gate: {gate}" for gate in row["failed"]),
        *(f"      {file['path']}, {megabytes(file['size_bytes'])}, licence {file['licence']}" for file in row["files"]),
    ]
