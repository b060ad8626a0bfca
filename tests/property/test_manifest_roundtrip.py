"""Whatever a manifest says, ``bundle.toml`` says the same."""

from __future__ import annotations

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.models.bundle import BundleFile, Language, Manifest, PromptShape, Tower
from export.manifest_toml import manifest_toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
COUNT = st.integers(1, 2**53)
FIGURE = st.floats(allow_nan=False)
TRIPLE = st.tuples(FIGURE, FIGURE, FIGURE)
FILES = st.lists(st.builds(BundleFile, TEXT, TEXT, COUNT, TEXT, TEXT), max_size=3).map(tuple)
TOWERS = st.builds(Tower, file=TEXT, precision=TEXT, input_px=COUNT, mean=TRIPLE, scale=TRIPLE, rows=COUNT, columns=COUNT, dim=COUNT)
PROMPTS = st.builds(PromptShape, before=TEXT, after=TEXT, stop=TEXTS, picture_before=TEXT, picture_after=TEXT)
LANGUAGES = st.builds(
    Language,
    file=TEXT,
    architecture=TEXT,
    quantisation=TEXT,
    context_rows=COUNT,
    special=TEXTS,
    prompt=PROMPTS,
    causal=st.booleans(),
    mmproj=TEXT,
)
MANIFESTS = st.builds(
    Manifest,
    format=COUNT,
    name=TEXT,
    version=TEXT,
    summary=TEXT,
    files=FILES,
    tower=st.none() | TOWERS,
    language=st.none() | LANGUAGES,
    gates=st.dictionaries(TEXT, FIGURE, max_size=3),
    failed=TEXTS,
    made_with=st.dictionaries(TEXT, TEXT, max_size=3),
)


@given(MANIFESTS)
def test_a_manifest_survives_toml(manifest: Manifest) -> None:
    assert msgspec.toml.decode(manifest_toml(manifest), type=Manifest) == manifest


def test_a_figure_that_is_no_number_is_kept_as_one_that_is_none() -> None:
    forced = Manifest(format=1, name="forced", version="1", summary="", files=(), gates={"mean": math.nan}, failed=("no pictures",))
    read = msgspec.toml.decode(manifest_toml(forced), type=Manifest)
    assert math.isnan(read.gates["mean"])
    assert read.failed == ("no pictures",)
