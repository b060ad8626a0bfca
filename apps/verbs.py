"""Flags that several verbs share: ``--json``; ``--config`` and ``--set`` for the settings; ``--model`` for one of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from edge_runtime.settings import Loaded, load

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What :meth:`argparse.ArgumentParser.add_subparsers` returns; argparse gives it no public name."""


class _SetFlag(argparse.Action):
    """Collects ``--set KEY=VALUE`` into a dict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        key, equals, value = str(values).partition("=")
        if not equals:
            parser.error(f"--set {values} has no value: write --set KEY=VALUE")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), key.strip(): value.strip()})


def add_json(parser: argparse.ArgumentParser) -> None:
    """Offer ``--json`` (``args.json``)."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Offer ``--config`` (``args.config``, a path or ``None``) and ``--set`` (``args.flags``, a dict)."""
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings file instead of the one in the config folder")
    parser.add_argument(
        "--set",
        dest="flags",
        metavar="KEY=VALUE",
        action=_SetFlag,
        default={},
        help="one setting, such as speak.cooldown_ns=3s or remember.ram_bytes=64MiB; may be repeated",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Offer ``--model``, in words of its own for the setting ``models.vlm``; goes with :func:`add_settings`."""
    parser.add_argument(
        "--model",
        dest="flags",
        metavar="BUNDLE",
        type=lambda bundle: f"models.vlm={bundle}",
        action=_SetFlag,
        default={},
        help="a bundle with a language model, by name or folder: it answers what facts cannot; short for --set models.vlm=BUNDLE",
    )


def settings(args: argparse.Namespace) -> Loaded:
    """Load the settings that the flags of :func:`add_settings` ask for.

    Raises:
        ConfigError: A setting is unknown or does not fit.
    """
    return load(args.flags, path=args.config)
