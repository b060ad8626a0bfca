"""The workers of a run in one process: they carry out a command and answer with events."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.errors import EdgeError
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.run_log import RunLog
from edge_runtime.models.looker import Crop, Looker
from edge_runtime.protocol import Append, Erase, Erased, Failed, Found, Look, Looked, Search, Stored
from edge_runtime.store import Store


@dataclass(frozen=True, slots=True)
class Workers:
    """Whoever carries out commands: the frame ring with a looker behind it, and the log."""

    ring: FrameRing
    looker: Looker
    store: RunLog | Store

    def look(self, command: Look, t_ns: int) -> Looked | Failed:
        """Cut the regions out of the frame and look at them."""
        try:
            crops = [Crop(region, self.ring.crop(command.frame_seq, region.box)) for region in command.regions]
            regions = self.looker.look(command, crops)
        except EdgeError as error:
            return _failed(command.id, t_ns, error)
        return Looked(t_ns=t_ns, answers=command.id, frame_seq=command.frame_seq, t_capture_ns=command.t_capture_ns, regions=regions)

    def append(self, command: Append, t_ns: int) -> Stored | Failed:
        """Write rows to the log."""
        try:
            return Stored(t_ns=t_ns, answers=command.id, receipt=self.store.append(command.rows))
        except EdgeError as error:
            return _failed(command.id, t_ns, error)

    def search(self, command: Search, t_ns: int) -> Found | Failed:
        """Ask the log."""
        try:
            rows, places = self.store.search(command.query)
        except EdgeError as error:
            return _failed(command.id, t_ns, error)
        return Found(t_ns=t_ns, answers=command.id, rows=rows, places=places)

    def erase(self, command: Erase, t_ns: int) -> Erased | Failed:
        """Erase from the log."""
        try:
            return Erased(t_ns=t_ns, answers=command.id, receipt=self.store.erase(command.scope, command.sightings, command.rows))
        except EdgeError as error:
            return _failed(command.id, t_ns, error)


def _failed(command: int, t_ns: int, error: EdgeError) -> Failed:
    return Failed(t_ns=t_ns, answers=command, reason=type(error).__name__.lower(), detail=str(error))
