"""The real daemon as processes of a test, in a home of its own: its own settings, cache, state and sockets, and nothing left behind.

    with home_of_its_own() as home, home.daemon("--camera", "synthetic") as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.call(SetWatch("tell me when I see a dog"), Taken)
        assert home.command("stop").returncode == 0
    with home.daemon(...) as daemon: ...  # goes on where that one ended

What a daemon has printed is printed by the test when it ends, so that pytest shows it when the test fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from apps.daemon.client import DaemonClient
from apps.daemon.heard import PROCESSES, Heard
from apps.daemon.running import running_pid
from edge_runtime.errors import DeviceError
from edge_runtime.transport.endpoints import sockets_of

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 40.0
"""How long a test waits for something that must come; none waits this long when it passes."""
_LOOK_S = 0.05
_END_S = 10.0
_PROGRAM = (sys.executable, "-m", "apps.main")
# Everything that a program of ours might go by; each home has its own, or none.
_OURS = ("EDGE_RUNTIME_", "XDG_", "NOTIFY_SOCKET", "WATCHDOG_")


@dataclass(frozen=True)
class Home:
    """Where a daemon lives, as often as it is started.

    Attributes:
        base: Everything is in here; a short path, because those of sockets have to be.
        env: The environment of the daemon and of those who talk to it.
    """

    base: Path
    env: Mapping[str, str]

    @property
    def runtime(self) -> Path:
        """The folder of lock and sockets."""
        return self.base / "run" / "edge_runtime"

    @property
    def state(self) -> Path:
        """What a daemon keeps over restarts."""
        return self.base / "state" / "edge_runtime" / "daemon"

    def set(self, toml: str, *, metrics_port: int = 0) -> None:
        """Write the settings file. There are no metrics unless asked for: tests run side by side, and would want the same port."""
        file = self.base / "config" / "edge_runtime" / "config.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"daemon.metrics_port = {metrics_port}\n{toml}\n", encoding="utf-8")

    def command(self, *words: str, room: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; what it prints comes back.

        Args:
            words: The verb and its arguments.
            room: A program that runs another one, before it.
        """
        return subprocess.run(  # noqa: S603
            [*room, *_PROGRAM, *words], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    @contextlib.contextmanager
    def daemon(self, *flags: str, room: Sequence[str] = ()) -> Iterator[Daemon]:
        """Start the daemon (``edge-runtime run FLAGS``); whatever of it still runs in the end is ended."""
        printed = self.base / f"printed-{time.monotonic_ns()}"
        with printed.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603
                [*room, *_PROGRAM, "run", *flags],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        daemon = Daemon(self, process, printed)
        try:
            yield daemon
        finally:
            self._end(daemon)
            sys.stdout.write(f"---- {' '.join(process.args)}\n{daemon.printed}")  # type: ignore[arg-type]

    def processes(self) -> dict[int, str]:
        """Every process that lives in this home, by number: its command line."""
        mark, found = f"XDG_RUNTIME_DIR={self.base / 'run'}".encode(), {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return found

    def wait_empty(self) -> None:
        """Wait until nobody lives here any more: a process that was left behind ends soon, and on its own."""
        until_s = time.monotonic() + PATIENCE_S
        while left := self.processes():
            assert time.monotonic() < until_s, f"still there: {left}"
            time.sleep(_LOOK_S)

    def _end(self, daemon: Daemon) -> None:
        if daemon.process.poll() is None:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.kill((running_pid(self.runtime) if self.runtime.is_dir() else None) or daemon.process.pid, signal.SIGTERM)
                daemon.process.wait(_END_S)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        daemon.process.wait(_END_S)
        self.wait_empty()


@dataclass(frozen=True)
class Daemon:
    """A daemon that was started.

    Attributes:
        home: Where it lives.
        process: What was started: the daemon itself, or the program that runs it.
    """

    home: Home
    process: subprocess.Popen[bytes]
    _printed: Path

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._printed.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """The number of its first process."""
        pid = running_pid(self.home.runtime)
        assert pid is not None, "no daemon runs"
        return pid

    def client(self) -> DaemonClient:
        """A client; waits until there is something to talk to."""
        return self.until(self._client, "socket")

    def wait_for(self, fits: Callable[[Heard], bool]) -> Heard:
        """Listen until what is heard of its processes is such."""
        with self.client() as client:

            def heard() -> Heard | None:
                found = client.listen(_LOOK_S)
                return found if fits(found) else None

            return self.until(heard, "such status")

    def wait_ready(self) -> Heard:
        """Wait until all four processes have spoken and frames reach the core."""
        return self.wait_for(lambda heard: all_have_spoken(heard) and heard.newest_frame_age_ns("core") is not None)

    def wait_printed(self, words: str) -> None:
        """Wait until it has printed something."""
        self.until(lambda: True if words in self.printed else None, f"'{words}' in what is printed")

    def wait_ended(self) -> int:
        """Wait until it has ended; returns the exit code."""
        return self.process.wait(PATIENCE_S)

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Look again and again, as long as the daemon runs, until there is what is looked for; returns it."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            found = look()
            if found is not None:
                return found
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"the daemon has ended with exit code {self.process.wait(_LOOK_S)}")
        raise AssertionError(f"there was no {what} within {PATIENCE_S:g} s")

    def _client(self) -> DaemonClient | None:
        if not self.home.runtime.is_dir() or sockets_of(self.home.runtime) is None:
            return None
        with contextlib.suppress(DeviceError):  # it is just beginning, or ending
            return DaemonClient(self.home.runtime)
        return None


def all_have_spoken(heard: Heard) -> bool:
    """Whether every process is up, well or not."""
    return set(heard.newest) == set(PROCESSES) and all(heard.condition(role) in ("ready", "ailing") for role in PROCESSES)


@contextlib.contextmanager
def home_of_its_own(**env: str) -> Iterator[Home]:
    """A home without settings, models or a past; ``env`` is added to its environment. It is removed in the end."""
    base = Path(tempfile.mkdtemp(prefix="er-", dir="/tmp"))
    (base / "run").mkdir(mode=0o700)
    folders = {f"XDG_{name.upper()}_HOME": str(base / name) for name in ("config", "cache", "data", "state")}
    around = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    own = {"HOME": str(base), "XDG_RUNTIME_DIR": str(base / "run"), "COLUMNS": "160", "NO_COLOR": "1"}
    home = Home(base, {**around, **folders, **own, **env})
    home.set("")
    try:
        yield home
    finally:
        shutil.rmtree(base)
