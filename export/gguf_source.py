"""The converter to GGUF, out of the source release of llama-cpp-python: the one that fits the engine we run, to the commit.

The release is asked for by the index that pip is set up with, in the index's JSON form (PEP 691), so that pip is not needed to unpack
it: pip would run the release's build script to learn its name. The archive is checked by hash and kept in the cache; the converter alone
is taken out of it, into a folder that lasts as long as it is used.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Any

from edge_runtime.errors import BundleError, HashMismatch, Unreachable
from edge_runtime.models.hub import Say, cache_folder, megabytes, prepare_lock, quiet, sha256_of, write_atomic, writing

_INDEX = "https://pypi.org/simple"
_JSON = "application/vnd.pypi.simple.v1+json"
_WAIT_S = 60.0
_CHUNK = 1 << 20
_OFFLINE = "connect to the network once and run this again, or give the archive as a file"
_TREE = "vendor/llama.cpp"
_WANTED = ("convert_hf_to_gguf.py", "conversion", "gguf-py")


@dataclass(frozen=True)
class SourceRelease:
    """A source release on the package index.

    Attributes:
        package: Name on the index.
        version: Exact version.
        sha256: Of the archive, 64 hex digits.
        size_bytes: Of the archive.
    """

    package: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """Of the archive."""
        return f"{self.package.replace('-', '_')}-{self.version}.tar.gz"


CONVERTER = SourceRelease("llama-cpp-python", "0.3.36", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e", 76_589_250)
"""The release that the engine is built from too: scripts/llm_wheel."""


def converter_archive(*, file: Path | None = None, release: SourceRelease = CONVERTER, cache: Path | None = None, say: Say = quiet) -> Path:
    """Bring the archive with the converter into the cache, or take one that is given; its hash is checked either way.

    Args:
        file: An archive that was fetched by hand; nothing is downloaded then.
        release: Which one.
        cache: The cache; the usual one if not given.
        say: Called with one line at a time.

    Raises:
        Unreachable: The index does not answer, does not speak JSON, or does not have the release.
        HashMismatch: The archive is not the one that was asked for.
        BundleError: The given file is not there.
        DeviceError: The cache cannot be written, or the disk is full.
    """
    if file is not None:
        if not file.is_file():
            raise BundleError(f"there is no {file}", hint=f"give {release.file_name}, as the package index has it")
        return _checked(file, release, sha256_of(file))
    folder = (cache or cache_folder()) / "sources"
    place = folder / release.file_name
    with prepare_lock(folder / "sources.lock", say=say):
        if not (place.is_file() and sha256_of(place) == release.sha256):
            say(f"downloading the source release of {release.package} {release.version}: {megabytes(release.size_bytes)}, licence MIT")
            try:
                _checked(place, release, write_atomic(place, _download(release)))
            except HashMismatch:
                place.unlink()
                raise
    return place


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The converter's folder for as long as it is used: ``convert_hf_to_gguf.py``, ``conversion`` and ``gguf-py``, nothing else.

    Args:
        archive: As :func:`converter_archive` gives it.

    Raises:
        BundleError: The archive is damaged, has no converter in it, or holds something that points out of its folder.
        DeviceError: The folder for temporary files cannot be written, or the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="gguf-converter-") as name:
        folder = Path(name)
        with writing(folder):
            _extract(archive, folder)
        if not (folder / _WANTED[0]).is_file():
            raise BundleError(f"{archive.name} has no converter in it", hint=f"give {CONVERTER.file_name}, as the package index has it")
        yield folder


def _checked(path: Path, release: SourceRelease, got: str) -> Path:
    if got != release.sha256:
        hint = "the index is not the original one, or the download was altered; try again, and report it if it stays so"
        raise HashMismatch(f"{path.name}: expected sha256 {release.sha256}, got {got}", hint=hint)
    return path


def _extract(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive, "r|gz") as members:
            for member in members:
                inside = _inside_tree(member.name)
                if inside is None or member.isdir():
                    continue
                source = members.extractfile(member) if member.isreg() else None
                if source is None or ".." in inside.parts:
                    raise BundleError(f"{archive.name} holds {member.name}, which is no plain file of its own folder", hint=_ALTERED)
                place = folder / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                with source, place.open("xb") as target:
                    shutil.copyfileobj(source, target)
    except (tarfile.TarError, EOFError, FileExistsError) as error:
        raise BundleError(f"{archive.name} cannot be unpacked: {error}", hint=_ALTERED) from error


_ALTERED = "fetch it again, and compare its sha256"


def _inside_tree(name: str) -> PurePosixPath | None:
    """Where a member lies below the converter's folder; ``None`` if it is not wanted."""
    parts = PurePosixPath(name).parts
    tree = tuple(_TREE.split("/"))
    # the first part is the release's own folder
    if parts[1 : 1 + len(tree)] != tree or len(parts) < 4 or parts[3] not in _WANTED:
        return None
    return PurePosixPath(*parts[3:])


def _download(release: SourceRelease) -> Iterator[bytes]:
    url = _address(release)
    with _answer(url, "*/*") as answer:
        try:
            while chunk := answer.read(_CHUNK):
                yield chunk
        except (OSError, HTTPException) as error:
            raise Unreachable(f"the download of {release.file_name} broke off: {error}", hint="run this again") from error


def _address(release: SourceRelease) -> str:
    """Where the index says that the archive is."""
    if os.environ.get("PIP_NO_INDEX"):
        raise Unreachable(f"{release.file_name} is not in the cache, and PIP_NO_INDEX keeps pip from any index", hint=_OFFLINE)
    page = f"{(_pip_setting('index-url') or _INDEX).rstrip('/')}/{release.package}/"
    with _answer(page, _JSON) as answer:
        try:
            listed = json.load(answer)["files"]
            urls = [str(item["url"]) for item in listed if item["filename"] == release.file_name]
        except (ValueError, KeyError, TypeError, OSError, HTTPException) as error:
            hint = f"give {release.file_name} as a file"
            raise Unreachable(f"{page} does not list its files as JSON (PEP 691)", hint=hint) from error
    if not urls:
        raise Unreachable(f"{page} has no {release.file_name}", hint=f"give {release.file_name} as a file")
    return urllib.parse.urljoin(page, urls[0])


def _answer(url: str, accept: str) -> IO[bytes]:
    if not url.startswith(("https://", "http://")):
        raise Unreachable(f"{url} is no address of the web", hint="give the archive as a file")
    certificates = _pip_setting("cert")
    context = ssl.create_default_context(cafile=certificates) if certificates and Path(certificates).is_file() else None
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310  its scheme was looked at above
    try:
        opened: Any = urllib.request.urlopen(request, timeout=_WAIT_S, context=context)  # noqa: S310
    except urllib.error.HTTPError as error:
        with error:
            raise Unreachable(f"the package index answers {error.code} {error.reason} at {url}", hint=_OFFLINE) from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise Unreachable(f"the package index did not answer at {url}: {reason}", hint=_OFFLINE) from error
    answer: IO[bytes] = opened
    return answer


def _pip_setting(name: str) -> str:
    """What pip was told, by the environment or in its configuration; ``""`` if nothing."""
    stated = os.environ.get(f"PIP_{name.replace('-', '_').upper()}")
    if stated:
        return stated
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else ""
