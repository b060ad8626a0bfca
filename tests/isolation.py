"""A pytest plugin: every test has its own home, none of the caller's settings, and no network but this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.models.hub import cache_folder

_XDG = ("CONFIG", "CACHE", "DATA", "STATE")
_NUMBERS = count()
# Looked up before any test takes the environment away.
REAL_CACHE = cache_folder()
_getaddrinfo = socket.getaddrinfo


class NetworkBlocked(Exception):
    """A test wanted to reach another machine. Not an ``OSError``: no code under test may take it for an ordinary failure."""


class _LocalSocket(socket.socket):
    def connect(self, address: Any, /) -> None:
        _check(self.family, address)
        super().connect(address)

    def connect_ex(self, address: Any, /) -> int:
        _check(self.family, address)
        return super().connect_ex(address)


def _check(family: int, address: Any) -> None:
    if family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
        raise NetworkBlocked(f"tests reach no other machine, this one wanted {address}")


def _is_local(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def _local_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    if not _is_local(host):
        raise NetworkBlocked(f"tests reach no other machine, this one looked up {host}")
    return _getaddrinfo(host, *args, **kwargs)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def isolated(no_leaks: None, _homes: Path) -> Iterator[Path]:
    """A home of the test's own, and an environment without our variables; returns the home."""
    home = _homes / str(next(_NUMBERS))
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("EDGE_RUNTIME_")]:
            patch.delenv(name)
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        patch.setenv("HOME", str(home))
        for folder in _XDG:
            patch.setenv(f"XDG_{folder}_HOME", str(home / folder.lower()))
        # For programs that a test starts: pip stays off the network, help texts have one width and no colours.
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("COLUMNS", "100")
        patch.setenv("NO_COLOR", "1")
        patch.setattr(socket, "socket", _LocalSocket)
        patch.setattr(socket, "getaddrinfo", _local_getaddrinfo)
        yield home


@pytest.fixture
def pocket_cache(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real cache, with the pocket pack in it; ``EDGE_RUNTIME_CACHE`` points there. Nothing may be written to it."""
    if not (REAL_CACHE / "bundles" / "pocket" / "bundle.toml").is_file():
        pytest.skip("pocket pack not prepared")
    monkeypatch.setenv("EDGE_RUNTIME_CACHE", str(REAL_CACHE))
    return REAL_CACHE
