"""The pictures that ``export vlm`` measures with where none are given: parts of the photographs that the sample hangs on its wall."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from devices.gallery import pictures
from edge_runtime.errors import Unreachable
from edge_runtime.models.hub import Say, cache_folder, write_atomic
from edge_runtime.pixels import Picture, crop, jpeg_encode
from edge_runtime.types import WHOLE, Box

_PARTS = (WHOLE, Box(0.0, 0.0, 0.6, 0.6), Box(0.4, 0.0, 1.0, 0.6), Box(0.0, 0.4, 0.6, 1.0), Box(0.4, 0.4, 1.0, 1.0))
_QUALITY, _MAX_SIDE_PX = 95, 1024
_SHOWN = "mug"


def default_pictures(*, cache: Path | None = None, say: Say) -> Path:
    """Cut each photograph into its whole and its four corners, and keep the parts in the cache; returns their folder.

    Files are named by the photograph, so that the parts of one photograph stay together.

    Raises:
        Unreachable: The photographs are not there and cannot be fetched.
        HashMismatch: One is not the file that was asked for.
        DeviceError: The cache cannot be written.
    """
    folder = (cache or cache_folder()) / "export_pictures"
    for name, picture in pictures.load(cache=cache, say=say).items():
        for number, part in enumerate(_PARTS):
            write_atomic(folder / f"{name}-{number}.jpg", [jpeg_encode(crop(picture, part), _QUALITY, _MAX_SIDE_PX)])
    return folder


def shown_picture(*, cache: Path | None = None, say: Say) -> Picture:
    """The photograph of a cup of coffee; a drawn pattern where it is not in the cache and cannot be fetched. uint8 BGR [H,W,3].

    Raises:
        HashMismatch: The photograph is not the file that was asked for.
        DeviceError: The cache cannot be written.
    """
    try:
        return pictures.load(cache=cache, say=say)[_SHOWN]
    except Unreachable:
        say("the sample's photographs are not here and cannot be fetched: it is shown a drawn pattern")
    down, across = np.mgrid[0:256, 0:256].astype(np.uint8)
    return np.stack([down, across, np.bitwise_xor(down, across)], axis=-1)
