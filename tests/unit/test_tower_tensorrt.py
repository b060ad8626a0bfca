"""The tower on the GPU gives the tokens of its network, and says what is wrong before a picture is shown to it. Against stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.errors import BundleError, DeviceError, ModelError
from edge_runtime.models import tensorrt_cuda, tower_tensorrt
from edge_runtime.models.bundle import Bundle, Manifest, Tower
from edge_runtime.models.onnx_session import open_session
from edge_runtime.models.tensorrt_cuda import Gpu
from edge_runtime.models.tower import TowerModel
from edge_runtime.models.tower_tensorrt import open_tensorrt_tower
from edge_runtime.pixels import planes, resize
from tests.stand_in_cuda import StandInDriver
from tests.stand_in_tensorrt import StandInTensorRt, loaded

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vlm"
SPEC = Tower(
    file="tower.onnx", precision="fp32", input_px=64, mean=(127.5, 127.5, 127.5), scale=(127.5, 127.5, 127.5), rows=2, columns=2, dim=64
)


def bundle(tower: Tower | None = SPEC, folder: Path = GOLDEN) -> Bundle:
    return Bundle(folder, Manifest(format=1, name="tiny", version="1", summary="for tests", files=(), tower=tower))


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape, np.uint8) for shape in ((64, 64, 3), (48, 96, 3), (1, 1, 3))]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInDriver]:
    driver = StandInDriver()
    monkeypatch.setattr(tower_tensorrt, "open_gpu", lambda: Gpu(driver))
    with loaded(StandInTensorRt("10.3.0", driver), monkeypatch):
        yield driver


def test_it_gives_the_tokens_of_its_network(driver: StandInDriver, tmp_path: Path) -> None:
    tower: TowerModel
    with open_tensorrt_tower(bundle(), cache=tmp_path) as tower, open_session(GOLDEN / "tower.onnx", threads=1) as session:
        assert tower.backend == "tensorrt 10.3.0 on Orin"
        assert tower.spec == SPEC
        for picture, tokens in zip(pictures(), tower.encode(pictures()), strict=True):
            wanted = session.run(planes(resize(picture, 64, 64), SPEC.mean, SPEC.scale))[0]
            assert (tokens.hw, tokens.dim) == ((2, 2), 64)
            assert tokens.emb is not None
            assert tokens.emb.dtype == np.float16
            assert np.abs(tokens.emb - wanted).max() <= np.abs(wanted).max() * 2**-10
    assert driver.held == 0


def test_the_result_of_one_does_not_depend_on_its_neighbours(driver: StandInDriver, tmp_path: Path) -> None:
    with open_tensorrt_tower(bundle(), cache=tmp_path) as tower:
        together = tower.encode(pictures())
        alone = [tower.encode([picture])[0] for picture in pictures()]
    assert [tokens.emb.tobytes() for tokens in together if tokens.emb is not None] == [
        tokens.emb.tobytes() for tokens in alone if tokens.emb is not None
    ]


def test_it_is_closed_whole(driver: StandInDriver, tmp_path: Path) -> None:
    tower = open_tensorrt_tower(bundle(), cache=tmp_path)
    tower.close()
    tower.close()
    assert driver.held == 0
    with pytest.raises(ModelError, match="is closed"):
        tower.encode(pictures())


def test_a_bundle_without_a_tower() -> None:
    with pytest.raises(BundleError, match="tiny has no tower"):
        open_tensorrt_tower(bundle(None))


@pytest.mark.parametrize(
    ("change", "what"),
    [({"rows": 3}, r"\(1, 6, 64\) were promised"), ({"dim": 65}, r"\(1, 4, 65\) were promised"), ({"input_px": 32}, "takes pictures of")],
    ids=["rows", "width", "side"],
)
def test_a_manifest_of_another_tower(change: dict[str, int], what: str, driver: StandInDriver, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=what):
        open_tensorrt_tower(bundle(msgspec.structs.replace(SPEC, **change)), cache=tmp_path)
    assert driver.held == 0


def test_numbers_that_are_not_finite(driver: StandInDriver, tmp_path: Path) -> None:
    wild = msgspec.structs.replace(SPEC, scale=(1e-38, 1e-38, 1e-38))
    with (
        open_tensorrt_tower(bundle(wild), cache=tmp_path) as tower,
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ModelError, match="not finite"),
    ):
        tower.encode(pictures())


def test_a_machine_without_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tensorrt_cuda, "_DRIVER", "libcuda-of-no-machine.so.1")
    with loaded(StandInTensorRt("10.3.0", StandInDriver()), monkeypatch), pytest.raises(DeviceError, match="no GPU can be used"):
        open_tensorrt_tower(bundle(), cache=tmp_path)
    assert list(tmp_path.iterdir()) == []
