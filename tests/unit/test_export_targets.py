"""What a board can have is data; what it cannot is refused before anything is made for it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from edge_runtime.boards import boards
from edge_runtime.errors import UsageError
from export.checkpoint import Checkpoint, read_checkpoint
from export.gguf_quant import Kind, UnsupportedQuantisation
from export.precision import Precision, UnsupportedPrecision
from export.sizes import LANGUAGE_BITS, disk_bytes, memory_bytes
from export.targets import TARGETS, language_kind_for, precision_for, short_of_memory, target_named
from tests.checkpoint_sample import write_sample


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return read_checkpoint(write_sample(tmp_path_factory.mktemp("targets") / "tiny"))


def test_every_board_with_a_profile_is_a_target() -> None:
    assert set(TARGETS) == set(boards())
    assert all(target_named(name).name == name for name in boards())


def test_an_unknown_board_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no profile of a board called orin-nan") as refusal:
        target_named("orin-nan")
    assert "orin-nano" in refusal.value.hint


@pytest.mark.parametrize(("board", "precision"), [("pc", "dynamic-int8"), ("orin-nano", "fp16"), ("thor", "fp16")])
def test_each_has_a_default(board: str, precision: Precision) -> None:
    assert precision_for(TARGETS[board], None) == precision


@pytest.mark.parametrize(
    ("board", "precision", "reason"),
    [
        ("orin-nano", "fp8", "FP8 needs SM 89 or later, and orin-nano has SM 87"),
        ("agx-orin", "fp8", "FP8 needs SM 89 or later, and agx-orin has SM 87"),
        ("orin-nx", "dynamic-int8", "dynamic-int8 is for processors"),
        ("thor", "dynamic-int8", "dynamic-int8 is for processors"),
    ],
)
def test_what_its_engine_does_not_take_is_refused(board: str, precision: Precision, reason: str) -> None:
    with pytest.raises(UnsupportedPrecision, match=reason) as refusal:
        precision_for(TARGETS[board], precision)
    assert "fp16" in refusal.value.hint


def test_k_quants_only_where_rows_fill_their_blocks(tiny: Checkpoint) -> None:
    wide = msgspec.structs.replace(tiny.spec, row_widths=(2048, 8192))
    assert language_kind_for(wide, None) == "q4_k_m"
    assert language_kind_for(wide, "q6_k") == "q6_k"
    assert language_kind_for(tiny.spec, None) == "q8_0"
    for kind in ("q4_k_m", "q6_k", "q3_k_m"):
        with pytest.raises(UnsupportedQuantisation, match="blocks of 256, and this model's rows are of 64, 128") as refusal:
            language_kind_for(tiny.spec, kind)
        assert "q8_0" in refusal.value.hint


def test_kinds_that_need_an_importance_matrix_are_not_for_bundles(tiny: Checkpoint) -> None:
    kinds: tuple[Kind, ...] = ("iq2_xs", "iq3_xxs")
    for kind in kinds:
        assert kind not in LANGUAGE_BITS
        with pytest.raises(UnsupportedQuantisation, match=f"no bundle is made with a language model in {kind}"):
            language_kind_for(tiny.spec, kind)


def test_the_estimate_is_of_weights_of_rows_that_are_held_and_of_the_engines(tiny: Checkpoint) -> None:
    large = replace(tiny, tower_weights=400_000_000, language_weights=1_700_000_000, row_cache_weights=98_304)
    # 0.8 GB, 1.8 GB, 0.8 GB and 0.4 GB
    assert memory_bytes(large, "fp16", "q8_0", context_rows=4096) == 800_000_000 + 1_806_250_000 + 4096 * 98_304 * 2 + (400 << 20)
    assert memory_bytes(large, "fp16", "q4_0") < memory_bytes(large, "fp16", "q8_0")
    assert disk_bytes(large, "fp16", "q8_0", mmproj=False) == 4 * 2_100_000_000 + 800_000_000 + 1_806_250_000
    assert disk_bytes(large, "fp16", "q8_0", mmproj=True) > disk_bytes(large, "fp16", "q8_0", mmproj=False)


def test_too_large_a_model_is_said_with_both_figures() -> None:
    nano = TARGETS["orin-nano"]
    assert short_of_memory(nano, 2 << 30) == ""
    assert short_of_memory(nano, 8 << 30) == "memory: about 8589.9 MB are needed, and orin-nano has 6013.0 MB to give"
    assert short_of_memory(TARGETS["pc"], 1 << 50) == ""
