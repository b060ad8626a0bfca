"""Which package is loaded, and what it says."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from edge_runtime.errors import DeviceError, MissingExtra
from edge_runtime.models import tensorrt_library
from edge_runtime.models.tensorrt_library import Library, library
from tests.stand_in_cuda import StandInDriver
from tests.stand_in_tensorrt import StandInTensorRt


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tensorrt_library, "_loaded", [])
    yield


def package(version: str = "10.3.0") -> StandInTensorRt:
    return StandInTensorRt(version, StandInDriver())


def test_without_any_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(MissingExtra, match=r"tensorrt.*;.*tensorrt_rtx") as caught:
        library()
    assert "JetPack" in caught.value.hint


def test_tensorrt_comes_first_and_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", package("10.16.1"))
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", package("1.7.1"))
    assert library().name == "tensorrt 10.16.1"
    assert library() is library()


def test_tensorrt_rtx_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    rtx = package("1.7.1")
    rtx.__name__ = "tensorrt_rtx"
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", rtx)
    assert library().name == "tensorrt_rtx 1.7.1"


def test_the_first_complaint_is_kept_until_it_is_forgotten() -> None:
    loaded = Library(package())
    assert loaded.complaint() == "no reason given"
    for severity, line in (("VERBOSE", "layer 7"), ("ERROR", " it fell over "), ("ERROR", "so did this"), ("INTERNAL_ERROR", "no driver")):
        loaded.listener.say(severity, line)
    assert loaded.complaint() == "no driver"
    loaded.forget()
    loaded.listener.say("ERROR", " it fell over ")
    assert loaded.complaint() == "it fell over"


def test_a_warning_is_told_once() -> None:
    loaded = Library(package())
    for line in ("may overflow", "slow", "may overflow"):
        loaded.listener.say("WARNING", line)
    assert loaded.warnings() == ("may overflow", "slow")
    assert loaded.complaint() == "no reason given"


def test_a_library_that_finds_no_gpu() -> None:
    fake = package()
    fake.refuses.add("Builder")
    with pytest.raises(DeviceError, match=r"tensorrt 10\.3\.0 does not start: CUDA initialization failure"):
        Library(fake).builder()
