"""The converter out of a source release: from an index of the test's own, checked, and nothing but the converter unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge_runtime.errors import BundleError, HashMismatch, Unreachable
from export.gguf_source import CONVERTER, SourceRelease, converter_archive, unpacked

TREE = "llama_cpp_python-0.3.36/vendor/llama.cpp"
MEMBERS = {
    "llama_cpp_python-0.3.36/pyproject.toml": b"[build-system]\n",
    f"{TREE}/convert_hf_to_gguf.py": b"print('converting')\n",
    f"{TREE}/conversion/base.py": b"class TextModel: ...\n",
    f"{TREE}/gguf-py/gguf/__init__.py": b"",
    f"{TREE}/src/llama.cpp": b"int main() {}\n",
}


def packed(members: Mapping[str, bytes], *, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        if link:
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(entry)
    return buffer.getvalue()


ARCHIVE = packed(MEMBERS)
RELEASE = SourceRelease("llama-cpp-python", "0.3.36", hashlib.sha256(ARCHIVE).hexdigest(), len(ARCHIVE))
PAGE = "/simple/llama-cpp-python/"


class Index:
    """A package index that answers with whatever lies at a path, and counts."""

    def __init__(self) -> None:
        self.pages = {PAGE: self.listing(RELEASE.file_name), f"/files/{RELEASE.file_name}": ARCHIVE}
        self.asked: list[tuple[str, str]] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append((self.path, self.headers["Accept"]))
                page = index.pages.get(self.path)
                self.send_response(200 if page is not None else 404)
                self.send_header("Content-Length", str(len(page or b"")))
                self.end_headers()
                self.wfile.write(page or b"")

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False

    def listing(self, *names: str) -> bytes:
        return json.dumps({"files": [{"filename": name, "url": f"../../files/{name}"} for name in names]}).encode()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/simple"


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    served = Index()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", served.address)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def test_the_archive_is_fetched_once_and_kept(index: Index, tmp_path: Path) -> None:
    said: list[str] = []
    got = converter_archive(release=RELEASE, cache=tmp_path, say=said.append)
    assert got.read_bytes() == ARCHIVE
    assert index.asked == [(PAGE, "application/vnd.pypi.simple.v1+json"), (f"/files/{RELEASE.file_name}", "*/*")]
    assert "llama-cpp-python 0.3.36" in said[0]
    assert converter_archive(release=RELEASE, cache=tmp_path, say=said.append) == got
    assert (len(index.asked), len(said)) == (2, 1)


def test_an_archive_that_was_altered_in_the_cache_is_fetched_again(index: Index, tmp_path: Path) -> None:
    got = converter_archive(release=RELEASE, cache=tmp_path)
    got.write_bytes(ARCHIVE[:-1])
    assert converter_archive(release=RELEASE, cache=tmp_path).read_bytes() == ARCHIVE


def test_another_archive_under_its_name_is_refused_and_not_kept(index: Index, tmp_path: Path) -> None:
    index.pages[f"/files/{RELEASE.file_name}"] = ARCHIVE + b"!"
    with pytest.raises(HashMismatch, match=f"expected sha256 {RELEASE.sha256}"):
        converter_archive(release=RELEASE, cache=tmp_path)
    assert not list(tmp_path.rglob("*.gz"))


@pytest.mark.parametrize(
    ("page", "what"),
    [
        (None, "answers 404"),
        (b"<html>", "does not list its files as JSON"),
        (b'{"files": [{}]}', "does not list its files as JSON"),
        (b'{"files": []}', f"has no {RELEASE.file_name}"),
        (b'{"files": [{"filename": "%s", "url": "file:///etc/passwd"}]}' % RELEASE.file_name.encode(), "no address of the web"),
    ],
    ids=["no such package", "only HTML", "another form", "no such release", "a file of this machine"],
)
def test_an_index_that_does_not_have_it(page: bytes | None, what: str, index: Index, tmp_path: Path) -> None:
    index.pages = {} if page is None else {**index.pages, PAGE: page}
    with pytest.raises(Unreachable, match=what):
        converter_archive(release=RELEASE, cache=tmp_path)


def test_no_network_is_said_with_a_way_out(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(Unreachable, match="did not answer") as refused:
        converter_archive(release=RELEASE, cache=tmp_path)
    assert "give the archive as a file" in refused.value.hint
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Unreachable, match="PIP_NO_INDEX"):
        converter_archive(release=RELEASE, cache=tmp_path)


def test_an_archive_that_was_fetched_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "by-hand.tar.gz"
    with pytest.raises(BundleError, match="there is no"):
        converter_archive(file=file)
    file.write_bytes(ARCHIVE)
    assert converter_archive(file=file, release=RELEASE) == file
    with pytest.raises(HashMismatch, match=CONVERTER.sha256):
        converter_archive(file=file)


def test_the_converter_alone_is_unpacked_and_goes_when_it_was_used(tmp_path: Path) -> None:
    file = tmp_path / "release.tar.gz"
    file.write_bytes(ARCHIVE)
    with unpacked(file) as folder:
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert there == {"convert_hf_to_gguf.py", "conversion/base.py", "gguf-py/gguf/__init__.py"}
    assert not folder.exists()


@pytest.mark.parametrize(
    ("archive", "what"),
    [
        (packed({**MEMBERS, f"{TREE}/conversion/../../../../evil.py": b""}), "no plain file of its own folder"),
        (packed(MEMBERS, link=f"{TREE}/conversion/passwords.py"), "no plain file of its own folder"),
        (packed({"llama_cpp_python-0.3.36/README.md": b""}), "no converter in it"),
        (ARCHIVE[: len(ARCHIVE) // 2], "no converter in it"),
        (b"no archive at all", "cannot be unpacked"),
    ],
    ids=["a path that leaves", "a link", "another release", "cut off", "garbage"],
)
def test_an_archive_that_will_not_do(archive: bytes, what: str, tmp_path: Path) -> None:
    file = tmp_path / "release.tar.gz"
    file.write_bytes(archive)
    with pytest.raises(BundleError, match=what), unpacked(file):
        pytest.fail("it was unpacked")
    assert [path.name for path in tmp_path.rglob("*") if path.name == "evil.py"] == []
