"""The command ``edge-runtime``: finds the verb, runs it, and turns every error of ours into one line, a hint and an exit code."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from edge_runtime import __version__
from edge_runtime.errors import EdgeError, UsageError

VERBS = (
    *("simulator", "replay", "memory", "gaze", "models", "export"),
    *("run", "status", "top", "ask", "watch", "concept", "forget", "mute", "record", "reload", "stop"),
    *("doctor", "field-report", "config", "version"),
)
"""Each is a module of this package with ``add(verbs)``, which describes it, and ``run(args)``, which returns the exit code."""

_DESCRIPTION = """\
An assistant for AR glasses. It attends to what the wearer attends to,
remembers a day in a fixed number of bytes, and speaks first, seldom,
and with a reason. Nothing leaves the device."""

_EXAMPLES = """\
examples:
  edge-runtime models prepare pocket           download and prepare the default models, once
  edge-runtime simulator                       wear it in a browser: webcam and pointer
  edge-runtime replay sample --out out         play the built-in sample and write a report
  edge-runtime replay walk.mp4 --gaze gaze.csv --watch "tell me when I see a bus"
  edge-runtime gaze events gaze.csv -o -       fixations, saccades and blinks of a recording
  edge-runtime memory search mug               what the last simulator run saw of it, and when
  edge-runtime run --camera 0                  be the assistant on the glasses, until Ctrl-C
  edge-runtime ask "where is my mug?"          ask the one that runs
  edge-runtime doctor                          what this machine has, and what is missing
  edge-runtime config show --origin            every setting, and where its value comes from

exit codes:
  0 ok   2 wrong usage or setting   3 unusable input   4 model or package missing   5 the machine refuses
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are errors of ours."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed.

        Raises:
            UsageError: Always.
        """
        raise UsageError(message, hint=f"run: {self.prog} --help")


def build_parser(names: Sequence[str] = VERBS) -> Parser:
    """The parser with these verbs. Only their modules are imported: ``doctor`` answers even where ``replay`` cannot start."""
    parser = Parser(
        prog="edge-runtime",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"edge-runtime {__version__}")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB")
    for name in names:
        _module(name).add(verbs)
    return parser


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"apps.{verb.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    # Taken out here, so that it may stand anywhere and no verb has to know about it.
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        return _run(arguments)
    except EdgeError as error:
        if debug:
            traceback.print_exc()
        print(f"edge-runtime: {error}", file=sys.stderr)
        print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader has gone, as in ``edge-runtime config show | head``. Python flushes once more on exit: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("edge-runtime: stopped", file=sys.stderr)
        return 130


def _run(arguments: list[str]) -> int:
    # No option before the verb takes a value, so the first plain word is the verb.
    verb = next((argument for argument in arguments if not argument.startswith("-")), None)
    if verb is None:
        parser = build_parser(() if "--version" in arguments else VERBS)
        parser.parse_args(arguments)
        parser.print_help()
        return 0
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        raise UsageError(f"there is no verb {verb}", hint=f"did you mean: edge-runtime {near[0]}" if near else "run: edge-runtime --help")
    args = build_parser([verb]).parse_args(arguments)
    code: int = _module(verb).run(args)
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
