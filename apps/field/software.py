"""The software that is measured: versions, and which of ONNX Runtime's providers carry out a network on this machine."""

from __future__ import annotations

import importlib
import platform
import sqlite3
from typing import Any

import numpy as np

from edge_runtime import __version__

_MODULES = {"onnxruntime": "onnxruntime", "opencv": "cv2", "numpy": "numpy", "pyzmq": "zmq", "msgspec": "msgspec", "numba": "numba"}
_CPU = "CPUExecutionProvider"
_ADDITION = (
    b'\x08\x07\x12\x00:5\n\x0e\n\x01x\n\x01x\x12\x01y"\x03Add\x12\x01aZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x02'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x02B\x04\n\x00\x10\r"
)
"""A network as ONNX: y = x + x, float32 [2]."""


def versions() -> dict[str, str | None]:
    """Of Python, of this project and of what it works with; ``None`` where something is not installed or cannot be imported."""
    found: dict[str, str | None] = {"edge-runtime": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name, module in _MODULES.items():
        try:
            found[name] = importlib.import_module(module).__version__
        except (ImportError, OSError):
            found[name] = None
    return found


def providers() -> dict[str, bool]:
    """The providers that ONNX Runtime offers, and whether each carries out a network by itself here; empty where it is not installed.

    That a provider is offered means that it was compiled in, no more: one whose libraries or device are missing leaves the work to the
    processor without a word. So each is given an addition, and no processor to leave it to.
    """
    try:
        runtime: Any = importlib.import_module("onnxruntime")
    except (ImportError, OSError):
        return {}
    return {name: _carries_out(runtime, name) for name in runtime.get_available_providers()}


def _carries_out(runtime: Any, provider: str) -> bool:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    if provider != _CPU:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = runtime.InferenceSession(_ADDITION, options, providers=[provider])
        (total,) = session.run(None, {"x": np.ones(2, np.float32)})
    except Exception:  # its errors have no base of their own, and whatever a provider says, it did not carry the network out
        return False
    return provider in session.get_providers() and total.tolist() == [2.0, 2.0]
