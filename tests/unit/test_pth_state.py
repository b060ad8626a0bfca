"""A state dict is read by following opcodes on a list; whatever else a file holds is refused and never run."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError
from export.pth_state import read_state
from tests.state_dicts import MACHINE, Tensor, dict_of, pth, storage, text, tuple_of

WEIGHT = np.arange(6, dtype="<f4")


def write(folder: Path, data: bytes) -> Path:
    path = folder / "weights.pth"
    path.write_bytes(data)
    return path


def test_tensors_come_back_by_name(tmp_path: Path) -> None:
    count = np.array([7], dtype="<i8")
    state = read_state(write(tmp_path, pth({"a.weight": Tensor(WEIGHT, (2, 3), (3, 1)), "a.count": Tensor(count, (), ())})))
    assert list(state) == ["a.weight", "a.count"]
    assert state["a.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert state["a.weight"].dtype == np.float32
    assert state["a.count"].shape == ()
    assert state["a.count"] == 7


def test_stored_strides_are_honoured(tmp_path: Path) -> None:
    # The same six numbers, stored column by column.
    state = read_state(write(tmp_path, pth({"w": Tensor(WEIGHT, (2, 3), (1, 2))})))
    assert state["w"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert state["w"].flags["C_CONTIGUOUS"]


def test_an_offset_into_a_storage(tmp_path: Path) -> None:
    state = read_state(write(tmp_path, pth({"w": Tensor(WEIGHT, (2,), (2,), offset=1)})))
    assert state["w"].tolist() == [1, 3]


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor(WEIGHT, (7,), (1,)),
        Tensor(WEIGHT, (2,), (6,)),
        Tensor(WEIGHT, (2,), (1,), offset=5),
        Tensor(WEIGHT, (2,), (-1,), offset=3),
        Tensor(WEIGHT, (2,), (1,), offset=-1),
        Tensor(WEIGHT, (100000, 100000), (0, 0)),
    ],
    ids=["too long", "stride too wide", "offset too far", "backwards", "before the start", "stride zero"],
)
def test_a_tensor_that_reaches_outside_its_storage_is_refused(tensor: Tensor, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="reaches outside its storage"):
        read_state(write(tmp_path, pth({"w": tensor})))


class Trap:
    """Unpickling one of these makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_file_that_wants_to_run_code_is_refused_and_nothing_runs(protocol: int, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung), protocol=protocol)
    with pytest.raises(BundleError, match="not on the list") as caught:
        read_state(write(tmp_path, trap))
    assert not sprung.exists()
    assert caught.value.hint
    # The trap does work: this is what the reader must not do.
    pickle.loads(trap)  # noqa: S301
    assert sprung.exists()


def test_the_name_that_is_not_on_the_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="names os system"):
        read_state(write(tmp_path, pth({}, state=b"cos\nsystem\n" + tuple_of(text("true")) + b"R")))


@pytest.mark.parametrize(
    "state",
    [b"\x80\x02N.", b"\x80\x02].", dict_of({"w": text("no tensor")}), dict_of({"w": storage("0", WEIGHT)}), b"\x80\x020.", b"\x80\x02}s."],
    ids=["none", "list", "text", "storage", "empty stack", "nothing to set"],
)
def test_something_else_than_tensors_is_refused(state: bytes, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"weights\.pth is not a state dict"):
        read_state(write(tmp_path, pth({}, state=state.removeprefix(b"\x80\x02").removesuffix(b"."))))


@pytest.mark.parametrize("machine", [MACHINE.replace(b"\x88", b"\x89"), b"N"], ids=["big-endian", "no machine"])
def test_a_machine_that_stores_otherwise_is_refused(machine: bytes, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="little-endian"):
        read_state(write(tmp_path, pth({"w": Tensor(WEIGHT, (6,), (1,))}, machine=machine)))


def test_a_storage_larger_than_the_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    data = pth({"w": Tensor(WEIGHT, (6,), (1,), announced=2**31 - 1)})
    with pytest.raises(BundleError, match="ends early"):
        read_state(write(tmp_path, data.replace(struct.pack("<q", 6), struct.pack("<q", 2**31 - 1))))


def test_no_prefix_of_a_file_is_taken_for_the_file(tmp_path: Path) -> None:
    data = pth({"w": Tensor(WEIGHT, (2, 3), (3, 1))})
    for length in range(len(data)):
        with pytest.raises(BundleError):
            read_state(write(tmp_path, data[:length]))
