"""``python -m apps.evaluate clips DIR --log LOG.jsonl``: play annotated clips and write what was answered and alerted.

Of an annotation ``NAME.json`` only ``gaze``, each watch's id and words, and each question's id, time, text and options are read; the clip
is ``NAME.mp4`` beside it. Everything else is for the scorer.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apps.playing import play
from apps.witness import Witness
from devices.recording import Recording
from devices.video import open_video
from edge_runtime.config import Config, S
from edge_runtime.errors import EdgeError, InputError
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import Looker, open_looker
from edge_runtime.protocol import Asked, Event, WatchSet
from edge_runtime.settings import load
from gaze.types import GazeSample


def read_annotation(path: Path) -> tuple[tuple[GazeSample, ...], tuple[Event, ...]]:
    """What a system may know of an annotated clip: its gaze, and the wearer's words.

    Raises:
        InputError: The file is not an annotation.
    """
    try:
        row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        gaze = tuple(GazeSample(round(t * S), x, y) for t, x, y in row["gaze"])
        watches = [WatchSet(t_ns=0, watch=w["watch"], text=w["ask"]) for w in row["watches"]]
        asked = [
            Asked(t_ns=round(q["ask_t"] * S), question=q["qid"], text=q["question"], options=tuple(q["options"])) for q in row["questions"]
        ]
        return gaze, tuple(sorted((*watches, *asked), key=lambda event: event.t_ns))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a clip annotation: {error!r}", hint="it needs gaze, watches and questions") from error


def evaluate(folder: Path, config: Config, looker: Looker) -> Iterator[dict[str, object]]:
    """Log lines of every annotated clip in a folder, in order of name.

    Raises:
        InputError: No annotation there, or one that cannot be read.
        VideoError: A clip cannot be decoded.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(f"no annotations in {folder}", hint="a folder with NAME.json beside NAME.mp4")
    for path in paths:
        gaze, script = read_annotation(path)
        video = open_video(path.with_suffix(".mp4"), offered_hz=config.capture.offered_hz)
        recording = dataclasses.replace(video, gaze=gaze, has_gaze=True, script=script, hfov_deg=config.attend.hfov_deg)
        yield from _log(path.with_suffix(".mp4").name, recording, config, looker)


def _log(clip: str, recording: Recording, config: Config, looker: Looker) -> Iterator[dict[str, object]]:
    witness = Witness()
    with tempfile.TemporaryDirectory() as out, play(recording, Path(out), config, looker, witness=witness):
        pass
    for t_ns, response in witness.said:
        if response.question:
            yield {"clip": clip, "kind": "answer", "qid": response.question, "choice": response.choice, "said": response.text}
        if response.watch:
            yield {"clip": clip, "kind": "alert", "watch": response.watch, "t": t_ns / S, "said": response.text}
    for t_ns in witness.boundaries_ns:
        yield {"clip": clip, "kind": "event_boundary", "t": t_ns / S}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m apps.evaluate", description=__doc__)
    parser.add_argument("what", choices=["clips"])
    parser.add_argument("folder", type=Path, help="annotations NAME.json beside clips")
    parser.add_argument("--log", type=Path, required=True, help="JSON lines: answers, alerts, event boundaries")
    args = parser.parse_args(argv)
    try:
        config = load({}).config
        with (
            open_looker(load_bundle(config.models.bundle), threads=config.models.threads) as looker,
            args.log.open("w", encoding="utf-8") as log,
        ):
            for line in evaluate(args.folder, config, looker):
                log.write(json.dumps(line) + "\n")
                log.flush()
    except EdgeError as error:
        sys.stderr.write(f"evaluate: {error}\nhint: {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
