"""The pictures that a tower is calibrated with and judged by: a folder of them, parted so that none serves both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import InputError
from edge_runtime.models.hub import sha256_of
from edge_runtime.pixels import jpeg_decode
from export.gates import tower_input
from export.precision import LEAST_CALIBRATION
from export.spec import ModelSpec, PixelScale

KINDS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
LEAST_GATE = 20
"""Pictures that a tower is judged by."""
LEAST_PICTURES = LEAST_CALIBRATION + LEAST_GATE
"""In a folder."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures, by their sha256.

    Attributes:
        calibration: What ranges of activations are measured on.
        gate: What a tower is judged by.
        copies: Files that were left out because another one is the same.
    """

    calibration: Mapping[str, Path]
    gate: Mapping[str, Path]
    copies: int


def pictures_in(folder: Path) -> PictureSet:
    """Part the pictures of a folder: the last third by name, at least :data:`LEAST_GATE`, are the gate's.

    By name and in one piece, because pictures with neighbouring names often show the same scene: a gate on the scene that was
    calibrated with would say too much.

    Raises:
        InputError: There are too few, or the folder cannot be read.
    """
    try:
        files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in KINDS]
        distinct: dict[str, Path] = {}
        for path in files:
            distinct.setdefault(sha256_of(path), path)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}", hint="give a folder of pictures with --pictures") from error
    if len(distinct) < LEAST_PICTURES:
        hint = f"{LEAST_CALIBRATION} are calibrated with and {LEAST_GATE} others judged by; give more, such as the wearer sees"
        raise InputError(f"{folder} holds {len(distinct)} different pictures, at least {LEAST_PICTURES} are needed", hint=hint)
    cut = len(distinct) - max(LEAST_GATE, len(distinct) // 3)
    listed = list(distinct.items())
    return PictureSet(dict(listed[:cut]), dict(listed[cut:]), len(files) - len(distinct))


def tower_inputs(pictures: Mapping[str, Path], spec: ModelSpec, scale: PixelScale) -> Iterator[npt.NDArray[np.float32]]:
    """Read pictures one at a time, as a tower takes them: float32 [1,3,S,S].

    Raises:
        InputError: A file is no readable picture.
    """
    for path in pictures.values():
        try:
            yield tower_input(jpeg_decode(path.read_bytes()), spec, scale)
        except (OSError, InputError) as error:
            raise InputError(f"{path} is no readable picture", hint="take it out of the folder, and run this again") from error
