"""Write a bundle's manifest as TOML 1.0."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from edge_runtime.models.bundle import Manifest


def manifest_toml(manifest: Manifest) -> str:
    """Turn a manifest into the text of ``bundle.toml``, in the order of its fields."""
    top: dict[str, Any] = msgspec.to_builtins(manifest)
    plain = {key: value for key, value in top.items() if not _is_table(value) and not _is_list_of_tables(value) and value is not None}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    for key, value in top.items():
        if _is_list_of_tables(value):
            for item in value:
                lines += ["", f"[[{key}]]", *_rows(item)]
        elif _is_table(value) and value:
            lines += ["", f"[{key}]", *_rows(value)]
    return "\n".join(lines) + "\n"


def _rows(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    # JSON's strings, numbers, booleans and flat arrays are TOML's too.
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], dict)
