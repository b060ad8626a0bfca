"""Weak naming: the five likeliest of a thousand class names for a crop. Search keys, never statements."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle
from edge_runtime.models.onnx_session import open_session
from edge_runtime.pixels import Picture, planes, resize
from edge_runtime.types import LabelHint

TOP = 5

_HINT = "run: edge-runtime models prepare pocket"


class Namer:
    """Crops to label hints.

    Args:
        bundle: A bundle with a naming part.
        threads: Threads of one inference.

    Attributes:
        names: Every class name, lower case, in the order of the classes.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        BundleError: The bundle has no classifier, or its files do not fit together.
    """

    def __init__(self, bundle: Bundle, *, threads: int) -> None:
        naming = bundle.manifest.naming
        if naming is None:
            raise BundleError(f"bundle {bundle.manifest.name} cannot name things", hint=_HINT)
        self._naming = naming
        self._bundle = bundle.manifest.name
        self.names = tuple(bundle.file(naming.names).read_text(encoding="utf-8").splitlines())
        self._session = open_session(bundle.file(naming.file), threads)

    def name(self, images: Sequence[Picture]) -> list[tuple[LabelHint, ...]]:
        """Name crops.

        Args:
            images: uint8 BGR [H,W,3] each, any size; resized without keeping their shape.

        Returns:
            For each at most five hints, likeliest first, with softmax probabilities.

        Raises:
            BundleError: The network has another number of classes than there are names.
        """
        return [self._name(image) for image in images]

    def _name(self, image: Picture) -> tuple[LabelHint, ...]:
        side, mean, scale = self._naming.input_px, self._naming.mean, self._naming.scale
        value = planes(resize(image, side, side), (mean, mean, mean), (scale, scale, scale))
        probabilities = self._session.run(value)[0]
        if probabilities.size != len(self.names):
            raise BundleError(f"bundle {self._bundle} has {len(self.names)} names for {probabilities.size} classes", hint=_HINT)
        best = np.argsort(-probabilities, kind="stable")[:TOP]
        return tuple(LabelHint(self.names[index], float(min(1.0, probabilities[index]))) for index in best)

    def close(self) -> None:
        """Let go of the network."""
        self._session.close()

    def __enter__(self) -> Namer:
        """Return the namer itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()
