"""Under which licence a checkpoint was published, as far as its own files say; what they do not say is called unknown."""

from __future__ import annotations

import re
from pathlib import Path

UNKNOWN = "unknown"
TEXTS = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE", "NOTICE.txt")
"""Files that go along with weights wherever these go."""

_FRONT = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_MOST_BYTES = 1 << 20
# As model cards write them, and as SPDX does.
_SPDX = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc0-1.0": "CC0-1.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
}
# What a licence's own text begins with.
_OPENINGS = (
    (re.compile(r"Apache License\s+Version 2\.0"), "Apache-2.0"),
    (re.compile(r"MIT License|Permission is hereby granted, free of charge"), "MIT"),
)


def licence_of(checkpoint: Path) -> str:
    """Read the licence off the model card's front matter, else off the licence's text.

    Args:
        checkpoint: Folder with ``README.md`` or ``LICENSE``, or neither.

    Returns:
        In the words of SPDX where it has some, else in the checkpoint's own; :data:`UNKNOWN` if nothing says.
    """
    front = _FRONT.match(_text(checkpoint / "README.md"))
    if front is not None and (stated := _stated(front[1])):
        return stated
    for name in TEXTS:
        text = _text(checkpoint / name)[:2000]
        for opening, licence in _OPENINGS:
            if opening.search(text):
                return licence
        if text and not name.startswith("NOTICE"):
            return f"its own, see {name}"
    return UNKNOWN


def _stated(front: str) -> str:
    """What the front matter of a model card says; ``""`` if nothing."""
    values = {key: value.strip().strip("'\"") for key, value in re.findall(r"^(license\w*):[ \t]*(\S.*)$", front, re.MULTILINE)}
    named = values.get("license", "")
    if named.lower() in ("other", "unknown", ""):
        named = values.get("license_name", "")
    link = values.get("license_link", "")
    return _SPDX.get(named.lower(), f"{named}, {link}" if named and link else named)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return ""
