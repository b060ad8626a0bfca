"""llama.cpp, and the only door to it: the library loaded so that it neither spins nor crashes, and what it says, kept.

Two traps are closed here. OpenMP's threads spin while they wait unless they are told otherwise before the library is loaded: beside other
work that costs a hundred times the time. And weights that were repacked for AMX crash when more than one row is decoded (llama.cpp issue
20824); where the library was built with AMX, nothing is repacked.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections import deque
from typing import Any

from edge_runtime.errors import MissingExtra

_ERROR = 4
_MOST_LINES = 20


class Library:
    """The library, loaded.

    Attributes:
        api: The package's functions, as in llama.h.
        version: Of llama.cpp; saved states are bound to it.
        repacks: Whether weights may be laid out anew for the processor.
        offloads: Whether it was built for a GPU, and finds one.
    """

    def __init__(self, api: Any) -> None:
        self.api = api
        self._said: deque[str] = deque(maxlen=_MOST_LINES)
        # The library calls it for as long as it lives, so the object must live as long.
        self._listener = api.llama_log_callback(self._hear)
        api.llama_log_set(self._listener, ctypes.c_void_p(0))
        api.llama_backend_init()
        self.version = f"{api.llama_version().decode()} ({_package_version(api)})"
        self.offloads = bool(api.llama_supports_gpu_offload())
        self.repacks = b"AMX_INT8 = 1" not in api.llama_print_system_info()

    def _hear(self, level: int, text: bytes, _: Any) -> None:
        if level == _ERROR:
            self._said.append(text.decode("utf-8", "replace").strip())

    def function(self, name: str) -> Any:
        """A function of the library, or of ggml below it, that the package does not name; ``None`` if there is none."""
        loaded = getattr(getattr(self.api, "llama_cpp", None), "_lib", None)
        return getattr(loaded, name, None) if name else None

    def mtmd(self) -> Any:
        """The functions by which llama.cpp sees for itself, as in mtmd.h and mtmd-helper.h.

        Raises:
            MissingExtra: llama-cpp-python was built without them.
        """
        try:
            from llama_cpp import mtmd_cpp
        except (ImportError, OSError, RuntimeError) as error:
            raise MissingExtra(f"llama-cpp-python was built without mtmd ({error})", hint="build it again: scripts/llm_wheel") from error
        for listen in (mtmd_cpp.mtmd_log_set, mtmd_cpp.mtmd_helper_log_set):
            listen(self._listener, ctypes.c_void_p(0))
        return mtmd_cpp

    def complaint(self) -> str:
        """What it last complained of, in its own words, and forget it; ``"no reason given"`` if it did not."""
        # The first complaint is the reason, those after it say who passed it on.
        said = next((line.split(": ", 1)[-1] for line in self._said if line), "no reason given")
        self._said.clear()
        return said


_loaded: list[Library] = []


def library() -> Library:
    """The library, loaded when it is first asked for.

    Raises:
        MissingExtra: llama-cpp-python is not installed, or was built for another machine.
    """
    if not _loaded:
        # Read once, when the library loads its thread pool.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import llama_cpp
        except (ImportError, OSError, RuntimeError) as error:
            hint = "build and install it: scripts/llm_wheel"
            raise MissingExtra(f"language models need the package llama-cpp-python, which cannot be used ({error})", hint=hint) from error
        _loaded.append(Library(llama_cpp))
    return _loaded[0]


def _package_version(api: Any) -> str:
    return f"llama-cpp-python {api.__version__}"
