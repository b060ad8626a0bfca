"""The wearer's eyes: gaze samples in, eye movements and dwells out. Needs numpy and knows nothing of the rest."""

from __future__ import annotations

from gaze.detect import FixationDetector, Rules
from gaze.dwell import DwellRules, DwellTracker
from gaze.geometry import angle_deg, deg_to_norm, norm_to_deg, norm_to_ray, perifovea_box_norm, perifovea_px
from gaze.track import EyeEvents
from gaze.types import EyeEvent, EyeKind, GazeSample, GazeSource, Stage
from gaze.velocity import SpeedRules

__all__ = [
    "DwellRules",
    "DwellTracker",
    "EyeEvent",
    "EyeEvents",
    "EyeKind",
    "FixationDetector",
    "GazeSample",
    "GazeSource",
    "Rules",
    "SpeedRules",
    "Stage",
    "angle_deg",
    "deg_to_norm",
    "norm_to_deg",
    "norm_to_ray",
    "perifovea_box_norm",
    "perifovea_px",
]
