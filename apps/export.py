"""``edge-runtime export``: turn a published checkpoint into a bundle that sees and speaks, look into either, verify a bundle."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from apps.export_pictures import default_pictures, shown_picture
from apps.export_text import bundle_as_text, check_line, checkpoint_as_text, summary_as_text
from apps.field.machine import machine_of
from apps.verbs import Verbs, add_json
from devices.boards import Tree
from edge_runtime.boards import boards
from edge_runtime.errors import BundleError, MissingExtra, ModelError
from edge_runtime.models.bundle import Bundle, Manifest, load_bundle
from edge_runtime.models.hub import Say
from edge_runtime.models.hub_checkpoint import resolve_checkpoint
from edge_runtime.models.tower import TowerModel
from edge_runtime.models.tower_onnx import open_onnx_tower
from edge_runtime.models.tower_tensorrt import open_tensorrt_tower
from export.bundle_vlm import export_vlm
from export.inspect_vlm import inspect_checkpoint
from export.pictures import LEAST_PICTURES
from export.precision import PRECISIONS
from export.sizes import LANGUAGE_BITS
from export.targets import precision_for, target_named
from export.verify_against import verify_against
from export.verify_vlm import Check, verify_vlm
from export.vlm_plan import PACKAGES, Order, versions

_THREADS = 2
_ENGINES = ("onnxruntime-gpu", "tensorrt", "tensorrt-rtx-cu12")

_VLM = """\
Turn a published checkpoint of a vision-language model into a bundle: the
vision tower as ONNX, the language model as GGUF. Each step is compared with
the original; a bundle that misses a gate is not written. A run that was cut
short is gone on with: what is done lies in BUNDLE.unfinished until the end."""
_VLM_EXAMPLES = """\
examples:
  edge-runtime export vlm HuggingFaceTB/SmolVLM2-500M-Video-Instruct -o smolvlm2
  edge-runtime export vlm ./checkpoint -o smolvlm2-nano --target orin-nano --vision int8 --pictures ./frames
  edge-runtime replay walk.mp4 --gaze gaze.csv --model ./smolvlm2
"""
_INSPECT = """\
Say what a checkpoint is and what it would become on each board, or what a
bundle is made of, which figures it reached, and what it missed."""
_VERIFY = """\
Check every file of a bundle against its hash, then run it once: its tower on
a picture, its language model on that and a question. With --against, compare
its numbers with the checkpoint's own. With --json the machine is described
too, so that the output can be sent as it is."""


def add(verbs: Verbs) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "export",
        help="turn a checkpoint into a bundle that sees and speaks",
        description="Turn a published vision-language model into a bundle, look into either, or verify a bundle.",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    _add_vlm(_action(actions, "vlm", "make a bundle out of a checkpoint", _VLM, _VLM_EXAMPLES))
    inspect = _action(actions, "inspect", "look into a checkpoint or a bundle", _INSPECT)
    inspect.add_argument("what", metavar="BUNDLE|CHECKPOINT", help="a bundle by name or folder, or a checkpoint's folder or name")
    verify = _action(actions, "verify", "check that a bundle sees and speaks here", _VERIFY)
    verify.add_argument("bundle", metavar="BUNDLE", help="by name or folder")
    verify.add_argument("--against", metavar="CHECKPOINT", help="compare its numbers with those of this folder, or name on the Hub")
    verify.add_argument("--gpu", action="store_true", help="run the tower by TensorRT on the GPU instead of the processor")
    _add_means(verify)


def _add_vlm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a checkpoint's folder, or its name on the Hub: owner/name[@revision]")
    parser.add_argument("-o", "--out", metavar="BUNDLE", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--target", metavar="BOARD", default="pc", help=f"what it is for: {', '.join(boards())} (default pc)")
    parser.add_argument("--vision", choices=PRECISIONS, help="precision of the tower (default: what suits the board)")
    parser.add_argument("--language", choices=tuple(LANGUAGE_BITS), help="kind of the language model (default: what its widths allow)")
    parser.add_argument("--mmproj", action="store_true", help="keep the tower as llama.cpp reads it, too: for comparisons")
    parser.add_argument("--force", action="store_true", help="write it though it misses a gate or is too large; it says so for ever")
    _add_means(parser)


def _add_means(parser: argparse.ArgumentParser) -> None:
    pictures = f"at least {LEAST_PICTURES} pictures such as the wearer sees (default: parts of the sample's)"
    parser.add_argument("--pictures", metavar="FOLDER", type=Path, help=pictures)
    parser.add_argument("--converter", metavar="FILE", type=Path, help="the archive with llama.cpp's converter (default: fetched once)")


def run(args: argparse.Namespace) -> int:
    """Export, look, or verify."""
    return {"vlm": _vlm, "inspect": _inspect, "verify": _verify}[args.action](args)


def _action(actions: Any, name: str, summary: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_json(parser)
    return parser


def _vlm(args: argparse.Namespace) -> int:
    say = _say_for(args)
    target = target_named(args.target)
    # Asked once more when the rest is settled; here so that nothing is downloaded for a board that cannot have it.
    precision_for(target, args.vision)
    _require_workshop()
    order = Order(
        checkpoint=resolve_checkpoint(args.source, say=say),
        pictures=args.pictures or default_pictures(say=say),
        target=target,
        vision=args.vision,
        language=args.language,
        mmproj=args.mmproj,
        force=args.force,
        converter=args.converter,
    )
    bundle = export_vlm(order, args.out, say=say)
    if args.json:
        _print_json({"folder": str(bundle.folder), "nbytes": bundle.nbytes, "manifest": bundle.manifest})
    else:
        print(summary_as_text(bundle))
    return 0


def _inspect(args: argparse.Namespace) -> int:
    try:
        bundle = load_bundle(args.what)
    except BundleError:
        if (Path(args.what) / "bundle.toml").is_file():
            raise
        inspection = inspect_checkpoint(resolve_checkpoint(args.what, say=_say_for(args)))
        if args.json:
            _print_json(inspection)
        else:
            print(checkpoint_as_text(inspection))
    else:
        if args.json:
            _print_json(bundle.manifest)
        else:
            print(bundle_as_text(bundle))
    return 0


def _verify(args: argparse.Namespace) -> int:
    if args.against is not None:
        _require_workshop()
    say = _say_for(args)
    bundle = load_bundle(args.bundle)
    say(check_line(Check("files", True, f"{len(bundle.manifest.files)}, every hash right")))
    checks: list[Check] = []
    for check in _checks(args, bundle, say):
        checks.append(check)
        say(check_line(check))
    for failure in bundle.manifest.failed:
        say(f"written by force, it missed: {failure}")
    passed = all(check.passed for check in checks)
    if args.json:
        _print_json({"passed": passed, "checks": checks, **_described(bundle.manifest), **_described_here()})
    return 0 if passed else ModelError.exit_code


def _checks(args: argparse.Namespace, bundle: Bundle, say: Say) -> Iterator[Check]:
    with _open_tower(bundle, gpu=args.gpu, say=say) as tower:
        yield from verify_vlm(bundle, tower, shown_picture(say=say))
    if args.against is not None:
        checkpoint, pictures = resolve_checkpoint(args.against, say=say), args.pictures or default_pictures(say=say)
        yield from verify_against(bundle, checkpoint, pictures, converter=args.converter, say=say)


def _described(manifest: Manifest) -> dict[str, Any]:
    """What a bundle says of itself, without its prompts."""
    return {
        "bundle": f"{manifest.name} {manifest.version}",
        "files": {file.path: file.sha256 for file in manifest.files},
        "gates": manifest.gates,
        "failed": manifest.failed,
        "made_with": manifest.made_with,
    }


def _described_here() -> dict[str, Any]:
    """What this machine is, in the words of a field report: no names of host or user, no paths, addresses or serial numbers."""
    return {"machine": machine_of(Tree(Path("/"))), "versions": versions((*PACKAGES, *_ENGINES))}


def _open_tower(bundle: Bundle, *, gpu: bool, say: Say) -> TowerModel:
    if gpu:
        return open_tensorrt_tower(bundle, say=say)
    return open_onnx_tower(bundle, threads=_THREADS)


def _require_workshop() -> None:
    """Say at once where the export's packages are missing, before anything is downloaded for it.

    Raises:
        MissingExtra: With the commands that make their environment.
    """
    for package in ("torch", "transformers", "onnx", "onnxscript", "llama_cpp"):
        if importlib.util.find_spec(package) is None:
            hint = "run scripts/export_env in the checkout, then: .venv-export/bin/edge-runtime export ..."
            raise MissingExtra(f"exporting needs the package {package}, which is not installed here", hint=hint)


def _say_for(args: argparse.Namespace) -> Say:
    """Progress goes where the JSON does not."""
    stream = sys.stderr if args.json else sys.stdout

    def say(line: str) -> None:
        print(line, file=stream, flush=True)

    return say


def _print_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
