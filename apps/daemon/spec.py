"""What a child of the daemon is told on its standard input: one line of JSON. Its end is the child's end."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from edge_runtime.config import Config

ChildRole = Literal["capture", "core", "model"]


class ChildSpec(msgspec.Struct, frozen=True):
    """All that a child needs to know.

    Attributes:
        role: What it is.
        origin_ns: Where stream time begins on the machine's monotonic clock.
        sockets: The folder of the daemon's sockets.
        state: The folder of what is kept over restarts.
        config: All settings.
    """

    role: ChildRole
    origin_ns: int
    sockets: str
    state: str
    config: Config

    @property
    def sockets_folder(self) -> Path:
        """The folder of the daemon's sockets."""
        return Path(self.sockets)

    @property
    def state_folder(self) -> Path:
        """The folder of what is kept over restarts."""
        return Path(self.state)


def encode(spec: ChildSpec) -> bytes:
    """As a line."""
    return msgspec.json.encode(spec) + b"\n"


def decode(line: bytes) -> ChildSpec:
    """From a line."""
    return msgspec.json.decode(line, type=ChildSpec)
