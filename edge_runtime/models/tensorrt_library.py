"""TensorRT, and the only door to it: the package of this machine, and what it says, kept.

That is ``tensorrt`` on a Jetson, where it comes with JetPack, and with the wheels of that name; ``tensorrt_rtx`` is for graphics cards of
PCs, and the only one that builds without a GPU.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from edge_runtime.errors import DeviceError, MissingExtra

_MOST_LINES = 20
# A fault of the driver is told as internal, and errors follow from it.
_ERRORS, _WARNING = ("INTERNAL_ERROR", "ERROR"), "WARNING"
# Not installed; installed without the libraries that it needs; not for this machine.
_UNUSABLE = (ImportError, OSError, RuntimeError)


class Library:
    """TensorRT, loaded.

    Attributes:
        api: The package.
        name: Package and version; engines are bound to both.
    """

    def __init__(self, api: Any) -> None:
        self.api = api
        self.name = f"{api.__name__} {api.__version__}"
        self._said: dict[str, deque[str]] = {severity: deque(maxlen=_MOST_LINES) for severity in (*_ERRORS, _WARNING)}
        # TensorRT calls it for as long as anything lives that was made with it.
        self.listener = _listener(api, self._hear)
        self._runtime: Any = None

    def builder(self) -> Any:
        """A builder of engines.

        Raises:
            DeviceError: It needs a GPU, and finds none.
        """
        return self._start(self.api.Builder)

    def runtime(self) -> Any:
        """What opens engines; there is one, which outlives them.

        Raises:
            DeviceError: It needs a GPU, and finds none.
        """
        if self._runtime is None:
            self._runtime = self._start(self.api.Runtime)
        return self._runtime

    def _start(self, kind: Any) -> Any:
        try:
            return kind(self.listener)
        except TypeError as error:
            # What the bindings raise when the library gives them nothing.
            hint = "check the GPU and its driver; without one, towers run in ONNX Runtime"
            raise DeviceError(f"{self.name} does not start: {self.complaint()}", hint=hint) from error

    def _hear(self, severity: str, line: str) -> None:
        if severity in self._said:
            self._said[severity].append(line.strip())

    def forget(self) -> None:
        """Forget what it said so far."""
        for lines in self._said.values():
            lines.clear()

    def complaint(self) -> str:
        """What it first complained of since :meth:`forget`, in its own words; ``"no reason given"`` if it did not."""
        return next((lines[0] for severity in _ERRORS if (lines := self._said[severity])), "no reason given")

    def warnings(self) -> tuple[str, ...]:
        """What it warned of since :meth:`forget`, each line once."""
        return tuple(dict.fromkeys(self._said[_WARNING]))


_loaded: list[Library] = []


def library() -> Library:
    """The library, loaded when it is first asked for: ``tensorrt``, else ``tensorrt_rtx``.

    Raises:
        MissingExtra: Neither is installed, or neither can be loaded here.
    """
    if not _loaded:
        reasons: list[str] = []
        api = _tensorrt(reasons) or _tensorrt_rtx(reasons)
        if api is None:
            hint = "on a Jetson it comes with JetPack; elsewhere install the extra tensorrt: scripts/install cpu,tensorrt"
            raise MissingExtra(f"engines need the package tensorrt, which cannot be used ({'; '.join(reasons)})", hint=hint)
        _loaded.append(Library(api))
    return _loaded[0]


def _tensorrt(reasons: list[str]) -> Any:
    try:
        import tensorrt
    except _UNUSABLE as error:
        reasons.append(str(error))
        return None
    return tensorrt


def _tensorrt_rtx(reasons: list[str]) -> Any:
    try:
        import tensorrt_rtx
    except _UNUSABLE as error:
        reasons.append(str(error))
        return None
    return tensorrt_rtx


def _listener(api: Any, hear: Callable[[str, str], None]) -> Any:
    class Listener(api.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            # The bindings insist on their own constructor being called by name.
            api.ILogger.__init__(self)

        def log(self, severity: Any, line: str) -> None:
            hear(severity.name, line)

    return Listener()
