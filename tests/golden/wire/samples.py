"""One message of every kind that travels, every field given. The bytes beside (``v1/``) are these, see ``scripts.wire_golden``.

A field that is appended gets a value here; the values of the others stay as they are, or the bytes would tell nothing.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.config import MS, S
from edge_runtime.protocol import (
    Done,
    Eye,
    Failed,
    FrameSeen,
    Gaze,
    Generate,
    Head,
    Look,
    Looked,
    Message,
    Prompted,
    Say,
    Show,
    StopSpeech,
    Token,
    UserSpeech,
)
from edge_runtime.records import Dropped, Evidence, Note, ShownTokens, Slab
from edge_runtime.speech import Response
from edge_runtime.transport.messages import (
    CropPixels,
    Crops,
    Cut,
    EndFilm,
    Film,
    ForgetFrames,
    ForgetPrompts,
    ForgetWish,
    Known,
    Mute,
    Peek,
    Peeked,
    Picture,
    PictureOf,
    Piece,
    Question,
    Refused,
    Reload,
    RemoveWatch,
    Report,
    SaidThen,
    SetWatch,
    Shown,
    Stands,
    Stop,
    Taken,
    Teach,
    Unmute,
    Verdict,
    ViewsSince,
    WasSaid,
    Watched,
    WhatStands,
    WhatWasSaid,
)
from edge_runtime.transport.statuses import Ages, Camera, Child, Heat, Kept, Reported, Status, Talk, Tally
from edge_runtime.types import Box, Capabilities, LabelHint, LookedRegion, Region, Signals, TextLine, Thumb, Tokens
from gaze.types import EyeEvent, GazeSample

_T_NS = 12 * S + 345 * MS
_BOX = Box(0.25, 0.125, 0.75, 0.625)

_STATUS = Status(
    role="model",
    t_ns=_T_NS,
    phase="ailing",
    trouble="a network does not open",
    t_newest_ns=_T_NS - 250 * MS,
    pid=4711,
    kept=(Kept("frames", 41_943_040, 67_108_864),),
    dropped=(Dropped("look", "superseded", 3), Dropped("message", "damaged", 1)),
    tallies=(Tally("frames", 370),),
    ages=(Ages("look", (0, 0, 1, 2, 3, 5, 8, 13, 21, 34, 5, 1, 0, 0), 12 * S, 320 * MS),),
    camera=Camera(width_px=1920, height_px=1080, hfov_deg=81.5, has_gaze=True, note="a camera", filming=True),
    capabilities=Capabilities("pocket 1", vector=True, labels=True, text=True, tokens=True, language=True, vector_dim=384),
    talk=Talk(watches=2, concepts=3, muted_until_ns=_T_NS, quiet=True, unasked_left=1.5, power="reduced", reduced=("thinking",)),
    children=(Child("capture", 4712, "running", restarts=1, since_ns=3 * S, ended="killed by signal 9"),),
    heat=Heat(temperature_c=71.5, power_mw=9250, power="reduced"),
)

_SENSED: tuple[Message, ...] = (
    FrameSeen(
        t_ns=_T_NS,
        seq=370,
        t_capture_ns=_T_NS - 30 * MS,
        width_px=1920,
        height_px=1080,
        signals=Signals(motion=0.125, blur=0.25, light=0.5, glimpse=bytes(range(32))),
    ),
    Gaze(
        t_ns=_T_NS,
        samples=(
            GazeSample(_T_NS - 10 * MS, 0.5, 0.25, confidence=0.75, worn=True, source="pointer"),
            GazeSample(_T_NS - 5 * MS, None, None, confidence=0.0, worn=False, source="tracker"),
        ),
    ),
    Eye(
        t_ns=_T_NS,
        event=EyeEvent(
            id=17,
            kind="fixation",
            t_start_ns=_T_NS - 300 * MS,
            t_end_ns=_T_NS - 5 * MS,
            x_norm=0.5,
            y_norm=0.25,
            dispersion_deg=0.375,
            stage="final",
            t_emit_ns=_T_NS,
            confidence=0.75,
            source="pointer",
        ),
    ),
    Head(t_ns=_T_NS, yaw_deg=1.5, pitch_deg=-0.25, roll_deg=0.125, t_from_ns=_T_NS - 20 * MS, t_to_ns=_T_NS),
    UserSpeech(t_ns=_T_NS, phase="start"),
)

_LOOKING: tuple[Message, ...] = (
    Look(
        id=81,
        deadline_ns=_T_NS + 5 * S,
        frame_seq=370,
        t_capture_ns=_T_NS - 30 * MS,
        regions=(Region("foveal", _BOX, ("vector", "labels", "tokens", "thumb")), Region("text", _BOX, ("text",))),
        why="fixation",
        eye_id=17,
    ),
    Cut(id=81, deadline_ns=_T_NS + 5 * S, frame_seq=370, pieces=(Piece(_BOX, max_side_px=448, fine=True),), encoding="jpeg"),
    Crops(
        t_ns=_T_NS,
        answers=81,
        frame_seq=370,
        t_capture_ns=_T_NS - 30 * MS,
        crops=(
            CropPixels(_BOX, width_px=2, height_px=1, data=memoryview(bytes((255, 0, 0, 0, 128, 255)))),
            CropPixels(_BOX, width_px=448, height_px=252, data=memoryview(b"\xff\xd8\xff\xd9"), encoding="jpeg"),
        ),
    ),
    Looked(
        t_ns=_T_NS + 90 * MS,
        answers=81,
        frame_seq=370,
        t_capture_ns=_T_NS - 30 * MS,
        regions=(
            LookedRegion(
                kind="foveal",
                box=_BOX,
                vector=np.array([0.6, 0.8], np.float32),
                tokens=Tokens((1, 2), 3, np.arange(6, dtype=np.float16).reshape(2, 3)),
                labels=(LabelHint("coffee mug", 0.625),),
                lines=(TextLine("EXIT \u51fa\u53e3", 0.875, _BOX),),
                thumb=Thumb("370-0", 4, b"\xff\xd8\xff\xd9"),
                unread=1,
            ),
        ),
    ),
    Failed(t_ns=_T_NS, answers=81, reason="evicted", detail="frame 370 has left the ring"),
    Generate(
        id=82,
        deadline_ns=_T_NS + 20 * S,
        prompt="Where is the mug?",
        max_tokens=64,
        question="client-3",
        why="answer",
        t_asked_ns=_T_NS - 50 * MS,
        looks=(LookedRegion(kind="foveal", box=_BOX, tokens=Tokens((1, 2), 3, np.arange(6, dtype=np.float16).reshape(2, 3))),),
        t_look_ns=_T_NS - 30 * MS,
        slab=Slab(
            emb=np.array([[0.5, 0.25, 1.0]], np.float16),
            pos=np.array([[340, 2, 5]], np.int32),
            t_ns=np.array([9 * S]),
            t_end_ns=np.array([10 * S]),
            weight=np.array([4.0], np.float32),
            salience=np.array([0.75], np.float32),
            notes=(Note(9 * S, 10 * S, "a kitchen"),),
            standing=1,
        ),
    ),
    Prompted(t_ns=_T_NS, answers=82, shown=(ShownTokens("memory", 9 * S, 10 * S, 1, 4.0, (340,)),)),
    Token(t_ns=_T_NS, answers=82, text=" On the"),
    Done(t_ns=_T_NS, answers=82, pieces=1, text="It is red.", shown=(ShownTokens("overview", _T_NS, _T_NS, 4, 4.0),)),
    ForgetFrames(t_from_ns=_T_NS),
    ForgetPrompts(),
    Film(for_ns=60 * S),
    EndFilm(),
)

_CALLED: tuple[Message, ...] = (
    Question(text="where did I leave my mug?", options=("kitchen", "desk")),
    Teach(name="mug"),
    SetWatch(text="tell me when I see my mug", for_ns=600 * S, once=True),
    RemoveWatch(watch="client-3"),
    ForgetWish(kind="thing", last_ns=600 * S, name="mug"),
    Mute(for_ns=600 * S),
    Unmute(),
    Verdict(decision=12, verdict="yes"),
    Report(),
    WhatStands(),
    WhatWasSaid(after=7),
    Stop(),
    Reload(settings=b"\x80"),
    Taken(name="client-3"),
    Refused(reason="The camera is off, so there is nothing to teach.", hint="switch it on first"),
    Reported(t_ns=_T_NS, processes=(_STATUS,)),
    Stands(
        t_ns=_T_NS,
        watches=(Watched("client-3", "tell me when I see my mug", expires_ns=_T_NS + S, once=True),),
        concepts=(Known("mug", 3),),
        muted_until_ns=_T_NS + S,
        quiet=True,
    ),
    WasSaid(t_ns=_T_NS, last=8, said=(SaidThen(8, _T_NS, Response("Noted.", "speech", 1, 0.5, ())),)),
)

_LOOKED_ON: tuple[Message, ...] = (
    ViewsSince(revision=41, board=12_000_000_000),
    Shown(t_ns=_T_NS, revision=42, board=12_000_000_000, update=b'{"n":0,"t_ns":12345000000}'),
    PictureOf(thumb_id="370-0"),
    Picture(jpeg=b"\xff\xd8\xff\xd9"),
    Peek(known_seq=369, max_side_px=640),
    Peeked(seq=370, t_capture_ns=_T_NS - 30 * MS, jpeg=b"\xff\xd8\xff\xd9"),
)

_SAID: tuple[Message, ...] = (
    Say(
        id=90,
        deadline_ns=_T_NS + 3 * S,
        response=Response(
            text="Your mug is on the desk.",
            modality="speech",
            urgency=2,
            confidence=0.75,
            evidence=(Evidence(370, _T_NS - 30 * MS, _BOX, "370-0"),),
            trace=(("captured", _T_NS - 30 * MS), ("decided", _T_NS)),
            question="client-3",
            choice=1,
            watch="client-2",
        ),
    ),
    StopSpeech(id=91, deadline_ns=_T_NS),
    Show(id=92, deadline_ns=_T_NS, cue="lesson", text="Look at it once more."),
)

SAMPLES: dict[str, Message] = {type(message).__name__: message for message in (*_SENSED, *_LOOKING, *_CALLED, *_LOOKED_ON, *_SAID, _STATUS)}
