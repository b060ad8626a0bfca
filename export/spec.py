"""What has to be known of a vision-language model before it can be turned into a bundle, as data.

A *family* (:mod:`export.families`) is what all sizes of a model share; a *spec* adds what one checkpoint's ``config.json`` says. Nothing
is read off a name: a family is known by the architecture that the checkpoint states, and its language model has to be the one expected.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import msgspec

from edge_runtime.errors import ModelError
from export.families import FAMILIES, Family

Config = Mapping[str, Any]
"""A JSON object as it was read."""

K_QUANT_ROW = 256
"""K-quants of llama.cpp pack rows in blocks of so many weights; a row that is no multiple falls back to another kind, unasked."""


class UnsupportedModel(ModelError):
    """A checkpoint of a model that is unknown, or that nobody has verified yet."""


class ModelSpec(msgspec.Struct, frozen=True):
    """One checkpoint.

    Attributes:
        family: What it shares with its other sizes.
        tile_px: Side of the square picture that the tower takes.
        patch_px: Side of a patch.
        merge: Patches along each side that become one token.
        width: Of a token where it enters the language model, without deepstack.
        row_widths: Row lengths of the language model's matrices, ascending.
    """

    family: Family
    tile_px: int
    patch_px: int
    merge: int
    width: int
    row_widths: tuple[int, ...]

    @property
    def tokens_per_tile(self) -> int:
        """Tokens that one tile becomes."""
        return (self.tile_px // self.patch_px // self.merge) ** 2

    @property
    def injected_width(self) -> int:
        """Width of the rows that are injected: the token and its deepstack features side by side."""
        return self.width * (1 + self.family.deepstack)

    @property
    def k_quants(self) -> bool:
        """Whether every matrix of the language model can be a K-quant; otherwise q8_0 is the honest choice."""
        return all(width % K_QUANT_ROW == 0 for width in self.row_widths)


class PixelScale(msgspec.Struct, frozen=True):
    """How pixels 0..255 become what the tower takes: ``(x - mean) / scale``, each R, G, B."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


def family_of(config: Config) -> Family:
    """Find the family of a checkpoint, refused or not.

    Args:
        config: Its ``config.json``.

    Raises:
        UnsupportedModel: It is of none.
    """
    stated = config.get("architectures")
    names = [str(name) for name in stated] if isinstance(stated, list) else []
    for family in FAMILIES:
        if set(names) & set(family.architectures):
            return family
    raise UnsupportedModel(f"unknown architecture: {', '.join(names) or 'config.json states none'}", hint=_others())


def spec_of(config: Config) -> ModelSpec:
    """Read what has to be known of a checkpoint.

    Args:
        config: Its ``config.json``.

    Raises:
        UnsupportedModel: It is of no known family, of one that is refused, has another language model inside than its family, or its
            ``config.json`` lacks something.
    """
    family = family_of(config)
    if family.refusal:
        raise UnsupportedModel(f"{family.name} is not exported: {family.refusal}", hint=_others())
    # Qwen2.5-VL was published with its language model's keys at the top.
    text = _value(config, "text_config") if "text_config" in config else config
    inside = _value(text, "model_type")
    if inside not in (family.language_model, f"{family.language_model}_text"):
        message = f"the language model is {inside}, and {family.name} has {family.language_model}"
        raise UnsupportedModel(message, hint="take another size of the model")
    width, heads = _number(text, "hidden_size"), _number(text, "num_attention_heads")
    head_width = _number(text, "head_dim") if text.get("head_dim") else width // heads
    spec = ModelSpec(
        family=family,
        tile_px=_number(config, family.tile_px),
        patch_px=_number(config, family.patch_px),
        merge=_number(config, family.merge),
        width=width,
        row_widths=tuple(sorted({width, heads * head_width, _number(text, "intermediate_size")})),
    )
    if spec.tokens_per_tile < 1 or spec.tile_px // spec.patch_px % spec.merge:
        message = f"a tile of {spec.tile_px} px has no whole tokens of {spec.merge} x {spec.merge} patches of {spec.patch_px} px"
        raise UnsupportedModel(message, hint=_HINT)
    return spec


def pixel_scale_of(preprocessor: Config) -> PixelScale:
    """Read how pixels are scaled.

    Args:
        preprocessor: The checkpoint's ``preprocessor_config.json``.

    Raises:
        UnsupportedModel: It does not say.
    """
    try:
        factor = float(preprocessor.get("rescale_factor", 1 / 255))
        mean, std = ([float(value) / factor for value in preprocessor[key]] for key in ("image_mean", "image_std"))
        return msgspec.convert({"mean": mean, "scale": std}, PixelScale)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise UnsupportedModel(f"preprocessor_config.json does not say how pixels are scaled: {error}", hint=_HINT) from error


def absent_tokens(spec: ModelSpec, vocabulary: Container[str]) -> tuple[str, ...]:
    """The special tokens that a tokenizer does not have as one token.

    llama.cpp looks some of them up by their text and puts token -1 in the prompt where there is none.

    Args:
        spec: Of the checkpoint.
        vocabulary: Texts of all tokens, added ones too, as ``tokenizer.json`` writes them: byte-level, a line feed is ``Ċ``.
    """
    return tuple(text for text in spec.family.special_tokens if text.replace("\n", "Ċ") not in vocabulary)


_HINT = "take the checkpoint as its makers published it"


def _others() -> str:
    return "these can be exported: " + ", ".join(family.name for family in FAMILIES if not family.refusal)


def _value(config: Config, key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise UnsupportedModel(f"config.json has no {key}", hint=_HINT)
        found = found[part]
    return found


def _number(config: Config, stated: int | str) -> int:
    """A number that is fixed, or that stands under a key."""
    if isinstance(stated, int):
        return stated
    found = _value(config, stated)
    # Sides may be written as height and width, a merge as the share of each side that is left.
    if isinstance(found, list) and len(found) == 2 and found[0] == found[1]:
        found = found[0]
    if isinstance(found, float) and 0 < found < 1:
        found = round(1 / found)
    if type(found) is not int or found < 1:
        raise UnsupportedModel(f"{stated} of config.json is {found!r}, not a whole number of at least 1", hint=_HINT)
    return found
