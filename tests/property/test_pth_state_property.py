"""Whatever bytes a file holds, reading it ends with tensors or with one kind of error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime.errors import BundleError
from export.pth_state import read_state
from tests.state_dicts import SMALL


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(changes=st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused(changes: list[tuple[int, int]], tmp_path: Path) -> None:
    data = bytearray(SMALL)
    for place, value in changes:
        data[place] = value
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    try:
        state = read_state(path)
    except BundleError as error:
        assert error.hint
    else:
        assert all(isinstance(array, np.ndarray) and array.nbytes <= 48 for array in state.values())
