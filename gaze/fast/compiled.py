"""Where functions are compiled, and where the machine code is kept.

The only module that opens numba, which is the extra ``fast``. Floats are added and multiplied in the order that is written, as Python
does: nothing that would round in another way is allowed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

try:
    import numba
except ImportError as error:
    raise ImportError("the compiled detector needs numba: pip install 'edge-runtime[fast]'", name="numba") from error

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile a function, as part of what calls it."""
    return cast(_Function, numba.njit(function, error_model="numpy", no_cfunc_wrapper=True))


def entry(function: _Function) -> _Function:
    """Compile a function that Python calls, and keep the machine code for the next process."""
    # numba compares the date of one file only, and much of what goes into an entry is written in others: so the folder is named by
    # all of them. Its own setting holds for the whole process and belongs to the user.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return cast(_Function, numba.njit(function, error_model="numpy", cache=True))
    finally:
        numba.config.CACHE_DIR = before


def cache_folder() -> Path:
    """Where machine code is kept: in ``NUMBA_CACHE_DIR``, else in the user's cache; one folder for each state of the source."""
    state = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        state.update(file.read_bytes())
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR) / state.hexdigest()[:16]
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "edge_runtime" / "gaze" / state.hexdigest()[:16]
