"""The online detector compiled: the same labels and events as :mod:`gaze.detect`, to the last bit, at a twentieth of the cost.

Needs the extra ``fast`` (numba); nothing else in :mod:`gaze` imports it. The readable detector stays the one that says what is meant:
each function here has the name and the place of what it repeats there, and the tests compare the two on whatever gaze does. The first
call on a machine compiles for some seconds; later processes read what it left (:func:`gaze.fast.compiled.cache_folder`).
"""

from __future__ import annotations

from gaze.fast.detector import UNTOLD, CompiledDetector, SampleLabels, Told, label_samples
from gaze.fast.state import KINDS, STAGES
from gaze.fast.track import CompiledEyeEvents

__all__ = ["KINDS", "STAGES", "UNTOLD", "CompiledDetector", "CompiledEyeEvents", "SampleLabels", "Told", "label_samples"]
