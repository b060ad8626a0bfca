"""A child process that writes a stream for us: read without ever waiting longer than we are willing to, and ended for certain."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable

_log = logging.getLogger(__name__)
_LOOK_MS = 50
_POLITE_S = _KILL_S = 0.3
_KEPT_LINES, _KEPT_LINE_BYTES = 60, 400
_PIPE_BYTES = 1 << 20


class ChildOutput:
    """Starts a program that writes to a pipe of ours, and reads it.

    The stream has a descriptor of its own: camera drivers print to standard output, in the middle of pictures. The child is in a session
    of its own, so that Ctrl-C in our terminal is ours to act upon; it is killed when we die. It is to be started, read and closed in
    one thread, because it dies with that one.

    Args:
        command: Makes the command line from the descriptor to write to.
        ending: Once set, :meth:`fill` gives up.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Callable[[int], list[str]], ending: threading.Event) -> None:
        self._ending = ending
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._rest = b""
        self._output, their_output = os.pipe()
        self._words, their_words = os.pipe()
        try:
            self._child = subprocess.Popen(  # noqa: S603  no shell; the words are the user's own
                [*_until_we_die(), *command(their_output)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=their_words,
                pass_fds=(their_output,),
                start_new_session=True,
            )
        except OSError:
            os.close(self._output)
            os.close(self._words)
            raise
        finally:
            os.close(their_output)
            os.close(their_words)
        os.set_blocking(self._words, False)
        os.set_blocking(self._output, False)
        with contextlib.suppress(OSError):  # fewer, larger reads; an account may have used up what it is allowed
            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self._poll.register(self._words, select.POLLIN)

    def fill(self, buffer: memoryview) -> bool:
        """Fill the buffer; ``False`` when the stream ends first, or once ``ending`` is set."""
        filled = 0
        while filled < len(buffer):
            if self._ending.is_set():
                return False
            ready = {fd for fd, _ in self._poll.poll(_LOOK_MS)}
            if self._words in ready:
                self._listen()
            if self._output in ready:
                count = os.readv(self._output, [buffer[filled:]])
                if count == 0:
                    return False
                filled += count
        return True

    def last_words(self) -> list[str]:
        """The last lines that the child has written to standard error, once its stream has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_POLITE_S)
        self._listen()
        return [*self._lines, *([self._rest.decode(errors="replace")] if self._rest else [])]

    def close(self) -> None:
        """End the child and wait for it: it is asked to end, so that it lets its camera go, and killed if it does not."""
        os.close(self._output)
        for sign, patience_s in ((signal.SIGINT, _POLITE_S), (signal.SIGKILL, _KILL_S)):
            if self._child.poll() is None:
                os.killpg(self._child.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(patience_s)
        if self._child.poll() is None:
            _log.warning("process %d does not end, not even killed: its camera's driver hangs", self._child.pid)
        os.close(self._words)

    def _listen(self) -> None:
        """Read what the child has said; only the last lines are kept. One read holds all that a pipe holds."""
        try:
            said = os.read(self._words, 1 << 16)
        except BlockingIOError:
            return
        if not said:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._words)
            return
        *lines, rest = (self._rest + said).split(b"\n")
        self._rest = rest[:_KEPT_LINE_BYTES]
        self._lines.extend(line[:_KEPT_LINE_BYTES].decode(errors="replace").strip() for line in lines if line.strip())


def _until_we_die() -> list[str]:
    """Has the kernel kill the child with us. Without ``setpriv`` the closed pipe does, as soon as the child has another picture."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") is not None else []
