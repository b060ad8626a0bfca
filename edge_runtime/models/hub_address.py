"""How a place that models come from is written: ``hf:owner/name[@revision]``, ``file:/folder``, or a folder as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import UsageError

MAIN = "main"
"""The revision that is meant where none is named; it moves."""

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(rf"({_WORD})/({_WORD})(?:@([A-Za-z0-9][A-Za-z0-9._/-]*))?")
_PAGE = re.compile(rf"https?://[^/]+/({_WORD}/{_WORD})/?.*")
_EXAMPLE = "write hf:owner/name, hf:owner/name@revision or file:/folder"


@dataclass(frozen=True)
class HubName:
    """A repository of models on the Hub, at one revision.

    Attributes:
        repository: ``owner/name``.
        revision: A branch, a tag or a commit.
    """

    repository: str
    revision: str = MAIN

    def __str__(self) -> str:
        """As it is written on the command line."""
        return f"hf:{self.repository}" if self.revision == MAIN else f"hf:{self.repository}@{self.revision}"

    @property
    def folder_name(self) -> str:
        """The folder it is kept in: the name with ``--`` for every slash."""
        return str(self).removeprefix("hf:").replace("/", "--")


def parse_source(source: str) -> HubName | Path:
    """Understand where a model is to come from.

    A folder that is there is taken for one; of the rest, ``owner/name`` is a name on the Hub.

    Args:
        source: As it was typed.

    Raises:
        UsageError: It is none of these.
    """
    scheme, colon, rest = source.partition(":")
    if colon and scheme == "wheel":
        raise UsageError(
            f"{source}: what comes in wheels is prepared, not pulled", hint=f"run: edge-runtime models prepare {rest or 'NAME'}"
        )
    if colon and scheme == "file":
        # file:/folder and file:///folder are the same place.
        path = re.sub(r"^//(?=/)", "", rest)
        if not path:
            raise UsageError(f"{source} names no folder", hint=_EXAMPLE)
        return Path(path).expanduser()
    if colon and scheme == "hf":
        return _hub_name(rest, source)
    if page := _PAGE.fullmatch(source):
        raise UsageError(f"{source} is the address of a page", hint=f"write hf:{page[1]}")
    if source and Path(source).expanduser().is_dir():
        return Path(source).expanduser()
    if _NAME.fullmatch(source):
        return _hub_name(source, source)
    raise UsageError(f"{source!r} is no folder and no name on the Hub", hint=_EXAMPLE)


def _hub_name(text: str, source: str) -> HubName:
    found = _NAME.fullmatch(text)
    if found is None or ".." in text:
        raise UsageError(f"{source} is no name on the Hub", hint=_EXAMPLE)
    return HubName(f"{found[1]}/{found[2]}", found[3] or MAIN)
