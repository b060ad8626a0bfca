"""The vision tower of each family around the original's own weights, for square pictures of one size. Of ``torch`` modules.

An original finds out at every call what never changes here: how large the picture is, where each patch sits, which patches attend to
each other. In a wrapper all that is settled, so that what is traced from it has neither shapes nor conditions in it. Each takes pictures
float32 [N,3,S,S] and gives tokens float32 [N,T,D], row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from export.spec import ModelSpec, UnsupportedModel

Original = Callable[[Any], Any]
"""The original's own function of the same pictures; its result is what a wrapper has to give."""
Wrap = Callable[[Any, ModelSpec], tuple[Original, torch.nn.Module]]
"""Takes the whole model apart."""


class _SmolVLM2(torch.nn.Module):  # type: ignore[misc]
    """SigLIP on the whole grid, pixel shuffle, projection (Marafioti et al., 2025, "SmolVLM")."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower, self.connector = model.model.vision_model, model.model.connector

    def forward(self, image: Any) -> Any:
        seen = self.tower.encoder(inputs_embeds=_siglip_patches(self.tower, image)).last_hidden_state
        return self.connector(self.tower.post_layernorm(seen))


class _LlavaOneVision(torch.nn.Module):  # type: ignore[misc]
    """SigLIP up to its last layer, projection (Li et al., 2024, "LLaVA-OneVision"). Of a picture in tiles, this is one tile."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower, self.projector = model.model.vision_tower, model.model.multi_modal_projector

    def forward(self, image: Any) -> Any:
        return self.projector(self.tower.encoder(inputs_embeds=_siglip_patches(self.tower, image)).last_hidden_state)


class _InternVL3(torch.nn.Module):  # type: ignore[misc]
    """InternViT, its class token dropped, pixel shuffle, projection (Zhu et al., 2025, "InternVL3")."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower, self.projector = model.model.vision_tower, model.model.multi_modal_projector
        self.shuffle, self.share = model.model.pixel_shuffle, model.config.downsample_ratio
        places = self.tower.embeddings.position_embeddings.detach().clone()
        places[:, :1] += self.tower.embeddings.cls_token.detach()
        self.register_buffer("places", places)

    def forward(self, image: Any) -> Any:
        patches = self.tower.embeddings.patch_embeddings(image)
        # The class token is the same for every picture: a row of zeros to which its value is added with the places.
        embedded = torch.nn.functional.pad(patches, (0, 0, 1, 0)) + self.places
        seen = self.tower.layernorm(self.tower.encoder(embedded).last_hidden_state)[:, 1:]
        side = round(seen.shape[1] ** 0.5)
        shuffled = self.shuffle(seen.reshape(-1, side, side, seen.shape[2]), scale_factor=self.share)
        return self.projector(shuffled.flatten(1, 2))


class _Qwen25VL(torch.nn.Module):  # type: ignore[misc]
    """A tower with window attention (Bai et al., 2025, "Qwen2.5-VL").

    Patches are put in the order of windows once, such that a window, and in it what is merged into one token, lies together: attention
    in windows is then attention in so many pictures, and the tokens are put back row by row at the end.
    """

    def __init__(self, model: Any, spec: ModelSpec) -> None:
        super().__init__()
        tower = model.model.visual
        self.patches, self.blocks, self.merger = tower.patch_embed.proj, tower.blocks, tower.merger
        self.heads = tower.blocks[0].attn.num_heads
        self.everywhere = frozenset(tower.fullatt_block_indexes)
        self.merge = spec.merge
        self.tokens = spec.tile_px // spec.patch_px // spec.merge
        self.window = tower.window_size // spec.patch_px // spec.merge
        if self.tokens % self.window:
            message = f"{self.tokens} tokens a side do not make whole windows of {self.window}"
            raise UnsupportedModel(message, hint="take the checkpoint as its makers published it")
        self.windows = self.tokens // self.window
        side = torch.arange(self.tokens * self.merge)
        places = torch.stack(torch.meshgrid(side, side, indexing="ij"))[None].float()
        down, across = self._by_window(places)[0].unbind(-1)
        angles = (torch.stack((down, across), -1)[..., None] * tower.rotary_pos_emb.inv_freq).flatten(1)
        self.register_buffer("cosine", torch.cat((angles, angles), -1)[:, None].cos())
        self.register_buffer("sine", torch.cat((angles, angles), -1)[:, None].sin())

    def forward(self, image: Any) -> Any:
        # A picture that stands still is a film of two equal frames.
        seen = self._by_window(self.patches(torch.stack((image, image), dim=2)).squeeze(2))
        for number, block in enumerate(self.blocks):
            windows = 1 if number in self.everywhere else self.windows**2
            seen = seen + self._attend(block.attn, block.norm1(seen), windows)
            seen = seen + block.mlp(block.norm2(seen))
        merged = self.merger.mlp(self.merger.ln_q(seen).reshape(-1, self.tokens**2, self.merger.hidden_size))
        rows = merged.reshape(-1, self.windows, self.windows, self.window, self.window, merged.shape[2])
        return rows.transpose(2, 3).reshape(-1, self.tokens**2, merged.shape[2])

    def _by_window(self, patches: Any) -> Any:
        """From [N,D,rows,columns] to [N,P,D]: by window, in it by token, in it by patch."""
        width, side = patches.shape[1], (self.windows, self.window, self.merge)
        return patches.reshape(-1, width, *side, *side).permute(0, 2, 5, 3, 6, 4, 7, 1).reshape(-1, patches[0, 0].numel(), width)

    def _attend(self, attention: Any, seen: Any, windows: int) -> Any:
        """Attention of the patches of each window to each other, [N,P,D] to the same."""
        patches, width = seen.shape[1:]
        head = (self.heads, width // self.heads)
        query, key, value = attention.qkv(seen).chunk(3, dim=-1)
        query, key = (self._turn(part.reshape(-1, patches, *head)) for part in (query, key))
        query, key, value = (part.reshape(-1, patches // windows, *head).transpose(1, 2) for part in (query, key, value))
        weights = torch.softmax(query @ key.transpose(2, 3) * attention.scaling, dim=-1)
        return attention.proj((weights @ value).transpose(1, 2).reshape(-1, patches, width))

    def _turn(self, part: Any) -> Any:
        """Rotary positions, [N,P,heads,D/heads] to the same."""
        first, second = part.chunk(2, dim=-1)
        return part * self.cosine + torch.cat((-second, first), dim=-1) * self.sine


def film_patches(images: Any, spec: ModelSpec) -> Any:
    """Pictures as Qwen2.5-VL's preprocessor writes them, as films of two equal frames.

    Args:
        images: float32 [N,3,S,S].
        spec: Of the checkpoint.

    Returns:
        float32 [N*P,V]: patches by token, in it by row; in each patch colour, time, row, column.
    """
    blocks = (spec.tile_px // spec.patch_px // spec.merge, spec.merge, spec.patch_px)
    patches = images.reshape(-1, 3, 1, *blocks, *blocks).permute(0, 3, 6, 4, 7, 1, 2, 5, 8)
    return patches.expand(-1, -1, -1, -1, -1, -1, 2, -1, -1).flatten(5).flatten(0, 4)


def _siglip_patches(tower: Any, image: Any) -> Any:
    """Patches with their places, [N,P,D]: all of a full square, in order."""
    embeddings = tower.embeddings
    return embeddings.patch_embedding(image).flatten(2).transpose(1, 2) + embeddings.position_embedding.weight


def _wrap_smolvlm2(model: Any, spec: ModelSpec) -> tuple[Original, torch.nn.Module]:
    def original(images: Any) -> Any:
        return torch.stack(list(model.model.get_image_features(images[:, None]).pooler_output))

    return original, _SmolVLM2(model)


def _wrap_internvl3(model: Any, spec: ModelSpec) -> tuple[Original, torch.nn.Module]:
    _require_last_layer(model, "default")

    def original(images: Any) -> Any:
        return model.model.get_image_features(images).pooler_output

    return original, _InternVL3(model)


def _wrap_llava_onevision(model: Any, spec: ModelSpec) -> tuple[Original, torch.nn.Module]:
    _require_last_layer(model, "full")

    def original(images: Any) -> Any:
        count = len(images)
        # Several pictures of one prompt are one tile each; a picture alone is also cut into tiles.
        features = model.model.get_image_features(
            images, image_sizes=torch.tensor([[spec.tile_px] * 2] * count), batch_num_images=torch.tensor([count])
        )
        # Behind a picture stands one token that is the same for all.
        return torch.stack(list(features.pooler_output))[:, :-1]

    return original, _LlavaOneVision(model)


def _wrap_qwen25vl(model: Any, spec: ModelSpec) -> tuple[Original, torch.nn.Module]:
    side = spec.tile_px // spec.patch_px

    def original(images: Any) -> Any:
        grids = torch.tensor([[1, side, side]] * len(images))
        return torch.stack(list(model.model.get_image_features(film_patches(images, spec), image_grid_thw=grids).pooler_output))

    return original, _Qwen25VL(model, spec)


def _require_last_layer(model: Any, strategy: str) -> None:
    """Wrappers give what the last layer gives; a checkpoint may ask for another."""
    layer, chosen = model.config.vision_feature_layer, model.config.vision_feature_select_strategy
    if (layer, chosen) != (-1, strategy):
        message = f"the tower's features are those of layer {layer} ({chosen}), and only the last ({strategy}) has been compared"
        raise UnsupportedModel(message, hint="take the checkpoint as its makers published it")


WRAPPERS: Mapping[str, Wrap] = MappingProxyType(
    {
        "SmolVLM2": _wrap_smolvlm2,
        "InternVL3": _wrap_internvl3,
        "LLaVA-OneVision": _wrap_llava_onevision,
        "Qwen2.5-VL": _wrap_qwen25vl,
    }
)
"""By the name of the family."""
