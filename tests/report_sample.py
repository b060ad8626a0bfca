"""A made-up run of 82 seconds with all five journeys, drawn and written by hand: what the report is developed and tested against."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from apps.report.run import Gauge, Run, Still
from edge_runtime.protocol import (
    Asked,
    Command,
    Erase,
    Erased,
    Event,
    Eye,
    Failed,
    Forget,
    FrameSeen,
    Gaze,
    Look,
    Looked,
    Record,
    Say,
    Taught,
    Tick,
    WatchSet,
)
from edge_runtime.records import Concept, Dropped, Evidence, Receipt, Scope, Sighting, What
from edge_runtime.speech import Action, Decision, Response
from edge_runtime.types import WHOLE, Box, LabelHint, LookedRegion, Percept, Region, RegionKind, Signals, TextLine, Thumb
from gaze.types import EyeEvent, GazeSample

S = 1_000_000_000
MS = 1_000_000
HOSTILE = '<script>alert("PIN")</script>'
HOSTILE_QUESTION = '"><img src=https://evil.example/x onerror=alert(1)> what was that?'
FORGOTTEN_TEXT = "VAULT CODE 90417"
FORGOTTEN_FROM_S, FORGOTTEN_AT_S = 61, 71
DURATION_S = 82
FPS = 5

SHOWS = (
    (0.0, 7.0, "wall", ""),
    (7.0, 13.0, "card", "GATE 14"),
    (13.0, 22.0, "mug", ""),
    (22.0, 30.0, "clock", ""),
    (30.0, 38.0, "flower", ""),
    (38.0, 44.0, "wall", ""),
    (44.0, 51.0, "mug", ""),
    (51.0, 61.0, "card", "MIND THE STEP"),
    (61.0, 71.1, "card", FORGOTTEN_TEXT),
    (71.1, 82.1, "flower", ""),
)


def picture(t_s: float, width: int = 320, height: int = 180) -> npt.NDArray[np.uint8]:
    """The made-up scene at a moment: uint8 BGR [height, width, 3]."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    wall = np.stack([150 + 30 * across - 25 * down, 160 + 25 * across - 30 * down, 172 + 20 * across - 35 * down], axis=-1)
    image: npt.NDArray[np.uint8] = wall.astype(np.uint8)
    start, _, kind, text = next(show for show in SHOWS if show[0] <= t_s < show[1])
    x, y = int(width * (0.5 + 0.06 * math.sin(t_s - start))), int(height * (0.52 + 0.03 * math.cos(1.7 * t_s)))
    cv2.rectangle(image, (0, int(height * 0.86)), (width, height), (92, 104, 118), -1)
    if kind == "mug":
        cv2.ellipse(image, (x + 34, y), (18, 22), 0, 0, 360, (38, 60, 170), 7)
        cv2.rectangle(image, (x - 34, y - 40), (x + 30, y + 42), (44, 70, 196), -1)
        cv2.ellipse(image, (x - 2, y - 40), (32, 8), 0, 0, 360, (30, 44, 120), -1)
    elif kind == "card":
        cv2.rectangle(image, (x - 82, y - 34), (x + 82, y + 34), (240, 244, 246), -1)
        cv2.putText(image, text, (x - 72, y + 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    elif kind == "clock":
        cv2.circle(image, (x, y), 46, (235, 238, 240), -1)
        cv2.circle(image, (x, y), 46, (60, 60, 64), 4)
        cv2.line(image, (x, y), (x + 20, y - 16), (40, 40, 40), 3)
        cv2.line(image, (x, y), (x - 6, y - 36), (40, 40, 40), 2)
    elif kind == "flower":
        for turn in range(7):
            where = (int(x + 27 * math.cos(turn * 0.9)), int(y + 27 * math.sin(turn * 0.9)))
            cv2.circle(image, where, 17, (60, 190, 232), -1)
        cv2.circle(image, (x, y), 15, (30, 70, 110), -1)
    return image


def jpeg(image: npt.NDArray[np.uint8], quality: int = 80) -> bytes:
    """Encode as JPEG."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(data)


class Script:
    """Writes the run down: events, commands, looks and sentences, each with its place in time."""

    def __init__(self) -> None:
        self.events: list[tuple[float, Event]] = []
        self.caused: list[tuple[Event, Command]] = []
        self.thumbs: dict[str, bytes] = {}
        self.ids = itertools.count(1)
        self.decided = itertools.count(1)

    def add(self, event: Event) -> Event:
        """Write an event down."""
        self.events.append((event.t_ns, event))
        return event

    def ask(self, event: Event, command: Command) -> None:
        """Write down a command and its cause."""
        self.caused.append((event, command))

    def look(
        self, t_s: float, why: str, box: Box, *, text: str = "", label: str = "", eye_id: int | None = None, lag_s: float = 0.18
    ) -> Evidence:
        """A look at the frame of ``t_s``, asked for a little later and answered after ``lag_s``."""
        seq, t_ns = round(t_s * FPS), round(t_s * FPS) * S // FPS
        kind: RegionKind = "text" if text else "overview" if why in ("scene", "heartbeat") else "foveal"
        asked = self.tick(t_ns / S + 0.06)
        look = Look(
            id=next(self.ids),
            deadline_ns=t_ns + 5 * S,
            frame_seq=seq,
            t_capture_ns=t_ns,
            regions=(Region(kind, box, ("vector", "thumb")),),
            why=why,
            eye_id=eye_id,
        )
        self.ask(asked, look)
        image = picture(t_ns / S)
        x0, x1, y0, y1 = int(box.x0 * 320), int(box.x1 * 320), int(box.y0 * 180), int(box.y1 * 180)
        thumb_id = f"{seq}-{look.id}"
        self.thumbs[thumb_id] = jpeg(
            np.asarray(cv2.resize(image[y0:y1, x0:x1], (128, max(1, 128 * (y1 - y0) // (x1 - x0)))), dtype=np.uint8)
        )
        lines = (TextLine(text, 0.94, box),) if text else ()
        labels = (LabelHint(label, 0.71), LabelHint("nipple", 0.04)) if label else ()
        region = LookedRegion(kind, box, lines=lines, labels=labels, thumb=Thumb(thumb_id, len(self.thumbs[thumb_id])))
        self.add(Looked(t_ns=t_ns + 60 * MS + int(lag_s * S), answers=look.id, frame_seq=seq, t_capture_ns=t_ns, regions=(region,)))
        return Evidence(seq, t_ns, box, thumb_id)

    def decide(
        self,
        cause: Event,
        action: Action,
        text: str,
        reasons: tuple[str, ...],
        *,
        vetoes: tuple[str, ...] = (),
        watch: str = "",
        evidence: tuple[Evidence, ...] = (),
        score: float = 1.0,
    ) -> None:
        """A decision on a sentence."""
        decision = Decision(next(self.decided), cause.t_ns, action, watch, reasons, vetoes, evidence, score, cause.t_ns + 4 * S, text)
        self.ask(cause, Record(id=next(self.ids), deadline_ns=cause.t_ns, decision=decision))

    def say(
        self,
        t_s: float,
        text: str,
        reasons: tuple[str, ...],
        *,
        watch: str = "",
        evidence: tuple[Evidence, ...] = (),
        score: float = 1.0,
        question: str = "",
        cause: Event | None = None,
    ) -> None:
        """A sentence that was let pass."""
        cause = cause or self.tick(t_s)
        self.decide(cause, "SPEAK", text, reasons, watch=watch, evidence=evidence, score=score)
        trace = (("captured", evidence[0].t_ns), ("looked", evidence[0].t_ns + 240 * MS), ("decided", cause.t_ns)) if evidence else ()
        response = Response(text, "speech", 1, score, evidence, trace, question)
        self.ask(cause, Say(id=next(self.ids), deadline_ns=cause.t_ns + S, response=response))

    def tick(self, t_s: float) -> Event:
        """A moment at which something is decided."""
        return self.add(Tick(t_ns=int(t_s * S)))


def glances() -> Iterator[tuple[float, float, float, float]]:
    """Fixations of the made-up wearer: start, end, x, y."""
    t, rng = 0.3, np.random.default_rng(7)
    while t < DURATION_S - 1:
        length = float(rng.uniform(0.25, 1.6))
        yield t, min(t + length, DURATION_S - 0.5), float(rng.uniform(0.36, 0.64)), float(rng.uniform(0.35, 0.66))
        t += length + float(rng.uniform(0.05, 0.4))


def sample_run() -> Run:
    """The whole run."""
    script = Script()
    percepts, held = [], list(glances())
    for seq in range(DURATION_S * FPS):
        t_ns = seq * S // FPS
        script.add(FrameSeen(t_ns=t_ns, seq=seq, t_capture_ns=t_ns, width_px=640, height_px=360, signals=Signals(0.1, 0.1, 0.6)))
        place = next(((n, x, y) for n, (a, b, x, y) in enumerate(held) if a <= t_ns / S <= b), None)
        sample = GazeSample(t_ns + (seq % 7 - 3) * 3 * MS, place[1], place[2]) if place else GazeSample(t_ns, None, None, 0.0)
        script.add(Gaze(t_ns=t_ns + 40 * MS, samples=(sample,)))
        paired = sample if place else None
        percepts.append(
            Percept(
                seq,
                t_ns,
                paired,
                paired.t_ns - t_ns if paired else None,
                place[0] if place else None,
                "fixation" if place else None,
                Signals(0.1, 0.1, 0.6),
                0.9,
            )
        )
    for number, (a, b, x, y) in enumerate(held):
        for end, stage in ((a + 0.15, "provisional"), (b, "final")):
            event = EyeEvent(
                number,
                "fixation",
                int(a * S),
                int(end * S),
                x,
                y,
                0.6,
                "final" if stage == "final" else "provisional",
                int(end * S) + 20 * MS,
            )
            script.add(Eye(t_ns=event.t_emit_ns, event=event))
        script.add(
            Eye(
                t_ns=int(b * S) + 60 * MS,
                event=EyeEvent(1000 + number, "saccade", int(b * S), int(b * S) + 45 * MS, x, y, 0.0, "final", int(b * S) + 60 * MS),
            )
        )
    script.add(Eye(t_ns=41 * S, event=EyeEvent(5000, "blink", 41 * S - 180 * MS, 41 * S, None, None, 0.0, "final", 41 * S)))
    eye_at = {n: a for n, (a, *_) in enumerate(held)}

    def near(t_s: float) -> int:
        return min(eye_at, key=lambda n: abs(eye_at[n] - t_s))

    card, mug, small = Box(0.22, 0.3, 0.8, 0.74), Box(0.34, 0.24, 0.7, 0.84), Box(0.36, 0.26, 0.66, 0.78)
    for start, _, kind, _ in SHOWS:
        script.look(start + 0.2, "scene", WHOLE)
        if kind != "wall":
            script.look(
                start + 1.4,
                "fixation",
                small,
                label={"mug": "coffee mug", "clock": "wall clock", "flower": "daisy", "card": ""}[kind],
                eye_id=near(start + 1.4),
            )
    for t_s in (4.4, 27.0, 41.0, 78.0):
        script.look(t_s, "heartbeat", WHOLE)

    refused = script.add(WatchSet(t_ns=3 * S, watch="w1", text="tell me when I see a theremin"))
    script.say(3.0, "I cannot recognise a theremin. Show me one and I will know it.", ("WATCH_REFUSED", "UNKNOWN_WORD"), cause=refused)
    gate = [script.look(8.6 + 0.6 * n, "text", card, text="GATE 14", eye_id=near(8.6)) for n in range(3)]
    script.say(10.4, "It says: GATE 14.", ("TEXT_DWELL",), evidence=(gate[2], gate[0]), score=0.94)
    script.add(Taught(t_ns=15 * S, concept=Concept("mug")))
    views = [script.look(15.4 + 0.8 * n, "teach", mug, label="coffee mug", eye_id=near(15.4)) for n in range(3)]
    script.say(17.6, "I have looked at your mug three times. I will know it again.", ("LEARNED",), evidence=tuple(views))
    script.add(WatchSet(t_ns=19 * S, watch="mug", text="tell me when I see my mug"))
    hostile = script.look(32.0, "text", card, text=HOSTILE, eye_id=near(32.0))
    script.decide(script.tick(33.1), "SILENT", f"It says: {HOSTILE}", ("TEXT_DWELL",), vetoes=("BUDGET",), evidence=(hostile,), score=0.6)
    where = script.add(Asked(t_ns=35 * S, question="q1", text="where was my mug?"))
    script.say(
        35.0,
        "I last saw your mug 18 seconds ago, at 0:17, by the grey wall. You looked at it for 3 seconds.",
        ("ASKED", "ANSWERED"),
        evidence=(views[2], views[0]),
        question="q1",
        cause=where,
        score=0.81,
    )
    passport = script.add(Asked(t_ns=39 * S, question="q2", text="did you see my passport?"))
    script.say(39.0, "I did not see that.", ("ASKED", "NOT_SEEN"), question="q2", cause=passport, score=1.0)
    odd = script.add(Asked(t_ns=42 * S, question="q3", text=HOSTILE_QUESTION, options=("a sign", "a <b>bold</b> thing")))
    script.say(42.0, "This needs a vision-language model, and none is loaded.", ("ASKED", "NEEDS_VLM"), question="q3", cause=odd)
    back = script.look(45.0, "fixation", mug, label="coffee mug", eye_id=near(45.0))
    script.say(45.3, "There is your mug.", ("WATCH_HIT", "CONCEPT"), watch="mug", evidence=(back,), score=0.53)
    for n in range(3):
        again = script.look(46.4 + n, "fixation", mug, label="coffee mug", eye_id=near(46.4 + n))
        script.decide(
            script.tick(46.8 + n),
            "SILENT",
            "There is your mug.",
            ("WATCH_HIT", "CONCEPT"),
            vetoes=("WATCH_REARM",),
            watch="mug",
            evidence=(again,),
            score=0.5 + 0.02 * n,
        )
    step = [script.look(53.0 + 0.6 * n, "text", card, text="MIND THE STEP", eye_id=near(53.0)) for n in range(3)]
    script.decide(
        script.tick(54.8), "QUEUE", "It says: MIND THE STEP.", ("TEXT_DWELL",), vetoes=("USER_SPEAKING",), evidence=(step[1],), score=0.93
    )
    script.say(55.6, "It says: MIND THE STEP.", ("TEXT_DWELL",), evidence=(step[2],), score=0.93)
    secret = [script.look(62.0 + 0.6 * n, "text", card, text=FORGOTTEN_TEXT, eye_id=near(62.0)) for n in range(3)]
    script.say(64.2, f"It says: {FORGOTTEN_TEXT}.", ("TEXT_DWELL",), evidence=(secret[2],), score=0.9)
    forget = script.add(Forget(t_ns=FORGOTTEN_AT_S * S, scope=Scope("since", t_from_ns=FORGOTTEN_FROM_S * S)))
    script.ask(forget, Erase(id=next(script.ids), deadline_ns=73 * S, scope=Scope("since", t_from_ns=FORGOTTEN_FROM_S * S)))
    erased = script.add(Erased(t_ns=71 * S + 200 * MS, answers=0, receipt=Receipt(3, 3, 41_000)))
    script.say(71.2, "Forgotten: the last 10 seconds, 3 sightings and 3 pictures.", ("FORGOTTEN",), cause=erased)
    after = script.add(Asked(t_ns=76 * S, question="q4", text="what was the code on the card?"))
    script.say(76.0, "I did not see that.", ("ASKED", "NOT_SEEN"), question="q4", cause=after)
    script.add(Failed(t_ns=79 * S, answers=7, reason="evicted"))

    order = sorted(range(len(script.events)), key=lambda n: script.events[n][0])
    index_of = {id(script.events[n][1]): place for place, n in enumerate(order)}
    events = [(place, script.events[n][1]) for place, n in enumerate(order)]
    commands = sorted(((index_of[id(cause)], command) for cause, command in script.caused), key=lambda pair: (pair[0], pair[1].id))
    flower = script.look(34.0, "fixation", small, label="daisy")
    clock = script.look(24.0, "fixation", small, label="wall clock")
    thing = script.look(73.4, "fixation", small)
    sightings = [
        _sighting(1, "text", "GATE 14", 0, gate, 0.94, 2.1),
        _sighting(2, "concept", "mug", 0, [views[2], *views[:2]], 0.81, 3.0),
        _sighting(3, "label", "wall clock", 0, [clock], 0.71, 0.8, gazed=False),
        _sighting(4, "text", HOSTILE, 1, [hostile], 0.81, 0.6),
        _sighting(5, "label", "daisy", 1, [flower], 0.71, 1.4),
        _sighting(6, "concept", "mug", 1, [back], 0.53, 4.1),
        _sighting(7, "text", "MIND THE STEP", None, step, 0.93, 2.4),
        _sighting(8, "text", FORGOTTEN_TEXT, 1, secret, 0.9, 4.0),
        _sighting(9, "thing", "thing 4", 1, [thing], 0.5, 0.9),
    ]
    mib = 1024 * 1024
    gauges = [
        Gauge(
            t * S,
            40_000 + 31_000 * t,
            128 * mib,
            {"tokens": 22_000 * t, "sightings": 4_000 * t, "thumbnails": 30_000 + 5_000 * t},
            4096 * (t // 3),
            2048 * mib,
            9_000 * t,
            256 * mib,
        )
        for t in range(DURATION_S + 1)
    ]
    stills = [Still(n * S // 2 // (S // FPS) * (S // FPS), n * FPS // 2, jpeg(picture(n * FPS // 2 / FPS))) for n in range(DURATION_S * 2)]
    return Run(
        title="Eighty seconds along a wall",
        note=(
            "A virtual head-worn camera walks along a wall of drawn things and printed cards; the gaze is made up as well. "
            "Everything was drawn by the test itself, so no licence applies.\n\n"
            "What this run cannot show:\n- how well anything works on real glasses: the pictures are drawn\n"
            "- speech: sentences are handed over as text\n- other people, or anything that moves by itself"
        ),
        made_with="pocket 1 (vectors, labels, text), edge_runtime 0.1.0",
        width_px=640,
        height_px=360,
        duration_ns=DURATION_S * S,
        hfov_deg=90.0,
        stills=stills,
        events=events,
        commands=commands,
        percepts=percepts,
        sightings=sightings,
        places={0: "by the grey wall", 1: "by the window"},
        thumbs=script.thumbs,
        gauges=gauges,
        dropped=[
            Dropped("look", "budget", 61),
            Dropped("gaze", "untracked", 44),
            Dropped("frame", "no_gaze", 9),
            Dropped("result", "late", 1),
        ],
        forgotten=[(FORGOTTEN_AT_S * S, Scope("since", t_from_ns=FORGOTTEN_FROM_S * S), FORGOTTEN_FROM_S * S)],
        stats={"real time factor": "2.1", "frames offered": "410", "looks": "41 (10.0 %)", "model time": "31.2 core-seconds a minute"},
    )


def _sighting(
    number: int, kind: str, name: str, place: int | None, evidence: list[Evidence], confidence: float, gaze_s: float, *, gazed: bool = True
) -> Sighting:
    times = [e.t_ns for e in evidence]
    what = What("concept" if kind == "concept" else "text" if kind == "text" else "label" if kind == "label" else "thing", name)
    return Sighting(
        number,
        what,
        place,
        evidence[0].box,
        min(times),
        max(times),
        confidence,
        len(evidence),
        gazed,
        int(gaze_s * S) if gazed else 0,
        tuple(evidence[:4]),
    )
