"""A language model for tests of the core and its hosts: what it says is given, and what it was shown is told as a real one tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator

from edge_runtime.models.generation import Generation
from edge_runtime.models.language import Interrupted
from edge_runtime.models.planner import NothingSeen
from edge_runtime.protocol import Generate
from edge_runtime.records import Dropped, ShownTokens
from edge_runtime.types import Capabilities

SEEING = Capabilities(bundle="seeing", vector=True, labels=True, text=True, tokens=True, language=True, vector_dim=4)
"""Of the pocket pack and a vision-language model together."""
UNSHOWN = Dropped("token", "context", 3)


class Talker:
    """Says what a test wants. Keeps :class:`~edge_runtime.models.generation.Language`.

    Args:
        say: The pieces of an answer.

    Attributes:
        commands: What it was asked.
        interrupted: How often it was interrupted.
        forgotten: How often it was told to forget.
    """

    def __init__(self, say: Callable[[Generate], Iterable[str]]) -> None:
        self._say = say
        self.commands: list[Generate] = []
        self.interrupted = 0
        self.forgotten = 0

    def generate(self, command: Generate) -> Generation:
        self.commands.append(command)
        shown = shown_by(command)
        if command.why == "answer" and not shown:
            raise NothingSeen("there is nothing to answer by", hint="look at something")
        return Generation(self._pieces(command), shown=shown, dropped=(UNSHOWN,))

    def interrupt(self) -> None:
        self.interrupted += 1

    def forget(self) -> None:
        self.forgotten += 1

    def _pieces(self, command: Generate) -> Generator[str, None, None]:
        yield ""  # a block of the prompt was read
        yield from self._say(command)


class LongReader(Talker):
    """Reads its first prompt until it is interrupted, with nothing shown; the prompts after that are short.

    Attributes:
        reading: It has begun.
        emptied: It was told to forget.
    """

    def __init__(self, patience_s: float) -> None:
        super().__init__(lambda command: ["short"] if len(self.commands) > 1 else self._read(patience_s))
        self.reading, self.emptied, self._stop = threading.Event(), threading.Event(), threading.Event()

    def generate(self, command: Generate) -> Generation:
        self.commands.append(command)
        return Generation(self._pieces(command))

    def interrupt(self) -> None:
        super().interrupt()
        self._stop.set()

    def forget(self) -> None:
        super().forget()
        self.emptied.set()

    def _read(self, patience_s: float) -> Iterator[str]:
        self.reading.set()
        assert self._stop.wait(patience_s)
        raise Interrupted("reading was stopped", hint="ask again")
        yield ""


def shown_by(command: Generate) -> tuple[ShownTokens, ...]:
    """What a model is shown that shows all it is given, whether the numbers are there or not."""
    slab = command.slab
    memory = (
        [ShownTokens("memory", int(slab.t_ns.min()), int(slab.t_end_ns.max()), len(slab.t_ns), float(slab.weight.sum()))]
        if (slab is not None and len(slab.t_ns))
        else []
    )
    return (*memory, *(ShownTokens("foveal", command.t_look_ns, command.t_look_ns, 4, 4.0) for look in command.looks if look.tokens))
