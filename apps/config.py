"""``edge-runtime config show``: every setting with its value, its meaning and where it comes from, as a settings file."""

from __future__ import annotations

import argparse
import json

from apps.verbs import Verbs, add_json, add_settings, settings
from edge_runtime.settings import Loaded
from edge_runtime.settings_schema import keys
from edge_runtime.units import say_quantity, units_of


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("config", help="show the settings", description="Show the settings.")
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    show = actions.add_parser(
        "show",
        help="print every setting",
        description="Print every setting. What it prints is a settings file: keep what you want to change in\n"
        "$XDG_CONFIG_HOME/edge_runtime/config.toml, or set EDGE_RUNTIME_<SECTION>_<KEY>, or use --set.\n"
        "A run takes up those marked * while it goes on, and the others when it is started anew.",
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


def _as_json(loaded: Loaded) -> str:
    table = {
        name: {
            "value": key.value(loaded.config),
            "origin": loaded.origin[name],
            "takes": key.accepts,
            "reloadable": key.reloadable,
            "meaning": key.meaning,
        }
        for name, key in keys().items()
    }
    return json.dumps(table, indent=2)


def _as_toml(loaded: Loaded, *, origin: bool) -> str:
    lines = ["# *: taken up by a run that goes on"]
    for name, key in keys().items():
        if f"[{key.section}]" not in lines:
            lines += ["", f"[{key.section}]"]
        value = key.value(loaded.config)
        units = units_of(name)
        live = "* " if key.reloadable else ""
        note = f"{say_quantity(int(value), units)}: {key.meaning}" if units else key.meaning
        # A JSON text, number or truth value is a TOML one.
        lines.append(f"{f'{key.leaf} = {json.dumps(value)}':<34} # {live}{note}{f' [{loaded.origin[name]}]' if origin else ''}")
    return "\n".join(lines)
