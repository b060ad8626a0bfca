"""A checkpoint as ``transformers`` loads it: float32, from safetensors alone. Nothing is unpickled or downloaded, no code of it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_runtime.errors import BundleError, MissingExtra

WHOLE = "give the folder of a whole checkpoint"
"""What to do about a checkpoint that cannot be read."""


def load_original(checkpoint: Path) -> Any:
    """The whole model of ``transformers``.

    Attention is step by step: the other forms leave arithmetic with shapes in a graph that is traced.

    Raises:
        MissingExtra: ``torch`` or ``transformers`` is not installed.
        BundleError: The checkpoint cannot be read, or lacks weights.
    """
    require_originals()
    return _loaded(checkpoint, _config_of(checkpoint))


def load_without_layers(checkpoint: Path) -> Any:
    """The same without the layers of its language model, which are most of the memory: the tower does without.

    Raises:
        MissingExtra: ``torch`` or ``transformers`` is not installed.
        BundleError: The checkpoint cannot be read, or lacks weights.
    """
    require_originals()
    config = _config_of(checkpoint)
    config.text_config.num_hidden_layers = 0
    return _loaded(checkpoint, config)


def require_originals() -> None:
    """Look whether originals can be loaded.

    Raises:
        MissingExtra: ``torch`` or ``transformers`` is not installed.
    """
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        message = f"loading a checkpoint needs the package {error.name}, which is not installed"
        raise MissingExtra(message, hint="install the extra export-vlm in an environment of its own") from error


def _config_of(checkpoint: Path) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _unreadable(checkpoint, error) from error


def _loaded(checkpoint: Path, config: Any) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, logging

    # It reports every weight that it does not use. What is missing is checked below.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, found = AutoModelForImageTextToText.from_pretrained(
            checkpoint,
            config=config,
            dtype="float32",
            attn_implementation="eager",
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unreadable(checkpoint, error) from error
    # What is missing would be drawn at random, with no more than a warning.
    if absent := sorted(found["missing_keys"]):
        raise BundleError(f"{checkpoint} lacks {len(absent)} weights, {absent[0]} among them", hint=WHOLE)
    return model.eval()


def _unreadable(checkpoint: Path, error: Exception) -> BundleError:
    return BundleError(f"{checkpoint} cannot be loaded: {error}", hint=WHOLE)
