"""Bundles in the cache: put in place whole, pulled, removed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import BundleError, HashMismatch, UsageError
from edge_runtime.models.bundle import BundleFile, Manifest, bundle_folders, bundles_folder, read_manifest
from edge_runtime.models.hub import Say, amount, cache_folder, chunks_of, need_space, prepare_lock, quiet, write_atomic, writing
from edge_runtime.models.hub_address import HubName, parse_source
from edge_runtime.models.hub_checkpoint import checkpoints_folder, keep_pulled, require_checkpoint
from edge_runtime.models.hub_hf import read_pulled
from edge_runtime.models.hub_verify import verify_bundle

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")  # it becomes a folder's name
_DAMAGED = "it was damaged on its way here: copy the bundle's folder anew, all of it"


@dataclass(frozen=True)
class Removed:
    """What was gained by removing something.

    Attributes:
        freed_bytes: Free again.
        kept_bytes: Of it, still there as downloads that it was made from.
    """

    freed_bytes: int
    kept_bytes: int


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Make a folder whole or not at all: what is written into the one that is given takes its place when the block ends well.

    What a run that was killed left half made is removed. Only under a lock.

    Args:
        folder: Its place. What lies there is replaced.

    Raises:
        DeviceError: It cannot be written, or the disk is full.
    """
    old = folder.with_name(f".{folder.name}-old")
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f".{folder.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield work
        with writing(folder):
            work.chmod(0o755)
            if folder.exists():
                folder.rename(old)
            work.rename(folder)
    finally:
        for left in (work, old):
            shutil.rmtree(left, ignore_errors=True)


def place_same(source: Path, target: Path) -> None:
    """Put the same file in another place: a second link where the disk allows it, a copy otherwise."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def pull(source: str, *, cache: Path | None = None, say: Say = quiet) -> Path:
    """Bring a bundle into the cache, or a checkpoint that one can be made from; returns its folder.

    Args:
        source: ``hf:owner/name[@revision]``, or the folder of a bundle.
        cache: The cache; the usual one if not given.
        say: Called with one line at a time.

    Raises:
        UsageError: The source is none of these.
        Unreachable: The Hub does not answer, or does not have it.
        Gated: It is not given to everybody.
        BundleError: It cannot be used, or another bundle goes by its name.
        HashMismatch: A file is not the one that was listed.
        DeviceError: The cache cannot be written, or the disk is full.
    """
    place = parse_source(source)
    if not isinstance(place, HubName):
        return install_bundle(place, cache=cache, say=say)
    if pulled := _bundle_from(place, cache):
        say(f"{place} is here, as bundle {pulled.name}: {pulled}")
        return pulled
    folder = keep_pulled(place, cache=cache, say=say)
    if (folder / "bundle.toml").is_file():
        return _move_bundle(folder, cache, say)
    require_checkpoint(folder)
    say(f"a checkpoint; make a bundle of it: edge-runtime export vlm {place} -o BUNDLE")
    return folder


def install_bundle(source: Path, *, cache: Path | None = None, say: Say = quiet) -> Path:
    """Copy the folder of a bundle into the cache, each file checked on its way; returns where it lies then.

    Raises:
        BundleError: It is no bundle, or another bundle goes by its name.
        HashMismatch: A file is not the one that was prepared; nothing is kept.
        DeviceError: The cache cannot be written, or the disk is full.
    """
    if not (source / "bundle.toml").is_file():
        require_checkpoint(source)
        raise BundleError(f"{source} is a checkpoint, not a bundle", hint=f"run: edge-runtime export vlm {source} -o BUNDLE")
    manifest, cache = read_manifest(source), cache or cache_folder()
    place = bundles_folder(cache) / manifest.name
    licences = ", ".join(dict.fromkeys(file.licence for file in manifest.files)) or "none stated"
    say(f"bundle {manifest.name} {manifest.version}: {amount(len(manifest.files), manifest.nbytes)}, licence {licences}")
    with prepare_lock(cache / "bundles.lock", say=say):
        if _require_free(place, manifest):
            need_space(cache, manifest.nbytes)
            with making(place) as work:
                for file in manifest.files:
                    _copy(file, source, work)
                write_atomic(work / "bundle.toml", [(source / "bundle.toml").read_bytes()])
    say(f"bundle {manifest.name} {manifest.version} is ready: {place}")
    return place


def remove_bundle(name: str, *, cache: Path | None = None) -> Removed:
    """Remove a bundle from the cache, or with ``hf:owner/name`` a checkpoint that was pulled, whole or half.

    Raises:
        UsageError: It is the name of neither.
        BundleError: There is none.
        DeviceError: It cannot be removed.
    """
    cache = cache or cache_folder()
    if name.startswith("hf:"):
        place = parse_source(name)
        folder = checkpoints_folder(cache) / (place.folder_name if isinstance(place, HubName) else "")
        if not folder.is_dir():
            raise BundleError(f"{name} is not here", hint="see what is: edge-runtime models list")
        lock = cache / "checkpoints.lock"
    elif _NAME.fullmatch(name):
        folder, lock = bundles_folder(cache) / name, cache / "bundles.lock"
        if folder.is_symlink() or not (folder / "bundle.toml").is_file():
            raise BundleError(f"no bundle called {name} is here", hint="see what is: edge-runtime models list")
    else:
        raise UsageError(
            f"{name!r} is no name of a bundle", hint="give a name that models list shows; folders elsewhere are yours to remove"
        )
    with prepare_lock(lock), writing(folder):
        found = [path.stat() for path in folder.rglob("*") if path.is_file()]
        # Gone in one step for whoever looks, then file by file.
        gone = folder.with_name(f".{folder.name}-removed")
        folder.rename(gone)
        shutil.rmtree(gone)
    # What is linked from elsewhere, such as a file out of a wheel, stays there.
    kept = sum(file.st_size for file in found if file.st_nlink > 1)
    return Removed(sum(file.st_size for file in found) - kept, kept)


def _copy(file: BundleFile, source: Path, target: Path) -> None:
    try:
        with (source / file.path).open("rb") as handle:
            got = write_atomic(target / file.path, chunks_of(handle))
    except OSError as error:
        raise BundleError(f"{source / file.path} cannot be read: {error.strerror}", hint=_DAMAGED) from error
    if got != file.sha256:
        raise HashMismatch(f"{source / file.path}: expected sha256 {file.sha256}, got {got}", hint=_DAMAGED)


def _bundle_from(name: HubName, cache: Path | None) -> Path | None:
    """The bundle that was pulled from a repository, if it is here and right."""
    for folder in bundle_folders(cache=cache):
        pulled = read_pulled(folder)
        if pulled is not None and (pulled.repository, pulled.revision) == (name.repository, name.revision):
            return folder if not verify_bundle(folder).faults else None
    return None


def _move_bundle(folder: Path, cache: Path | None, say: Say) -> Path:
    """Put a pulled bundle among the others; its files were checked against the Hub, and are now against its own list."""
    cache = cache or cache_folder()
    verified = verify_bundle(folder)
    manifest = verified.manifest
    if verified.faults:
        raise BundleError(f"the bundle was published with a fault: {verified.faults[0]}", hint="tell whoever published it")
    place = bundles_folder(cache) / manifest.name
    with prepare_lock(cache / "bundles.lock", say=say), writing(place):
        if _require_free(place, manifest):
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                shutil.rmtree(place)
            folder.rename(place)
    say(f"bundle {manifest.name} {manifest.version} is ready: {place}")
    return place


def _require_free(place: Path, manifest: Manifest) -> bool:
    """Whether a bundle is still to be put in place; ``False`` if it is there already.

    Raises:
        BundleError: Another one is there, or its name cannot be a folder's.
    """
    if not _NAME.fullmatch(manifest.name):
        message = f"{manifest.name!r} cannot be a bundle's name: letters, digits, dots and dashes can"
        raise BundleError(message, hint="change name in its bundle.toml")
    if not (place / "bundle.toml").is_file():
        return True
    there = verify_bundle(place)
    if there.manifest != manifest:
        message = f"another bundle goes by the name {manifest.name}: version {there.manifest.version}, in {place}"
        raise BundleError(message, hint=f"run: edge-runtime models remove {manifest.name}, then this again")
    return bool(there.faults)
