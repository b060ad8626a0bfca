"""Ask the Hub over HTTP, and bring one file here so that an interrupted download goes on where it stopped.

The Hub's own Python package is not used: it removes what it has of a file when a download fails, and brings fifteen packages along.

``HF_ENDPOINT`` names another Hub, ``HF_HUB_OFFLINE`` forbids asking any, ``HF_TOKEN`` says who asks. The token is given to the Hub alone:
never to the store of files that the Hub sends us on to.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import msgspec

from edge_runtime.errors import Gated, HashMismatch, Unreachable, UsageError
from edge_runtime.models.hub import Say, chunks_of, megabytes, writing

_HUB = "https://huggingface.co"
_WAIT_S = 30.0
_CHUNK = 1 << 18
_MOST_CONNECTIONS = 20
_STEP_BYTES = 64 << 20
CARRY = "carry its folder here: a bundle to edge-runtime models pull file:/FOLDER, a checkpoint to edge-runtime export vlm FOLDER"
"""What to do where there is never a network."""
_AGAIN = "run this again: it goes on where it stopped"


class HubFile(msgspec.Struct, frozen=True):
    """A file as the Hub describes it.

    Attributes:
        path: Its name in the repository.
        size_bytes: Of the file.
        digest: Its hash, hex.
        kind: ``"sha256"``, of the file as it is; or ``"git"``, git's SHA-1, which is all the Hub has of small files.
    """

    path: str
    size_bytes: int
    digest: str
    kind: Literal["sha256", "git"]

    def hasher(self) -> Any:
        """A hash of the file's kind, with nothing of the file in it yet."""
        if self.kind == "sha256":
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % self.size_bytes, usedforsecurity=False)

    def is_at(self, path: Path) -> bool:
        """Whether it lies there, whole and right."""
        if not path.is_file() or path.stat().st_size != self.size_bytes:
            return False
        digest = self.hasher()
        with path.open("rb") as handle:
            for chunk in chunks_of(handle):
                digest.update(chunk)
        return bool(digest.hexdigest() == self.digest)


def hub_address() -> str:
    """Where the Hub is, without a slash at the end.

    Raises:
        UsageError: ``HF_ENDPOINT`` is no address of the web.
    """
    stated = (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    if not stated.startswith(("https://", "http://")):
        raise UsageError(f"HF_ENDPOINT is {stated!r}, no address of the web", hint=f"unset it, or set it to one such as {_HUB}")
    return stated


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` forbids asking."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@contextmanager
def hub_answer(url: str, what: str, *, from_byte: int = 0) -> Iterator[HTTPResponse]:
    """Ask for one thing, and give the answer while the connection is open.

    Args:
        url: Its address.
        what: Its name for people.
        from_byte: Where to begin.

    Raises:
        Unreachable: There is no answer, or no such thing.
        Gated: It is not given to everybody.
    """
    headers = {"User-Agent": "edge-runtime", "Accept-Encoding": "identity"}
    if from_byte:
        headers["Range"] = f"bytes={from_byte}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  hub_address looked at its scheme
    if token := os.environ.get("HF_TOKEN"):
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        answer: HTTPResponse = urllib.request.build_opener(_Redirects).open(request, timeout=_WAIT_S)
    except HTTPError as error:
        with error:
            raise _refusal(error, what) from None
    except (OSError, HTTPException) as error:
        raise _silence(error, what) from error
    with answer:
        yield answer


def download(url: str, file: HubFile, place: Path, *, say: Say) -> None:
    """Bring a file here. What is left of an interrupted download lies beside its place and is not fetched again.

    Args:
        url: Its address.
        file: What it has to be.
        place: Where it goes. Nothing is there before its hash was found right.
        say: Called with one line at a time.

    Raises:
        Unreachable: The connection broke off, or was never made; what came is kept.
        Gated: It is not given to everybody.
        HashMismatch: It is another file; nothing of it is kept.
        DeviceError: The folder cannot be written, or the disk is full.
    """
    path = part_of(place, file)
    with writing(path):
        place.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as handle:
            part = _Part(file, handle)
            if part.held:
                say(f"  {file.path}: {megabytes(part.held)} of it are here already")
            _fill(part, url, say)
        if part.digest.hexdigest() != file.digest:
            path.unlink()
            message = f"{file.path}: expected {file.kind} {file.digest}, got {part.digest.hexdigest()}"
            raise HashMismatch(message, hint="run this again; if it stays so, the Hub or something on the way to it gives another file")
        path.replace(place)


def part_of(place: Path, file: HubFile) -> Path:
    """Where an interrupted download of a file lies."""
    return place.with_name(f".part-{file.digest}")


class _Part:
    """A file of which the first bytes are here."""

    def __init__(self, file: HubFile, handle: IO[bytes]) -> None:
        self.file, self._handle = file, handle
        self.digest, self.held = file.hasher(), 0
        handle.seek(0)
        for chunk in chunks_of(handle):
            self._take(chunk)
        if self.held > file.size_bytes:
            self.begin_again()

    def append(self, chunk: bytes) -> None:
        self._handle.write(chunk)
        self._take(chunk)

    def begin_again(self) -> None:
        self._handle.truncate(0)
        self.digest, self.held = self.file.hasher(), 0

    def _take(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.held += len(chunk)


def _fill(part: _Part, url: str, say: Say) -> None:
    """Fetch what is lacking; a connection that broke off is made anew as long as each brings something."""
    for _ in range(_MOST_CONNECTIONS):
        before = part.held
        if before == part.file.size_bytes:
            return
        with hub_answer(url, part.file.path, from_byte=before) as answer:
            # A server may pay no heed to the range, and gives the whole file with another status.
            if before and not _goes_on(answer, before):
                part.begin_again()
                before = 0
            reason = _receive(part, answer, say)
        if part.held == before:
            break
    if part.held < part.file.size_bytes:
        message = f"the download of {part.file.path} broke off after {megabytes(part.held)} of {megabytes(part.file.size_bytes)}{reason}"
        raise Unreachable(message, hint=_AGAIN)


def _receive(part: _Part, answer: HTTPResponse, say: Say) -> str:
    """Take what comes until it ends; returns why it ended early, if somebody said."""
    size_bytes, told = part.file.size_bytes, part.held
    while True:
        try:
            # read1 hands over what has arrived: what a cut connection had brought is not lost.
            chunk = answer.read1(min(_CHUNK, size_bytes - part.held))
        except (OSError, HTTPException) as error:
            return f": {error}"
        if not chunk:
            return ""
        part.append(chunk)
        if part.held - told >= _STEP_BYTES:
            told = part.held
            say(f"  {part.file.path}: {100 * part.held // size_bytes} %, {megabytes(part.held)} of {megabytes(size_bytes)}")


def _goes_on(answer: HTTPResponse, from_byte: int) -> bool:
    stated = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return answer.status == 206 and stated is not None and int(stated[1]) == from_byte


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A repository that was renamed is on the Hub still: the token goes along. A store of files elsewhere never sees it."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        token = req.unredirected_hdrs.get("Authorization")
        if new is not None and token and urlsplit(newurl)[:2] == urlsplit(req.full_url)[:2]:
            new.add_unredirected_header("Authorization", token)
        return new


def _refusal(error: HTTPError, what: str) -> Unreachable | Gated:
    """What an answer that is none means. The Hub answers 401 for what is private and for what does not exist alike."""
    code = error.headers.get("X-Error-Code", "")
    token = "HF_TOKEN is set, and does not open it" if os.environ.get("HF_TOKEN") else "set HF_TOKEN to a token of yours"
    if code == "GatedRepo" or error.code == 403:
        return Gated(f"the Hub does not give {what} to everybody", hint=f"accept its terms on its page on the Hub; {token}")
    if code == "RevisionNotFound":
        return Unreachable(f"the Hub has no such revision: {what}", hint="look at the branches and tags on its page on the Hub")
    if error.code in (401, 404):
        return Unreachable(
            f"the Hub has no {what}, or does not show it to everybody", hint=f"check the spelling; if it is private: {token}"
        )
    if error.code == 429 or error.code >= 500:
        return Unreachable(f"the Hub is too busy for {what}: it answered {error.code}", hint=f"wait a little; {_AGAIN}")
    return Unreachable(f"the Hub answered {error.code} {error.reason} for {what}", hint="check HF_ENDPOINT, if it is set, and try again")


def _silence(error: OSError | HTTPException, what: str) -> Unreachable:
    reason = error.reason if isinstance(error, URLError) else error
    hint = f"connect to the network once and {_AGAIN}; or {CARRY}"
    return Unreachable(f"the Hub did not answer while fetching {what}: {reason}", hint=hint)
