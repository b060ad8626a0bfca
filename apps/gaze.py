"""``edge-runtime gaze``: eye events of a recording, a picture of it, and recordings of devices as one kind of table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from apps.gaze_labels import EVENT_COLUMNS, Watched, event_rows, label_rows, seconds, watch
from apps.verbs import Verbs
from devices.gaze_table import ASPECT, HFOV_DEG, GazeTable, knows, read_table
from devices.recordings import Recorded, open_gaze
from edge_runtime.errors import DeviceError, GazeFileError, UsageError, VideoError
from gaze.camera import Camera

_FORMS = "t_s,x_norm,y_norm[,confidence,worn] or t_s,x_deg,y_deg,valid"
_S = 1_000_000_000
_EVERY_FRAME_HZ = 1000.0
_EVENTS = """\
Find fixations, saccades, pursuit, blinks and losses, sample by sample, as on the glasses.

  --labels final        t_s,label,t_emit_s for every row: what it was, and when that was settled
  --labels provisional  the same at first sight, at most 12 ms (or one sample) later; may be wrong
  --labels events       start_s,end_s,label,t_emit_s,... for every movement

labels: 1 fixation  2 saccade  4 pursuit  5 blink, loss or unusable row
t_emit_s is time of the recording, never of the clock on the wall."""


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "gaze", help="eye events of a gaze recording", description="Eye events of a gaze recording; what the tracker gave, seen."
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    events = actions.add_parser(
        "events",
        help="label a recording with eye events",
        description=_EVENTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_source(events, "IN", "OUT.csv")
    events.add_argument("--labels", choices=("final", "provisional", "events"), default="final", help="what to write (default final)")
    show = actions.add_parser(
        "show",
        help="draw trace, events, main sequence and quality",
        description="Draw a recording: trace, eye events, main sequence of its saccades, and quality. Needs the extra plots.",
    )
    _add_source(show, "IN", "plot.png")
    for name, what in (("--from", "first"), ("--to", "last")):
        show.add_argument(name, dest=f"{what}_s", type=float, metavar="S", help=f"{what} moment to draw, seconds of the recording")
    convert = actions.add_parser(
        "convert",
        help="turn a device's recording into a gaze CSV",
        description="Turn a recording of Aria, Pupil Labs, Tobii, EGTEA Gaze+, Ego4D or a gaze CSV into t_s,x_norm,y_norm,confidence,worn.",
    )
    _add_source(convert, "SOURCE", "OUT.csv", steady=False)


def _add_source(parser: argparse.ArgumentParser, source: str, out: str, *, steady: bool = True) -> None:
    parser.add_argument(
        "source", metavar=source, help=f"a device's recording or a gaze CSV ({_FORMS}); '-' reads a CSV from standard input"
    )
    parser.add_argument("-o", "--out", required=True, metavar=out, help="'-' writes to standard output")
    parser.add_argument(
        "--hfov-deg",
        type=float,
        metavar="DEG",
        help=f"horizontal field of view of the scene camera (default: as the file says, else {HFOV_DEG:g})",
    )
    if steady:
        head = parser.add_mutually_exclusive_group()
        head.add_argument(
            "--video", metavar="SCENE.mp4", help="judge movements in the world: measure how the head turns in the scene camera's video"
        )
        parser.add_argument(
            "--video-at", type=float, default=0.0, metavar="S", help="when the video begins, seconds of the recording (default 0)"
        )
        head.add_argument(
            "--steady", action="store_true", help="judge movements in the world: the CSV tells how the head turns or a still target moves"
        )


def run(args: argparse.Namespace) -> int:
    """Label, draw or convert."""
    _check(args)
    if args.action == "convert":
        recorded = _opened(args)
        _say([recorded.note, *([f"not understood: {', '.join(recorded.not_understood)}"] if recorded.not_understood else [])])
        _write(_converted(recorded), args.out)
        return 0
    table = _table(args)
    if args.video is not None:
        table = _with_video(table, args)
    watched = watch(table)
    _say([*table.notes, *(f"{count} samples left out by the detector ({reason})" for reason, count in watched.dropped.items())])
    if watched.compiled:
        _say(["found by the compiled detector (extra fast)"])
    if args.action == "show":
        # drawing is an extra; labelling and converting go without
        from apps.gaze_plot import draw

        _write_bytes(draw(table, watched, args.first_s, args.last_s), args.out)
    else:
        _write(_rows(table, watched, args.labels), args.out)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.hfov_deg is not None and not 0.0 < args.hfov_deg < 180.0:
        raise UsageError(f"--hfov-deg {args.hfov_deg:g} is no field of view of a pinhole camera", hint="between 0 and 180 degrees")
    if args.source != "-" and args.out != "-" and Path(args.out).exists() and Path(args.out).samefile(args.source or "."):
        raise UsageError(f"{args.out} is what is to be read", hint="write to another file with -o")
    if args.action == "show" and args.out != "-" and not args.out.lower().endswith(".png"):
        raise UsageError(f"{args.out} does not end in .png, which is what is drawn", hint=f"-o {Path(args.out).stem}.png")
    if args.action == "show" and args.out == "-" and sys.stdout.isatty():
        raise UsageError("a picture on a terminal is noise", hint="-o plot.png, or send it through a pipe")


def _table(args: argparse.Namespace) -> GazeTable:
    """A gaze CSV as it stands, row by row; anything else as its device's reader gives it."""
    if args.source == "-" or knows(args.source):
        return read_table(args.source, hfov_deg=args.hfov_deg, steady=args.steady)
    if args.steady:
        raise UsageError(f"--steady needs a gaze CSV that tells how the head turns; {args.source} is none", hint="leave --steady away")
    recorded = _opened(args)
    aspect = recorded.width_px / recorded.height_px if recorded.width_px and recorded.height_px else ASPECT
    hfov_deg = args.hfov_deg or recorded.hfov_deg or HFOV_DEG
    notes = (recorded.note,) if recorded.hfov_deg or args.hfov_deg else (recorded.note, f"camera assumed {HFOV_DEG:g} degrees wide")
    times = tuple(seconds(sample.t_ns) for sample in recorded.samples)
    return GazeTable(args.source, times, recorded.samples, recorded.dropped, hfov_deg, aspect, notes)


def _with_video(table: GazeTable, args: argparse.Namespace) -> GazeTable:
    """The same gaze with the head's turns, as the video beside it shows them."""
    # OpenCV is slow to come, and most calls need none
    from devices.head_flow import HeadFlow, spread
    from devices.video import VideoFile

    video = VideoFile(Path(args.video), offered_hz=_EVERY_FRAME_HZ)
    flow = HeadFlow(Camera.pinhole(video.width_px, video.height_px, table.hfov_deg))
    begin_ns = round(args.video_at * _S)
    turns = [turn for frame in video.frames() if (turn := flow.feed(frame.image, begin_ns + frame.t_capture_ns)) is not None]
    given = spread(turns, [sample.t_ns for sample in table.kept])
    known = sum(turn is not None for turn in given)
    if not known:
        counts = ", ".join(f"{count} {reason}" for reason, count in flow.unknown.items() if count) or "it ends before the gaze begins"
        raise VideoError(f"{args.video} tells of no gaze sample how the head turned ({counts})", hint="check --video-at, or leave it away")
    unknown = [f"{count} frames tell nothing of the head ({reason})" for reason, count in flow.unknown.items() if count]
    note = f"{known} of {len(given)} samples know how the head turned, by the last frames of {args.video} before them"
    return replace(table, turns=given, notes=(*table.notes, note, *unknown))


def _opened(args: argparse.Namespace) -> Recorded:
    recorded = open_gaze(Path(args.source), hfov_deg=args.hfov_deg)
    if len(recorded.samples) < 2:
        raise GazeFileError(f"{args.source} holds a single gaze sample", hint="eye movements need two or more")
    return recorded


def _rows(table: GazeTable, watched: Watched, labels: str) -> Iterator[str]:
    if labels == "events":
        yield EVENT_COLUMNS
        yield from event_rows(watched)
        return
    yield "t_s,label,t_emit_s"
    for text, code, told_ns in label_rows(table, watched, "final" if labels == "final" else "provisional"):
        yield f"{text},{code},{seconds(told_ns)}"


def _converted(recorded: Recorded) -> Iterator[str]:
    yield f"# device={recorded.device!r} t_origin_ns={recorded.t_origin_ns}"
    if recorded.hfov_deg and recorded.width_px and recorded.height_px:
        yield f"# hfov_deg={recorded.hfov_deg:.4f} aspect={recorded.width_px / recorded.height_px:.6f}"
    yield "t_s,x_norm,y_norm,confidence,worn"
    for s in recorded.samples:
        place = "," if s.x_norm is None or s.y_norm is None else f"{s.x_norm:.7f},{s.y_norm:.7f}"
        yield f"{seconds(s.t_ns)},{place},{s.confidence:.4g},{int(s.worn)}"


def _say(notes: Iterable[str]) -> None:
    """To the person, beside what goes down the pipe."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _write(lines: Iterable[str], out: str) -> None:
    _write_bytes("".join(f"{line}\n" for line in lines).encode(), out)


def _write_bytes(content: bytes, out: str) -> None:
    if out == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        Path(out).write_bytes(content)
    except OSError as error:
        raise DeviceError(f"{out} cannot be written: {error.strerror}", hint="choose another file with -o") from error
