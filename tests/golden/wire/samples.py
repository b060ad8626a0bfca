"""One message of every kind that travels, every field given. The bytes beside (``v1/``) are these, see ``scripts.wire_golden``.

A field that is appended gets a value here; the values of the others stay as they are, or the bytes would tell nothing.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.config import MS, S
from edge_runtime.protocol import (
    BoardChanged,
    Cancel,
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
    Say,
    Show,
    StopSpeech,
    Token,
    UserSpeech,
)
from edge_runtime.records import Dropped, Evidence
from edge_runtime.speech import Response
from edge_runtime.transport.messages import (
    Camera,
    CropPixels,
    Crops,
    Cut,
    ForgetFrames,
    ForgetWish,
    Mute,
    Piece,
    Question,
    Refused,
    RemoveWatch,
    Report,
    Reported,
    SetWatch,
    Status,
    Stop,
    Taken,
    Teach,
    Unmute,
    Verdict,
)
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
    kept_bytes=41_943_040,
    bound_bytes=67_108_864,
    dropped=(Dropped("look", "superseded", 3), Dropped("message", "damaged", 1)),
    camera=Camera(width_px=1920, height_px=1080, hfov_deg=81.5, has_gaze=True),
    capabilities=Capabilities("pocket 1", vector=True, labels=True, text=True, tokens=True, language=True, vector_dim=384),
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
    Cut(id=81, deadline_ns=_T_NS + 5 * S, frame_seq=370, pieces=(Piece(_BOX, max_side_px=448),), encoding="jpeg"),
    Crops(
        t_ns=_T_NS,
        answers=81,
        frame_seq=370,
        t_capture_ns=_T_NS - 30 * MS,
        crops=(
            CropPixels(_BOX, width_px=2, height_px=1, data=bytes((255, 0, 0, 0, 128, 255))),
            CropPixels(_BOX, width_px=448, height_px=252, data=b"\xff\xd8\xff\xd9", encoding="jpeg"),
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
    Generate(id=82, deadline_ns=_T_NS + 20 * S, prompt="Where is the mug?", max_tokens=64, question="client-3"),
    Token(t_ns=_T_NS, answers=82, text=" On the"),
    Done(t_ns=_T_NS, answers=82),
    Cancel(id=83, deadline_ns=_T_NS + 1 * S, target=82),
    ForgetFrames(t_from_ns=_T_NS),
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
    Stop(),
    Taken(name="client-3"),
    Refused(reason="The camera is off, so there is nothing to teach.", hint="switch it on first"),
    Reported(t_ns=_T_NS, processes=(_STATUS,)),
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
    BoardChanged(t_ns=_T_NS, power="reduced", temperature_c=71.5),
)

SAMPLES: dict[str, Message] = {type(message).__name__: message for message in (*_SENSED, *_LOOKING, *_CALLED, *_SAID, _STATUS)}
