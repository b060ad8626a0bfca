"""Where somebody without an eye tracker may be looking: at what stands out, near the middle. A guess, and marked as one.

What stands out is found by the spectral residual (Hou and Zhang, 2007, "Saliency Detection: A Spectral Residual Approach"): pictures have
much the same amplitude spectrum; what is left of this one's after its own local mean is taken away, put back with its phases, lights up
where the picture is unlike the rest of itself. It is weighted by a bell around the middle, because worn cameras point where heads do.
``python -m tests.bench.saliency`` prints what a guess costs and how far it is from what people marked: on worn cameras it comes near more
often than the middle of the picture does (15 % to 7 %) but is no nearer on the whole, and on standing cameras it is worse. So it is a way
to have several places looked at, and never a way to know what the wearer looks at.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.pixels import Picture
from edge_runtime.records import Dropped
from gaze.types import GazeSample, GazeSource

WIDTH_PX = 64
"""Of the picture that is looked at; the paper's size."""
CONFIDENCE = 0.2
CENTRE_SD = 0.2
"""Of the bell around the middle, as a share of each side."""
_MEAN_PX, _BLUR_SD_PX = 3, 2.5  # the residual's local mean is the paper's, the blur of the map is ours
_MOST = 8
_LOOK_S = 0.1


def spectral_residual(luma: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much each place stands out.

    Args:
        luma: float32 [h, w], 0..255, some 64 pixels wide.

    Returns:
        float32 [h, w], not negative; without scale.
    """
    spectrum = np.fft.fft2(luma)
    # log1p and not log: a picture without anything in it would have the rounding errors of its spectrum stand out
    amplitude = np.log1p(np.abs(spectrum)).astype(np.float32)
    # the spectrum goes round: its mean is taken across the edges
    edged = cv2.copyMakeBorder(amplitude, 1, 1, 1, 1, cv2.BORDER_WRAP)
    residual = amplitude - cv2.blur(edged, (_MEAN_PX, _MEAN_PX))[1:-1, 1:-1]
    shown = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    return np.asarray(cv2.GaussianBlur(shown.astype(np.float32), (0, 0), _BLUR_SD_PX), np.float32)


def centre_bell(height_px: int, width_px: int) -> npt.NDArray[np.float32]:
    """How likely each place is for want of knowing more: float32 [h, w], 1 in the middle."""
    x = (np.arange(width_px) + 0.5) / width_px - 0.5
    y = (np.arange(height_px) + 0.5) / height_px - 0.5
    return np.exp(-(x[None, :] ** 2 + y[:, None] ** 2) / (2 * CENTRE_SD**2)).astype(np.float32)


def salient_point(image: Picture) -> tuple[float, float]:
    """The likeliest place of a picture.

    Args:
        image: uint8 BGR [H, W, 3].

    Returns:
        x and y, 0..1.
    """
    height_px = max(8, round(WIDTH_PX * image.shape[0] / image.shape[1]))
    luma = cv2.cvtColor(cv2.resize(image, (WIDTH_PX, height_px), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    likely = spectral_residual(luma.astype(np.float32)) * centre_bell(height_px, WIDTH_PX)
    row, column = divmod(int(np.argmax(likely)), WIDTH_PX)
    return (column + 0.5) / WIDTH_PX, (row + 0.5) / height_px


class Saliency:
    """Guesses one sample for each picture it is shown. Shown a picture, it reduces it and guesses at once, in the caller's thread."""

    source: GazeSource = "saliency"
    clock_error_ns: int | None = 0
    name = "a guess from the picture"
    note = "Nobody measures where the wearer looks: it is guessed from what stands out in the picture (spectral residual, centre bias)"

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._guessed: deque[GazeSample] = deque()
        self._behind = 0

    def see(self, image: Picture, t_ns: int) -> None:
        """Guess; the sample carries the picture's own time.

        Args:
            image: uint8 BGR [H, W, 3].
            t_ns: When it was taken, on this machine's monotonic clock.
        """
        sample = GazeSample(t_ns, *salient_point(image), CONFIDENCE, source=self.source)
        with self._changed:
            if len(self._guessed) == _MOST:
                self._guessed.popleft()
                self._behind += 1
            self._guessed.append(sample)
            self._changed.notify()

    def samples(self, stopping: threading.Event) -> Generator[tuple[GazeSample, ...], None, None]:
        """Give guesses as they are made, until ``stopping`` is set."""
        while not stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: bool(self._guessed), _LOOK_S)
                batch = tuple(self._guessed)
                self._guessed.clear()
            if batch:
                yield batch

    def dropped(self) -> tuple[Dropped, ...]:
        """Guesses that were not fetched in time (``gaze_sample:behind``)."""
        return (Dropped("gaze_sample", "behind", self._behind),) if self._behind else ()
