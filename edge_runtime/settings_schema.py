"""The settings as data about themselves: what each is called, takes and means, as read from :mod:`edge_runtime.config`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import msgspec

from edge_runtime.config import Config
from edge_runtime.units import units_of

Setting = bool | int | float | str

ENV_PREFIX = "EDGE_RUNTIME_"

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


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
        form: What a text must look like, in words; ``""`` where any will do.
        pattern: The same as a regular expression.
        reloadable: Whether a run takes it up while it goes on.
    """

    name: str
    kind: type[Setting]
    default: Setting
    meaning: str
    bounds: tuple[tuple[str, float], ...]
    choices: tuple[str, ...] = ()
    form: str = ""
    pattern: str = ""
    reloadable: bool = False

    @property
    def section(self) -> str:
        """The part of its name before the dot."""
        return self.name.partition(".")[0]

    @property
    def leaf(self) -> str:
        """The part of its name after the dot."""
        return self.name.partition(".")[2]

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return ENV_PREFIX + self.name.replace(".", "_").upper()

    @property
    def accepts(self) -> str:
        """What it accepts, in words: ``"a whole number >= 1"``."""
        kind = f"one of {', '.join(self.choices)}" if self.choices else self.form or _KINDS[self.kind]
        if units := units_of(self.name):
            smallest, *larger = units
            kind = f"a whole number of {'bytes' if smallest == 'B' else smallest}, or a number with {' or '.join(larger)}"
        return ", ".join((kind, *(f"{sign} {bound:.0f}" if bound == int(bound) else f"{sign} {bound}" for sign, bound in self.bounds)))

    def value(self, config: Config) -> Setting:
        """Its value in a tree of settings."""
        setting: Setting = getattr(getattr(config, self.section), self.leaf)
        return setting

    def takes_text(self, text: str) -> bool:
        """Whether a text fits; an empty one fits where nothing is the default."""
        if self.choices:
            return text in self.choices
        return text == self.default or (text != "" and re.search(self.pattern, text) is not None)


@cache
def keys() -> dict[str, Key]:
    """Every setting by ``section.key``, in the order of the schema."""
    found = {}
    for section in _fields(msgspec.inspect.type_info(Config)):
        for field in _fields(section.type):
            kind, meaning, form, reloadable = field.type, "", "", False
            while isinstance(kind, msgspec.inspect.Metadata):
                schema = kind.extra_json_schema or {}
                meaning, form = schema.get("description", meaning), schema.get("title", form)
                reloadable = (kind.extra or {}).get("reloadable", reloadable)
                kind = kind.type
            limits = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}
            bounds = tuple((sign, getattr(kind, name)) for sign, name in limits.items() if getattr(kind, name, None) is not None)
            name = f"{section.name}.{field.name}"
            found[name] = Key(
                name=name,
                kind=type(field.default),
                default=field.default,
                meaning=meaning,
                bounds=bounds,
                choices=tuple(getattr(kind, "values", ())),
                form=form,
                pattern=getattr(kind, "pattern", None) or "",
                reloadable=reloadable,
            )
    return found


def _fields(kind: msgspec.inspect.Type) -> tuple[msgspec.inspect.Field, ...]:
    if not isinstance(kind, msgspec.inspect.StructType):
        raise TypeError(f"the settings are sections of plain values, not {kind}")
    return kind.fields
