"""A model process for tests: ``python -m tests.model_peer SOCKETS ORIGIN_NS POCKET VLM [hold]``. It runs until killed or its input ends.

It opens both bundles as the daemon does, and answers every question with :data:`ANSWER`: random weights would end where they like, so a
grammar leaves them no choice. With ``hold`` every answer stops in the middle of it and never goes on.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from edge_runtime.config import ModelsConfig, S
from edge_runtime.hosts.model_process import ModelProcess
from edge_runtime.models.generation import Generation, Language
from edge_runtime.models.language import LanguageModel, Sampling
from edge_runtime.models.opening import open_models
from edge_runtime.models.seeing import SeeingModel
from edge_runtime.protocol import Generate
from edge_runtime.transport.bus_zmq import ZmqBus
from edge_runtime.transport.endpoints import Local
from edge_runtime.transport.post import Post

ANSWER = "it is red and it is round"
_PIECES = 4


class Bound:
    """A language model that writes nothing but :data:`ANSWER`."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, sequence: int, sampling: Sampling) -> Iterator[str]:
        return self._model.generate(sequence, replace(sampling, grammar=f'root ::= "{ANSWER}"'))


class Held:
    """A language model whose answers never end. Keeps :class:`~edge_runtime.models.generation.Language`."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.interrupt, self.forget = language.interrupt, language.forget

    def generate(self, command: Generate) -> Generation:
        begun = self._language.generate(command)
        return Generation(self._pieces(begun), shown=begun.shown, dropped=begun.dropped)

    def _pieces(self, begun: Generation) -> Generator[str, None, None]:
        yield from islice((piece for piece in begun if piece), _PIECES)
        threading.Event().wait()


def models_config(pocket: Path, vlm: Path) -> ModelsConfig:
    """How it opens the two bundles."""
    return ModelsConfig(bundle=str(pocket), vlm=str(vlm), context_rows=512, shown_rows=64, threads=1)


@contextlib.contextmanager
def model_process(
    sockets: Path, time_ns: Callable[[], int], config: ModelsConfig, *, hold: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one, on the clock of the others, until the block is left; killed if it is still there then."""
    origin_ns = time.monotonic_ns() - time_ns()
    words = [sys.executable, "-m", "tests.model_peer", str(sockets), str(origin_ns), config.bundle, config.vlm]
    with subprocess.Popen([*words, "hold"] if hold else words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def main(sockets: str, origin_ns: str, pocket: str, vlm: str, hold: str = "") -> None:
    def time_ns() -> int:
        return time.monotonic_ns() - int(origin_ns)

    with ExitStack() as stack:
        models = open_models(models_config(Path(pocket), Path(vlm)), stack).require()
        assert isinstance(models.language, SeeingModel)
        models.language._model = Bound(models.language._model)
        language = Held(models.language) if hold else models.language
        post = stack.enter_context(Post(ZmqBus(Local(Path(sockets))), "model", origin_ns=int(origin_ns)))
        process = ModelProcess(post, models.looker, language, time_ns=time_ns, stuck_ns=20 * S)
        work = threading.Thread(target=process.run)
        work.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        process.stop()
        work.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
