"""Where a network runs: what was asked for, or an error; on the processor instead only where that was allowed, and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError, ConfigError, MissingExtra
from edge_runtime.models.onnx_providers import CPU, CUDA, Provider, TensorRtOptions, tensorrt
from edge_runtime.models.onnx_session import open_session, open_session_on
from tests.tiny_bundle import write_naming

TENSORRT = tensorrt(TensorRtOptions(Path("cache")))


@pytest.fixture
def network(tmp_path: Path) -> Path:
    write_naming(tmp_path)
    return tmp_path / "naming.onnx"


def test_the_processor_is_what_it_says(network: Path) -> None:
    for session in (open_session(network, 1), open_session_on(network, CPU, threads=1)):
        with session:
            assert (session.provider, session.fell_back) == ("CPUExecutionProvider", "")


@pytest.mark.parametrize("provider", [CUDA, TENSORRT], ids=lambda provider: provider.name)
def test_a_gpu_that_this_package_cannot_use_is_an_error(network: Path, provider: Provider) -> None:
    """ONNX Runtime itself would run it on the processor with no more than a warning."""
    with pytest.raises(MissingExtra, match=f"was built without {provider.name}") as refused:
        open_session_on(network, provider, threads=1)
    assert "cuda" in refused.value.hint


@pytest.mark.parametrize("provider", [CUDA, TENSORRT], ids=lambda provider: provider.name)
def test_where_the_processor_may_do_it_says_so(network: Path, provider: Provider) -> None:
    with open_session_on(network, provider, threads=1, cpu_may_do=True) as session:
        assert session.provider == "CPUExecutionProvider"
        assert session.fell_back == f"ONNX Runtime was built without {provider.name}; CPUExecutionProvider runs naming.onnx"
        assert session.run(np.zeros((1, 3, 224, 224), np.float32)).shape == (1, 3)


@pytest.mark.parametrize("cpu_may_do", [True, False])
def test_a_provider_that_nobody_knows(network: Path, cpu_may_do: bool) -> None:
    with pytest.raises(ConfigError, match="knows no provider GoodExecutionProvider") as refused:
        open_session_on(network, Provider("GoodExecutionProvider"), threads=1, cpu_may_do=cpu_may_do)
    assert "CPUExecutionProvider" in refused.value.hint


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(BundleError, match=r"junk\.onnx cannot be opened"):
        open_session_on(tmp_path / "junk.onnx", CUDA, threads=1, cpu_may_do=True)


def test_options_of_tensorrt_are_data() -> None:
    options = TensorRtOptions(
        Path("/engines"),
        workspace_bytes=1024,
        context_file=Path("/engines/tower_ctx.onnx"),
        cuda_graph=True,
        shares_memory=False,
        profiles={"image": ((1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8))},
    )
    provider = tensorrt(options)
    assert (provider.name, provider.helper) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert provider.options == {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": "/engines",
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": "/engines",
        "trt_max_workspace_size": "1024",
        "trt_cuda_graph_enable": "1",
        "trt_context_memory_sharing_enable": "0",
        "trt_dump_ep_context_model": "1",
        "trt_ep_context_file_path": "/engines/tower_ctx.onnx",
        "trt_ep_context_embed_mode": "1",
        "trt_profile_min_shapes": "image:1x3x8x8",
        "trt_profile_opt_shapes": "image:2x3x8x8",
        "trt_profile_max_shapes": "image:4x3x8x8",
    }


def test_precision_is_no_option() -> None:
    """It lies in the file; builder flags for it are gone in TensorRT 11."""
    assert not [name for name in TENSORRT.options if "fp16" in name or "int8" in name or "bf16" in name]
