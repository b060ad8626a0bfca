"""``python -m apps.evaluate clips DIR --log LOG.jsonl``: play annotated clips and write what was answered and alerted.

Of an annotation ``NAME.json`` only ``gaze``, each watch's id and words, and each question's id, time, text and options are read; the clip
is ``NAME.mp4`` beside it. Everything else is for the scorer.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from apps.playing import play
from apps.verbs import add_model, add_settings, settings
from apps.witness import Witness
from devices.video import open_video
from edge_runtime.config import Config, S
from edge_runtime.errors import DeviceError, EdgeError, InputError
from edge_runtime.models.opening import Opened, open_models
from edge_runtime.protocol import Asked, Event, WatchSet
from gaze.types import GazeSample


class _Part(msgspec.Struct, frozen=True):
    """Part of an annotation; whatever is not named here is passed over unread."""


class _Watch(_Part, frozen=True):
    watch: str
    ask: str


class _Question(_Part, frozen=True):
    qid: str
    ask_t: float
    question: str
    options: tuple[str, ...]


class _Annotation(_Part, frozen=True):
    gaze: tuple[tuple[float, float | None, float | None], ...]
    watches: tuple[_Watch, ...]
    questions: tuple[_Question, ...]


class Clip(NamedTuple):
    """An annotated clip: the file, and what a system may know of it beside its frames.

    Attributes:
        path: The video.
        gaze: In order of time.
        script: The wearer's words, in order of time.
    """

    path: Path
    gaze: tuple[GazeSample, ...]
    script: tuple[Event, ...]


def read_annotation(path: Path) -> Clip:
    """Read what may be read of the annotation ``NAME.json``.

    Raises:
        InputError: The file is not an annotation.
    """
    try:
        row = msgspec.json.decode(path.read_bytes(), type=_Annotation)
        gaze = sorted((GazeSample(round(t * S), x, y) for t, x, y in row.gaze), key=lambda sample: sample.t_ns)
        watches = [WatchSet(t_ns=0, watch=w.watch, text=w.ask) for w in row.watches]
        asked = [Asked(t_ns=round(q.ask_t * S), question=q.qid, text=q.question, options=q.options) for q in row.questions]
    except (OSError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} is not a clip annotation: {error}", hint="it needs gaze, watches and questions") from error
    return Clip(path.with_suffix(".mp4"), tuple(gaze), tuple(sorted((*watches, *asked), key=lambda event: event.t_ns)))


def read_annotations(folder: Path) -> list[Clip]:
    """Every annotated clip of a folder, in order of name.

    Raises:
        InputError: There is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(f"no annotations in {folder}", hint="a folder with NAME.json beside NAME.mp4")
    return [read_annotation(path) for path in paths]


def evaluate(clip: Clip, config: Config, models: Opened) -> Iterator[dict[str, object]]:
    """Play a clip; returns the lines that a scorer reads: every answer, alert and event boundary.

    A question that got no answer has a line too, with ``choice`` null.

    Raises:
        VideoError: The clip cannot be decoded.
    """
    video = open_video(clip.path, offered_hz=config.capture.offered_hz)
    recording = dataclasses.replace(video, gaze=clip.gaze, has_gaze=True, script=clip.script, hfov_deg=config.attend.hfov_deg)
    witness = Witness()
    with tempfile.TemporaryDirectory() as out, play(recording, Path(out), config, models, witness=witness):
        pass
    unanswered = {event.question: None for event in clip.script if isinstance(event, Asked)}
    for t_ns, response in witness.said:
        if response.question:
            unanswered.pop(response.question, None)
            yield _line(clip, "answer", qid=response.question, choice=response.choice, said=response.text)
        if response.watch:
            yield _line(clip, "alert", watch=response.watch, t=t_ns / S, said=response.text)
    for question in unanswered:
        yield _line(clip, "answer", qid=question, choice=None, said="")
    for t_ns in witness.boundaries_ns:
        yield _line(clip, "event_boundary", t=t_ns / S)


def _line(clip: Clip, kind: str, **fields: object) -> dict[str, object]:
    return {"clip": clip.path.name, "kind": kind, **fields}


@contextlib.contextmanager
def _log_file(path: Path) -> Iterator[Callable[[dict[str, object]], None]]:
    """Begin a log; gives what writes a line of it, at once."""
    try:
        file = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise _refused(path, error) from error

    def write(line: dict[str, object]) -> None:
        try:
            file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise _refused(path, error) from error

    with file:
        yield write


def _refused(path: Path, error: OSError) -> DeviceError:
    return DeviceError(f"{path} cannot be written: {error.strerror}", hint="free some disk or choose another file with --log")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m apps.evaluate", description=__doc__)
    parser.add_argument("what", choices=["clips"])
    parser.add_argument("folder", type=Path, help="annotations NAME.json beside clips")
    parser.add_argument("--log", type=Path, required=True, help="JSON lines: answers, alerts, event boundaries")
    add_model(parser)
    add_settings(parser)
    args = parser.parse_args(argv)
    try:
        config = settings(args).config
        # All of them before the log is begun: one that cannot be read costs no earlier log.
        clips = read_annotations(args.folder)
        with contextlib.ExitStack() as stack:
            models = open_models(config.models, stack).require()
            write = stack.enter_context(_log_file(args.log))
            for clip in clips:
                for line in evaluate(clip, config, models):
                    write(line)
    except EdgeError as error:
        sys.stderr.write(f"evaluate: {error}\nhint: {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
