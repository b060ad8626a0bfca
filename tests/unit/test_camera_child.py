"""A child process that writes a stream: read without waiting for ever, its last words kept, and ended for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.cameras.child import ChildOutput

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 1.0


@contextmanager
def child(program: str, ending: threading.Event | None = None) -> Iterator[ChildOutput]:
    """A Python program that finds the stream's descriptor in ``out``."""

    def command(fd: int) -> list[str]:
        return [sys.executable, "-c", f"import os, signal, sys, time\nout = {fd}\n{textwrap.dedent(program)}"]

    output = ChildOutput(command, ending or threading.Event())
    try:
        yield output
    finally:
        output.close()


def test_the_stream_is_kept_apart_from_what_the_child_prints() -> None:
    with child(
        """
        print("a driver chatters", flush=True)
        print("and complains", file=sys.stderr, flush=True)
        os.write(out, b"picture")
        """
    ) as output:
        buffer = bytearray(7)
        assert output.fill(memoryview(buffer))
        assert buffer == b"picture"
        assert not output.fill(memoryview(buffer))
        assert output.last_words() == ["and complains"]


def test_a_large_piece_is_filled_whole_and_a_stream_that_ends_inside_one_is_over() -> None:
    with child("os.write(out, bytes(300_000)) and os.write(out, bytes(700_000)) and os.write(out, b'end')") as output:
        assert output.fill(memoryview(bytearray(1_000_000)))
        assert not output.fill(memoryview(bytearray(4)))


def test_only_the_last_words_are_kept_however_much_is_said() -> None:
    with child("[print(n, 'x' * 2000, file=sys.stderr) for n in range(3000)]\nos.write(out, b'!')") as output:
        assert output.fill(memoryview(bytearray(1)))
        lines = output.last_words()
    assert len(lines) == 60
    assert all(len(line) <= 400 for line in lines)
    assert lines[-1].startswith("2999 ")


def test_waiting_for_a_child_that_gives_nothing_can_be_ended() -> None:
    ending = threading.Event()
    with child("time.sleep(1000)", ending) as output:
        threading.Timer(0.05, ending.set).start()
        assert not output.fill(memoryview(bytearray(1)))


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Children ignore interrupts where their parent does, as whoever was started in the background may."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("program", "signs"),
    [
        ("os.write(out, b'!'); time.sleep(1000)", {signal.SIGINT}),
        ("signal.signal(signal.SIGINT, signal.SIG_IGN); os.write(out, b'!'); time.sleep(1000)", {signal.SIGKILL}),
        ("signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile True: os.write(out, b'!')", {signal.SIGINT, signal.SIGPIPE}),
    ],
    ids=["asked", "killed", "still writing"],
)
def test_a_child_ends_politely_where_it_can(program: str, signs: set[signal.Signals], monkeypatch: pytest.MonkeyPatch) -> None:
    if signal.SIGINT in signs:
        monkeypatch.setattr("devices.cameras.child._POLITE_S", 20.0)  # this machine may be busy
    with heeding_interrupts(), child(program) as output:
        assert output.fill(memoryview(bytearray(1)))
        process = output._child
    assert process.returncode is not None
    # An interpreter that is interrupted says so by the signal.
    assert -process.returncode in signs


def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.cameras.child.shutil.which", lambda name: None)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError):
        ChildOutput(lambda fd: ["/nowhere/program"], threading.Event())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_child_dies_with_us_even_if_we_are_killed() -> None:
    program = """
        import threading
        from devices.cameras.child import ChildOutput
        output = ChildOutput(lambda fd: ["sh", "-c", f"echo >&{fd}; exec sleep 1000"], threading.Event())
        assert output.fill(memoryview(bytearray(1)))
        print(output._child.pid, flush=True)
        threading.Event().wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        assert alive(number)
        parent.kill()
    until(lambda: not alive(number))


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def until(found: Callable[[], bool]) -> None:
    """Wait for something that the system is about to do."""
    gate, limit_s = threading.Event(), time.monotonic() + 10.0
    while not found():
        assert time.monotonic() < limit_s, "it never came"
        gate.wait(0.005)
