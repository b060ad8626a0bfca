"""The original model in ``transformers``: what it says behind a prompt, and how its own chat template writes one.

A prompt comes in pieces, tokens and pictures in turn; pictures go through the original's own tower, and positions are the original's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError
from export.original import WHOLE, load_original
from export.spec import ModelSpec, spec_of
from export.vision import read_json

Array = npt.NDArray[np.float32]
Piece = Sequence[int] | Array
"""Tokens, or a picture as the tower takes it: float32 [1,3,S,S]."""


class Original:
    """A checkpoint, loaded by ``transformers``, float32.

    Args:
        checkpoint: Its folder.

    Attributes:
        spec: Of the checkpoint.
        model: Of ``transformers``.

    Raises:
        MissingExtra: ``torch`` or ``transformers`` is not installed.
        UnsupportedModel: The model is unknown, or refused.
        BundleError: The checkpoint cannot be read.
    """

    def __init__(self, checkpoint: Path) -> None:
        config = read_json(checkpoint / "config.json")
        self.spec: ModelSpec = spec_of(config)
        self._checkpoint = checkpoint
        self.model = load_original(checkpoint)
        # Two names have been in use for it.
        self._placeholder = int(config.get("image_token_id", config.get("image_token_index", -1)))

    def answers(self, pieces: Sequence[Piece]) -> Array:
        """What it says of every token to be next, behind each piece: float32 [pieces, vocabulary]."""
        import torch

        ids: list[int] = []
        ends = []
        for piece in pieces:
            ids += [self._placeholder] * self.spec.tokens_per_tile if isinstance(piece, np.ndarray) else piece
            ends.append(len(ids) - 1)
        pictures = [piece for piece in pieces if isinstance(piece, np.ndarray)]
        tokens = torch.tensor([ids])
        with torch.inference_mode():
            rows = self.model.get_input_embeddings()(tokens)
            if pictures:
                # One more at the end: some families take one tile for a whole picture only where there are several.
                seen = self._seen(torch.from_numpy(np.concatenate([*pictures, pictures[-1]])))[:-1]
                rows[tokens == self._placeholder] = seen.flatten(0, 1)
            said = self.model(inputs_embeds=rows, **self._positions(tokens, len(pictures)), logits_to_keep=torch.tensor(ends))
        logits: Array = said.logits[0].numpy()
        return logits

    def prompt(self, question: str) -> tuple[int, ...]:
        """One turn with a picture and a question, as the checkpoint's own chat template writes it.

        The template's one mark for the picture is spread out to as many as the picture has tokens.

        Raises:
            BundleError: The checkpoint has no chat template, or one that does not know pictures.
        """
        said = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
        try:
            # The one of the whole model goes before the one of its language model.
            own = self._checkpoint / "chat_template.json"
            template = read_json(own)["chat_template"] if own.is_file() else None
            written = str(self._tokenizer.apply_chat_template(said, chat_template=template, tokenize=False, add_generation_prompt=True))
        except (ValueError, TypeError, KeyError) as error:
            raise BundleError(f"{self._checkpoint} has no chat template that can be used: {error}", hint=WHOLE) from error
        mark = str(self._tokenizer.convert_ids_to_tokens(self._placeholder))
        head, found, tail = written.partition(mark)
        if not found or mark in tail:
            raise BundleError(f"the chat template of {self._checkpoint} does not write one picture for one", hint=WHOLE)
        # A template may leave special tokens around a picture to whatever spreads the mark out.
        shape, special = self.spec.family.prompt, self.spec.family.special_tokens
        before = left_out(shape.picture_before, special, head.endswith)
        behind = left_out(shape.picture_after, special, tail.startswith)
        return self.ids(f"{head}{before}{mark * self.spec.tokens_per_tile}{behind}{tail}")

    def ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a text; names of special tokens in it become those tokens."""
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids)

    @property
    def placeholder(self) -> int:
        """The token that stands where a row of a picture goes."""
        return self._placeholder

    @functools.cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._checkpoint, local_files_only=True, trust_remote_code=False)

    @functools.cached_property
    def _seen(self) -> Any:
        from export.vision_wrappers import WRAPPERS

        return WRAPPERS[self.spec.family.name](self.model, self.spec)[0]

    def _positions(self, tokens: Any, pictures: int) -> dict[str, Any]:
        """Places in the plane by the original's own rule, which it falls back from without a word where it is not told of pictures."""
        import torch

        if self.spec.family.positions == "rope1d" or not pictures:
            return {}
        side = self.spec.tile_px // self.spec.patch_px
        places, _ = self.model.model.get_rope_index(
            tokens, mm_token_type_ids=(tokens == self._placeholder).int(), image_grid_thw=torch.tensor([[1, side, side]] * pictures)
        )
        return {"position_ids": places}


def left_out(frame: str, special: Sequence[str], stands_there: Callable[[str], bool]) -> str:
    """The special tokens at the beginning of a frame that a template leaves out; none unless all the rest of it stands there.

    Args:
        frame: What stands on one side of a picture's rows.
        special: Names of special tokens.
        stands_there: Whether a template has a text on that side.
    """
    cut = 0
    while not stands_there(frame[cut:]):
        name = next((name for name in special if frame.startswith(name, cut)), "")
        if not name:
            return ""
        cut += len(name)
    return frame[:cut]
