"""Gaze as devices record it. :func:`open_gaze` tells the format by what lies there and reads it.

Tried on real files: Aria (all CSV schemas, VRS of the first generation), Neon native, Pupil Invisible's Cloud export, Tobii Pro Glasses 2,
the generic CSV. By their published layout only: Pupil Core, Neon's Cloud export, Tobii Pro Glasses 3, EGTEA Gaze+, Ego4D;
``Recorded.verified`` is false for these.
"""

from __future__ import annotations

from devices.recordings.opening import open_gaze
from devices.recordings.recorded import Recorded

__all__ = ["Recorded", "open_gaze"]
