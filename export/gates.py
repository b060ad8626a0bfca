"""Gates: what a vision tower in fewer bits has to reach on real pictures before it may be bundled. Pass and fail are data.

The measure is the cosine between the tokens of a picture and those of the float32 tower, all tokens of the picture as one vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ModelError
from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import Picture, planes, resize
from export.precision import Precision
from export.spec import ModelSpec, PixelScale

Array = npt.NDArray[np.float32]


class Gate(msgspec.Struct, frozen=True):
    """What is required.

    Attributes:
        mean: Of the cosines over the pictures, at least.
        smallest: Each cosine, at least.
        pictures: At least so many.
    """

    mean: float
    smallest: float
    pictures: int = 20


GATES: Mapping[Precision, Gate] = MappingProxyType(
    {"fp16": Gate(0.9999, 0.9999), "int8": Gate(0.998, 0.99), "dynamic-int8": Gate(0.998, 0.99), "fp8": Gate(0.998, 0.99)}
)
"""Of each precision."""


class Verdict(msgspec.Struct, frozen=True):
    """What was measured, beside what is required.

    Attributes:
        precision: Of the tower that was measured.
        gate: What it has to reach.
        mean: Mean cosine; NaN without pictures.
        smallest: Smallest cosine; NaN without pictures.
        pictures: How many were looked at.
    """

    precision: Precision
    gate: Gate
    mean: float
    smallest: float
    pictures: int

    @property
    def failures(self) -> tuple[str, ...]:
        """Each thing that falls short, with figure and level; nothing if the gate is passed."""
        name = f"vision {self.precision}"
        checks = (
            (self.pictures, self.gate.pictures, f"{name}: {self.pictures} pictures, at least {self.gate.pictures} are needed"),
            (self.mean, self.gate.mean, f"{name}: mean cosine {self.mean:.5f}, at least {self.gate.mean} is needed"),
            (self.smallest, self.gate.smallest, f"{name}: smallest cosine {self.smallest:.5f}, at least {self.gate.smallest} is needed"),
        )
        # Not "less than": a NaN must fail.
        return tuple(text for got, least, text in checks if not got >= least)

    @property
    def passed(self) -> bool:
        """Whether nothing falls short."""
        return not self.failures

    def figures(self) -> dict[str, float]:
        """What ``bundle.toml`` keeps of it."""
        prefix = f"vision_{self.precision.replace('-', '_')}"
        return {f"{prefix}_cosine_mean": self.mean, f"{prefix}_cosine_min": self.smallest, f"{prefix}_pictures": float(self.pictures)}


def tower_input(picture: Picture, spec: ModelSpec, scale: PixelScale) -> Array:
    """Turn a picture into what the tower takes: one tile, brought to a square without keeping its shape.

    Args:
        picture: uint8 BGR [H,W,3].
        spec: Of the checkpoint.
        scale: How its pixels are scaled.

    Returns:
        float32 [1,3,S,S], RGB.
    """
    return planes(resize(picture, spec.tile_px, spec.tile_px), scale.mean, scale.scale)


def cosines(reference: Path, candidate: Path, images: Iterable[Array]) -> list[float]:
    """Compare two towers, picture by picture.

    Args:
        reference: ONNX, float32.
        candidate: ONNX, the same tower in another precision.
        images: float32 [1,3,S,S] each, as :func:`tower_input` gives them.

    Returns:
        A cosine a picture; NaN where a tower gives zeros or numbers that are not finite.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        BundleError: A file is no network.
        ModelError: The towers take other pictures, or give tokens of different shapes.
    """
    with open_session(reference, threads=1) as exact, open_session(candidate, threads=1) as fewer_bits:
        return [_cosine(exact.run(image), fewer_bits.run(image)) for image in images]


def judge(precision: Precision, measured: Sequence[float]) -> Verdict:
    """Hold cosines against the gate of a precision."""
    gate = GATES[precision]
    if not measured:
        return Verdict(precision, gate, float("nan"), float("nan"), 0)
    return Verdict(precision, gate, float(np.mean(measured)), float(np.min(measured)), len(measured))


def _cosine(a: Array, b: Array) -> float:
    if a.shape != b.shape:
        raise ModelError(f"the towers give tokens of {a.shape} and {b.shape}", hint="compare two precisions of one export")
    x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    # A tower that gives nothing is no better than one that gives NaN.
    return float(x @ y) / length if length else float("nan")
