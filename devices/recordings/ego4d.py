"""Ego4D gaze: one CSV a video with ``canonical_timestamp_s``, ``norm_pos_x``, ``norm_pos_y`` and ``confidence``.

**Unverified.** The columns are those that public readers of the data set name; further ones (component, frame) are not needed.
``norm_pos_y`` is taken to run up, as in Pupil Labs' software and as one of those readers turns it; another takes it as it stands, so it is
said in the note.
"""

from __future__ import annotations

from pathlib import Path

from devices.recordings.recorded import Recorded, Rows, Source, finish
from devices.recordings.tables import number, read_table, time_ns

_S = 1_000_000_000
_KNOWN = ("canonical_timestamp", "component_timestamp", "component_idx", "world_index", "confidence", "norm_pos_", "gaze_timestamp")


def read_ego4d(path: Path) -> Recorded:
    """Read the gaze of one video.

    Raises:
        GazeFileError: A column is missing, or as in :func:`~devices.recordings.recorded.finish`.
    """
    table = read_table(path)
    rows = Rows()
    confidence = table.find("confidence")
    at = [table.need("canonical_timestamp"), table.need("norm_pos_x"), table.need("norm_pos_y")]
    for cells in table.cells(rows, [*at, *([confidence] if confidence is not None else [])]):
        try:
            t_ns = time_ns(cells[0], _S)
            x, y, *sure = (number(cell) for cell in cells[1:])
        except ValueError:
            rows.drop("unreadable")
            continue
        rows.add(t_ns, x, 1.0 - y, sure[0] if sure else 1.0)
    source = Source(
        path=str(path),
        name=path.stem,
        device="Ego4D",
        notes=[f"Ego4D gaze ({path.name})", "norm_pos_y taken to run up; if gaze lies upside down in the video, it does not"],
        verified=False,
        not_understood=table.unknown(_KNOWN),
    )
    return finish(rows, source)
