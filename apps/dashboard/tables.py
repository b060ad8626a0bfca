"""Tables and wrapped sentences in plain text, and the words for ages and times."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edge_runtime.config import MS, S
from edge_runtime.speak.phrasing import duration

NOT_KNOWN = "not known"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], names: int = 2) -> list[str]:
    """Lines of a table, columns two spaces apart.

    Args:
        header: Of each column.
        rows: As many cells each.
        names: So many columns from the left hold names and begin at their left; the others hold quantities and end at their right.
    """
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return [
        "  ".join(
            cell.ljust(width) if column < names else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def paragraphs(parts: Sequence[Sequence[str]]) -> list[str]:
    """Parts of a page one below the other, an empty line between them; empty parts are left out."""
    return [line for part in parts if part for line in ("", *part)][1:]


def wrapped(sentence: str, width: int, indent: str = "  ") -> list[str]:
    """A sentence in lines of at most ``width``; all but the first are indented once more."""
    return textwrap.wrap(plain(sentence), max(width, 20), initial_indent=indent, subsequent_indent=2 * indent)


def plain(text: str) -> str:
    """A text without what moves a cursor: it may be what was read somewhere."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def span(span_ns: int | None) -> str:
    """A length of time in few letters: ``44 ms``, ``1.2 s``, ``74 s``, ``3 min``; :data:`NOT_KNOWN`."""
    if span_ns is None:
        return NOT_KNOWN
    if span_ns < S:
        return f"{span_ns // MS} ms"
    return f"{span_ns / S:.1f} s" if span_ns < 10 * S else duration(span_ns)


def ago(age_ns: int) -> str:
    """``just now``, ``12 s ago``, ``3 min ago``."""
    return "just now" if age_ns < S else f"{duration(age_ns)} ago"
