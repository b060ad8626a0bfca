"""Bring a repository of the Hub here: what it holds is said with sizes and licence first, and every file is checked by its hash.

Only plain data at the top of the repository is taken. What may run code when it is loaded, and what lies in folders (other precisions,
pictures), is left out, counted and said.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import msgspec

from edge_runtime.errors import BundleError, Unreachable
from edge_runtime.models.hub import Say, amount, megabytes, need_space, quiet, sha256_of, write_atomic, writing
from edge_runtime.models.hub_address import HubName
from edge_runtime.models.hub_web import CARRY, HubFile, download, hub_address, hub_answer, is_offline, part_of

RECORD = "pulled.json"
"""Says where a folder's files came from. It is written last: a folder without it is not whole."""

_DATA = (".gguf", ".jinja", ".json", ".md", ".model", ".npz", ".onnx", ".safetensors", ".toml", ".txt")
_CODE = (".bin", ".ckpt", ".h5", ".msgpack", ".pickle", ".pkl", ".pt", ".pth", ".py")
_TEXTS = ("LICENCE", "LICENSE", "NOTICE")
_IN_FOLDERS, _MAY_RUN, _NOT_NEEDED = "in folders", "may run code when loaded", "of no use here"
_MOST_LISTING_BYTES = 1 << 24
_COMMIT = re.compile("[0-9a-f]{40}")


class PulledFile(msgspec.Struct, frozen=True):
    """A file that was brought here.

    Attributes:
        path: Its name.
        size_bytes: Of the file.
        sha256: Of the file, hex.
    """

    path: str
    size_bytes: int
    sha256: str


class Pulled(msgspec.Struct, frozen=True):
    """``pulled.json``.

    Attributes:
        repository: ``owner/name``.
        revision: That was asked for.
        commit: That it was then.
        licence: As the repository's card states it; ``"unknown"`` if it does not.
        files: That were brought here.
    """

    repository: str
    revision: str
    commit: str
    licence: str
    files: tuple[PulledFile, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


class Listing(msgspec.Struct, frozen=True):
    """What a repository holds.

    Attributes:
        name: Of the repository.
        commit: Of what is listed.
        licence: As the repository's card states it; ``"unknown"`` if it does not.
        files: That are taken, by name.
        left_out: Bytes of the others, each by its reason.
    """

    name: HubName
    commit: str
    licence: str
    files: tuple[HubFile, ...]
    left_out: tuple[tuple[str, int], ...]

    def __contains__(self, path: str) -> bool:
        """Whether a file is among those that are taken."""
        return any(file.path == path for file in self.files)


def list_hf(name: HubName) -> Listing:
    """Ask the Hub what a repository holds.

    Raises:
        Unreachable: ``HF_HUB_OFFLINE`` is set, the Hub does not answer, has no such repository, or says too little of a file.
        Gated: It is not shown to everybody.
    """
    if is_offline():
        hint = f"where there is a network, run: HF_HUB_OFFLINE=0 edge-runtime models pull {name}; or {CARRY}"
        raise Unreachable(f"{name} is not here, and HF_HUB_OFFLINE forbids fetching it", hint=hint)
    url = f"{hub_address()}/api/models/{name.repository}/revision/{quote(name.revision, safe='')}?blobs=true"
    with hub_answer(url, str(name)) as answer:
        text = answer.read(_MOST_LISTING_BYTES)
    try:
        return _listing(name, json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "check HF_ENDPOINT, if it is set: this is not how the Hub answers"
        raise Unreachable(f"what the Hub says of {name} cannot be read: {error!r}", hint=hint) from error


def pull_hf(name: HubName, target: Path, *, say: Say = quiet) -> Pulled:
    """Bring a bundle or a checkpoint into a folder. What is there and right is left alone; an interrupted download goes on.

    Args:
        name: Of the repository.
        target: The folder. Only one process at a time.
        say: Called with one line at a time; sizes and licence come before anything is downloaded.

    Raises:
        Unreachable: The Hub does not answer, or does not have it.
        Gated: It is not given to everybody.
        BundleError: It is neither a bundle nor a checkpoint that can be read without running its code.
        HashMismatch: The Hub gave another file than it listed; it has been removed again.
        DeviceError: The folder cannot be written, or the disk is full.
    """
    listing = list_hf(name)
    _announce(listing, say)
    _require_use(listing)
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
        lacking = [file for file in listing.files if not file.is_at(target / file.path)]
        parts = {part_of(target / file.path, file) for file in lacking}
        kept = parts | {target / file.path for file in listing.files}
        for left in target.iterdir():
            # The record, and files of another commit.
            if left not in kept and left.is_file():
                left.unlink()
        held = sum(part.stat().st_size for part in parts if part.exists())
    need_space(target, sum(file.size_bytes for file in lacking) - held)
    for number, file in enumerate(lacking, 1):
        say(f"downloading {number} of {len(lacking)}: {file.path}, {megabytes(file.size_bytes)}")
        url = f"{hub_address()}/{name.repository}/resolve/{listing.commit}/{quote(file.path)}"
        download(url, file, target / file.path, say=say)
    return _record(listing, target)


def read_pulled(folder: Path) -> Pulled | None:
    """What was brought into a folder; ``None`` if nothing was, or not all of it.

    Raises:
        BundleError: The record cannot be read.
    """
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Pulled)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise BundleError(f"{folder / RECORD} cannot be read: {error}", hint="remove the folder, and pull again") from error


def wrong_files(pulled: Pulled, folder: Path) -> list[str]:
    """The files that are not as they were brought here."""
    return [file.path for file in pulled.files if not _is(folder / file.path, file.size_bytes, file.sha256)]


def _listing(name: HubName, answer: dict[str, Any]) -> Listing:
    if not _COMMIT.fullmatch(answer["sha"]):
        raise ValueError(f"no commit: {answer['sha']}")
    files, left_out = [], []
    for entry in answer["siblings"]:
        path, size_bytes = str(entry["rfilename"]), int(entry["size"])
        if reason := _reason_left_out(path):
            left_out.append((reason, size_bytes))
        elif large := entry.get("lfs"):
            files.append(HubFile(path, size_bytes, _hex(large["sha256"], 64), "sha256"))
        else:
            files.append(HubFile(path, size_bytes, _hex(entry["blobId"], 40), "git"))
    return Listing(name, answer["sha"], _licence(answer), tuple(sorted(files, key=lambda file: file.path)), tuple(left_out))


def _reason_left_out(path: str) -> str:
    """Why a file is not taken; ``""`` if it is."""
    inner = PurePosixPath(path)
    if inner.name != path or "\\" in path:
        return _IN_FOLDERS
    if inner.suffix.lower() in _CODE:
        return _MAY_RUN
    if path.startswith(".") or path == RECORD or not (inner.suffix.lower() in _DATA or path.upper().startswith(_TEXTS)):
        return _NOT_NEEDED
    return ""


def _hex(text: str, digits: int) -> str:
    if len(text) != digits or set(text) - set("0123456789abcdef"):
        raise ValueError(f"no hash of {digits} hex digits: {text}")
    return text


def _licence(answer: dict[str, Any]) -> str:
    card = answer.get("cardData") or {}
    stated = card.get("license") or ""
    stated = ", ".join(map(str, stated)) if isinstance(stated, list) else str(stated)
    if stated in ("", "other"):
        stated = " ".join(str(card[key]) for key in ("license_name", "license_link") if card.get(key))
    return stated or "unknown"


def _announce(listing: Listing, say: Say) -> None:
    whole = sum(file.size_bytes for file in listing.files)
    say(f"{listing.name}, commit {listing.commit[:12]}: {amount(len(listing.files), whole)}, licence {listing.licence}")
    for file in listing.files:
        say(f"  {file.path}, {megabytes(file.size_bytes)}")
    counts = Counter(reason for reason, _ in listing.left_out)
    for reason, count in sorted(counts.items()):
        size_bytes = sum(size for other, size in listing.left_out if other == reason)
        say(f"  left out, {reason}: {amount(count, size_bytes)}")


def _require_use(listing: Listing) -> None:
    """A bundle, or a checkpoint with weights that are plain data."""
    if "bundle.toml" in listing:
        return
    if "config.json" not in listing:
        message = f"{listing.name} is neither a bundle nor a checkpoint: it has neither bundle.toml nor config.json"
        raise BundleError(message, hint="look at its page on the Hub: take the repository that holds config.json and safetensors")
    if not any(file.path.endswith(".safetensors") for file in listing.files):
        message = f"{listing.name} has no weights as safetensors, and others may run code when they are loaded"
        raise BundleError(message, hint="look on the Hub for the same model with safetensors")


def _is(path: Path, size_bytes: int, sha256: str) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes and sha256_of(path) == sha256


def _record(listing: Listing, target: Path) -> Pulled:
    def brought(file: HubFile) -> PulledFile:
        return PulledFile(file.path, file.size_bytes, file.digest if file.kind == "sha256" else sha256_of(target / file.path))

    name = listing.name
    pulled = Pulled(name.repository, name.revision, listing.commit, listing.licence, tuple(map(brought, listing.files)))
    write_atomic(target / RECORD, [msgspec.json.format(msgspec.json.encode(pulled), indent=2)])
    return pulled
