"""Opening a language model: every file and machine that will not do is refused, and told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.errors import BundleError, ConfigError, DeviceError, HashMismatch, MissingExtra, ModelError
from edge_runtime.models import language_llama_library
from edge_runtime.models.hub import sha256_of
from edge_runtime.models.language_llama_gguf import read_head
from edge_runtime.models.language_llama_library import library
from edge_runtime.models.language_llama_open import LlamaSettings, needed_bytes, open_llama
from scripts.language_fixtures import SHAPES, gguf, metadata, random_weights, tokenizer
from tests.tiny_language import needs_llama, tiny, tiny_path

Write = Callable[..., Path]
SMALL = LlamaSettings(context_rows=256)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a model like the tiny llama, but for what is said otherwise; a value of ``None`` is left out."""

    def written(without: tuple[str, ...] = (), damaged: str = "", **head: Any) -> Path:
        pieces, merges = tokenizer()
        values = metadata(SHAPES["llama"], pieces, merges) | {key.replace("__", "."): value for key, value in head.items()}
        weights = {name: array for name, array in random_weights(SHAPES["llama"], len(pieces), 0).items() if name not in without}
        if damaged:
            weights[damaged][:] = np.nan
        path = tmp_path / "model.gguf"
        path.write_bytes(gguf({key: value for key, value in values.items() if value is not None}, weights))
        return path

    return written


@needs_llama
def test_the_file_that_was_meant_opens() -> None:
    with tiny("llama", sha256=sha256_of(tiny_path("llama")), special=["<image>", "<turn>"]) as model:
        assert model.capabilities.architecture == "llama"


def test_another_file_than_the_one_that_was_meant() -> None:
    with pytest.raises(HashMismatch, match="expected sha256 0000"):
        tiny("llama", sha256="0" * 64)


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_path("llama").read_bytes()[:-5000])
    with pytest.raises(BundleError, match="is cut off: 5000 of its 122688 bytes are missing"):
        open_llama(path, SMALL)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        open_llama(tmp_path / "absent.gguf", LlamaSettings(sha256="0" * 64))


@needs_llama
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"general__architecture": "perceiver"}, "cannot be loaded: .*unknown model architecture: 'perceiver'"),
        ({"llama__attention__layer_norm_rms_epsilon": None}, "cannot be loaded: .*layer_norm_rms_epsilon"),
        ({"without": ("blk.1.ffn_up.weight",)}, "cannot be loaded: .*blk.1.ffn_up.weight"),
    ],
    ids=("family", "metadata", "tensor"),
)
def test_a_model_that_lacks_something(changed: dict[str, Any], words: str, write: Write) -> None:
    with pytest.raises(BundleError, match=words) as refused:
        open_llama(write(**changed), SMALL)
    assert refused.value.hint


@needs_llama
@pytest.mark.parametrize("where", ["token_embd.weight", "blk.1.attn_v.weight"])
def test_weights_that_are_no_numbers(where: str, write: Write) -> None:
    """Whoever gives no hash finds out with the first text that is read."""
    with open_llama(write(damaged=where), SMALL) as model:
        with pytest.raises(ModelError, match="numbers that are none") as refused:
            model.extend(0, [1, 2, 3])
        assert "sha256" in refused.value.hint
        assert model.end(0) == 0


@needs_llama
def test_more_sequences_than_the_engine_has() -> None:
    with pytest.raises(BundleError, match="cannot be set up"):
        tiny("llama", sequences=256)


@pytest.mark.parametrize("end", [None, 320, 2**32 - 1])
def test_a_model_that_names_no_end(end: int | None, write: Write) -> None:
    """The engine would take some other token for it, and answers would never end."""
    with pytest.raises(BundleError, match="names no token that ends a text"):
        open_llama(write(tokenizer__ggml__eos_token_id=end), SMALL)


@needs_llama
def test_a_special_token_that_is_missing() -> None:
    with pytest.raises(BundleError, match="has no token '<fake_token_around_image>'"):
        tiny("llama", special=["<image>", "<fake_token_around_image>"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"context_rows": 2048}, "was trained on 1024 rows, not 2048"),
        ({"context_rows": 0}, "context_rows is 0"),
        ({"sequences": 0}, "sequences is 0"),
        ({"threads": -1}, "threads is -1"),
        ({"block_rows": 8}, "block_rows is 8"),
        ({"gpu_layers": -2}, "gpu_layers is -2"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_settings_that_cannot_be(settings: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tiny("llama", **settings)


@needs_llama
def test_no_layer_runs_on_a_gpu_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library(), "offloads", False)
    with tiny("llama", gpu_layers=-1) as model:
        assert model.capabilities.gpu_layers == 0
    with pytest.raises(ConfigError, match=r"2 layers shall run on a GPU, and llama\.cpp finds none") as refused:
        tiny("llama", gpu_layers=2)
    assert "GGML_CUDA" in refused.value.hint


@needs_llama
@pytest.mark.parametrize(("asked", "given"), [(-1, 3), (0, 0), (2, 2), (99, 3)])
def test_layers_are_given_to_the_gpu_that_llama_cpp_finds(asked: int, given: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it finds none, and runs them on the processor all the same: what is tested is what it is told."""
    loaded, told = library(), []
    load = loaded.api.llama_model_load_from_file

    def listening(path: bytes, params: Any) -> Any:
        told.append(params.n_gpu_layers)
        return load(path, params)

    monkeypatch.setattr(loaded, "offloads", True)
    monkeypatch.setattr(loaded.api, "llama_model_load_from_file", listening)
    with tiny("llama", gpu_layers=asked) as model:
        assert told == [model.capabilities.gpu_layers] == [given]


def test_too_little_memory_is_found_out_before_anything_is_loaded(write: Write) -> None:
    """Forty layers of a thousand heads: the file is small, what the model would hold is not."""
    path = write(llama__block_count=40, llama__attention__head_count_kv=1000)
    with pytest.raises(DeviceError, match=r"would take about 7\d\d\.\d MB, and 500\.0 MB are free") as refused:
        open_llama(path, LlamaSettings(context_rows=512, room_bytes=500_000_000))
    assert "fewer context rows" in refused.value.hint


def test_the_machine_is_asked_what_it_has_left(write: Write) -> None:
    path = write(llama__attention__head_count_kv=1 << 24)
    with pytest.raises(DeviceError, match="are free"):
        open_llama(path, LlamaSettings(context_rows=1024))


def test_a_model_needs_what_it_holds_and_what_it_works_with() -> None:
    head = read_head(tiny_path("llama"))
    small, long, wide = (LlamaSettings(context_rows=rows, block_rows=block) for rows, block in ((256, 32), (512, 32), (256, 64)))
    assert needed_bytes(head, long) - needed_bytes(head, small) == head.cache_bytes(256, 2.0)
    assert needed_bytes(head, wide) - needed_bytes(head, small) == 32 * (3 * 64 + 6 * 32) * 4


def test_without_the_package_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_llama_library, "_loaded", [])
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(MissingExtra, match="llama-cpp-python") as missing:
        tiny("llama")
    assert "scripts/llm_wheel" in missing.value.hint


@needs_llama
def test_openmp_is_told_not_to_spin_before_the_library_is_loaded() -> None:
    """Beside other work, threads that spin while they wait cost a hundred times the time."""
    code = "from edge_runtime.models.language_llama_library import library; library(); import os; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)  # noqa: S603
    assert done.stdout == "passive\n"
    assert done.stderr == ""


@needs_llama
def test_nothing_is_laid_out_anew_where_that_would_crash() -> None:
    """Weights repacked for AMX crash when more than one row is decoded; the wheel made here has none."""
    loaded = library()
    assert loaded.repacks == (b"AMX_INT8 = 1" not in loaded.api.llama_print_system_info())
    assert library() is loaded


@needs_llama
def test_what_failed_leaves_nothing_open(write: Write) -> None:
    """A model that was refused half way can be opened the next moment."""
    for _ in range(3):
        with pytest.raises(BundleError):
            tiny("llama", special=["<nothing>"])
    with tiny("llama") as model:
        model.extend(0, [1, 2, 3])
        assert np.isfinite(model.nll(0, [4, 5])).all()
