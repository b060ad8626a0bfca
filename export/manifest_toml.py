"""Write a bundle's manifest as TOML 1.0."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from edge_runtime.models.bundle import Manifest

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def manifest_toml(manifest: Manifest) -> str:
    """Turn a manifest into the text of ``bundle.toml``, in the order of its fields. What is not there is left out."""
    return "\n".join(_table(msgspec.to_builtins(manifest), ())) + "\n"


def _table(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table: what is plain comes first, because everything behind a head belongs to that head."""
    for key, value in table.items():
        if value is not None and not isinstance(value, dict) and not _is_list_of_tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        inner = (*path, _key(key))
        if _is_list_of_tables(value):
            for item in value:
                yield from ("", f"[[{'.'.join(inner)}]]", *_table(item, inner))
        elif isinstance(value, dict) and value:
            yield from ("", f"[{'.'.join(inner)}]", *_table(value, inner))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    # JSON's strings, numbers and booleans are TOML's too, but for one character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], dict)
