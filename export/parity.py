"""Proof that a converted language model is the original: the same tokens, the same prompt, the same numbers behind it. Results are data.

The numbers are compared in float32, behind every few tokens and behind every picture, whose rows come out of the exported tower. What
fewer bits cost is measured elsewhere: :mod:`export.parity_quantised`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.models.bundle import PromptShape
from edge_runtime.models.hub import Say, quiet
from edge_runtime.models.language_llama import OUTPUTS, LlamaModel
from edge_runtime.models.language_llama_open import LlamaSettings, open_llama
from edge_runtime.models.language_picture import Picture
from edge_runtime.models.onnx_session import open_session
from export.families import Positions
from export.parity_original import Original, Piece
from export.parity_texts import PASSAGES, QUESTIONS, STUMBLES

Array = npt.NDArray[np.float32]
Reading = Sequence[Sequence[int] | Picture]
"""What is read at one go: tokens and pictures in turn."""

MAX_ABS = 1e-4
"""Largest difference of a logit from the original's, in float32."""
FLOOR_FACTOR = 2.0
"""With positions in the plane (M-RoPE), a prompt with a picture may differ so many times as much as text alone, if that is more."""
PLANE_MAX_ABS = 2e-2
"""With positions in the plane, the largest difference on text alone. llama.cpp does not read the epsilon of this family's norms (qwen2vl,
release 0.3.36) and works with none: that is the floor, and it depends on the weights."""
_STRETCH = 8


class Parity(msgspec.Struct, frozen=True):
    """A language model in float32 beside the original.

    Attributes:
        positions: How the model numbers the rows of a picture.
        text: Largest difference of a logit on text alone.
        picture: The same on prompts with a picture.
        misplaced: The same where the rows of a picture are numbered like text, which is wrong where positions lie in the plane: it has to
            show. ``None`` with one position a row.
        absent: Special tokens that are not one token.
        miscut: Texts that are cut into other tokens than by the original.
        misspelt: How our prompt differs from what the checkpoint's chat template writes; ``""`` if it does not.
    """

    positions: Positions
    text: float
    picture: float
    misplaced: float | None = None
    absent: tuple[str, ...] = ()
    miscut: tuple[str, ...] = ()
    misspelt: str = ""

    @property
    def text_limit(self) -> float:
        """What :attr:`text` may be."""
        return MAX_ABS if self.positions == "rope1d" else PLANE_MAX_ABS

    @property
    def picture_limit(self) -> float:
        """What :attr:`picture` may be."""
        return MAX_ABS if self.positions == "rope1d" else max(MAX_ABS, FLOOR_FACTOR * self.text)

    @property
    def failures(self) -> tuple[str, ...]:
        """Each thing that is not as in the original; nothing if it is the original."""
        found = []
        # Not "greater than": a NaN must fail.
        if not self.text <= self.text_limit:
            found.append(f"language f32: logits on text differ by {self.text:.1e}, at most {self.text_limit:.1e} is allowed")
        if not self.picture <= self.picture_limit:
            found.append(f"language f32: logits behind a picture differ by {self.picture:.1e}, at most {self.picture_limit:.1e} is allowed")
        if self.misplaced is not None and not self.misplaced > self.picture_limit:
            found.append(
                f"language f32: misplaced rows of a picture change logits by {self.misplaced:.1e} only, so right ones prove nothing"
            )
        found += [f"language: {text!r} is not one token" for text in self.absent]
        found += [f"language: {text!r} is cut into other tokens than by the original" for text in self.miscut]
        if self.misspelt:
            found.append(f"language: {self.misspelt}")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether nothing falls short."""
        return not self.failures

    def figures(self) -> dict[str, float]:
        """What ``bundle.toml`` keeps of it."""
        kept = {"language_f32_text_max_abs": self.text, "language_f32_picture_max_abs": self.picture}
        return kept if self.misplaced is None else {**kept, "language_f32_misplaced_max_abs": self.misplaced}


class _Known(NamedTuple):
    """A prompt in pieces, and what the original says behind each of them."""

    pieces: Sequence[Piece]
    answers: Array


def exact_parity(checkpoint: Path, language: Path, tower: Path, images: Sequence[Array], *, threads: int = 2, say: Say = quiet) -> Parity:
    """Compare a language model in float32, and the exported tower before it, with the original.

    The original is let go of before the converted one is opened, so that memory has to hold one of them at a time.

    Args:
        checkpoint: Folder of the original.
        language: GGUF in f32.
        tower: ONNX in float32.
        images: Pictures as the tower takes them, float32 [1,3,S,S] each, at least one.
        threads: Of the processor.
        say: Called with one line at a time.

    Raises:
        MissingExtra: ``torch``, ``transformers``, ``onnxruntime`` or llama-cpp-python is not installed.
        UnsupportedModel: The model is unknown, or refused.
        BundleError: A file cannot be read.
        ModelError: A file does not fit the others.
        DeviceError: There is not enough memory.
    """
    say("asking the original")
    original = Original(checkpoint)
    spec, placeholder = original.spec, original.placeholder
    shape = spec.family.prompt
    cut = {text: original.ids(text) for text in (*STUMBLES, *PASSAGES)}
    written = original.prompt(QUESTIONS[0])
    plain = [_stretches(original.ids(f"{shape.before}{text}{shape.after}")) for text in (*QUESTIONS, PASSAGES[0])]
    shown = [_around(image, shape, question, original) for image in images for question in QUESTIONS]
    on_text, on_pictures = ([_Known(pieces, original.answers(pieces)) for pieces in group] for group in (plain, shown))
    del original
    gc.collect()
    say("asking the converted model")
    longest = max(sum(_rows(piece, spec.tokens_per_tile) for piece in known.pieces) for known in (*on_text, *on_pictures))
    block = max(OUTPUTS, spec.tokens_per_tile)
    settings = LlamaSettings(context_rows=longest, sequences=1, threads=threads, gpu_layers=0, block_rows=block, cache="f32")
    side = spec.tile_px // spec.patch_px // spec.merge
    with open_llama(language, settings) as model, open_session(tower, threads=threads) as session:

        def whole(piece: Piece) -> Reading:
            if not isinstance(piece, np.ndarray):
                return (piece,)
            return (Picture(session.run(piece)[0], grid=(side, side), causal=spec.family.image_attention == "causal"),)

        def largest(group: Sequence[_Known], reading: Callable[[Piece], Reading]) -> float:
            # Not "max": it may pass over a NaN.
            return float(np.max([_difference(answers(model, map(reading, known.pieces)), known.answers) for known in group]))

        found = Parity(
            positions=spec.family.positions,
            text=largest(on_text, whole),
            picture=largest(on_pictures, whole),
            misplaced=None if spec.family.positions == "rope1d" else largest(on_pictures[:1], lambda piece: in_line(whole(piece))),
            absent=absent_tokens(model, (*spec.family.special_tokens, *shape.stop)),
            miscut=tuple(text for text, tokens in cut.items() if model.tokenize(text) != tokens),
            misspelt=misspelling(prompt_tokens(model, shape, QUESTIONS[0], [placeholder] * spec.tokens_per_tile), written),
        )
    beside = "" if found.misplaced is None else f", {found.misplaced:.1e} with its rows misplaced"
    say(f"logits differ by at most {found.text:.1e} on text, {found.picture:.1e} behind a picture{beside}")
    return found


def answers(model: LlamaModel, readings: Iterable[Reading]) -> Array:
    """What a model says of every token to be next, behind each of some readings: float32 [readings, vocabulary]."""
    model.clear(0)
    found = []
    for reading in readings:
        for part in reading:
            model.extend(0, part)
        found.append(model.logits(0))
    return np.array(found)


def in_line(reading: Reading) -> Reading:
    """The same, with the rows of pictures numbered like text: wrong where positions lie in the plane."""
    parts: list[Sequence[int] | Picture] = []
    for part in reading:
        parts += [Picture(row[None], grid=(1, 1)) for row in part.rows] if isinstance(part, Picture) else [part]
    return tuple(parts)


def absent_tokens(model: LlamaModel, texts: Iterable[str]) -> tuple[str, ...]:
    """Those texts that are not one token of a model."""
    return tuple(text for text in dict.fromkeys(texts) if len(model.tokenize(text, special=True)) != 1)


def prompt_tokens(model: LlamaModel, shape: PromptShape, question: str, picture: Sequence[int]) -> tuple[int, ...]:
    """One turn with a picture and a question, as we write it; the question is never searched for special tokens.

    Args:
        model: The model.
        shape: How a turn is written.
        question: What is asked.
        picture: Tokens that stand for the rows of the picture.
    """
    before = model.tokenize(shape.before + shape.picture_before, special=True)
    behind = model.tokenize(shape.picture_after, special=True)
    return (*before, *picture, *behind, *model.tokenize(question), *model.tokenize(shape.after, special=True))


def misspelling(ours: Sequence[int], theirs: Sequence[int]) -> str:
    """Where one prompt differs from another, in words; ``""`` if they are the same."""
    if tuple(ours) == tuple(theirs):
        return ""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))
    return f"the prompt has {list(ours[same : same + 3])} at token {same}, where the chat template has {list(theirs[same : same + 3])}"


def _around(image: Array, shape: PromptShape, question: str, original: Original) -> Sequence[Piece]:
    before, behind = f"{shape.before}{shape.picture_before}", f"{shape.picture_after}{question}{shape.after}"
    return (*_stretches(original.ids(before)), image, *_stretches(original.ids(behind)))


def _stretches(tokens: Sequence[int]) -> Sequence[Piece]:
    return tuple(tokens[first : first + _STRETCH] for first in range(0, len(tokens), _STRETCH))


def _rows(piece: Piece, tokens_per_tile: int) -> int:
    return tokens_per_tile if isinstance(piece, np.ndarray) else len(piece)


def _difference(ours: Array, theirs: Array) -> float:
    # The output layer may have more rows than the tokenizer has tokens.
    shared = min(ours.shape[1], theirs.shape[1])
    return float(np.abs(ours[:, :shared] - theirs[:, :shared]).max())
