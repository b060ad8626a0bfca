"""Runs llama.cpp's converter in a process of its own; :mod:`export.gguf_text` starts it and says with what.

    python gguf_converter.py FOLDER PRETOKENIZER OPTIONS...

FOLDER holds the converter. PRETOKENIZER is the name of the rule that the tokenizer is known to cut text by, or empty: it is used where
the converter, which goes by a hash, does not know the tokenizer. The OPTIONS are the converter's own.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from typing import Any


def main() -> None:
    """Meet the converter's expectations and run it."""
    folder, pretokenizer = sys.argv[1:3]
    # In the place of this file's own folder, whose modules are not meant to be found by their bare names.
    sys.path[:1] = [folder, f"{folder}/gguf-py"]
    # A module of that folder, not of an installed package.
    TextModel = importlib.import_module("conversion.base").TextModel
    by_hash = TextModel.get_vocab_base_pre

    def rule_name(self: Any, tokenizer: Any) -> Any:
        try:
            return by_hash(self, tokenizer)
        except NotImplementedError:
            if not pretokenizer:
                raise
            return pretokenizer

    def no_sentences(self: Any) -> None:
        # It looks for the package before it looks for the file; none of our families has such a tokenizer.
        raise FileNotFoundError("tokenizer.model")

    TextModel.get_vocab_base_pre = rule_name
    TextModel._set_vocab_sentencepiece = no_sentences
    script = f"{folder}/convert_hf_to_gguf.py"
    sys.argv = [script, *sys.argv[3:]]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
