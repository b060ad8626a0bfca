"""Where the settings come from: defaults, then a TOML file, then ``EDGE_RUNTIME_<SECTION>_<KEY>``, then flags; the last word counts.

What settings there are is data (:mod:`edge_runtime.config`, :mod:`edge_runtime.settings_schema`). Nothing is guessed: a key that does not
exist is an error that names the nearest one, and a value that does not fit is an error that names the range.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edge_runtime.config import Config
from edge_runtime.errors import ConfigError
from edge_runtime.settings_schema import ENV_PREFIX, Key, Setting, keys
from edge_runtime.units import parse_quantity, say_quantity, units_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NOT_SETTINGS = frozenset({"EDGE_RUNTIME_CACHE"})
"""Variables with our prefix that are folders, not settings."""

_BOOL = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_SHOW = "run: edge-runtime config show"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force.

    Attributes:
        config: The tree.
        origin: Where each value comes from, by ``section.key``: ``default``, ``file PATH:LINE``, ``env NAME`` or ``flag``.
    """

    config: Config
    origin: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What other settings mean for a run that goes on.

    Attributes:
        taken: The settings it can go on with: those it has, with the reloadable ones of the others.
        applied: The names of settings that differ and are taken up at once, in the order of the schema.
        needs_restart: Those that differ and count when the run is started anew.
    """

    taken: Config
    applied: tuple[str, ...]
    needs_restart: tuple[str, ...]


def load(flags: Mapping[str, str] | None = None, *, env: Mapping[str, str] | None = None, path: Path | None = None) -> Loaded:
    """Read the settings.

    Args:
        flags: ``section.key`` to value, as typed.
        env: The environment; the process's own if not given.
        path: A TOML file that must exist. Without it ``$XDG_CONFIG_HOME/edge_runtime/config.toml`` is read if it is there.

    Raises:
        ConfigError: An unknown key, a value of the wrong type or out of range, one that lacks another, a file that is missing or not TOML.
    """
    env = os.environ if env is None else env
    values: dict[str, Setting] = {name: key.default for name, key in keys().items()}
    origin = dict.fromkeys(values, "default")
    for source in (_from_file(path, env), _from_env(env), _from_flags(flags or {})):
        for key, value, where in source:
            values[key.name] = _checked(key, value, where)
            origin[key.name] = where
    tree: dict[str, dict[str, Setting]] = {}
    for name, setting in values.items():
        tree.setdefault(keys()[name].section, {})[keys()[name].leaf] = setting
    config = msgspec.convert(tree, Config)
    _check_quiet_hours(config, origin)
    return Loaded(config=config, origin=origin)


def changed(before: Config, after: Config) -> Changes:
    """Compare the settings of a run with others, and say what it can take up while it goes on."""
    differing = [key for key in keys().values() if key.value(before) != key.value(after)]
    taken = before
    for key in differing:
        if key.reloadable:
            section = replace(getattr(taken, key.section), **{key.leaf: key.value(after)})
            taken = replace(taken, **{key.section: section})
    return Changes(
        taken=taken,
        applied=tuple(key.name for key in differing if key.reloadable),
        needs_restart=tuple(key.name for key in differing if not key.reloadable),
    )


def default_path(env: Mapping[str, str]) -> Path:
    """The file that is read when none is named."""
    home = env.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "edge_runtime" / "config.toml"


def _from_flags(flags: Mapping[str, str]) -> Iterable[tuple[Key, object, str]]:
    for name, text in flags.items():
        yield _key(name, "flag"), text, "flag"


def _from_env(env: Mapping[str, str]) -> Iterable[tuple[Key, object, str]]:
    known = {key.env: key for key in keys().values()}
    for name in sorted(env):
        if name.startswith(ENV_PREFIX) and name not in NOT_SETTINGS:
            if name not in known:
                raise ConfigError(f"unknown setting in the environment: {name}", hint=_nearest(name, (*known, *NOT_SETTINGS)))
            yield known[name], env[name], f"env {name}"


def _from_file(path: Path | None, env: Mapping[str, str]) -> Iterable[tuple[Key, object, str]]:
    file = path or default_path(env)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if path is None:
            return
        raise ConfigError(f"there is no settings file {file}", hint="check the path after --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the settings file {file}: {error}", hint="it is a TOML file in UTF-8") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{file}:{line[1]}" if line else f"{file}: the last line"
        raise ConfigError(
            f"{where}: not valid TOML: {error}", hint="a section is [speak], a setting is cooldown_ns = 8_000_000_000"
        ) from error
    lines = _lines(text)
    for section, content in table.items():
        where = f"file {file}:{lines.get(section, 1)}"
        sections = dict.fromkeys(key.section for key in keys().values())
        if section not in sections:
            raise ConfigError(f"unknown section [{section}] ({where})", hint=_nearest(section, (*sections, *keys())))
        if not isinstance(content, dict):
            raise ConfigError(f"{section} is a section, not a setting ({where})", hint=f"write [{section}] and its settings below it")
        for leaf, value in content.items():
            where = f"file {file}:{lines.get(f'{section}.{leaf}', lines.get(section, 1))}"
            yield _key(f"{section}.{leaf}", where), value, where


def _key(name: str, where: str) -> Key:
    try:
        return keys()[name]
    except KeyError:
        raise ConfigError(f"unknown setting {name} ({where})", hint=_nearest(name, keys())) from None


def _nearest(name: str, candidates: Iterable[str]) -> str:
    full = list(candidates)
    # A key without its section, or under the wrong one, is found by its last part.
    by_leaf = {candidate.rpartition(".")[2]: candidate for candidate in full}
    close = difflib.get_close_matches(name, full, n=1, cutoff=0.75)
    leaf = difflib.get_close_matches(name.rpartition(".")[2], by_leaf, n=1, cutoff=0.75)
    best = by_leaf[leaf[0]] if leaf and not close else next(iter(close), None)
    return f"did you mean {best}? {_SHOW}" if best else _SHOW


def _check_quiet_hours(config: Config, origin: Mapping[str, str]) -> None:
    begin, end = config.speak.quiet_from, config.speak.quiet_to
    if begin and begin == end:
        raise ConfigError(f"quiet hours begin and end at {begin}", hint="to be quiet all day, set speak.quiet to true")
    if bool(begin) != bool(end):
        given, missing = ("quiet_from", "quiet_to") if begin else ("quiet_to", "quiet_from")
        raise ConfigError(
            f"speak.{given} = {begin or end} ({origin[f'speak.{given}']}) needs speak.{missing}",
            hint="quiet hours begin and end, such as quiet_from = 22:00 and quiet_to = 07:00; leave both empty for none",
        )


def _checked(key: Key, value: object, where: str) -> Setting:
    hint = f"{key.name}: {key.meaning}; default {_say(key, key.default)}"
    written = not where.startswith("file ")
    shown = f"{key.name} = {value if written or not isinstance(value, str) else repr(value)} ({where})"
    try:
        setting = _typed(key, value, written=written)
    except ValueError:
        raise ConfigError(f"{shown} does not fit: it takes {key.accepts}", hint=hint) from None
    tests = {">=": lambda v, b: v >= b, ">": lambda v, b: v > b, "<=": lambda v, b: v <= b, "<": lambda v, b: v < b}
    if not all(tests[sign](setting, bound) for sign, bound in key.bounds):
        raise ConfigError(f"{shown} is out of range: it takes {key.accepts}", hint=hint)
    return setting


def _typed(key: Key, value: object, *, written: bool) -> Setting:
    """Bring a value to its type. What was ``written`` as a word is read; what TOML already typed is only checked."""
    units = units_of(key.name)
    if isinstance(value, str):
        if key.kind is str and key.takes_text(value):
            return value
        if units:
            return parse_quantity(value, units)
        if written and key.kind is bool and value.lower() in _BOOL:
            return _BOOL[value.lower()]
        if written and key.kind is int:
            return int(value)
        if written and key.kind is float and math.isfinite(float(value)):
            return float(value)
    elif isinstance(value, bool) or key.kind is bool:
        if isinstance(value, bool) and key.kind is bool:
            return value
    elif isinstance(value, int) and key.kind in (int, float):
        return key.kind(value)
    elif isinstance(value, float) and key.kind is float and math.isfinite(value):
        return value
    raise ValueError(value)


def _say(key: Key, value: Any) -> str:
    units = units_of(key.name)
    return say_quantity(value, units) if units else str(value) or "empty"


def _lines(text: str) -> dict[str, int]:
    """Line numbers of sections and keys; the parser does not keep them. Only used to say where a value stands."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*\"?(\w+)\"?\s*\]", line):
            section = header[1]
            found.setdefault(section, number)
        elif entry := re.match(r"\s*([\w\".]+?)\s*=", line):
            name = entry[1].replace('"', "")
            found.setdefault(f"{section}.{name}" if section else name, number)
            found.setdefault((section or name).partition(".")[0], number)
    return found
