"""Patch tokens for the memory bench: of real frames where clips and weights are there, else of seeded scenes; which, is said."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from devices.video import VideoFile
from edge_runtime.attend.regions import foveal
from edge_runtime.config import S
from edge_runtime.errors import EdgeError, InputError
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.hub import cache_folder, write_atomic
from edge_runtime.models.vision_onnx import Encoder
from edge_runtime.pixels import crop
from edge_runtime.types import WHOLE, Box, TokenArray

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "video"
KEPT = "bench/memory_features.npz"
"""Where the cache keeps the tokens, once encoded."""
OFFERED_HZ = 1.0
HFOV_DEG, PERIFOVEA_DEG = 90.0, 13.0
MADE_SCENES, MADE_FRAMES, MADE_HW, MADE_DIM = 12, 14, (8, 8), 384

Array = npt.NDArray[np.float32]


class Features(NamedTuple):
    """Tokens of frames in their order, scene after scene.

    Attributes:
        overview: float32 [F,P,D], of whole frames.
        foveal: float32 [F,P,D], of the crop around the gaze in each.
        boxes: Where that crop lies, one a frame.
        scene: int64 [F], which clip a frame is of.
        hw: The grid of both.
        source: Where they come from, in words.
    """

    overview: Array
    foveal: Array
    boxes: list[Box]
    scene: npt.NDArray[np.int64]
    hw: tuple[int, int]
    source: str


def load_features() -> Features:
    """Tokens of the evaluation clips, encoded once and then from the cache; without clips or weights, of seeded scenes."""
    kept = cache_folder() / KEPT
    try:
        data = kept.read_bytes() if kept.is_file() else encode_clips()
        if not kept.is_file():
            write_atomic(kept, [data])
    except EdgeError as error:
        return made_features(f"synthetic scenes, because {error}")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        rows, columns = arrays["hw"].tolist()
        return Features(
            overview=arrays["overview"].astype(np.float32),
            foveal=arrays["foveal"].astype(np.float32),
            boxes=[Box(*corners) for corners in arrays["boxes"].tolist()],
            scene=arrays["scene"],
            hw=(rows, columns),
            source=f"{len(arrays['scene'])} frames of {arrays['scene'].max() + 1} real clips, encoded by the pocket pack",
        )


def encode_clips() -> bytes:
    """Encode whole frames, and crops where the clips' own gaze rests, into the bytes of an ``.npz``.

    Raises:
        EdgeError: Clips or weights are not there.
    """
    clips = sorted(CLIPS.glob("*.mp4"))
    if not clips:
        raise InputError("the evaluation clips are absent", hint="they lie beside the checkout, not in it")
    overview: list[TokenArray] = []
    crops: list[TokenArray] = []
    boxes, scene = [], []
    hw = (0, 0)
    with Encoder(load_bundle("pocket"), threads=1) as encoder:
        for number, clip in enumerate(clips):
            sys.stderr.write(f"encoding {clip.name}, once\n")
            gaze = [row for row in json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))["gaze"] if row[1] is not None]
            video = VideoFile(clip, offered_hz=OFFERED_HZ)
            for frame in video.frames():
                _, x, y = min(gaze, key=lambda row: abs(row[0] - frame.t_capture_ns / S))
                region = foveal(x, y, video.width_px, video.height_px, HFOV_DEG, PERIFOVEA_DEG)
                box = region.box if region else WHOLE
                (_, whole), (_, part) = encoder.encode([frame.image, crop(frame.image, box)])
                assert whole.emb is not None and part.emb is not None
                hw = whole.hw
                overview.append(whole.emb)
                crops.append(part.emb)
                boxes.append([box.x0, box.y0, box.x1, box.y1])
                scene.append(number)
    file = io.BytesIO()
    np.savez(file, overview=overview, foveal=crops, boxes=boxes, scene=scene, hw=hw)
    return file.getvalue()


def made_features(source: str) -> Features:
    """Scenes of a few things each that drift from frame to frame, with the spread of real tokens: one strong mean, few directions."""
    rng = np.random.default_rng(20)
    cells = MADE_HW[0] * MADE_HW[1]
    directions = rng.normal(size=(60, MADE_DIM)) * np.geomspace(1.0, 0.1, 60)[:, None] / np.sqrt(MADE_DIM)
    things = rng.normal(size=(MADE_SCENES, 6, 60)) @ directions / 3.0
    mean = rng.normal(size=MADE_DIM) * (0.8 / np.sqrt(MADE_DIM))
    overview, crops, boxes, scene = [], [], [], []
    for number in range(MADE_SCENES):
        layout = rng.integers(0, 6, cells)
        texture = rng.normal(size=(cells, 60)) @ directions / 8.0
        for _ in range(MADE_FRAMES):
            texture += rng.normal(size=(cells, 60)) @ directions / 30.0
            whole = mean + things[number, layout] + texture
            looked_at = int(rng.integers(0, 6))
            x, y = rng.uniform(0.0, 0.7, 2).tolist()
            overview.append(whole)
            crops.append(mean + things[number, looked_at] + texture)
            boxes.append(Box(x, y, x + 0.3, y + 0.3))
            scene.append(number)
    return Features(
        overview=np.asarray(overview, np.float32),
        foveal=np.asarray(crops, np.float32),
        boxes=boxes,
        scene=np.array(scene, np.int64),
        hw=MADE_HW,
        source=source,
    )
