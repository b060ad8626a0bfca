"""Bundles: a folder of weights with ``bundle.toml``, which says what they are, where they come from and how they are fed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_runtime.errors import BundleError
from edge_runtime.models.hub import cache_folder, sha256_of
from edge_runtime.types import Capabilities

FORMAT = 1
"""Major version of ``bundle.toml``."""

Positive = Annotated[int, Meta(ge=1)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the manifest. An unknown key is an error: the bundle was made for another version."""


class BundleFile(Part, frozen=True):
    """One file of the bundle.

    Attributes:
        path: Name in the bundle's folder.
        sha256: Of the file, hex.
        size_bytes: Of the file.
        licence: Of the weights in it.
        source: Where it was derived from: package, version and file.
    """

    path: str
    sha256: str
    size_bytes: int
    licence: str
    source: str


class Vision(Part, frozen=True):
    """The picture encoder.

    Attributes:
        file: ONNX: ``image`` float32 [1,3,S,S] RGB to ``cls`` float32 [1,L,D] and ``patches`` float32 [1,(S/patch_px)^2,D].
        input_px: ``S``.
        patch_px: Side of one patch.
        mean: Of the pixels 0..255, RGB, subtracted.
        scale: Divided by, RGB.
        blocks: The transformer blocks whose class tokens make the vector, in order.
        token_block: The block whose patch tokens are kept.
        token_rows: Rows of the grid the tokens are pooled to.
        token_columns: Columns of that grid.
        token_dim: Width of a token, ``D``.
        vector: ``"whitened"`` (each class token whitened, then joined) or ``"raw"`` (the last class token as it is).
        vector_dim: Length of the vector.
        whitening: File with ``mean`` [L,D] and ``matrix`` [L,D,K], or ``""`` with ``"raw"``.
    """

    file: str
    input_px: Positive
    patch_px: Positive
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    blocks: tuple[int, ...]
    token_block: int
    token_rows: Positive
    token_columns: Positive
    token_dim: Positive
    vector: str
    vector_dim: Positive
    whitening: str = ""


class Naming(Part, frozen=True):
    """The classifier.

    Attributes:
        file: ONNX: ``image`` float32 [1,3,S,S] RGB to ``probabilities`` float32 [1,C].
        names: Text file with one class name a line, in the order of the classes.
        input_px: ``S``.
        mean: Subtracted from pixels 0..255.
        scale: Divided by.
    """

    file: str
    names: str
    input_px: Positive
    mean: float
    scale: float


class Text(Part, frozen=True):
    """Text reading: the detector of lines and the reader of one line, both ONNX."""

    detector: str
    recogniser: str


class Manifest(Part, frozen=True):
    """``bundle.toml``.

    Attributes:
        format: :data:`FORMAT`.
        name: Of the bundle.
        version: Of the bundle; changes when its files would.
        summary: What it can do, one sentence.
        vision: The encoder, if there is one.
        naming: The classifier, if there is one.
        text: Text reading, if it can.
        files: Every file.
        gates: What was measured on it, by name.
    """

    format: int
    name: str
    version: str
    summary: str
    files: tuple[BundleFile, ...]
    vision: Vision | None = None
    naming: Naming | None = None
    text: Text | None = None
    gates: dict[str, float] = {}


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files have been checked.

    Attributes:
        folder: Where it lies.
        manifest: What its ``bundle.toml`` says.
    """

    folder: Path
    manifest: Manifest

    @property
    def capabilities(self) -> Capabilities:
        """What its models can do."""
        vision = self.manifest.vision
        return Capabilities(
            bundle=f"{self.manifest.name} {self.manifest.version}",
            vector=vision is not None,
            labels=self.manifest.naming is not None,
            text=self.manifest.text is not None,
            tokens=vision is not None,
            vector_dim=vision.vector_dim if vision else 0,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all its files."""
        return sum(file.size_bytes for file in self.manifest.files)

    def file(self, name: str) -> Path:
        """Where a file of the bundle lies."""
        return self.folder / name


def bundles_folder(cache: Path | None = None) -> Path:
    """Where prepared bundles lie."""
    return (cache or cache_folder()) / "bundles"


def load_bundle(name_or_folder: str | Path, *, cache: Path | None = None) -> Bundle:
    """Find a bundle, read its manifest and check every file against its hash.

    Args:
        name_or_folder: A name such as ``"pocket"``, or a folder that holds a ``bundle.toml``.
        cache: The cache that names are looked up in; the usual one if not given.

    Raises:
        BundleError: It is not there, incomplete, altered, or made for another version.
    """
    folder = _locate(name_or_folder, cache)
    manifest = _read_manifest(folder)
    hint = _hint(manifest.name)
    if manifest.format != FORMAT:
        raise BundleError(f"bundle {manifest.name} has format {manifest.format}, this version reads {FORMAT}", hint=hint)
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            raise BundleError(f"bundle {manifest.name} lacks {file.path}", hint=hint)
        if path.stat().st_size != file.size_bytes or sha256_of(path) != file.sha256:
            raise BundleError(f"{file.path} of bundle {manifest.name} is not the file that was prepared", hint=hint)
    return Bundle(folder, manifest)


def list_bundles(*, cache: Path | None = None) -> list[Manifest]:
    """The manifests of all prepared bundles, by name; their files are not checked.

    Raises:
        BundleError: A manifest cannot be read.
    """
    folder = bundles_folder(cache)
    return [_read_manifest(path.parent) for path in sorted(folder.glob("[!.]*/bundle.toml"))]


def _hint(name: str) -> str:
    return f"run: edge-runtime models prepare {name}"


def _locate(name_or_folder: str | Path, cache: Path | None) -> Path:
    given = Path(name_or_folder)
    if (given / "bundle.toml").is_file():
        return given
    # A name is one word; anything with a separator in it was meant as a folder.
    if len(given.parts) != 1:
        raise BundleError(f"no bundle.toml in {given}", hint="give the name of a bundle, or a folder that holds a bundle.toml")
    folder = bundles_folder(cache) / given
    if not (folder / "bundle.toml").is_file():
        raise BundleError(f"no model bundle called {given}", hint=_hint(given.name or "pocket"))
    return folder


def _read_manifest(folder: Path) -> Manifest:
    try:
        return msgspec.toml.decode((folder / "bundle.toml").read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise BundleError(f"{folder / 'bundle.toml'} cannot be read: {error}", hint=_hint(folder.name)) from error
