"""Long work in stages. What each stage made is kept until the whole is done, so that work that was cut short goes on where it ended.

A product lies in a folder named by the stage and by a digest of all that it was made from: other inputs, another name. It is made beside
its place and moved there in one step, so it is there whole or not at all; and it is taken up again only while its files have the hashes
that were noted when it was made.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from edge_runtime.errors import DeviceError, Locked
from edge_runtime.models.hub import Say, quiet, sha256_of

_RECORD = "product.json"
_PART = ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Findings(msgspec.Struct, frozen=True):
    """What a stage found out beside the files it wrote.

    Attributes:
        figures: What was measured, by name.
        failures: What fell short, in words.
        notes: What else a reader should know, by name.
    """

    figures: dict[str, float] = {}
    failures: tuple[str, ...] = ()
    notes: dict[str, str] = {}


Make = Callable[[Path], Findings]
"""Writes a product's files into an empty folder, and says what it found out."""


@dataclass(frozen=True)
class Stage:
    """One step of the work.

    Attributes:
        name: Of the step.
        make: Carries it out.
        inputs: Everything that the product depends on: digests of files and of products, versions, settings.
    """

    name: str
    make: Make
    inputs: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Name of the product's folder."""
        digest = hashlib.sha256(json.dumps([self.name, *self.inputs]).encode()).hexdigest()
        return f"{self.name.replace(' ', '-')}-{digest[:24]}"


class _Record(msgspec.Struct, frozen=True):
    files: dict[str, str]
    findings: Findings


@dataclass(frozen=True)
class Product:
    """What a stage made.

    Attributes:
        folder: Where it lies until the work is done.
        files: sha256 of each file, by name.
        findings: What was found out on the way.
        digest: Of both: what a later stage that builds on it depends on.
    """

    folder: Path
    files: Mapping[str, str]
    findings: Findings
    digest: str

    def file(self, name: str) -> Path:
        """Where one of its files lies."""
        return self.folder / name


class Work:
    """A folder of products, held by one process at a time. Use it as a context manager.

    Args:
        folder: Made if it is not there.
        say: Called with one line at a time.

    Raises:
        Locked: Another process is at work there.
        DeviceError: It cannot be written.
    """

    def __init__(self, folder: Path, say: Say = quiet) -> None:
        self.folder, self._say = folder, say
        with disk(folder):
            self._held = _hold(folder)
            for left in folder.glob(f"*{_PART}"):
                shutil.rmtree(left)

    def product(self, stage: Stage) -> Product:
        """Carry out a stage, or take up what an earlier run made of the same inputs.

        Raises:
            DeviceError: The folder cannot be written, or the disk is full.
            EdgeError: Whatever the stage itself raises; nothing is kept then.
        """
        place = self.folder / stage.folder
        with disk(place):
            if (kept := _read(place)) is not None:
                self._say(f"{stage.name}: taken up from an earlier run")
                return kept
            shutil.rmtree(place, ignore_errors=True)
            self._say(f"{stage.name}: begun")
            part = place.with_name(place.name + _PART)
            part.mkdir()
            try:
                findings = stage.make(part)
                record = _Record({path.name: sha256_of(path) for path in sorted(part.iterdir())}, findings)
                # Not by msgspec, whose JSON has no NaN.
                (part / _RECORD).write_text(json.dumps(msgspec.to_builtins(record)), encoding="utf-8")
                part.rename(place)
            finally:
                shutil.rmtree(part, ignore_errors=True)
            made = _read(place)
        if made is None:
            raise DeviceError(f"what was written to {place} reads back differently", hint="check the disk")
        self._say(f"{stage.name}: done")
        return made

    def clear(self) -> None:
        """Remove all products: the work is done."""
        with disk(self.folder):
            shutil.rmtree(self.folder)

    def __enter__(self) -> Work:
        """Return the folder's holder itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of the folder; products stay."""
        os.close(self._held)


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn what the machine says while ``path`` is being written into an error with a hint.

    Raises:
        DeviceError: It cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            hint = "free some space, or choose a folder on another disk with -o; what is done so far is kept"
            raise DeviceError(f"no space left while writing {path}", hint=hint) from error
        raise DeviceError(f"cannot write {path}: {error.strerror or error}", hint="choose another folder with -o") from error


def _hold(folder: Path) -> int:
    """Lock the folder itself, so that no file is left over; returns its descriptor."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before may have removed it in between.
            if folder.is_dir() and os.path.samestat(os.fstat(held), folder.stat()):
                return held
        except BlockingIOError:
            os.close(held)
            message = f"another process is at work in {folder}"
            raise Locked(message, hint="wait until it has ended, or choose another folder with -o") from None
        os.close(held)


def _read(place: Path) -> Product | None:
    """The product that lies there; ``None`` unless it is there, whole and unaltered."""
    try:
        text = (place / _RECORD).read_text(encoding="utf-8")
        record = msgspec.convert(json.loads(text), _Record)
        if any(sha256_of(place / name) != sha256 for name, sha256 in record.files.items()):
            return None
    except (OSError, ValueError):
        return None
    return Product(place, record.files, record.findings, hashlib.sha256(text.encode()).hexdigest())
