"""Board profiles from ``boards.toml``: what each stage costs on a board, and how anybody knows.

Every figure says of what kind it is: *measured* (by a command of this project, which is named), *published* (by somebody else, with a
link) or *assumed* (with the reason in words). Whoever uses a figure passes that on.
"""

from __future__ import annotations

import difflib
import math
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_runtime.errors import ConfigError, UsageError

Kind = Literal["measured", "published", "assumed"]
Stage = Literal["encode", "name", "read", "thumb", "append", "search", "prefill", "generate"]
STAGES: dict[Stage, str] = {
    "encode": "encode a crop",
    "name": "name a crop",
    "read": "read the text of a crop",
    "thumb": "make a thumbnail",
    "append": "append a row to the log",
    "search": "search the log",
    "prefill": "take in a token",
    "generate": "generate a token",
}
"""What a board spends time on, in words; a profile gives milliseconds for one of each."""

_COMMANDS = ("python -m ", "edge-runtime ")


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number and where it comes from.

    Attributes:
        value: In the unit that the name of the figure ends in.
        kind: How it is known.
        source: The command that measured it and the machine it ran on; the link to where it is published; or why it is assumed.
    """

    value: Annotated[float, Meta(ge=0.0)]
    kind: Kind
    source: Annotated[str, Meta(min_length=1)]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1)]
    compatible: tuple[str, ...]
    encode_ms: Figure
    name_ms: Figure
    read_ms: Figure
    thumb_ms: Figure
    append_ms: Figure
    search_ms: Figure
    prefill_ms: Figure
    generate_ms: Figure


class Board(msgspec.Struct, frozen=True):
    """The profile of a board.

    Attributes:
        name: As ``--as`` takes it.
        title: As people call it.
        compatible: Parts of the device tree's ``compatible`` strings that only this board has; empty where there is no device tree.
        stages: Milliseconds of one of each stage. A replay that is played as on the board names those it used in its report.
    """

    name: str
    title: str
    compatible: tuple[str, ...]
    stages: dict[Stage, Figure]

    def cost_ns(self, stage: Stage) -> int:
        """How long one of a stage takes."""
        return round(self.stages[stage].value * 1e6)


def read_boards(text: str) -> dict[str, Board]:
    """Read profiles and check them.

    Args:
        text: TOML: one table a board, as in ``boards.toml``.

    Raises:
        ConfigError: A figure is missing, unknown, impossible or of unclear origin.
    """
    try:
        tables = msgspec.toml.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConfigError(f"the board profiles are no TOML: {error}", hint="one table a board, as in boards.toml") from None
    return {name: _board(name, table) for name, table in tables.items()}


@cache
def boards() -> dict[str, Board]:
    """All profiles that come with the runtime, by name."""
    return read_boards(resources.files(__package__).joinpath("boards.toml").read_text(encoding="utf-8"))


def board(name: str) -> Board:
    """The profile of that name.

    Raises:
        UsageError: There is none; the hint names the nearest.
    """
    known = boards()
    if name not in known:
        close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}" if close else f"one of {', '.join(known)}"
        raise UsageError(f"there is no profile of a board called {name}", hint=hint)
    return known[name]


def _check(where: str, figure: Figure) -> None:
    if not math.isfinite(figure.value):
        raise ConfigError(f"{where} is {figure.value}", hint="a figure is a finite number, zero or more")
    if figure.kind == "published" and "https://" not in figure.source:
        raise ConfigError(f"{where} is published and says not where", hint="give a link in source, or call it assumed")
    if figure.kind == "measured" and not any(command in figure.source for command in _COMMANDS):
        raise ConfigError(f"{where} is measured and says not by which command", hint="name the command in source, or call it assumed")


def _board(name: str, table: Any) -> Board:
    try:
        entry = msgspec.convert(table, _Entry)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the profile of {name} is off: {error}", hint="a figure is { value, kind, source }, as in boards.toml") from None
    stages: dict[Stage, Figure] = {stage: getattr(entry, f"{stage}_ms") for stage in STAGES}
    for stage, figure in stages.items():
        _check(f"{name}.{stage}_ms", figure)
    return Board(name, entry.title, entry.compatible, stages)
