"""A checkpoint's language model, and its tower, as GGUF: the converter of llama.cpp, run by itself in a process of its own.

Two of its expectations are met beforehand, in a scratch copy of the checkpoint's small files. transformers 5 no longer writes which
architecture the language model inside is: that is put back. And the converter knows a tokenizer by a hash over what it makes of one text;
one that was trained anew has another hash, though it cuts text by the same rule. Where the rule that the tokenizer states is the family's,
word by word, its name is passed on; otherwise the converter is left to refuse it.

The scratch copy holds no code and nothing pickled: what a checkpoint brings of its own is never run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Literal

from edge_runtime.errors import BundleError, MissingExtra, ModelError
from edge_runtime.models.hub import Say, quiet, writing
from edge_runtime.models.language_llama_gguf import read_head
from export.checkpoint import name_of
from export.families import Family
from export.spec import UnsupportedModel, spec_of
from export.vision import read_json

FloatKind = Literal["f32", "f16", "bf16"]
"""Of the numbers in the file."""

TOWERS_OF_LLAMA = frozenset({"SmolVLM2", "Qwen2.5-VL"})
"""Families whose tower llama.cpp reads. Of InternVL3 its converter knows the weights by the names of the first form alone."""

_QWEN_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_RULES: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType(
    {
        "smollm": (
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        ),
        "qwen2": (
            {"type": "Split", "pattern": {"Regex": _QWEN_WORDS}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ),
    }
)
"""What ``tokenizer.json`` says of each rule, by llama.cpp's name of it."""

_SMALL = (".json", ".txt", ".jinja")
_SCRIPT = Path(__file__).with_name("gguf_converter.py")
_PROGRESS = re.compile(r"Writing:\s+(\d+)%")
_STEP_PERCENT = 25
_KEPT_LINES = 20


def convert_language(
    checkpoint: Path, target: Path, *, converter: Path, kind: FloatKind = "f32", python: str = sys.executable, say: Say = quiet
) -> None:
    """Write a checkpoint's language model as GGUF.

    Args:
        checkpoint: Folder with ``config.json``, the weights in safetensors, and the tokenizer.
        target: The file to write; an older one is replaced only when all went well.
        converter: Folder of the converter, as :func:`export.gguf_source.unpacked` gives it.
        kind: Of its numbers.
        python: An interpreter with torch and transformers.
        say: Called with one line at a time.

    Raises:
        UnsupportedModel: The model is unknown, or refused.
        MissingExtra: The interpreter lacks a package.
        BundleError: The checkpoint lacks something.
        ModelError: The converter gave up; in its own words.
        DeviceError: The file cannot be written.
    """
    family = _family(checkpoint)
    config = _with_architecture(read_json(checkpoint / "config.json"), family.text_architecture)
    rule = family.pretokenizer if states_rule(read_json(checkpoint / "tokenizer.json"), family.pretokenizer) else ""
    say(f"converting the language model of {family.name} to {target.name} ({kind})")
    _convert(checkpoint, target, config, [str(converter), rule, "--outtype", kind], python, say)


def convert_mmproj(
    checkpoint: Path, target: Path, *, converter: Path, kind: FloatKind = "f16", python: str = sys.executable, say: Say = quiet
) -> None:
    """Write a checkpoint's vision tower, projection included, as llama.cpp reads it ("mmproj"); see :func:`convert_language`.

    Raises:
        UnsupportedModel: The model is unknown or refused, or llama.cpp cannot read the tower of its family.
        MissingExtra: The interpreter lacks a package.
        BundleError: The checkpoint lacks something.
        ModelError: The converter gave up; in its own words.
        DeviceError: The file cannot be written.
    """
    family = _family(checkpoint)
    if family.name not in TOWERS_OF_LLAMA:
        message = f"llama.cpp cannot read the vision tower of {family.name}"
        raise UnsupportedModel(message, hint="leave the mmproj out: the tower runs as ONNX")
    config = read_json(checkpoint / "config.json")
    say(f"converting the vision tower of {family.name} to {target.name} ({kind})")
    _convert(checkpoint, target, config, [str(converter), "", "--mmproj", "--outtype", kind], python, say)


def states_rule(tokenizer: Mapping[str, Any], name: str) -> bool:
    """Whether a tokenizer says of itself that it cuts text by a rule.

    Args:
        tokenizer: The checkpoint's ``tokenizer.json``.
        name: llama.cpp's name of the rule.
    """
    stated = tokenizer.get("pre_tokenizer")
    if not isinstance(stated, Mapping) or name not in _RULES:
        return False
    steps = stated.get("pretokenizers", [stated])
    # How offsets are counted changes no token.
    return [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps] == [dict(step) for step in _RULES[name]]


def _family(checkpoint: Path) -> Family:
    family = spec_of(read_json(checkpoint / "config.json")).family
    if not any(checkpoint.glob("*.safetensors")):
        raise BundleError(f"{checkpoint} holds no weights as safetensors", hint="give the folder of a whole checkpoint")
    return family


def _with_architecture(config: Mapping[str, Any], architecture: str) -> Mapping[str, Any]:
    """The configuration with the architecture of the language model inside put back where it is missing."""
    text = config.get("text_config")
    if not isinstance(text, Mapping) or text.get("architectures"):
        return config
    return {**config, "text_config": {**text, "architectures": [architecture]}}


def _convert(checkpoint: Path, target: Path, config: Mapping[str, Any], options: Sequence[str], python: str, say: Say) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder, writing(target):
            # The file calls the model as the folder is called.
            scratch = Path(folder) / name_of(checkpoint).rpartition("/")[2]
            _lay_out(checkpoint, scratch, config)
            target.parent.mkdir(parents=True, exist_ok=True)
            _run([python, str(_SCRIPT), *options, "--outfile", str(part), str(scratch)], say)
            # What it does not know the name of, it may leave out without a word.
            if not part.is_file() or not read_head(part).tensors:
                raise ModelError(f"the converter wrote nothing into {target.name}", hint=_REPORT)
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _lay_out(checkpoint: Path, scratch: Path, config: Mapping[str, Any]) -> None:
    scratch.mkdir()
    for path in checkpoint.iterdir():
        if path.suffix in _SMALL:
            shutil.copyfile(path, scratch / path.name)
        elif path.suffix == ".safetensors":
            (scratch / path.name).symlink_to(path.resolve())
    (scratch / "config.json").write_text(json.dumps(config), encoding="utf-8")


_REPORT = "report this with the versions of torch, transformers and llama-cpp-python"


def _run(command: Sequence[str], say: Say) -> None:
    own = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(  # noqa: S603  our own script, by the interpreter that was named
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **own}
    ) as process:
        try:
            last = _listen(process.stderr, say)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _failure(last or f"it ended with {process.returncode}")


def _listen(lines: IO[str] | None, say: Say) -> str:
    """Pass progress on; returns the last line that is none."""
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    told = 0
    for line in lines or ():
        written = _PROGRESS.match(line.strip())
        if written is None:
            kept.append(line.strip())
        elif int(written[1]) >= told + _STEP_PERCENT:
            told = int(written[1])
            say(f"  {told} % written")
    return next((line for line in reversed(kept) if line), "")


def _failure(last: str) -> ModelError:
    missing = re.match(r"ModuleNotFoundError: No module named '([\w.]+)'", last)
    if missing:
        message = f"converting a language model needs the package {missing[1]}, which is not installed"
        return MissingExtra(message, hint="install the extra export-vlm in an environment of its own")
    return ModelError(f"the converter gave up: {last}", hint=_REPORT)
