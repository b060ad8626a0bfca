"""``edge-runtime replay``: play a recording or a journal, write decisions, journal and report."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import re
import sys
import tempfile
import time
from pathlib import Path

from apps.glasses.recorded import RecordedGlasses
from apps.output import prepare_out
from apps.playing import Played, play
from apps.report import write_report
from apps.report.run import Run
from apps.serving import serve
from apps.telling import clock, failures, tell
from apps.verbs import Verbs, add_model, add_settings, settings
from apps.witness import Witness
from devices import gallery, street
from devices.gaze_csv import read_gaze_csv
from devices.recording import Recording
from devices.video import open_video
from edge_runtime import __version__
from edge_runtime.boards import STAGES, Board, board, boards
from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import DeviceError, UsageError
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.hosts.pace import Pace
from edge_runtime.journal import Head, JournalReader, Step
from edge_runtime.models.opening import open_models
from edge_runtime.protocol import Asked, Command, Event, FrameSeen, WatchSet
from edge_runtime.records import Dropped, Query, Sighting

# What a device has to say about a recording is said here, in one place and one voice.
logging.getLogger("devices").addHandler(logging.NullHandler())

_BUILT_IN = {"sample": gallery, "street": street}
_TITLES = {"sample": "A walk along a gallery wall", "street": "A street, ten seconds"}
_ASK = re.compile(r"\s*(\d+(?:\.\d+)?)\s*:\s*(\S.*)", re.DOTALL)
_ALL = Query(limit=2000, newest_first=False)
_LATEST_ASK_NS = 60 * S
"""A question may come this long after the recording is over; later is a slip of the hand, and would be hours of empty stream."""


def add(subparsers: Verbs) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "replay",
        help="play a recording or a journal",
        description="Play a recording through the runtime on a virtual clock. Writes decisions.jsonl, journal/, log/ and report.html.",
    )
    parser.add_argument("source", help="'sample' (rendered gallery), 'street' (a real clip), a video file, or the folder of a journal")
    parser.add_argument("--gaze", type=Path, metavar="FILE", help="gaze CSV: t_s,x_norm,y_norm[,confidence,worn] or t_s,x_deg,y_deg,valid")
    parser.add_argument("--hfov-deg", type=float, metavar="DEG", help="horizontal field of view of the scene camera (default 90)")
    parser.add_argument("--watch", action="append", default=[], metavar="TEXT", help='"tell me when I see my mug"; may be repeated')
    parser.add_argument("--ask", action="append", default=[], metavar="T:TEXT", help='"9.5: where was my mug?"; may be repeated')
    parser.add_argument(
        "--as", dest="board", metavar="BOARD", help=f"answer as late as a board would: {', '.join(boards())}; says how sure each figure is"
    )
    add_model(parser)
    add_settings(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="output folder (default out/NAME, for a journal out/NAME-again)")
    parser.add_argument("--open", action="store_true", help="then show the run moment by moment in a browser, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print a summary as JSON instead of the conversation")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play it."""
    loaded = settings(args)
    source = Path(args.source)
    journal = args.source not in _BUILT_IN and source.is_dir()
    pace = None if args.board is None else Pace(board(args.board))
    # A journal replayed from out/NAME must not be written over.
    out = args.out or Path("out") / (f"{source.resolve().name}-again" if journal else source.stem if source.suffix else source.name)
    if journal:
        summary = _play_journal(source, out, args)
    else:
        words = _words(args)
        recording = _with_words(_recording(args, loaded.config), words)
        if pace is not None:
            recording = dataclasses.replace(recording, note=f"{recording.note}\n\n{_figures(pace.board)}")
        summary = _play_recording(recording, _TITLES.get(args.source, source.name), out, loaded.config, pace, quiet=args.json)
    if args.json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        for key, value in summary.items():
            print(f"{key:<22}{value}")
    if args.open:
        _show(source if journal else out)
    return 0


def _show(folder: Path) -> None:
    """Show the journal of a run in the page, until Ctrl-C."""
    with tempfile.TemporaryDirectory() as scratch, DecisionLog(Path(scratch) / "decisions.jsonl") as decisions:
        serve(RecordedGlasses(folder, decisions), port=0, open_browser=True, note="Ctrl-C ends it.")


def _recording(args: argparse.Namespace, config: Config) -> Recording:
    if args.source in _BUILT_IN:
        if args.gaze is not None or args.hfov_deg is not None:
            raise UsageError(f"'{args.source}' brings its own gaze and camera", hint="give --gaze and --hfov-deg with a video of yours")
        _BUILT_IN[args.source].prepare(_say)
        return gallery.sample() if args.source == "sample" else street.street()
    hfov_deg = config.attend.hfov_deg if args.hfov_deg is None else args.hfov_deg
    if not 0.0 < hfov_deg < 180.0:
        raise UsageError(f"--hfov-deg {hfov_deg:g} is no field of view", hint="degrees between 0 and 180; leave it out for 90")
    recording = open_video(Path(args.source), offered_hz=config.capture.offered_hz)
    recording = dataclasses.replace(recording, hfov_deg=hfov_deg)
    if args.gaze is None:
        return recording
    gaze = read_gaze_csv(args.gaze, hfov_deg=hfov_deg, aspect=recording.width_px / recording.height_px)
    for reason, count in gaze.dropped.items():
        _say(f"gaze: {count} rows dropped: {reason}")
    note = f"A video file, {recording.width_px} x {recording.height_px}, with gaze from {args.gaze.name}.\n\n{gaze.note}."
    return dataclasses.replace(recording, gaze=gaze.samples, has_gaze=True, note=note)


def _words(args: argparse.Namespace) -> list[Event]:
    """What the command line watches for and asks."""
    words: list[Event] = [WatchSet(t_ns=0, watch=f"cli-{n}", text=text) for n, text in enumerate(args.watch, 1)]
    for n, text in enumerate(args.ask, 1):
        found = _ASK.fullmatch(text)
        if found is None:
            raise UsageError(f"--ask {text!r} has no time", hint='write seconds, a colon and the question: --ask "9.5: where was my mug?"')
        words.append(Asked(t_ns=int(float(found[1]) * S), question=f"cli-{n}", text=found[2].strip()))
    return words


def _with_words(recording: Recording, words: list[Event]) -> Recording:
    """The recording with these words added to its script."""
    late = next((word for word in words if word.t_ns > recording.duration_ns + _LATEST_ASK_NS), None)
    if late is not None:
        raise UsageError(
            f"--ask at {late.t_ns / S:g} s comes long after the recording is over", hint=f"it lasts {recording.duration_ns / S:.1f} s"
        )
    script = sorted((*recording.script, *words), key=lambda event: event.t_ns)
    return dataclasses.replace(recording, script=tuple(script))


def _figures(profile: Board) -> str:
    """The figures of a board and how sure each is, as a paragraph and a list for the report, the journal's note and all."""
    lines = [f"- {STAGES[stage]}: {figure.value:g} ms, {figure.kind}: {figure.source}" for stage, figure in profile.stages.items()]
    return "\n\n".join(
        (f"Played as on a {profile.title}: what is looked at, kept and looked up answers as late as it would there.", "\n".join(lines))
    )


def _used(pace: Pace) -> str:
    """The figures that counted, by how sure they are."""
    by_kind: dict[str, list[str]] = {}
    for stage in pace.used:
        figure = pace.board.stages[stage]
        by_kind.setdefault(figure.kind, []).append(f"{stage} {figure.value:g} ms")
    return "; ".join([pace.board.title, *(f"{kind}: {', '.join(sorted(figures))}" for kind, figures in sorted(by_kind.items()))])


def _play_recording(recording: Recording, title: str, out: Path, config: Config, pace: Pace | None, *, quiet: bool) -> dict[str, str]:
    _say(f"{recording.name}: {recording.note.splitlines()[0]}")
    witness = Witness()
    begun_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        models = open_models(config.models, stack, say=_say).require()
        with play(recording, out, config, models, witness=witness, pace=pace) as played:
            wall_s = time.monotonic() - begun_s
            dropped = (*recording.dropped(), *witness.dropped, *played.cost.dropped, *played.store.dropped)
            stats = _stats(played, wall_s)
            if pace is not None:
                stats["played as"] = _used(pace)
            rows, named, thumbs = remembered(played)
            made_with = f"bundle {models.capabilities.bundle}, edge_runtime {__version__}"
        run_ = _run_of(out, title, made_with, witness, dropped, rows, named, thumbs, stats)
    for drop in recording.dropped():
        if drop.reason == "truncated":
            _say(f"{title} ends early: {drop.count} frames that it promises are missing")
    for line in failures(run_):
        _say(line)
    write_report(run_, out / "report.html")
    if not quiet:
        tell(run_, sys.stdout)
    return _summary(out, stats)


def remembered(played: Played) -> tuple[tuple[Sighting, ...], dict[int, str], dict[str, bytes]]:
    """What the log holds in the end: sightings, names of places, pictures; without a log what memory still holds, and no pictures."""
    try:
        rows, places = played.store.search(_ALL)
        pictures = [
            (look.thumb_id, played.store.thumb(look.thumb_id)) for row in rows for look in row.evidence if look.thumb_id is not None
        ]
    except DeviceError as error:
        _say(f"The report shows what is in memory, without pictures: {error}")
        return (*_in_memory(played.core), {})
    named = {row.place_id: place for row, place in zip(rows, places, strict=True) if row.place_id is not None}
    return rows, named, {name: data for name, data in pictures if data}


def _in_memory(core: Core) -> tuple[tuple[Sighting, ...], dict[int, str]]:
    rows = core.memory.recall(_ALL)
    return rows, {row.place_id: core.memory.place_name(row.place_id) for row in rows if row.place_id is not None}


def _play_journal(source: Path, out: Path, args: argparse.Namespace) -> dict[str, str]:
    changed = args.watch or args.ask or args.flags or args.config is not None
    if changed or args.gaze is not None or args.hfov_deg is not None or args.board is not None:
        hint = "--watch, --ask, --gaze, --hfov-deg, --as, --model, --set and --config go with a recording"
        raise UsageError("a journal is replayed as it was recorded", hint=hint)
    reader = JournalReader(source)
    folder = reader.folder.resolve()
    if out.resolve() in (source.resolve(), folder, *folder.parents):
        raise UsageError(f"{out} is the journal's own folder", hint="choose another one with --out")
    prepare_out(out)
    witness = Witness()
    with DecisionLog(out / "decisions.jsonl") as decisions:
        core = replay_journal(source, decisions, observers=(witness,))
    stats = {"source": f"journal of {reader.heads[0].version}", "torn bytes": str(reader.torn_bytes)}
    rows, places = _in_memory(core)
    made_with = f"bundle {reader.heads[0].session.capabilities.bundle}, edge_runtime {__version__}"
    title = f"Journal of {(folder.parent if folder.name == 'journal' else folder).name}"
    run_ = _run_of(source, title, made_with, witness, witness.dropped, rows, places, {}, stats)
    write_report(run_, out / "report.html")
    if not args.json:
        tell(run_, sys.stdout)
    return _summary(out, stats)


def _run_of(
    folder: Path,
    title: str,
    made_with: str,
    witness: Witness,
    dropped: tuple[Dropped, ...],
    rows: tuple[Sighting, ...],
    places: dict[int, str],
    thumbs: dict[str, bytes],
    stats: dict[str, str],
) -> Run:
    """What the report needs, from the journal in ``folder`` and what was seen while it ran."""
    reader = JournalReader(folder)
    events: list[tuple[int, Event]] = []
    commands: list[tuple[int, Command]] = []
    for record in reader:
        index = len(events)
        if isinstance(record, Step):
            events.append((index, record.event))
        commands.extend((index, command) for command in record.commands)
    head: Head = reader.heads[0]
    last_ns = max((event.t_ns for _, event in events), default=0)
    return Run(
        title=title,
        note=head.note,
        made_with=made_with,
        width_px=head.width_px,
        height_px=head.height_px,
        # Until the last frame; what follows is a run listening to silence.
        duration_ns=max((event.t_ns for _, event in events if isinstance(event, FrameSeen)), default=last_ns),
        hfov_deg=head.config.attend.hfov_deg,
        stills=tuple(witness.stills),
        events=events,
        commands=commands,
        percepts=tuple(witness.percepts),
        sightings=rows,
        places=places,
        thumbs=thumbs,
        gauges=tuple(witness.gauges),
        dropped=dropped,
        forgotten=tuple(witness.forgotten),
        stats=stats,
    )


def _stats(played: Played, wall_s: float) -> dict[str, str]:
    cost, stream_s = played.cost, played.cost.last_ns / S
    return {
        "stream": clock(cost.last_ns),
        "real time factor": f"{stream_s / wall_s:.2f}" if wall_s else "-",
        "frames offered": str(cost.frames),
        "looks": f"{cost.looks} ({cost.regions} regions)",
        "model CPU": f"{cost.model_cpu_ns / S:.2f} s",
        "core CPU": f"{cost.core_cpu_ns / S:.2f} s ({100 * cost.core_cpu_ns / max(1, cost.model_cpu_ns):.1f} % of the models)",
        "memory": f"{played.core.nbytes()} of {played.core.config.remember.ram_bytes} bytes",
    }


def _summary(out: Path, stats: dict[str, str]) -> dict[str, str]:
    return {**stats, "decisions": str(out / "decisions.jsonl"), "report": str(out / "report.html")}


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
