"""The folder of films: numbered, bounded in bytes, and searched when something is to be forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from devices.film import Film, read_note
from edge_runtime.errors import DeviceError
from edge_runtime.pixels import Picture


class FilmShelf:
    """Films of this run and of earlier ones; at most one is being taken. For one thread.

    Args:
        folder: Made with the first film.
        film_bytes: Bound on all films.
        hfov_deg: Horizontal field of view of the camera.

    Raises:
        DeviceError: The folder cannot be looked through.
    """

    def __init__(self, folder: Path, film_bytes: int, *, hfov_deg: float) -> None:
        self._folder = folder
        self._film_bytes = film_bytes
        self._hfov_deg = hfov_deg
        self._film: Film | None = None
        try:
            self._ended_bytes = self._bytes_of_ended()
        except OSError as error:
            raise DeviceError(f"the films in {folder} cannot be read: {error.strerror}", hint="check the permissions there") from error

    @property
    def nbytes(self) -> int:
        """Bytes of all films."""
        film = self._film
        return self._ended_bytes + (0 if film is None else film.nbytes)

    @property
    def free_bytes(self) -> int:
        """What films may still take."""
        return self._film_bytes - self.nbytes

    def open(self, first: Picture, *, t_first_ns: int, t_due_ns: int) -> Film:
        """A new film that begins with this frame, which is still to be added.

        Raises:
            Full: There is no room for it.
            OSError: The disk refuses.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ended_bytes = self._bytes_of_ended()
        folder = self._folder / f"{1 + max((int(film.name) for film in self._films()), default=0):04}"
        height_px, width_px = first.shape[:2]
        try:
            self._film = Film(
                folder,
                self.free_bytes,
                t_first_ns=t_first_ns,
                t_due_ns=t_due_ns,
                width_px=width_px,
                height_px=height_px,
                hfov_deg=self._hfov_deg,
            )
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self._film

    def end(self, why: str, dropped: Mapping[str, int]) -> None:
        """End the film that is being taken; one without a frame leaves nothing.

        Raises:
            OSError: The disk refuses; it has ended all the same.
        """
        film, self._film = self._film, None
        if film is None:
            return
        try:
            film.end(why, dropped)
            if not film.frames:
                shutil.rmtree(film.folder)
        finally:
            self._ended_bytes = self._bytes_of_ended()

    def abandon(self) -> None:
        """Close the film that is being taken as it is."""
        film, self._film = self._film, None
        if film is not None:
            film.close()

    def remove(self, t_from_ns: int) -> None:
        """Remove every film that may show anything at or after a time, but for the one that is being taken.

        A film that was cut off shows nothing after the time it was wished for; one of which nothing is known goes in any case.

        Raises:
            OSError: The disk refuses; the others are removed.
        """
        refused: OSError | None = None
        for folder in self._films():
            if self._film is None or folder != self._film.folder:
                note = read_note(folder)
                if note is None or note.t_latest_ns >= t_from_ns:
                    try:
                        shutil.rmtree(folder)
                    except OSError as error:
                        refused = error
        self._ended_bytes = self._bytes_of_ended()
        if refused is not None:
            raise refused

    def _films(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.name.isdecimal()] if self._folder.is_dir() else []

    def _bytes_of_ended(self) -> int:
        others = (film for film in self._films() if self._film is None or film != self._film.folder)
        return sum(file.stat().st_size for film in others for file in film.iterdir())
