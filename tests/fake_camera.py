"""A camera for a real browser: Chromium's fake capture device reads a raw film over and over, and the test changes the film under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from devices import gallery
from edge_runtime.config import MS, S
from edge_runtime.pixels import Picture

WIDTH_PX, HEIGHT_PX = 960, 540
_PICTURES = 4
_FPS = 10
_HEAD = f"YUV4MPEG2 W{WIDTH_PX} H{HEIGHT_PX} F{_FPS}:1 Ip A1:1 C420jpeg\n".encode()


class FakeCamera:
    """A short film, 960 x 540 at ten pictures a second, played round and round.

    Args:
        film: Where it lies.
    """

    def __init__(self, film: Path) -> None:
        self.film = film
        film.write_bytes(b"")
        self.show([np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)])

    @property
    def arguments(self) -> list[str]:
        """What Chromium must be started with."""
        return ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={self.film}"]

    def show(self, pictures: Sequence[Picture]) -> None:
        """Have it show these from now on: at most four pictures, uint8 BGR [540,960,3]."""
        frames = [cv2.cvtColor(pictures[n % len(pictures)], cv2.COLOR_BGR2YUV_I420).tobytes() for n in range(_PICTURES)]
        with self.film.open("r+b") as file:  # in place: the browser keeps the file open
            file.write(_HEAD + b"".join(b"FRAME\n" + frame for frame in frames))

    def walk_to(self, t_s: float) -> tuple[float, float]:
        """Show the gallery as it is at this time of the walk, with the head moving a little; returns where the walk's eyes rest."""
        t_ns = round(t_s * S)
        self.show([gallery.render(t_ns + n * 60 * MS) for n in (0, 1, 2, 1)])
        sample = min(gallery.sample().gaze, key=lambda sample: abs(sample.t_ns - t_ns))
        assert sample.x_norm is not None and sample.y_norm is not None
        return sample.x_norm, sample.y_norm
