"""The wearer's eyes: gaze samples in, eye movements and dwells out. Needs numpy and knows nothing of the rest."""

from __future__ import annotations

from gaze.association import Associator
from gaze.baselines import TEXTBOOK_IVT, TOBII_IVT, IdtDetector, IvtDetector
from gaze.calibrate import Calibration, calibrate
from gaze.camera import Camera, NotOnPicture
from gaze.cues import CueTracker
from gaze.detect import FixationDetector, Rules
from gaze.dwell import DwellRules, DwellTracker
from gaze.geometry import angle_deg, deg_to_norm, norm_to_deg, norm_to_ray, perifovea_box_norm, perifovea_px, ray_angle_deg, ray_to_norm
from gaze.gyroscope import Gyroscope
from gaze.head import HeadCompensator, HeadRotation, WorldGaze, rotation_of_points
from gaze.labels import EyeLabel
from gaze.regions import draw_prompt, foveal_crop, outside_view
from gaze.scanpath import Scanpath
from gaze.track import EyeEvents
from gaze.types import EyeEvent, EyeKind, GazeSample, GazeSource, Stage
from gaze.velocity import SpeedRules

__all__ = [
    "TEXTBOOK_IVT",
    "TOBII_IVT",
    "Associator",
    "Calibration",
    "Camera",
    "CueTracker",
    "DwellRules",
    "DwellTracker",
    "EyeEvent",
    "EyeEvents",
    "EyeKind",
    "EyeLabel",
    "FixationDetector",
    "GazeSample",
    "GazeSource",
    "Gyroscope",
    "HeadCompensator",
    "HeadRotation",
    "IdtDetector",
    "IvtDetector",
    "NotOnPicture",
    "Rules",
    "Scanpath",
    "SpeedRules",
    "Stage",
    "WorldGaze",
    "angle_deg",
    "calibrate",
    "deg_to_norm",
    "draw_prompt",
    "foveal_crop",
    "norm_to_deg",
    "norm_to_ray",
    "outside_view",
    "perifovea_box_norm",
    "perifovea_px",
    "ray_angle_deg",
    "ray_to_norm",
    "rotation_of_points",
]
