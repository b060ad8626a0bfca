"""Cameras of a live run, and the thread that runs one.

A webcam of this machine, a GStreamer pipeline, a camera on the network by RTSP, a recording at real speed, or pictures made up for
measuring; :func:`open_camera` finds the one that a word of the command line means.
"""

from devices.cameras.camera import Camera, Shot
from devices.cameras.feed import Feed
from devices.cameras.opening import FORMS, open_camera
from devices.cameras.pipeline import Pipeline
from devices.cameras.player import Player
from devices.cameras.rtsp import Rtsp
from devices.cameras.stamp import Stamp, read_stamp
from devices.cameras.synthetic import Synthetic
from devices.cameras.webcam import Webcam, open_webcam

__all__ = [
    "FORMS",
    "Camera",
    "Feed",
    "Pipeline",
    "Player",
    "Rtsp",
    "Shot",
    "Stamp",
    "Synthetic",
    "Webcam",
    "open_camera",
    "open_webcam",
    "read_stamp",
]
