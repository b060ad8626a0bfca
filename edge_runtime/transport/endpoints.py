"""Where sockets live, and who may connect.

On one machine sockets are files in a folder that only this user can enter, under a lock that one daemon holds. Over the network there are
none unless asked for, and then never without keys: :class:`Tcp` cannot be made without them. A key pair is two files of 0600, and a
server takes only clients whose public keys it was given.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import ConfigError, DeviceError, Locked, UsageError

LOCK_NAME = "daemon.lock"
_MOST_PATH_BYTES = 107
"""Of a Unix socket on Linux."""


@dataclass(frozen=True, slots=True)
class Local:
    """Sockets as files of this machine.

    Attributes:
        folder: From :func:`runtime_folder`.
    """

    folder: Path

    def address(self, topic: str) -> str:
        """Where ZeroMQ finds a topic.

        Raises:
            ConfigError: The path is longer than the system allows.
        """
        path = self.folder / topic.replace("/", ".")
        if len(os.fsencode(path)) > _MOST_PATH_BYTES:
            raise ConfigError(f"{path} is too long for a socket", hint="point XDG_RUNTIME_DIR to a shorter path")
        return f"ipc://{path}"


@dataclass(frozen=True, slots=True)
class Inproc:
    """Sockets inside one ZeroMQ context: every part in one process. Here an ask does wait for an answerer that is still to come."""

    def address(self, topic: str) -> str:
        """Where ZeroMQ finds a topic."""
        return f"inproc://{topic}"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A CURVE key pair, each key 40 characters of Z85."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"


@dataclass(frozen=True, slots=True)
class Server:
    """The side that binds.

    Attributes:
        own: Its keys.
        allowed: Public keys of the clients it takes; nobody else gets anything.
    """

    own: KeyPair
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Client:
    """The side that connects.

    Attributes:
        own: Its keys.
        server_public: The key by which it knows the server.
    """

    own: KeyPair
    server_public: str


@dataclass(frozen=True, slots=True)
class Tcp:
    """Sockets on one named interface, encrypted both ways.

    Attributes:
        host: An address of this machine to bind, or of the server to connect to; never all interfaces.
        ports: For each topic that can be reached.
        keys: Which side this is.

    Raises:
        ConfigError: The host stands for every interface.
    """

    host: str
    ports: Mapping[str, int]
    keys: Server | Client

    def __post_init__(self) -> None:
        if self.host in ("", "*", "0.0.0.0", "::", "[::]"):  # noqa: S104  refused here
            raise ConfigError(f"{self.host!r} would listen on every interface", hint="name the one address that clients use")

    def address(self, topic: str) -> str:
        """Where ZeroMQ finds a topic.

        Raises:
            UsageError: The topic has no port.
        """
        if topic not in self.ports:
            raise UsageError(f"{topic} is not reached over the network", hint=f"give it a port; these have one: {', '.join(self.ports)}")
        return f"tcp://{self.host}:{self.ports[topic]}"


def runtime_folder() -> Path:
    """The folder of this user's sockets, made if need be: ``$XDG_RUNTIME_DIR/edge_runtime``, else one in ``/tmp``.

    Raises:
        DeviceError: It is a link, another user's, open to others, or cannot be made.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(base) / "edge_runtime" if Path(base).is_absolute() else Path(f"/tmp/edge_runtime-{os.getuid()}")  # noqa: S108  checked below
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise DeviceError(f"{folder} cannot be used: {error.strerror}", hint="point XDG_RUNTIME_DIR to a folder of yours") from error
    _refuse_others(folder, found)
    return folder


def _refuse_others(path: Path, found: os.stat_result) -> None:
    """In ``/tmp`` anybody could have made it first. What this user owns and closes to others nobody else can change afterwards."""
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        trouble = "is a link or no ordinary file"
    elif found.st_uid != os.getuid():
        trouble = "belongs to another user"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        trouble = "is open to other users"
    else:
        return
    raise DeviceError(f"{path} {trouble}", hint="look who made it, remove it, and start again")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: whoever binds sockets in it, or starts those who do, holds it meanwhile.

    A second bind would take an address away from the first without a word, so this lock is what keeps two daemons apart.

    Raises:
        Locked: Another daemon holds it; the message names its process.
        DeviceError: The lock file cannot be used.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DeviceError(f"{path} cannot be used: {error.strerror}", hint="remove it, and start again") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise Locked(f"a daemon runs already, process {holder}", hint="end it first: edge-runtime stop") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def own_sockets(folder: Path) -> Iterator[Path]:
    """A folder for the sockets of this start of the daemon, inside the one whose lock is held; removed at the end.

    Each start has its own: processes of one that was killed may still be ending, and ZeroMQ removes a socket's file when it closes it,
    whoever has bound it since.

    Raises:
        DeviceError: It cannot be made.
    """
    own = folder / str(os.getpid())
    try:
        for left in folder.iterdir():
            if left.name.isdecimal():
                shutil.rmtree(left, ignore_errors=True)
        own.mkdir(mode=0o700)
    except OSError as error:
        raise DeviceError(f"{own} cannot be made: {error.strerror}", hint="look into that folder, and start again") from error
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def sockets_of(folder: Path) -> Path | None:
    """The folder of the sockets of the daemon that holds the lock of a folder; ``None`` if it has none (yet)."""
    with contextlib.suppress(OSError):
        name = (folder / LOCK_NAME).read_text(encoding="ascii", errors="replace").strip()
        if name.isdecimal() and (folder / name).is_dir():
            return folder / name
    return None


def write_keys(folder: Path, name: str, keys: KeyPair) -> None:
    """Write a key pair as ``NAME.public`` and ``NAME.secret``, both 0600.

    Raises:
        DeviceError: One is there already (keys are never replaced), or cannot be written.
    """
    for kind, key in (("secret", keys.secret), ("public", keys.public)):
        path = folder / f"{name}.{kind}"
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="ascii") as file:
                file.write(key + "\n")
        except OSError as error:
            raise DeviceError(f"{path} cannot be written: {error.strerror}", hint="remove it first if these keys are to be new") from error


def read_keys(folder: Path, name: str) -> KeyPair:
    """Read a key pair.

    Raises:
        DeviceError: A file is missing, is a link or belongs to somebody else, or others may read the secret key.
    """
    return KeyPair(_read_key(folder / f"{name}.public"), _read_key(folder / f"{name}.secret"))


def _read_key(path: Path) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
            _refuse_others(path, os.fstat(file.fileno()))
            return file.read().strip()
    except OSError as error:
        raise DeviceError(f"{path} cannot be read: {error.strerror}", hint="make the keys first, as the user who runs this") from error
