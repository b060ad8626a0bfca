"""Where the settings come from: defaults, then a TOML file, then ``EDGE_RUNTIME_<SECTION>_<KEY>``, then flags; the last word counts.

What settings there are, with units and ranges, is data in :mod:`edge_runtime.config`. Nothing is guessed: a key that does not
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
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from edge_runtime.config import Config
from edge_runtime.errors import ConfigError
from edge_runtime.units import parse_quantity, say_quantity, units_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Setting = bool | int | float | str

ENV_PREFIX = "EDGE_RUNTIME_"
NOT_SETTINGS = frozenset({"EDGE_RUNTIME_CACHE"})
"""Variables with our prefix that are folders, not settings."""

_BOOL = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_SHOW = "run: edge-runtime config show"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting, as the schema describes it.

    Attributes:
        name: ``section.key``.
        kind: ``bool``, ``int``, ``float`` or ``str``.
        default: Its default.
        meaning: What it does.
        bounds: Pairs of an operator (``>=``, ``>``, ``<=``, ``<``) and a number.
        choices: The words it takes, where it does not take any.
    """

    name: str
    kind: type[Setting]
    default: Setting
    meaning: str
    bounds: tuple[tuple[str, float], ...]
    choices: tuple[str, ...] = ()

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return ENV_PREFIX + self.name.replace(".", "_").upper()

    @property
    def accepts(self) -> str:
        """What it accepts, in words: ``"a whole number >= 1"``."""
        kind = f"one of {', '.join(self.choices)}" if self.choices else _KINDS[self.kind]
        if units := units_of(self.name):
            smallest, *larger = units
            kind = f"a whole number of {'bytes' if smallest == 'B' else smallest}, or a number with {' or '.join(larger)}"
        return ", ".join((kind, *(f"{sign} {bound:.0f}" if bound == int(bound) else f"{sign} {bound}" for sign, bound in self.bounds)))


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force.

    Attributes:
        config: The tree.
        origin: Where each value comes from, by ``section.key``: ``default``, ``file PATH:LINE``, ``env NAME`` or ``flag``.
    """

    config: Config
    origin: Mapping[str, str]


def load(flags: Mapping[str, str] | None = None, *, env: Mapping[str, str] | None = None, path: Path | None = None) -> Loaded:
    """Read the settings.

    Args:
        flags: ``section.key`` to value, as typed.
        env: The environment; the process's own if not given.
        path: A TOML file that must exist. Without it ``$XDG_CONFIG_HOME/edge_runtime/config.toml`` is read if it is there.

    Raises:
        ConfigError: An unknown key, a value of the wrong type or out of range, a file that is missing or not TOML.
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
        section, leaf = name.split(".")
        tree.setdefault(section, {})[leaf] = setting
    return Loaded(config=msgspec.convert(tree, Config), origin=origin)


@cache
def keys() -> dict[str, Key]:
    """Every setting by ``section.key``, in the order of the schema."""
    found = {}
    for section in _fields(msgspec.inspect.type_info(Config)):
        for field in _fields(section.type):
            kind, meaning = field.type, ""
            while isinstance(kind, msgspec.inspect.Metadata):
                meaning = (kind.extra_json_schema or {}).get("description", meaning)
                kind = kind.type
            limits = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}
            bounds = tuple((sign, getattr(kind, name)) for sign, name in limits.items() if getattr(kind, name, None) is not None)
            name, choices = f"{section.name}.{field.name}", getattr(kind, "values", ())
            found[name] = Key(name, type(field.default), field.default, meaning, bounds, tuple(choices))
    return found


def default_path(env: Mapping[str, str]) -> Path:
    """The file that is read when none is named."""
    home = env.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "edge_runtime" / "config.toml"


def _fields(kind: msgspec.inspect.Type) -> tuple[msgspec.inspect.Field, ...]:
    if not isinstance(kind, msgspec.inspect.StructType):
        raise TypeError(f"the settings are sections of plain values, not {kind}")
    return kind.fields


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
        sections = dict.fromkeys(name.split(".")[0] for name in keys())
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
        if key.kind is str and value and (not key.choices or value in key.choices):
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
    return say_quantity(value, units) if units else str(value)


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
