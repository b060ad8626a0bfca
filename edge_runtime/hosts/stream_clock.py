"""Stream time that goes on over restarts: one clock for all that is remembered, however often the process or the machine is started.

Stream time is the machine's monotonic clock minus an origin. That clock begins anew with every boot, so beside the origin it is kept of
which boot it is, and how late it was by the wall clock. A wall clock may be wrong or set back; how the length of a pause is known is said.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from edge_runtime.config import S
from edge_runtime.errors import DeviceError
from edge_runtime.journal.whole_file import write_whole

_log = logging.getLogger(__name__)
CLOCK_NAME = "clock.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NEVER_SET_NS = 1_577_836_800 * S
"""2020-01-01: a wall clock that shows an earlier date was never set."""

Known = Literal["first", "measured", "wall clock", "not known"]


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The clock as it was last written down.

    Attributes:
        boot_id: Of the boot; ``""`` where the machine does not tell.
        origin_ns: Monotonic time at stream time zero; negative if the machine was started later.
        stream_ns: Stream time when this was written.
        wall_ns: Unix time then.
    """

    boot_id: str
    origin_ns: int
    stream_ns: int
    wall_ns: int


class Start(NamedTuple):
    """Where stream time goes on.

    Attributes:
        origin_ns: Monotonic time at stream time zero.
        known: How the length of the pause is known: there was none (``first``), by the monotonic clock that went on meanwhile
            (``measured``), by the wall clock, which may have been set, or not at all, and then it counts for nothing.
    """

    origin_ns: int
    known: Known


def go_on(kept: Kept | None, *, boot_id: str, monotonic_ns: int, wall_ns: int, at_least_ns: int) -> Start:
    """Decide where stream time goes on. It never goes back.

    Args:
        kept: The clock as it was last written down; ``None`` if there is none, or it cannot be read.
        boot_id: Of this boot; ``""`` where the machine does not tell.
        monotonic_ns: The monotonic clock now.
        wall_ns: Unix time now.
        at_least_ns: The latest stream time known otherwise, such as that of the journal's last step; -1 if there is none.
    """
    if kept is None:
        return Start(monotonic_ns - max(0, at_least_ns), "first" if at_least_ns < 0 else "not known")
    latest_ns = max(kept.stream_ns, at_least_ns)
    if boot_id and boot_id == kept.boot_id and monotonic_ns - kept.origin_ns >= latest_ns:
        return Start(kept.origin_ns, "measured")
    if _NEVER_SET_NS <= kept.wall_ns <= wall_ns:
        return Start(monotonic_ns - max(latest_ns, kept.stream_ns + wall_ns - kept.wall_ns), "wall clock")
    return Start(monotonic_ns - latest_ns, "not known")


def read_boot_id(file: Path = _BOOT_ID) -> str:
    """What tells this boot of the machine from others; ``""`` if it does not tell."""
    with contextlib.suppress(OSError):
        return file.read_text(encoding="ascii").strip()
    return ""


class StreamClock:
    """The clock of a run, kept in a folder. It takes up what is there; :meth:`keep` is to be called at the start and every minute.

    Args:
        folder: Where ``clock.json`` lies.
        at_least_ns: The latest stream time known otherwise; -1 if there is none.
        monotonic_ns: The monotonic clock of the machine, the same for all its processes.
        wall_ns: Unix time.
        boot_id: Tells one boot from another; ``""`` where the machine does not tell.

    Attributes:
        origin_ns: Monotonic time at stream time zero: what other processes are told.
        known: How the length of the pause before this start is known, as in :class:`Start`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        at_least_ns: int = -1,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
        boot_id: Callable[[], str] = read_boot_id,
    ) -> None:
        self._path = folder / CLOCK_NAME
        self._monotonic_ns, self._wall_ns, self._boot_id = monotonic_ns, wall_ns, boot_id()
        kept = _read(self._path)
        begun_ns = monotonic_ns()
        self.origin_ns, self.known = go_on(kept, boot_id=self._boot_id, monotonic_ns=begun_ns, wall_ns=wall_ns(), at_least_ns=at_least_ns)
        latest_ns = max(at_least_ns, -1 if kept is None else kept.stream_ns)
        self._pause_ns = begun_ns - self.origin_ns - latest_ns

    def now_ns(self) -> int:
        """Stream time now."""
        return self._monotonic_ns() - self.origin_ns

    @property
    def note(self) -> str:
        """How long the pause before this start was and how that is known, in a sentence; ``""`` for a first start."""
        about = f"The run paused for about {self._pause_ns / S:.0f} s"
        return {
            "first": "",
            "measured": f"{about}, as measured.",
            "wall clock": f"{about} by the machine's clock.",
            "not known": "The run paused; for how long is not known, and the pause is left out of its time.",
        }[self.known]

    def keep(self) -> None:
        """Write the clock down, for the next start.

        Raises:
            DeviceError: The disk refuses.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, msgspec.json.encode(Kept(self._boot_id, self.origin_ns, self.now_ns(), self._wall_ns())))
        except OSError as error:
            raise DeviceError(f"{self._path} cannot be written: {error.strerror}", hint="free some disk") from error


def _read(path: Path) -> Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        _log.warning("%s cannot be read: %s", path, error)
        return None
