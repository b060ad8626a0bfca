"""Prepare the pocket bundle: the embedded default, made from weights that packages on the index ship."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from edge_runtime.errors import BundleError, ModelError
from edge_runtime.models.bundle import FORMAT, BundleFile, Manifest, Naming, Text, Vision, bundles_folder, load_bundle
from edge_runtime.models.hub import Say, WheelFile, cache_folder, fetch, megabytes, prepare_lock, quiet, sha256_of, writing
from edge_runtime.models.hub_bundles import making, place_same
from edge_runtime.models.onnx_session import require_runtime
from edge_runtime.models.vision_onnx import VisionNet
from edge_runtime.pixels import Picture, resize
from export import efficientnet_onnx, vit_onnx
from export.class_names import class_names
from export.manifest_toml import manifest_toml
from export.onnx_graph import onnx_package
from export.pocket_sources import CLASSIFIER, DETECTOR, ENCODER, LEMMAS, RECOGNISER, SOURCES, SYNSETS
from export.pth_state import read_state

NAME, VERSION = "pocket", "1"
VISION = Vision(
    file="vision.onnx",
    input_px=224,
    patch_px=14,
    mean=(123.675, 116.28, 103.53),
    scale=(58.395, 57.12, 57.375),
    blocks=(9, 10),
    token_block=5,
    token_rows=8,
    token_columns=8,
    token_dim=vit_onnx.DIM,
    vector="whitened",
    vector_dim=384,
    whitening="whitening.npz",
)
NAMING = Naming(file="naming.onnx", names="names.txt", input_px=efficientnet_onnx.INPUT_PX, mean=127.0, scale=128.0)
TEXT = Text(detector="text_detect.onnx", recogniser="text_read.onnx")
CONCEPT_AUC = 0.955
"""Same against different subject, 81 photographs of 15 subjects: ``python -m tests.bench.concepts``."""
LEAST_COSINE = 0.99
"""Between the 8-bit encoder and the one it was made from, on this machine."""


def prepare_pocket(*, cache: Path | None = None, say: Say = quiet) -> Path:
    """Make the bundle ready: download what is missing, derive the networks once, write ``bundle.toml``.

    Sizes and licences are said before anything is downloaded. With the bundle ready it does nothing and uses no network. What was
    downloaded before an interruption is kept.

    Args:
        cache: Where to keep things; the usual cache if not given.
        say: Called with one line at a time.

    Returns:
        The bundle's folder.

    Raises:
        MissingExtra: ``onnx`` or ``onnxruntime`` is not installed.
        Unreachable: The package index does not answer.
        HashMismatch: It gave another file than the one asked for.
        DeviceError: The cache cannot be written, or the disk is full.
        BundleError: The networks do not come out as they should.
    """
    cache = cache or cache_folder()
    folder = bundles_folder(cache) / NAME
    if _is_ready(folder):
        say(f"bundle {NAME} {VERSION} is ready: {folder}")
        return folder
    onnx_package()
    require_runtime()
    with prepare_lock(cache / "bundles.lock", say=say):
        if not _is_ready(folder):
            files = fetch(SOURCES, cache=cache, say=say)
            _build(folder, files, say)
    manifest = load_bundle(folder).manifest
    say(f"bundle {NAME} {VERSION} is ready: {folder}, {megabytes(sum(file.size_bytes for file in manifest.files))}")
    return folder


def derive_encoder(source: Path, target: Path, say: Say = quiet) -> float:
    """Cut the encoder out of the published network and make it 8-bit.

    Returns:
        The cosine between its class tokens and those before quantisation, on a made-up picture; the smallest over the blocks.

    Raises:
        BundleError: The two differ too much: this processor's 8-bit arithmetic is not to be trusted.
    """
    say("deriving the picture encoder")
    exact = target.with_suffix(".float.onnx")
    exact.write_bytes(vit_onnx.cut(source, blocks=VISION.blocks, token_block=VISION.token_block, eight_bit=False).SerializeToString())
    target.write_bytes(vit_onnx.cut(source, blocks=VISION.blocks, token_block=VISION.token_block, eight_bit=True).SerializeToString())
    picture = _made_up_picture()
    cls = []
    for path in (exact, target):
        net = VisionNet(path, VISION, threads=1)
        cls.append(net.run(picture)[0])
        net.close()
    exact.unlink()
    cosine = vit_onnx.same_direction(cls[0], cls[1])
    if cosine < LEAST_COSINE:
        message = f"the 8-bit encoder differs from the original on this machine: cosine {cosine:.3f}, at least {LEAST_COSINE} is expected"
        raise BundleError(message, hint="report this with the name of the processor and the version of onnxruntime")
    return cosine


def _is_ready(folder: Path) -> bool:
    try:
        return load_bundle(folder).manifest.version == VERSION
    except ModelError:
        return False


def _build(folder: Path, files: dict[WheelFile, Path], say: Say) -> None:
    with making(folder) as work, writing(folder):
        cosine = _derive(work, files, say)
        (work / "bundle.toml").write_text(manifest_toml(_manifest(work, cosine)), encoding="utf-8")


def _derive(work: Path, files: dict[WheelFile, Path], say: Say) -> float:
    cosine = derive_encoder(files[ENCODER], work / VISION.file, say)
    (work / VISION.whitening).write_bytes(resources.files("export").joinpath("whitening.npz").read_bytes())
    say("rebuilding the classifier from its weights")
    (work / NAMING.file).write_bytes(efficientnet_onnx.build(read_state(files[CLASSIFIER])).SerializeToString())
    (work / NAMING.names).write_text("\n".join(class_names(files[SYNSETS], files[LEMMAS])) + "\n", encoding="utf-8")
    for source, name in ((DETECTOR, TEXT.detector), (RECOGNISER, TEXT.recogniser)):
        place_same(files[source], work / name)
    return cosine


def _manifest(work: Path, cosine: float) -> Manifest:
    def file(name: str, *sources: WheelFile, licence: str = "") -> BundleFile:
        path = work / name
        origin = "; ".join(f"{source.package} {source.version}: {source.path}" for source in sources) or "export/whitening.npz"
        return BundleFile(name, sha256_of(path), path.stat().st_size, licence or sources[-1].licence, origin)

    return Manifest(
        format=FORMAT,
        name=NAME,
        version=VERSION,
        summary="recognises what it was shown, reads text, proposes everyday names; no free language",
        files=(
            file(VISION.file, ENCODER),
            file(VISION.whitening, licence="as this project; derived from pictures listed in export/whiten.py"),
            file(NAMING.file, CLASSIFIER),
            file(NAMING.names, SYNSETS, LEMMAS),
            file(TEXT.detector, DETECTOR),
            file(TEXT.recogniser, RECOGNISER),
        ),
        vision=VISION,
        naming=NAMING,
        text=TEXT,
        gates={"concept_auc": CONCEPT_AUC, "int8_cosine": round(cosine, 5)},
    )


def _made_up_picture() -> Picture:
    """Coarse coloured noise, uint8 BGR [224,224,3]: the same everywhere, and not flat."""
    noise = np.random.default_rng(0).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    return resize(noise, VISION.input_px, VISION.input_px)
