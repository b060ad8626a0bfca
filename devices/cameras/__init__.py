"""Cameras of a live run: a webcam of this machine, or a recording played at real speed, and the thread that runs one."""

from devices.cameras.camera import Camera, Shot
from devices.cameras.feed import Feed
from devices.cameras.player import Player
from devices.cameras.webcam import Webcam, open_webcam

__all__ = ["Camera", "Feed", "Player", "Shot", "Webcam", "open_webcam"]
