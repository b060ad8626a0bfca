"""Taking a log out: a line of JSON for every sighting, and its thumbnails as files."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from apps.memory_text import fact_as_json, session_as_json
from edge_runtime.errors import DeviceError, UsageError
from edge_runtime.log import Log, open_log, run_of


def export(folder: Path, out: Path) -> str:
    """Write ``sightings.jsonl``, ``sessions.json`` and ``thumbs/SESSION/ID.jpg``; returns a sentence that says so.

    Raises:
        UsageError: ``out`` is not empty, or lies in the folder of the run, which the next run clears.
        InputError: There is no log, or it cannot be used.
        DeviceError: ``out`` cannot be written, or a run holds the log.
    """
    with open_log(folder) as log:
        if run_of(log.file.parent).resolve() in (out.resolve(), *out.resolve().parents):
            raise UsageError(f"{out} lies in the folder of the run", hint="choose one outside it with -o: the next run clears its own")
        try:
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise UsageError(f"{out} is not an empty folder", hint="choose a new one with -o; nothing is written over")
            out.mkdir(parents=True, exist_ok=True)
            facts, thumbs = _write(log, out)
        except OSError as error:
            raise DeviceError(
                f"{out} cannot be written: {error.strerror}", hint="free some disk, or choose another folder with -o"
            ) from error
    return f"{facts} sightings in {out / 'sightings.jsonl'}, {thumbs} pictures in {out / 'thumbs'}"


def _write(log: Log, out: Path) -> tuple[int, int]:
    facts = thumbs = 0
    sessions = [session_as_json(session) for session in log.sessions()]
    (out / "sessions.json").write_text(json.dumps(sessions, indent=2) + "\n", encoding="utf-8")
    with (out / "sightings.jsonl").open("w", encoding="utf-8") as lines:
        for one in log.every():
            fact = fact_as_json(one)
            for look in fact["evidence"]:
                jpeg = None if look["thumb"] is None else log.thumb(one.session, look["thumb"])
                look["picture"] = None
                if jpeg is not None:
                    # A thumbnail that several sightings cite is written once.
                    file = Path("thumbs", str(one.session), f"{quote(look['thumb'], safe='')}.jpg")
                    look["picture"] = file.as_posix()
                    if not (out / file).exists():
                        (out / file).parent.mkdir(parents=True, exist_ok=True)
                        (out / file).write_bytes(jpeg)
                        thumbs += 1
            lines.write(json.dumps(fact, ensure_ascii=False) + "\n")
            facts += 1
    return facts, thumbs
