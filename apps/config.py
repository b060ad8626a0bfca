"""``edge-runtime config show``: every setting with its value, its meaning and where it comes from, as a settings file."""

from __future__ import annotations

import argparse
import json

from apps.verbs import Verbs, add_json, add_settings, settings
from edge_runtime.settings import Key, Loaded, Setting, keys
from edge_runtime.units import say_quantity, units_of


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("config", help="show the settings", description="Show the settings.")
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    show = actions.add_parser(
        "show",
        help="print every setting",
        description="Print every setting. What it prints is a settings file: keep what you want to change in\n"
        "$XDG_CONFIG_HOME/edge_runtime/config.toml, or set EDGE_RUNTIME_<SECTION>_<KEY>, or use --set.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("--origin", action="store_true", help="say where each value comes from")
    add_settings(show)
    add_json(show)


def run(args: argparse.Namespace) -> int:
    """Print the settings."""
    loaded = settings(args)
    print(_as_json(loaded) if args.json else _as_toml(loaded, origin=args.origin))
    return 0


def _value(loaded: Loaded, key: Key) -> Setting:
    section, leaf = key.name.split(".")
    value: Setting = getattr(getattr(loaded.config, section), leaf)
    return value


def _as_json(loaded: Loaded) -> str:
    table = {
        name: {"value": _value(loaded, key), "origin": loaded.origin[name], "takes": key.accepts, "meaning": key.meaning}
        for name, key in keys().items()
    }
    return json.dumps(table, indent=2)


def _as_toml(loaded: Loaded, *, origin: bool) -> str:
    lines: list[str] = []
    for name, key in keys().items():
        section, leaf = name.split(".")
        if f"[{section}]" not in lines:
            lines += ["", f"[{section}]"]
        value = _value(loaded, key)
        units = units_of(name)
        note = f"{say_quantity(int(value), units)}: {key.meaning}" if units else key.meaning
        # A JSON text, number or truth value is a TOML one.
        lines.append(f"{f'{leaf} = {json.dumps(value)}':<34} # {note}{f' [{loaded.origin[name]}]' if origin else ''}")
    return "\n".join(lines[1:])
