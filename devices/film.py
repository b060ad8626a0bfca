"""One film on disk: what the camera saw and where the wearer looked, to be replayed.

A folder with ``scene.mkv`` (every frame at its own time, to a millisecond), ``gaze.csv`` (from the first sample that falls into the film,
see :mod:`devices.gaze_csv`) and ``film.json`` (:class:`FilmNote`). The clock of both is the film's: its first frame is at 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from devices.growing_file import GrowingFile
from devices.matroska import MatroskaFile, picture
from edge_runtime import pixels
from edge_runtime.config import MS, S
from edge_runtime.errors import DeviceError
from edge_runtime.journal.whole_file import write_whole
from edge_runtime.pixels import Picture
from gaze.types import GazeSample, GazeSource

SCENE, GAZE, NOTE = "scene.mkv", "gaze.csv", "film.json"
JPEG_QUALITY = 80
_USUAL_PERIOD_NS = 100 * MS
"""What a film that was cut off is said to have from frame to frame; every frame has its own time all the same."""
_GAZE_HEADER = b"t_s,x_norm,y_norm,confidence,worn\n"
_NOTE_BYTES = 4096
"""Kept free, so that a film can always say how it ended."""


class Full(DeviceError):
    """What was to be added goes beyond the bytes that films may take."""


class FilmNote(msgspec.Struct, frozen=True):
    """What is known of a film.

    Attributes:
        t_first_ns: Capture time of the first frame, stream time.
        t_due_ns: It shows nothing from here on.
        width_px: Of its frames.
        height_px: Of its frames.
        hfov_deg: Horizontal field of view of the camera.
        t_last_ns: Of the last frame or gaze sample; ``None`` while it is taken, and for good if the process was killed.
        frames: How many it holds.
        rate_hz: Frames a second, the mean.
        gaze_samples: How many it holds.
        gaze_sources: Where they come from; the gaze file does not say.
        dropped: What it lacks, by ``what:reason``.
        ended: Why it ended, in words; empty like ``t_last_ns``.
    """

    t_first_ns: int
    t_due_ns: int
    width_px: int
    height_px: int
    hfov_deg: float
    t_last_ns: int | None = None
    frames: int = 0
    rate_hz: float = 0.0
    gaze_samples: int = 0
    gaze_sources: tuple[GazeSource, ...] = ()
    dropped: dict[str, int] = {}
    ended: str = ""

    @property
    def t_latest_ns(self) -> int:
        """Nothing in the film is later."""
        return self.t_due_ns if self.t_last_ns is None else self.t_last_ns


def read_note(folder: Path) -> FilmNote | None:
    """What is known of the film in a folder; ``None`` if nothing is."""
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=FilmNote)
    except (OSError, msgspec.DecodeError):
        return None


class Film:
    """A film that is being taken, from its first frame on.

    Args:
        folder: To be made; its parent is there.
        free_bytes: What the film may take.
        t_first_ns: Capture time of the first frame, stream time; the frame itself is still to be added.
        t_due_ns: When the film ends at the latest.
        width_px: Of its frames.
        height_px: Of its frames.
        hfov_deg: Horizontal field of view of the camera.

    Attributes:
        folder: The same.
        frames: How many it holds.

    Raises:
        Full: It would take more than ``free_bytes``.
        OSError: The disk refuses.
    """

    def __init__(
        self, folder: Path, free_bytes: int, *, t_first_ns: int, t_due_ns: int, width_px: int, height_px: int, hfov_deg: float
    ) -> None:
        self.folder = folder
        self.frames = self._samples = 0
        self._note = FilmNote(t_first_ns, t_due_ns, width_px, height_px, hfov_deg)
        self._note_bytes = 0
        self._last_ms = -1
        self._t_last_ns = t_first_ns
        self._sources: set[GazeSource] = set()
        self._gaze: GrowingFile | None = None
        _check_room(0, free_bytes)
        folder.mkdir(mode=0o700)
        self._write_note()
        self._scene = MatroskaFile(folder / SCENE, width_px=width_px, height_px=height_px, period_ns=_USUAL_PERIOD_NS)

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self._scene.nbytes + (self._gaze.nbytes if self._gaze else 0) + self._note_bytes

    def add(self, image: Picture, t_ns: int, free_bytes: int) -> str:
        """Add a frame; returns why it cannot be part of this film (``size``, ``clock``), or nothing.

        Args:
            image: uint8 BGR [H, W, 3].
            t_ns: Its capture time, stream time.
            free_bytes: What may be written.

        Raises:
            Full: It would take more than ``free_bytes``.
            OSError: The disk refuses.
        """
        t_ms = (t_ns - self._note.t_first_ns + MS // 2) // MS
        if t_ms <= self._last_ms:
            return "clock"
        if image.shape[:2] != (self._note.height_px, self._note.width_px):
            return "size"
        part = picture(t_ms, pixels.jpeg_encode(image, JPEG_QUALITY, max(image.shape)))
        _check_room(len(part), free_bytes)
        self._scene.append(part)
        self.frames += 1
        self._last_ms = t_ms
        self._t_last_ns = max(self._t_last_ns, t_ns)
        return ""

    def look(self, samples: Iterable[GazeSample], free_bytes: int) -> None:
        """Add gaze; what was before the first frame is no part of the film.

        Raises:
            Full: It would take more than ``free_bytes``.
            OSError: The disk refuses.
        """
        inside = [sample for sample in samples if sample.t_ns >= self._note.t_first_ns]
        if not inside:
            return
        rows = b"".join(self._row(sample) for sample in inside)
        _check_room(len(_GAZE_HEADER) + len(rows), free_bytes)
        if self._gaze is None:
            self._gaze = GrowingFile(self.folder / GAZE)
            self._gaze.append(_GAZE_HEADER)
        self._gaze.append(rows)
        self._samples += len(inside)
        self._sources |= {sample.source for sample in inside}
        self._t_last_ns = max(self._t_last_ns, *(sample.t_ns for sample in inside))

    def extend(self, t_due_ns: int) -> None:
        """Let it go on for longer.

        Raises:
            OSError: The disk refuses.
        """
        self._note = msgspec.structs.replace(self._note, t_due_ns=t_due_ns)
        self._write_note()

    def end(self, why: str, dropped: Mapping[str, int]) -> None:
        """Complete and close it, having said why it ended and what it lacks.

        Raises:
            OSError: The disk refuses; it is closed all the same, and can be played.
        """
        self._note = msgspec.structs.replace(
            self._note,
            t_last_ns=self._t_last_ns,
            frames=self.frames,
            rate_hz=round((self.frames - 1) * 1000 / self._last_ms, 3) if self.frames > 1 else 0.0,
            gaze_samples=self._samples,
            gaze_sources=tuple(sorted(self._sources)),
            dropped=dict(sorted(dropped.items())),
            ended=why,
        )
        try:
            if self.frames > 1:
                self._scene.finish(self.frames, self._last_ms)
            self._write_note()
        finally:
            self.close()

    def close(self) -> None:
        """Close its files as they are."""
        self._scene.close()
        if self._gaze is not None:
            self._gaze.close()

    def _row(self, sample: GazeSample) -> bytes:
        t_s = (sample.t_ns - self._note.t_first_ns) / S
        place = "," if sample.x_norm is None or sample.y_norm is None else f"{sample.x_norm:.6f},{sample.y_norm:.6f}"
        return f"{t_s:.6f},{place},{sample.confidence:.4f},{int(sample.worn)}\n".encode()

    def _write_note(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self._note), indent=2) + b"\n"
        write_whole(self.folder / NOTE, text)
        self._note_bytes = len(text)


def _check_room(nbytes: int, free_bytes: int) -> None:
    if nbytes + _NOTE_BYTES > free_bytes:
        raise Full("films have no room left", hint="remove old films or raise capture.film_bytes")
