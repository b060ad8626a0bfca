"""The Hub, for tests: a small HTTP server on 127.0.0.1 that lists repositories and gives out files, as the Hub does.

What it speaks: ``GET /api/models/OWNER/NAME/revision/REVISION?blobs=true``, which lists files with sizes and hashes, and
``GET /OWNER/NAME/resolve/COMMIT/FILE`` with ``Range``. Small files come at once; large ones (by their suffix) by way of a redirect to a
store under another name of this machine, ``localhost``. A repository that was renamed is redirected within the Hub.

    with HubStandIn() as hub:
        hub.publish("maker/model", {"config.json": b"{}", "model.safetensors": weights})
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".gguf", ".onnx", ".bin")
"""Files of these kinds are kept in the store, and listed with their sha256."""


@dataclass
class Repository:
    """A repository, and what is wrong with it."""

    files: Mapping[str, bytes]
    card: Mapping[str, Any]
    commit: str
    opened_by: str = ""
    """A token; without it nothing is given out."""
    cut_at: dict[str, list[int]] = field(default_factory=dict)
    """Of a file: connections end at these bytes, one after another; ``-1``: they end before the first."""
    given: dict[str, bytes] = field(default_factory=dict)
    """What is given out instead of a file that is listed."""
    heeds_ranges: bool = True
    answers: Any = None
    """The listing, instead of the right one."""


@dataclass(frozen=True)
class Request:
    """A request that was answered with bytes of a file."""

    file: str
    from_byte: int
    nbytes: int
    token: str


class HubStandIn:
    """The server; a context manager."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.busy = 0
        """Answer everything with this status, if it is none."""
        self.requests: list[Request] = []
        self.listed = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Answering", (_Handler,), {"hub": self}))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        """For ``HF_ENDPOINT``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def store(self) -> str:
        """Where large files are kept: the same machine by another name."""
        return f"http://localhost:{self._server.server_port}/store"

    def publish(self, name: str, files: Mapping[str, bytes], **card: Any) -> Repository:
        """Have a repository. Its card is what the keywords say."""
        whole = hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
        self.repositories[name] = Repository(files, card, whole)
        return self.repositories[name]

    def bytes_given(self, file: str) -> int:
        """Bytes of a file that were given out, over all requests."""
        return sum(request.nbytes for request in self.requests if request.file == file)

    def __enter__(self) -> HubStandIn:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubStandIn

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.hub.busy:
            self._refuse(self.hub.busy)
            return
        match [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]:
            case ["api", "models", owner, name, "revision", revision]:
                self._list(f"{owner}/{name}", revision)
            case ["store", owner, name, file]:
                self._give(self.hub.repositories[f"{owner}/{name}"], file)
            case [owner, name, "resolve", commit, file]:
                self._resolve(f"{owner}/{name}", commit, file)
            case _:
                self._refuse(404)

    def _list(self, name: str, revision: str) -> None:
        self.hub.listed += 1
        if new := self.hub.renamed.get(name):
            self._redirect(f"{self.hub.address}{self.path.replace(name, new)}", 307)
            return
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._refuse(401)  # as for what is private: the Hub does not tell
        elif revision not in ("main", "v1", repository.commit):
            self._refuse(404, "RevisionNotFound")
        else:
            body = json.dumps(_listing(name, repository) if repository.answers is None else repository.answers).encode()
            self._send(200, body, {})

    def _resolve(self, name: str, commit: str, file: str) -> None:
        repository = self.hub.repositories[self.hub.renamed.get(name, name)]
        if repository.opened_by and self.headers.get("Authorization") != f"Bearer {repository.opened_by}":
            self._refuse(403 if "Authorization" in self.headers else 401, "GatedRepo")
        elif commit != repository.commit or file not in repository.files:
            self._refuse(404, "EntryNotFound")
        elif file.endswith(LARGE):
            self._redirect(f"{self.hub.store}/{self.hub.renamed.get(name, name)}/{file}", 302)
        else:
            self._give(repository, file)

    def _give(self, repository: Repository, file: str) -> None:
        data = repository.given.get(file, repository.files[file])
        stated = self.headers.get("Range")
        begin = int(stated.removeprefix("bytes=").rstrip("-")) if stated and repository.heeds_ranges else 0
        cuts = repository.cut_at.get(file, [])
        end = max(begin, cuts.pop(0)) if cuts else len(data)
        piece = data[begin:end]
        self.hub.requests.append(Request(file, begin, len(piece), self.headers.get("Authorization", "")))
        headers = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        self._send(206 if begin else 200, piece, headers, length=len(data) - begin)

    def _redirect(self, address: str, status: int) -> None:
        self._send(status, b"", {"Location": address})

    def _refuse(self, status: int, code: str = "") -> None:
        self._send(status, b"no", {"X-Error-Code": code} if code else {})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def _listing(name: str, repository: Repository) -> dict[str, Any]:
    def entry(path: str, data: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        found: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": blob}
        if path.endswith(LARGE):
            found["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 133}
        return found

    siblings = [entry(path, data) for path, data in repository.files.items()]
    return {"id": name, "sha": repository.commit, "cardData": dict(repository.card), "siblings": siblings}
