"""A million malformed messages over every inbound socket of every process; ``scripts/test --soak``. A tenth of it is in the gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.transport.routes import Route
from edge_runtime.transport.statuses import Role
from tests.integration.test_malformed import EACH, MOST_GROWN_BYTES, WAYS, flood, flood_processes, resident_bytes

pytestmark = [pytest.mark.soak, pytest.mark.slow]


@pytest.mark.parametrize(("role", "kind", "route"), WAYS, ids=lambda value: value.name if isinstance(value, Route) else value)
def test_every_one_of_a_million_is_counted(tmp_path: Path, role: Role, kind: str, route: Route) -> None:
    flood(tmp_path, role, kind, route, EACH)
    before = resident_bytes()
    flood(tmp_path, role, kind, route, 10 * EACH)
    assert resident_bytes() - before < MOST_GROWN_BYTES


def test_running_processes_count_them_and_go_on(tmp_path: Path) -> None:
    flood_processes(tmp_path, 10 * EACH)
