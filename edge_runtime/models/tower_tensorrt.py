"""A tower that TensorRT runs on the GPU. Keeps :class:`~edge_runtime.models.tower.TowerModel`; never ran on a GPU yet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from edge_runtime.errors import BundleError
from edge_runtime.models.bundle import Bundle, Tower
from edge_runtime.models.hub import Say, quiet
from edge_runtime.models.tensorrt_cache import open_cached
from edge_runtime.models.tensorrt_cuda import open_gpu
from edge_runtime.models.tensorrt_library import library
from edge_runtime.models.tensorrt_run import Engine
from edge_runtime.models.tower import tokens_of
from edge_runtime.pixels import Picture, planes, resize
from edge_runtime.types import Tokens


class TensorRtTower:
    """Pictures to tokens, one by one. Close it, or use it as a context manager, to let go of the GPU.

    Args:
        spec: Its geometry.
        engine: What runs it, opened for ``[1,3,S,S]``.
        backend: What really runs it, for the record.
        held: Closed with it: the engine, and the GPU behind it.
    """

    def __init__(self, spec: Tower, engine: Engine, *, backend: str, held: ExitStack) -> None:
        self.spec = spec
        self.backend = backend
        self._engine = engine
        self._held = held

    def encode(self, images: Sequence[Picture]) -> list[Tokens]:
        """Encode pictures, each on its own, so that the result of one does not depend on its neighbours.

        Args:
            images: uint8 BGR [H,W,3] each, any size; brought to the tower's square without keeping their shape.

        Returns:
            For each its tokens, float16 [rows*columns, dim], row by row.

        Raises:
            ModelError: The GPU fails, the numbers are not finite, or the tower is closed.
        """
        return [self._encode(image) for image in images]

    def _encode(self, image: Picture) -> Tokens:
        side = self.spec.input_px
        rows = self._engine.run(planes(resize(image, side, side), self.spec.mean, self.spec.scale))
        return tokens_of(rows[0], self.spec, self.spec.file)

    def close(self) -> None:
        """Let go of the engine and the GPU."""
        self._held.close()

    def __enter__(self) -> TensorRtTower:
        """Return the tower itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()


def open_tensorrt_tower(bundle: Bundle, *, cache: Path | None = None, power_mode: str = "", say: Say = quiet) -> TensorRtTower:
    """Open the tower of a bundle on the first GPU; its engine is built first if this board has not done so before.

    Args:
        bundle: With a tower, in fp16 or int8.
        cache: Where engines are kept; the usual cache if not given.
        power_mode: The board's, if known: kernels are timed anew in another one.
        say: Called with one line at a time, when an engine is built.

    Raises:
        MissingExtra: TensorRT is not installed.
        DeviceError: There is no GPU, or the cache cannot be written.
        UnsupportedOnTarget: The GPU does not have what the tower's precision needs.
        BundleError: The bundle has no tower, or its file is another one than the manifest says.
        ModelError: The engine cannot be built, or there is not enough memory to run it.
    """
    spec = bundle.manifest.tower
    if spec is None:
        raise BundleError(f"bundle {bundle.manifest.name} has no tower", hint="take a bundle of a vision-language model")
    shape = (1, 3, spec.input_px, spec.input_px)
    backend = library().name
    with ExitStack() as stack:
        gpu = stack.enter_context(open_gpu())
        engine = stack.enter_context(open_cached(bundle.file(spec.file), shape, gpu=gpu, cache=cache, power_mode=power_mode, say=say))
        promised = (1, spec.rows * spec.columns, spec.dim)
        if engine.output_shape != promised:
            raise BundleError(
                f"{spec.file} gives tokens {engine.output_shape}, and {promised} were promised", hint="export the bundle again"
            )
        return TensorRtTower(spec, engine, backend=f"{backend} on {gpu.name}", held=stack.pop_all())
