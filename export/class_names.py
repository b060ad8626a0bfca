"""The thousand class names of the classifier, from WordNet's lemmas."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import BundleError


def class_names(synsets: Path, lemmas: Path) -> list[str]:
    """Name the classes: the first lemma of each synset, lower case.

    A few names stand twice, as in WordNet: a crane is a bird and a machine.

    Args:
        synsets: One WordNet synset a line, in the order of the classes.
        lemmas: A synset, a tab and its lemmas separated by commas, a line each.

    Raises:
        BundleError: A synset has no lemma.
    """
    known = dict(line.split("\t", 1) for line in lemmas.read_text(encoding="utf-8").splitlines() if "\t" in line)
    try:
        return [known[synset].split(",")[0].strip().lower() for synset in synsets.read_text(encoding="utf-8").split()]
    except KeyError as error:
        raise BundleError(f"{lemmas.name} has no name for {error}", hint="use the release that the bundle names") from error
