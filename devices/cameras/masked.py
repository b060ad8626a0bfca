"""What may be shown of an address or a pipeline: never what could be a password."""

from __future__ import annotations

import re

_URL = re.compile(r"(\w[\w+.-]*)://(\S+)")
_SECRET = re.compile(r"([\w-]*(?:pw|pass|secret|token|auth|key|cookie|user)[\w-]*\s*=\s*)(\"[^\"]*\"?|'[^']*'?|\S+)", re.IGNORECASE)


def masked(words: str) -> str:
    """The same words, of every URL only scheme, host and port, and of properties such as ``user-pw=`` only their names.

    Names and passwords stand before the host, and with many cameras behind it too (``/user=admin&password=...``). Where it cannot be
    told which part is the host, nothing of it is shown.
    """
    return _SECRET.sub(r"\1…", _URL.sub(_host, words))


def _host(url: re.Match[str]) -> str:
    scheme, rest = url[1], url[2]
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(place) :]
    if "@" in tail:  # a password may hold a slash: then what looks like a host is its beginning
        return f"{scheme}://…"
    return f"{scheme}://{place.rpartition('@')[2]}{'/…' if len(tail) > 1 else ''}"
