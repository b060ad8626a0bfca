"""The workers of a run: they carry out a command and answer with events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from edge_runtime.errors import EdgeError
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.run_log import RunLog
from edge_runtime.models.looker import Crop, Looker
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Append, Erase, Erased, Failed, Found, Look, Looked, Search, Stored
from edge_runtime.store import Store
from edge_runtime.types import Region


class Frames(Protocol):
    """Where pixels are to be had: the frame ring, or whoever fetches them from the process that has it."""

    def crops(self, frame_seq: int, regions: Sequence[Region], deadline_ns: int) -> list[Picture]:
        """Cut regions out of a frame: uint8 BGR [h, w, 3] each, in their order, safe to keep.

        Raises:
            Evicted: The frame is not there any more.
            DeviceError: Nobody gives it in time.
        """
        ...


F = TypeVar("F", bound=Frames)


@dataclass(frozen=True)
class LookWork(Generic[F]):
    """Carries out looks: frames with a looker behind them."""

    ring: F
    looker: Looker

    def look(self, command: Look, t_ns: int) -> Looked | Failed:
        """Cut the regions out of the frame and look at them."""
        try:
            pictures = self.ring.crops(command.frame_seq, command.regions, command.deadline_ns)
            crops = [Crop(region, picture) for region, picture in zip(command.regions, pictures, strict=True)]
            regions = self.looker.look(command, crops)
        except EdgeError as error:
            return failed(command.id, t_ns, error)
        return Looked(t_ns=t_ns, answers=command.id, frame_seq=command.frame_seq, t_capture_ns=command.t_capture_ns, regions=regions)


@dataclass(frozen=True)
class LogWork:
    """Keeps the log."""

    store: RunLog | Store

    def append(self, command: Append, t_ns: int) -> Stored | Failed:
        """Write rows to the log."""
        try:
            return Stored(t_ns=t_ns, answers=command.id, receipt=self.store.append(command.rows))
        except EdgeError as error:
            return failed(command.id, t_ns, error)

    def search(self, command: Search, t_ns: int) -> Found | Failed:
        """Ask the log."""
        try:
            rows, places = self.store.search(command.query)
        except EdgeError as error:
            return failed(command.id, t_ns, error)
        return Found(t_ns=t_ns, answers=command.id, rows=rows, places=places)

    def erase(self, command: Erase, t_ns: int) -> Erased | Failed:
        """Erase from the log."""
        try:
            return Erased(t_ns=t_ns, answers=command.id, receipt=self.store.erase(command.scope, command.sightings, command.rows))
        except EdgeError as error:
            return failed(command.id, t_ns, error)


@dataclass(frozen=True)
class Workers(LogWork, LookWork[FrameRing]):
    """Both, in one process: ``Workers(ring, looker, store)``."""


def failed(command: int, t_ns: int, error: EdgeError) -> Failed:
    """The answer to a command that an error kept from being carried out; the name of the error is the reason."""
    return Failed(t_ns=t_ns, answers=command, reason=type(error).__name__.lower(), detail=str(error))
