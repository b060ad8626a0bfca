"""The whole daemon for ten minutes, with the computed camera at three times its rate: no process grows, opens or starts anything more.

A day takes a day; what would show in it is a slope. It is fitted to the resident memory of each process, sampled once a second after
a warm-up in which rings fill and allocators settle, and its standard error says what so short a time can tell: what is asserted is that
growth beyond the level is not shown. Frames come at 30 Hz instead of 10, so that a leak in each frame weighs as in half an hour; the
eye's samples keep their 200 a second. ``EDGE_SOAK_S`` makes it shorter.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from apps.daemon.heard import PROCESSES
from tests.daemon_run import home_of_its_own

pytestmark = [pytest.mark.soak, pytest.mark.slow]
SECONDS = float(os.environ.get("EDGE_SOAK_S", "600"))
WARM_UP_S = SECONDS / 3
SLOPE_MOST_MB_PER_H = 1.0


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def opened(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def slope(t_s: list[float], nbytes: list[int]) -> tuple[float, float]:
    """Slope of a straight line through these and its standard error, MB/h; neighbours resemble each other, which this allows for."""
    t_h, mb = np.array(t_s) / 3600, np.array(nbytes) / 1e6
    line = np.polyfit(t_h, mb, 1)
    rest = mb - np.polyval(line, t_h)
    spread = float(np.sum((t_h - t_h.mean()) ** 2))
    alike = float(np.clip(np.corrcoef(rest[:-1], rest[1:])[0, 1], 0.0, 0.99)) if rest.std() > 0 else 0.0
    worth = len(t_s) * (1 - alike) / (1 + alike)
    return float(line[0]), float(np.sqrt(np.sum(rest**2) / max(1.0, worth - 2) / spread * len(t_s) / max(1.0, worth)))


def test_no_process_of_the_daemon_grows(capsys: pytest.CaptureFixture[str]) -> None:
    with home_of_its_own() as home:
        home.set("capture.offered_hz = 30.0")
        with home.daemon("--camera", "synthetic") as daemon:
            heard = daemon.wait_ready()
            pids = {role: heard.newest[role].pid for role in PROCESSES}
            begun_s, t_s, rows = time.monotonic(), list[float](), {role: list[tuple[int, int, int]]() for role in PROCESSES}
            with daemon.client() as client:
                while time.monotonic() - begun_s < SECONDS:
                    client.listen(1.0)
                    if time.monotonic() - begun_s >= WARM_UP_S:
                        t_s.append(time.monotonic())
                        for role, pid in pids.items():
                            rows[role].append((resident_bytes(pid), opened(pid), threads(pid)))
                after = client.statuses()
            assert {role: after.newest[role].pid for role in PROCESSES} == pids, "none was started again"
    found = {role: slope(t_s, [nbytes for nbytes, _, _ in seen]) for role, seen in rows.items()}
    with capsys.disabled():
        for role, (mb_per_h, error) in found.items():
            ends = f"{rows[role][0][0] / 1e6:.1f} to {rows[role][-1][0] / 1e6:.1f} MB"
            held = f"descriptors and threads {rows[role][-1][1:]}"
            sys.stdout.write(f"\n{role:<11}{mb_per_h:+8.2f} MB/h, standard error {error:.2f}, {ends}, {held}\n")
    for role, seen in rows.items():
        assert {row[1:] for row in seen} == {seen[0][1:]}, role
        mb_per_h, error = found[role]
        assert mb_per_h - 2 * error < SLOPE_MOST_MB_PER_H, role
