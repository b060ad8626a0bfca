"""Converts the models of random weights to GGUF, for tests that have no torch.

    python -m scripts.vlm_gguf_fixtures [ARCHIVE]   tests/golden/vlm and tests/golden/vlm_qwen: language.gguf, and mmproj.gguf of the first

ARCHIVE is the source release that holds llama.cpp's converter; without it the package index is asked. Needs the extra ``export-vlm``. The
files are the same bytes every time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from export.gguf_source import converter_archive, unpacked
from export.gguf_text import convert_language, convert_mmproj
from scripts.vlm_checkpoints import write_checkpoint
from scripts.vlm_fixtures import FOLDERS

WITH_TOWER = "SmolVLM2"
"""The family whose tower is written as llama.cpp reads it, too."""


def write_gguf(folder: Path, family: str, converter: Path) -> list[Path]:
    """Write a family's small model as GGUF; returns the files."""
    with tempfile.TemporaryDirectory() as work:
        # The files say what the checkpoint's folder is called.
        checkpoint = Path(work) / f"Random-{family}"
        write_checkpoint(checkpoint, family)
        written = [folder / "language.gguf"]
        convert_language(checkpoint, written[0], converter=converter)
        if family == WITH_TOWER:
            written.append(folder / "mmproj.gguf")
            convert_mmproj(checkpoint, written[1], converter=converter)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: write the files."""
    parser = argparse.ArgumentParser(prog="python -m scripts.vlm_gguf_fixtures", description="convert the small models to GGUF")
    parser.add_argument("archive", type=Path, nargs="?", help="source release of llama-cpp-python, if it is here already")
    options = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with unpacked(converter_archive(file=options.archive, say=print)) as converter:
        for family, folder in FOLDERS.items():
            for path in write_gguf(folder, family, converter):
                sys.stdout.write(f"{path}: {path.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
