"""A tower run by ONNX Runtime: on the processor, or on a GPU through one of its providers."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle, Tower
from edge_runtime.models.onnx_providers import CPU, Provider
from edge_runtime.models.onnx_session import Session, open_session_on
from edge_runtime.models.tower import tokens_of
from edge_runtime.pixels import Picture, planes, resize
from edge_runtime.types import Tokens


class OnnxTower:
    """A tower in ONNX Runtime; made by :func:`open_onnx_tower`. Keeps :class:`~edge_runtime.models.tower.TowerModel`.

    Args:
        session: The network.
        bundle: Where it is from; it has a tower.
    """

    def __init__(self, session: Session, bundle: Bundle) -> None:
        self._session = session
        self.spec = tower_of(bundle)
        self.backend = session.provider

    def encode(self, images: Sequence[Picture]) -> list[Tokens]:
        """Encode pictures, each on its own; see :class:`~edge_runtime.models.tower.TowerModel`."""
        return [self._encode(image) for image in images]

    def _encode(self, image: Picture) -> Tokens:
        side = self.spec.input_px
        value = planes(resize(image, side, side), self.spec.mean, self.spec.scale)
        return tokens_of(self._session.run(value)[0], self.spec, self.spec.file)

    def close(self) -> None:
        """Let go of the network."""
        self._session.close()

    def __enter__(self) -> OnnxTower:
        """Return the tower itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()


def tower_of(bundle: Bundle) -> Tower:
    """The tower that a bundle describes.

    Raises:
        BundleError: It has none.
    """
    tower = bundle.manifest.tower
    if tower is None:
        raise BundleError(f"bundle {bundle.manifest.name} has no vision tower", hint="export one: edge-runtime export vlm")
    return tower


def open_onnx_tower(bundle: Bundle, *, threads: int, provider: Provider = CPU, cpu_may_do: bool = False) -> OnnxTower:
    """Open the tower of a bundle; close it, or use it as a context manager.

    Args:
        bundle: A checked bundle.
        threads: Threads of one inference on the processor.
        provider: What is to run it.
        cpu_may_do: Whether the processor may, where the provider cannot.

    Raises:
        MissingExtra: ONNX Runtime is not installed, or was built without the provider.
        BundleError: The bundle has no tower, or the file is no network.
        ModelError: It would run on another provider.
    """
    tower = tower_of(bundle)
    return OnnxTower(open_session_on(bundle.file(tower.file), provider, threads=threads, cpu_may_do=cpu_may_do), bundle)
