"""The verb ``simulator``: wear the glasses in a browser, with the pointer for eyes."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from apps.attach import attach
from apps.display import Display
from apps.glasses.intake import Source
from apps.glasses.live import LiveGlasses
from apps.output import prepare_out
from apps.serving import check_port, serve
from apps.verbs import Verbs, add_model, add_settings, settings
from devices import gallery
from devices.boards import BoardWatch
from devices.cameras import Feed, Player, Shot, Webcam, open_webcam
from devices.cameras.webcam import HFOV_DEG
from devices.page.board import Board
from devices.page.views import SessionView
from devices.recording import Recording
from devices.video import open_video
from edge_runtime import __version__
from edge_runtime.config import Config
from edge_runtime.core import Core
from edge_runtime.decisions import AbsentDecisions, DecisionLog
from edge_runtime.errors import DeviceError, Locked, UsageError
from edge_runtime.hosts.capture import FrameRing
from edge_runtime.hosts.live import LiveHost
from edge_runtime.hosts.run_log import RunLog
from edge_runtime.hosts.workers import Workers
from edge_runtime.journal import AbsentJournal, Head, Journal
from edge_runtime.models.opening import Opened, open_models
from edge_runtime.records import Dropped
from edge_runtime.types import Session
from gaze import EyeEvents

PORT = 8477
PAGE_WIDTH_PX, PAGE_HEIGHT_PX = 960, 540
"""What the page makes of its webcam's pictures, whatever their shape."""
_BROWSER_NOTE = "The webcam of this browser; the middle of its picture, 16 to 9. Its field of view is assumed: {hfov_deg:g} degrees."


def add(subparsers: Verbs) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "simulator",
        help="wear the glasses in a browser",
        description="Serve one page, to this machine only: a camera, the pointer as gaze, and all that the glasses see, remember and say. "
        "The run is kept in --out; a new one replaces it. Ctrl-C ends it. With --attach the page shows the daemon that runs instead, and "
        "the daemon goes on when the page ends.",
    )
    parser.add_argument(
        "--camera",
        default="browser",
        metavar="WHICH",
        help="'browser' (its webcam, the default), 'server' (a camera of this machine), 'gallery' (a rendered walk), or a video file",
    )
    parser.add_argument(
        "--device", default="0", metavar="N|PATH", help="which camera with --camera server, such as 1 or /dev/video2 (default 0)"
    )
    parser.add_argument(
        "--hfov-deg", type=float, metavar="DEG", help="horizontal field of view of the camera (default: as usual for its kind)"
    )
    parser.add_argument(
        "--attach", action="store_true", help="look on at the daemon that runs, and talk to it; only --port and --no-open go with it"
    )
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"port on 127.0.0.1 (default {PORT}); 0 takes any that is free")
    parser.add_argument("--no-open", action="store_true", help="print the address and open no browser")
    parser.add_argument("--out", type=Path, default=Path("out/simulator"), metavar="DIR", help="output folder (default out/simulator)")
    add_model(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port} is no port", hint="0 to 65535; 0 takes any that is free")
    # Before anything is opened: an earlier run in --out is not given up for a page that cannot be served.
    check_port(args.port)
    if args.attach:
        attach(args)
        return 0
    config = settings(args).config
    source, camera = _camera(args, config)
    with contextlib.ExitStack() as stack:
        models = open_models(config.models, stack)
        worn = stack.enter_context(wear(source, camera, args.out, config, models, page_hfov_deg=args.hfov_deg or HFOV_DEG))
        if models.trouble:
            lack = _lack(models)
            worn.display.notice(lack, trouble=True)
            print(lack)
        if worn.feed is not None:
            stack.enter_context(worn.feed)
        stack.enter_context(worn.board_watch)
        serve(
            worn.glasses,
            port=args.port,
            open_browser=not args.no_open,
            note=f"Ctrl-C ends the run, which is kept in {args.out}.",
            each_second=lambda: worn.glasses.on_second(datetime.now().time()),
        )
        print(f"\nEnding. To look at it again: edge-runtime replay {args.out} --open", flush=True)
    return 0


@dataclass(frozen=True)
class Worn:
    """A live run behind a page.

    Attributes:
        glasses: What the page's server needs.
        display: What is shown.
        host: The run.
        feed: Runs the camera, once entered; ``None`` where the page brings its own.
        board_watch: Tells the run of heat and power, once entered.
    """

    glasses: LiveGlasses
    display: Display
    host: LiveHost
    feed: Feed | None
    board_watch: BoardWatch


@contextlib.contextmanager
def wear(
    source: Source,
    camera: Recording | Webcam | None,
    out: Path,
    config: Config,
    models: Opened,
    *,
    page_hfov_deg: float = HFOV_DEG,
) -> Iterator[Worn]:
    """Start a live run whose pictures come from ``camera``, or from the page; its files stay open until the block ends.

    Args:
        source: What the page is told about it.
        camera: ``None`` where the page brings its own.
        out: The run's folder; an earlier run of ours in it is replaced.
        config: All settings; the field of view is the camera's.
        models: Carry out looks, and put into words.
        page_hfov_deg: Horizontal field of view of the page's webcam; any other camera knows its own.

    Raises:
        UsageError: ``out`` is somebody else's folder.
        Locked: Another run has it.
    """
    refused = _prepare(out)
    width_px, height_px = (PAGE_WIDTH_PX, PAGE_HEIGHT_PX) if camera is None else (camera.width_px, camera.height_px)
    hfov_deg = page_hfov_deg if camera is None else camera.hfov_deg
    note = _BROWSER_NOTE.format(hfov_deg=hfov_deg) if camera is None else camera.note
    own_gaze = isinstance(camera, Recording) and camera.has_gaze
    config = msgspec.structs.replace(config, attend=msgspec.structs.replace(config.attend, hfov_deg=hfov_deg))
    session = Session(models.capabilities, has_gaze=True)
    core = Core(config, session)
    head = Head(
        version=__version__,
        segment=0,
        config=config,
        session=session,
        snapshot=b"",
        note=f"Live. {note} Gaze is the pointer of a page" + (", or the recording's own." if own_gaze else "."),
        width_px=width_px,
        height_px=height_px,
    )
    board = Board()
    display = Display(board)
    if refused is not None:
        display.notice(f"The run before cannot be cleared away: {refused}. {refused.hint[0].upper()}{refused.hint[1:]}.", trouble=True)
    with (
        RunLog(
            out / "log",
            log_bytes=config.store.log_bytes,
            matrix_bytes=config.remember.matrix_bytes,
            tell=lambda words, trouble: display.notice(words, trouble=trouble),
        ) as store,
        _kept(out, head, core, display) as (journal, decisions),
    ):
        ring = FrameRing(config.capture.ring_bytes)
        eyes = EyeEvents(hfov_deg, width_px / height_px)
        host = LiveHost(
            core, Workers(ring, models.looker, store), journal, decisions, eyes=eyes, language=models.language, observers=[display]
        )
        display.meters.attach(ring, journal, out / "log", host.cost)
        display.meters.include(lambda: store.dropped)
        display.meters.include(lambda: [Dropped("gaze_sample", reason, count) for reason, count in dict(eyes.dropped).items()])
        feed = None
        if camera is not None:
            running = Player(camera, on_round=display.notice) if isinstance(camera, Recording) else camera
            feed = Feed(running, lambda shot: _take(shot, host, glasses), on_trouble=lambda words: glasses.trouble(words))
            display.meters.include(feed.dropped)
        board_watch = BoardWatch(host.tell)
        display.meters.include(board_watch.dropped)
        glasses = LiveGlasses(host, display, board, ring, camera=source, own_gaze=own_gaze, switch=_switch(feed))
        board.show(
            "session",
            SessionView(
                mode="live",
                camera=source,
                camera_note=note,
                own_gaze=own_gaze,
                hfov_deg=hfov_deg,
                perifovea_deg=config.attend.perifovea_deg,
                bundle=models.capabilities.bundle,
                capabilities=tuple(can for can in ("vector", "labels", "text", "language") if getattr(models.capabilities, can)),
                version=__version__,
                folder=str(out),
            ),
        )
        with host:
            yield Worn(glasses, display, host, feed, board_watch)


def _prepare(out: Path) -> DeviceError | None:
    """Prepare the run's folder; returns why that cannot be done: whoever wears the glasses goes on without one."""
    try:
        prepare_out(out)
    except Locked:
        raise
    except DeviceError as error:
        return error
    return None


@contextlib.contextmanager
def _kept(out: Path, head: Head, core: Core, display: Display) -> Iterator[tuple[Journal, DecisionLog]]:
    """Journal and decisions; where the disk takes none, ones that count what they are not given, and a line that says so."""
    with contextlib.ExitStack() as files:
        try:
            journal = files.enter_context(Journal(out / "journal", head, core.snapshot))
            decisions = files.enter_context(DecisionLog(out / "decisions.jsonl"))
        except DeviceError as error:
            display.notice(f"This run is not kept: {error}. {error.hint[0].upper()}{error.hint[1:]}.", trouble=True)
            journal, decisions = AbsentJournal(error), AbsentDecisions(error)
        yield journal, decisions


def _take(shot: Shot, host: LiveHost, glasses: LiveGlasses) -> None:
    """A shot becomes a frame, and the gaze that came with it samples."""
    late_ns = 0 if shot.t_handed_ns is None else time.monotonic_ns() - shot.t_handed_ns
    now_ns = host.time_ns() - max(0, late_ns)
    if shot.gaze:
        glasses.look_along(tuple(dataclasses.replace(sample, t_ns=sample.t_ns + now_ns) for sample in shot.gaze))
    glasses.take(shot.image, now_ns - shot.age_ns)


def _switch(feed: Feed | None) -> Callable[[bool], None] | None:
    return None if feed is None else lambda on: feed.resume() if on else feed.pause()


def _camera(args: argparse.Namespace, config: Config) -> tuple[Source, Recording | Webcam | None]:
    """Where pictures come from.

    Raises:
        UsageError: It is called neither by a name nor by a file.
        CameraError: The camera of this machine gives no picture.
        VideoError: The file is no video.
        Unreachable: The gallery's photographs cannot be fetched.
    """
    if args.hfov_deg is not None and not 0.0 < args.hfov_deg < 180.0:
        raise UsageError(f"--hfov-deg {args.hfov_deg:g} is no field of view", hint="degrees between 0 and 180; leave it out for the usual")
    if args.camera == "browser":
        return "browser", None
    if args.camera == "server":
        device = int(args.device) if args.device.isdecimal() else args.device
        return "server", open_webcam(device, offered_hz=config.capture.offered_hz, hfov_deg=args.hfov_deg or HFOV_DEG)
    if args.camera == "gallery":
        if args.hfov_deg is not None:
            raise UsageError("the gallery brings its own camera", hint="give --hfov-deg with a webcam or a video of yours")
        gallery.prepare(print)
        return "gallery", gallery.sample()
    if not Path(args.camera).exists():
        raise UsageError(
            f"there is no camera or file called {args.camera}", hint="--camera browser, server or gallery, or the path of a video file"
        )
    return "video", open_video(Path(args.camera), offered_hz=config.capture.offered_hz, hfov_deg=args.hfov_deg or config.attend.hfov_deg)


def _lack(models: Opened) -> str:
    """What is lacking, and what follows from that."""
    blind = "" if models.capabilities.vector else " The glasses see, and recognise, read and remember nothing."
    return f"{models.trouble[0].upper()}{models.trouble[1:]}.{blind}"
