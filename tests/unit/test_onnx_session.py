"""Opening and running a network, and what is said when that is not possible."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError, MissingExtra, ModelError
from edge_runtime.models.onnx_session import open_session, require_runtime
from tests.tiny_bundle import write_naming, write_vision


def test_a_network_runs(tmp_path: Path) -> None:
    write_vision(tmp_path)
    with open_session(tmp_path / "vision.onnx", threads=1) as session:
        cls, patches = session.run_all(np.ones((1, 3, 224, 224), np.float32))
        assert cls.shape == (1, 2, 3)
        assert patches.shape == (1, 256, 3)
        assert np.array_equal(session.run(np.ones((1, 3, 224, 224), np.float32)), cls)


def test_an_input_of_the_wrong_shape(tmp_path: Path) -> None:
    write_naming(tmp_path)
    with open_session(tmp_path / "naming.onnx", threads=1) as session, pytest.raises(ModelError, match="could not be run") as caught:
        session.run(np.ones((3, 5), np.float32))
    assert caught.value.hint


def test_a_closed_session(tmp_path: Path) -> None:
    write_naming(tmp_path)
    with open_session(tmp_path / "naming.onnx", threads=1) as session:
        pass
    with pytest.raises(ModelError, match="is closed"):
        session.run(np.ones((1, 3, 224, 224), np.float32))


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    for path in (tmp_path / "junk.onnx", tmp_path / "absent.onnx"):
        with pytest.raises(BundleError, match=f"{path.name} cannot be opened"):
            open_session(path, threads=1)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for ask in (require_runtime, lambda: open_session(tmp_path / "any.onnx", threads=1)):
        with pytest.raises(MissingExtra, match="onnxruntime") as caught:
            ask()
        assert "extra cpu" in caught.value.hint


def test_the_installed_version_is_known() -> None:
    assert require_runtime()[0].isdigit()
