"""An engine that was kept is used only if not one of its bytes has changed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.models.tensorrt_cache import open_cached
from edge_runtime.models.tensorrt_cuda import Gpu
from tests.stand_in_cuda import StandInDriver
from tests.stand_in_tensorrt import StandInTensorRt, loaded
from tests.tiny_network import write_product


@settings(max_examples=40)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_no_changed_byte_passes(place: float, bit: int, cut: bool) -> None:
    driver = StandInDriver()
    with pytest.MonkeyPatch.context() as patch, loaded(StandInTensorRt("10.3.0", driver), patch) as package, TemporaryDirectory() as work:
        onnx, said = write_product(Path(work) / "net.onnx"), list[str]()

        def opened() -> None:
            with Gpu(driver) as gpu, open_cached(onnx, (1, 4), gpu=gpu, cache=Path(work), say=said.append):
                pass

        opened()
        (file,) = (Path(work) / "engines").glob("*.engine")
        whole = file.read_bytes()
        index = int(place * len(whole))
        file.write_bytes(whole[:index] if cut else whole[:index] + bytes([whole[index] ^ (1 << bit)]) + whole[index + 1 :])
        said.clear()
        opened()
        assert package.builders == 2
        assert "is damaged" in said[0]
        assert file.read_bytes() == whole
