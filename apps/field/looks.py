"""What a look costs with the models that are prepared: encoding, naming, reading, a thumbnail."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from apps.field.timing import Job, Jobs
from devices.gallery.cards import CARDS, draw
from edge_runtime.models.bundle import Bundle
from edge_runtime.models.looker import Crop, open_looker
from edge_runtime.pixels import Picture, resize
from edge_runtime.protocol import Look
from edge_runtime.types import WHOLE, Capabilities, Region, Want

CROP_PX = 448
_READ_PX = 320
_LOOKS: tuple[tuple[str, Want], ...] = (("encode", "vector"), ("name", "labels"), ("read", "text"), ("thumb", "thumb"))


def jobs(bundle: Bundle, threads: int) -> Jobs:
    """The parts of a look that the bundle can do, each on one crop."""
    with open_looker(bundle, threads=threads) as looker:
        for name, want in _LOOKS:
            if can(looker.capabilities, want):
                region = Region("foveal", WHOLE, (want,))
                look = Look(id=1, deadline_ns=0, frame_seq=0, t_capture_ns=0, regions=(region,), why="fixation")
                crop = Crop(region, sign() if want == "text" else photograph(CROP_PX, CROP_PX))
                yield Job(name, itertools.repeat(functools.partial(looker.look, look, [crop])))


def can(capabilities: Capabilities, want: Want) -> bool:
    """Whether models with these capabilities do what is wanted; a thumbnail needs none."""
    return {"vector": capabilities.vector, "labels": capabilities.labels, "text": capabilities.text}.get(want, True)


def photograph(width_px: int, height_px: int) -> Picture:
    """Noise with as much large as small in it, as a photograph has, so that a JPEG of it is of a usual size: uint8 BGR [H,W,3]."""
    dice = np.random.default_rng(7)
    scales = (8, 32, 128)
    grains = [dice.integers(0, 256, (height_px // scale + 1, width_px // scale + 1, 3), np.uint8) for scale in scales]
    layers = [resize(grain, width_px, height_px).astype(np.float32) for grain in grains]
    picture: Picture = np.mean(layers, axis=0).astype(np.uint8)
    return picture


def sign() -> Picture:
    """What is read: a sign with two lines, as large as the runtime cuts it out for reading."""
    page = np.full((_READ_PX, _READ_PX, 3), 235, np.uint8)
    card = draw(CARDS[0], ppm=0.9 * _READ_PX / CARDS[0].width_m)
    top, left = (_READ_PX - card.shape[0]) // 2, (_READ_PX - card.shape[1]) // 2
    page[top : top + card.shape[0], left : left + card.shape[1]] = card
    return page
