"""HTML that cannot be broken out of: every string is text and is escaped, unless this module made it.

Words read in the street end up on the page. So the builder, not its callers, decides what is markup: a plain ``str`` is always
escaped, attributes that run code or carry style are refused, and links lead nowhere but into the page itself.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable

_VOID = frozenset({"br", "hr", "input", "meta", "col"})
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LINK = re.compile(r"#[A-Za-z0-9_-]+|data:image/jpeg;base64,[A-Za-z0-9+/=]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Markup(str):
    """HTML made by this module."""

    __slots__ = ()


def clean(text: str) -> str:
    """Replace control characters, direction overrides and lone surrogates by U+FFFD, so that text shows as it stands."""
    return _UNSAFE.sub("\ufffd", text).encode("utf-8", "replace").decode("utf-8")


def escape(text: str) -> Markup:
    """Turn text into markup that shows it."""
    return text if isinstance(text, Markup) else Markup(html.escape(clean(text), quote=True))


def number(value: float) -> str:
    """Write a coordinate: at most two decimals, no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def join(children: Iterable[object], between: str = "") -> Markup:
    """Put children side by side; ``None`` vanishes, iterables are flattened, anything that is not markup is escaped."""
    return Markup(escape(between).join(_flat(children)))


def _flat(children: Iterable[object]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, str):
            yield escape(child)
        elif isinstance(child, Iterable):
            yield from _flat(child)
        else:
            yield escape(str(child))


def el(tag: str, *children: object, **attributes: object) -> Markup:
    """Make an element; ``el("p.note", "text", id="a", aria_label="b")`` is ``<p class="note" id="a" aria-label="b">text</p>``.

    ``None`` and ``False`` leave an attribute out, ``True`` writes it bare, a trailing underscore is dropped (``for_``).

    Raises:
        ValueError: An attribute that runs code or carries style, or a link out of the page.
    """
    name, *classes = tag.split(".")
    parts = [name]
    if classes:
        parts.append(f'class="{html.escape(" ".join(classes))}"')
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(key) or key.lower().startswith("on") or key.lower() in ("style", "srcdoc"):
            raise ValueError(f"the page carries no attribute {key!r}")
        text = number(value) if isinstance(value, float) else str(value)
        if key in ("href", "src") and not _LINK.fullmatch(text):
            raise ValueError(f"links stay inside the page, got {text[:40]!r}")
        parts.append(key if value is True else f'{key}="{html.escape(clean(text), quote=True)}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening if name in _VOID else f"{opening}{join(children)}</{name}>")


def data(value: object, id_: str) -> Markup:
    """Make a JSON block for the page's script. No character in it can end the block."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(f'<script type="application/json" id="{html.escape(id_, quote=True)}">{text}</script>')
