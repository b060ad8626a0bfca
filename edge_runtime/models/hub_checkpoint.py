"""Published checkpoints, from which bundles are made: a folder as it is, or a repository of the Hub kept in the cache."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import BundleError
from edge_runtime.models.hub import Say, cache_folder, megabytes, prepare_lock, quiet
from edge_runtime.models.hub_address import HubName, parse_source
from edge_runtime.models.hub_hf import Pulled, pull_hf, read_pulled, wrong_files


def checkpoints_folder(cache: Path | None = None) -> Path:
    """Where repositories of the Hub are kept."""
    return (cache or cache_folder()) / "checkpoints"


def resolve_checkpoint(source: str, *, cache: Path | None = None, say: Say = quiet) -> Path:
    """Find a checkpoint, and bring it here if it is on the Hub and not here yet.

    What was brought here before is taken as it is, without a network; ``models remove`` makes room for a newer one.

    Args:
        source: A folder, ``file:/folder``, ``owner/name`` or ``hf:owner/name[@revision]``.
        cache: The cache; the usual one if not given.
        say: Called with one line at a time; sizes and licence come before anything is downloaded.

    Returns:
        A folder with ``config.json`` and weights as safetensors.

    Raises:
        UsageError: The source is none of these.
        Unreachable: The Hub does not answer, or does not have it.
        Gated: It is not given to everybody.
        BundleError: It is no checkpoint.
        HashMismatch: The Hub gave another file than it listed.
        DeviceError: The cache cannot be written, or the disk is full.
    """
    place = parse_source(source)
    folder = keep_pulled(place, cache=cache, say=say) if isinstance(place, HubName) else place
    require_checkpoint(folder)
    return folder


def keep_pulled(name: HubName, *, cache: Path | None = None, say: Say = quiet) -> Path:
    """Have a repository of the Hub in the cache, whole; returns its folder.

    Raises:
        Unreachable: The Hub does not answer, or does not have it.
        Gated: It is not given to everybody.
        BundleError: It is neither a bundle nor a checkpoint.
        HashMismatch: The Hub gave another file than it listed.
        DeviceError: The cache cannot be written, or the disk is full.
    """
    cache = cache or cache_folder()
    folder = checkpoints_folder(cache) / name.folder_name
    with prepare_lock(cache / "checkpoints.lock", say=say):
        pulled = read_pulled(folder)
        if pulled is None or wrong_files(pulled, folder):
            pulled = pull_hf(name, folder, say=say)
    say(f"{name}, commit {pulled.commit[:12]}, is here: {folder}, {megabytes(pulled.nbytes)}, licence {pulled.licence}")
    return folder


def list_checkpoints(*, cache: Path | None = None) -> list[Pulled]:
    """The repositories that are in the cache and whole, by name; their files are not checked.

    Raises:
        BundleError: A record cannot be read.
    """
    found = [read_pulled(folder) for folder in sorted(checkpoints_folder(cache).glob("[!.]*"))]
    return [pulled for pulled in found if pulled is not None]


def require_checkpoint(folder: Path) -> None:
    """See to it that a folder holds a checkpoint.

    Raises:
        BundleError: It does not; the hint says what it is instead.
    """
    if not folder.is_dir():
        raise BundleError(f"there is no folder {folder}", hint="check the path; for a name on the Hub write hf:owner/name")
    if (folder / "bundle.toml").is_file():
        raise BundleError(
            f"{folder} is a bundle already", hint=f"use it as it is, or run: edge-runtime models pull file:{folder.resolve()}"
        )
    if not (folder / "config.json").is_file():
        raise BundleError(
            f"{folder} is no checkpoint: it has no config.json", hint="give the folder that holds config.json and safetensors"
        )
    if not any(folder.glob("*.safetensors")):
        message = f"{folder} has no weights as safetensors, and others may run code when they are loaded"
        raise BundleError(message, hint="take the same model with safetensors")
