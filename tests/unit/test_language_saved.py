"""Saved sequences: bound to a model, an engine and a layout, and checked before anything is made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.errors import BundleError
from edge_runtime.models.language_held import Held
from edge_runtime.models.language_llama_saved import Origin, SavedSequence, read_saved, write_saved

ORIGIN = Origin(model="abc", engine="1.2", layout="f16, whole")


@pytest.fixture
def saved() -> SavedSequence:
    held = Held()
    held.add_tokens([1, 2, 3])
    held.add_picture(4)
    return SavedSequence(held, b"1234", b"the engine's own")


def test_what_was_written_is_read(saved: SavedSequence, tmp_path: Path) -> None:
    write_saved(tmp_path / "one", ORIGIN, saved)
    assert read_saved(tmp_path / "one", ORIGIN) == saved


@pytest.mark.parametrize("field", ["model", "engine", "layout"])
def test_what_belongs_to_another_is_refused(field: str, saved: SavedSequence, tmp_path: Path) -> None:
    write_saved(tmp_path / "one", ORIGIN, saved)
    with pytest.raises(BundleError, match=f"saved with another {field}") as refused:
        read_saved(tmp_path / "one", replace(ORIGIN, **{field: "other"}))
    assert refused.value.hint


def test_no_byte_can_be_changed_or_lost(saved: SavedSequence, tmp_path: Path) -> None:
    path = tmp_path / "one"
    write_saved(path, ORIGIN, saved)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(BundleError, match=r"is damaged|is no saved sequence"):
                read_saved(path, ORIGIN)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        read_saved(tmp_path / "absent", ORIGIN)
