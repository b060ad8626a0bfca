"""Writes docs/wire.md from the routes and the messages: python -m scripts.wire_docs."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from edge_runtime.transport import routes
from edge_runtime.transport.routes import AT_HOME, KIB, MAJOR, MESSAGES, ROUTES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "wire.md"
UNITS = {"_ns": "ns", "_px": "px", "_norm": "0..1", "_deg": "degrees", "_bytes": "bytes", "_c": "°C"}
RULES = f"""# The wire

What the processes of the daemon say to each other. Written by `python -m scripts.wire_docs` from `edge_runtime/transport/routes.py` and
`messages.py`, `statuses.py`, `edge_runtime/protocol.py`, `types.py` and `records.py`; a test holds it true.

- A message is sent under a **topic**, `er{MAJOR}/<route>`: {MAJOR} is the major version of all messages. Another major version is
  refused, which is told once and then counted.
- It is one MessagePack map. `type` is its **tag**; the other keys are its fields, in the order of the tables. A value is a map of its
  fields; a `Box` is an array of four numbers. Numbers called `array` are extension type 1: `<dtype>:<shape>:<data>`, with dtype
  `f4`, `f2`, `i4` or `i8` (little-endian), shape as decimal numbers with commas between them, and the data row by row.
- Fields are **only ever appended**, with a default, at any depth. A field that is not known is ignored; one that is missing takes its
  default. `tests/golden/wire/v{MAJOR}` holds the bytes of every message; today's code reads each revision and writes the newest.
- Every route has a **bound** on the bytes of a message, checked before anything is decoded, and on the messages that wait.
- What cannot be read is let go and counted: `message:topic|major|route|too_large|unknown|damaged` (`edge_runtime/transport/wire.py`).
- Times (`t_*_ns`) are stream time, nanoseconds since the start of the run on the machine's monotonic clock. `t_ns` of an event is set
  anew when it reaches the core.
- Positions (`_norm`, boxes) are shares of the picture's sides, 0..1 from the top left. Confidences and other shares are 0..1.
- A message says nothing about its sender: sockets lie in a folder that is the wearer's alone.
"""


def page() -> str:
    """The page as it should be."""
    values: dict[str, type] = {}
    messages = [line for name in MESSAGES for line in _section(MESSAGES[name], values)]
    shown: list[str] = []
    done: set[str] = set()
    while left := [name for name in values if name not in done]:  # values hold values
        for name in left:
            done.add(name)
            shown += _section(values[name], values)
    home = ", ".join(sorted(kind.__name__ for kind in AT_HOME))
    why = inspect.getdoc(routes) or ""
    parts = [RULES, "## Routes", "", *_routes(), "", *why.split("\n\n")[1:], "", f"At home: {home}.", "", "## Messages", ""]
    return "\n".join([*parts, *messages, "## Values", "", *shown]).replace("``", "`").rstrip() + "\n"


def _routes() -> Iterator[str]:
    yield "| route | from | to | messages | at most | may wait | kept | for |"
    yield "|---|---|---|---|--:|--:|---|---|"
    for route in ROUTES.values():
        names = ", ".join(kind.__name__ for kind in route.messages)
        purpose = f"{route.purpose}; answers `{route.answers}`" if route.answers else route.purpose
        cells = (f"`{route.name}`", route.sender, ", ".join(route.receivers), names, _size(route.max_bytes))
        yield f"| {' | '.join(cells)} | {route.max_waiting} | {route.keep} | {purpose} |"


def _size(nbytes: int) -> str:
    return f"{nbytes // KIB // KIB} MiB" if nbytes >= KIB * KIB else f"{nbytes // KIB} KiB"


def _section(kind: type, values: dict[str, type]) -> Iterator[str]:
    """A heading, what it says, and its fields; the values met on the way are added to ``values``."""
    text = inspect.getdoc(kind) or ""
    ways = [f"`{route.name}`" for route in ROUTES.values() if kind in route.messages]
    yield f"### {kind.__name__}"
    yield ""
    yield " ".join(text.partition("Attributes:")[0].partition("Raises:")[0].split()) + (f" By {', '.join(ways)}." if ways else "")
    yield ""
    rows = list(_fields(kind))
    if not rows:
        return
    meanings = dict(_meanings(text))
    yield "| field | type | unit | default | |"
    yield "|---|---|---|---|---|"
    for name, hint, default in rows:
        unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")
        cells = (f"`{name}`", _type(hint, values), unit, default, meanings.get(name, ""))
        yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
    yield ""


def _fields(kind: type) -> Iterator[tuple[str, Any, str]]:
    """Name, type and default of each field."""
    hints = get_type_hints(kind)
    if issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield field.name, hints[field.name], "" if field.required else _default(field.default)
    elif dataclasses.is_dataclass(kind):
        for known in dataclasses.fields(kind):
            yield known.name, hints[known.name], "" if known.default is dataclasses.MISSING else _default(known.default)


def _default(value: object) -> str:
    if value is None:
        return "none"
    if value in ((), "", b""):
        return "empty"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _type(hint: Any, values: dict[str, type]) -> str:
    """A type in words that are not Python's."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(arg, values) for arg in args)
    if origin is typing.Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin is tuple and args[-1] is Ellipsis:
        return f"list of {_type(args[0], values)}" if get_origin(args[0]) is not typing.Literal else f"list of ({_type(args[0], values)})"
    if origin is tuple:
        return f"array of {', '.join(_type(arg, values) for arg in args)}"
    if origin is np.ndarray:
        return f"array {np.dtype(get_args(args[1])[0]).name}"
    words = {int: "integer", float: "number", bool: "boolean", str: "text", bytes: "bytes", memoryview: "bytes", type(None): "none"}
    if hint in words:
        return words[hint]
    if hint.__name__ not in MESSAGES:
        values.setdefault(hint.__name__, hint)
    return f"[{hint.__name__}](#{hint.__name__.lower()})"


def _meanings(text: str) -> Iterator[tuple[str, str]]:
    """What a docstring says of each field."""
    listed = text.partition("Attributes:\n")[2].partition("\n\n")[0]
    for entry in re.split(r"\n    (?=\w+: )", "\n" + listed):
        name, _, meaning = entry.strip().partition(": ")
        yield name, " ".join(meaning.split()).replace("|", "\\|")


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
