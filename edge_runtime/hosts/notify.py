"""What a service tells systemd: that it is ready, alive, reloading or ending, and how it is, in words.

The protocol is that of ``sd_notify(3)``: datagrams of ``NAME=value`` lines to the socket that ``$NOTIFY_SOCKET`` names. Where nobody
listens, nothing is said.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from types import TracebackType

from edge_runtime.errors import ConfigError

_log = logging.getLogger(__name__)
_US = 1000


class Notifier:
    """Speaks to systemd, and never waits for it. A context manager. For one thread.

    Args:
        env: The environment; the process's own if not given.

    Attributes:
        unsent: Messages that could not be sent: systemd is busy, or gone.

    Raises:
        ConfigError: ``$NOTIFY_SOCKET`` names no local socket.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        name = (os.environ if env is None else env).get("NOTIFY_SOCKET", "")
        if name and name[0] not in "/@":
            raise ConfigError(f"NOTIFY_SOCKET={name} is no local socket", hint="it begins with / or @; unset it to run without systemd")
        self.unsent = 0
        # An abstract socket is written with an @ in place of the zero byte that it begins with.
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) if name else None

    def __enter__(self) -> Notifier:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()

    def ready(self) -> None:
        """The start, or a reload, is done."""
        self._send("READY=1")

    def watchdog(self) -> None:
        """The service is alive; to be said at least twice within :func:`watchdog_ns`."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """How it is, for ``systemctl status``; made one line."""
        self._send(f"STATUS={' '.join(text.split())}")

    def reloading(self, now_ns: int) -> None:
        """The settings are being read again; :meth:`ready` says when that is done.

        Args:
            now_ns: The machine's monotonic clock.
        """
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now_ns // _US}")

    def stopping(self) -> None:
        """The service ends."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            self.unsent += 1
            if self.unsent == 1:
                _log.warning("systemd is not told how the service is: %s", error.strerror)


def watchdog_ns(env: Mapping[str, str] | None = None, *, pid: int | None = None) -> int | None:
    """After which silence systemd takes this process for dead; ``None`` if it does not watch.

    Args:
        env: The environment; the process's own if not given.
        pid: Of the process that asks; this one if not given.

    Raises:
        ConfigError: ``$WATCHDOG_USEC`` is no positive number.
    """
    env = os.environ if env is None else env
    text = env.get("WATCHDOG_USEC", "")
    own = str(os.getpid() if pid is None else pid)
    # The variables are inherited, and meant for one process.
    if not text or env.get("WATCHDOG_PID", own) != own:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise ConfigError(f"WATCHDOG_USEC={text} is no time", hint="it is a number of microseconds; unset it to run without systemd")
    return int(text) * _US
