"""A room without a network: programs in it have a loopback interface of their own, and no other.

    subprocess.run([*SEALED, "program", "argument"])

The network namespace is Linux's (``unshare(1)``); this module, run inside, brings the loopback interface up and becomes the program.
:func:`watched` goes further: every call with which a socket is opened or an address is named is written down by ``strace``.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

SEALED = ("unshare", "--map-root-user", "--net", "--", sys.executable, "-m", "tests.sealed_room")
"""Put before a program: it runs sealed."""
_CALLS = "socket,bind,connect,sendto,sendmsg,sendmmsg,io_uring_setup"
_SET_FLAGS, _UP, _RUNNING = 0x8914, 0x1, 0x40  # SIOCSIFFLAGS and its flags, linux/sockios.h and linux/if.h
_FAMILY = re.compile(r"(?:socket\(|sa_family=)(\w+)")
_ADDRESS = re.compile(r'inet_(?:addr\("|pton\(AF_INET6, ")([^"]+)"')


def is_available() -> bool:
    """Whether this machine lets its user make such a room."""
    try:
        return subprocess.run([*SEALED, "true"], capture_output=True, check=False).returncode == 0  # noqa: S603
    except FileNotFoundError:
        return False


def watched(trace: Path) -> tuple[str, ...]:
    """Put before a program, after :data:`SEALED` or alone: what it and its children do with sockets is written to ``trace``.

    No data are written down (``-s 0``), and only these calls are stopped at (``--seccomp-bpf``): all others run at full speed.
    """
    return ("strace", "-f", "-qq", "--seccomp-bpf", "-s", "0", "-e", f"trace={_CALLS}", "-o", str(trace), "--")


def reaching_out(calls: Iterable[str]) -> list[str]:
    """The calls that do, or might, reach beyond this machine; ``calls`` are lines of strace.

    Unix sockets are files. An internet socket is one of this machine's if it is given a loopback address: one that is opened and given
    none is listed, and so is any other family, and a ring of requests, through which sockets could be used unseen.
    """
    found, opened, at_home = [], [], 0
    for call in calls:
        families, addresses = set(_FAMILY.findall(call)), _ADDRESS.findall(call)
        if families <= {"AF_UNIX"} and "io_uring_setup(" not in call:
            continue
        if "socket(AF_INET" in call:
            opened.append(call)
        elif addresses and all(ipaddress.ip_address(address).is_loopback for address in addresses):
            at_home += 1
        else:
            found.append(call)
    return [*found, *opened[at_home:]]


def interfaces(pid: int) -> set[str]:
    """The network interfaces that a process has."""
    lines = Path(f"/proc/{pid}/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return {line.partition(":")[0].strip() for line in lines}


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP | _RUNNING))


if __name__ == "__main__":
    _bring_loopback_up()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606
