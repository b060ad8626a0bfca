"""The picture encoder: a crop to a unit vector, by which things are told apart, and to patch tokens, which a memory keeps.

A vision transformer cut in the middle. The class tokens of two blocks are whitened (Jégou and Chum, ECCV 2012), each brought to unit
length, joined, and brought to unit length again; the tokens of an earlier block say where things are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle, Vision
from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import Picture, planes, resize
from edge_runtime.types import Tokens, Vector

Array = npt.NDArray[np.float32]

_HINT = "run: edge-runtime models prepare pocket"


@dataclass(frozen=True)
class Whitening:
    """A linear map that makes the spread of class tokens equal in every direction.

    Attributes:
        mean: float32 [L,D], one row a block.
        matrix: float32 [L,D,K].
    """

    mean: Array
    matrix: Array

    def apply(self, cls: Array) -> Vector:
        """Turn class tokens float32 [L,D] into a unit vector float32 [L*K]."""
        parts = np.einsum("ld,ldk->lk", cls - self.mean, self.matrix)
        return unit((parts / np.linalg.norm(parts, axis=1, keepdims=True)).ravel())


def load_whitening(path: Path) -> Whitening:
    """Read a whitening from ``.npz``.

    Raises:
        BundleError: The file is not one.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return Whitening(data["mean"].astype(np.float32), data["matrix"].astype(np.float32))
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise BundleError(f"{path.name} holds no whitening: {error}", hint=_HINT) from error


def unit(vector: Array) -> Vector:
    """Bring a vector to unit length; a vector of zeros stays one."""
    norm = float(np.linalg.norm(vector))
    return (vector / norm if norm else vector).astype(np.float32)


class VisionNet:
    """The network alone, before whitening.

    Args:
        file: ONNX, as :class:`~edge_runtime.models.bundle.Vision` describes it.
        vision: Its geometry.
        threads: Threads of one inference.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        BundleError: The file is no such network.
    """

    def __init__(self, file: Path, vision: Vision, *, threads: int) -> None:
        self._vision = vision
        self._session = open_session(file, threads)

    def run(self, image: Picture) -> tuple[Array, Array]:
        """Look at one picture, resized to the network's input without keeping its shape.

        Args:
            image: uint8 BGR [H,W,3].

        Returns:
            Class tokens float32 [L,D], and patch tokens float32 [rows,columns,D].
        """
        side = self._vision.input_px
        value = planes(resize(image, side, side), self._vision.mean, self._vision.scale)
        cls, patches = self._session.run_all(value)
        grid = side // self._vision.patch_px
        return cls[0], patches[0].reshape(grid, grid, -1)

    def close(self) -> None:
        """Let go of the network."""
        self._session.close()


class Encoder:
    """Crops to vectors and tokens.

    Args:
        bundle: A bundle with a vision part.
        threads: Threads of one inference.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        BundleError: The bundle has no encoder, or its files do not fit together.
    """

    def __init__(self, bundle: Bundle, *, threads: int) -> None:
        vision = bundle.manifest.vision
        if vision is None:
            raise BundleError(f"bundle {bundle.manifest.name} cannot encode pictures", hint=_HINT)
        self._vision = vision
        self._whitening = load_whitening(bundle.file(vision.whitening)) if vision.vector == "whitened" else None
        if self._whitening is not None and self._whitening.matrix.shape[0] * self._whitening.matrix.shape[2] != vision.vector_dim:
            raise BundleError(f"the whitening of bundle {bundle.manifest.name} does not give {vision.vector_dim} numbers", hint=_HINT)
        self._net = VisionNet(bundle.file(vision.file), vision, threads=threads)

    def encode(self, images: Sequence[Picture]) -> list[tuple[Vector, Tokens]]:
        """Encode crops, one by one, so that the result of one does not depend on its neighbours.

        Args:
            images: uint8 BGR [H,W,3] each, any size.

        Returns:
            For each a unit vector float32 [G] and its tokens.
        """
        return [self._encode(image) for image in images]

    def _encode(self, image: Picture) -> tuple[Vector, Tokens]:
        cls, patches = self._net.run(image)
        vector = unit(cls[-1]) if self._whitening is None else self._whitening.apply(cls)
        rows, columns = self._vision.token_rows, self._vision.token_columns
        pooled = _pool(patches, rows, columns)
        return vector, Tokens(hw=(rows, columns), dim=pooled.shape[1], emb=pooled.astype(np.float16))

    def close(self) -> None:
        """Let go of the network."""
        self._net.close()

    def __enter__(self) -> Encoder:
        """Return the encoder itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()


def _pool(patches: Array, rows: int, columns: int) -> Array:
    """Average a grid of patch tokens float32 [r,c,D] down to float32 [rows*columns,D]."""
    height, width, dim = patches.shape
    blocks: Array = patches.reshape(rows, height // rows, columns, width // columns, dim).mean(axis=(1, 3))
    return blocks.reshape(rows * columns, dim)
