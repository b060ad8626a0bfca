"""A licence is what a checkpoint's own files say; nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.licence import licence_of

CARD = "---\nlibrary_name: transformers\n{}\nlanguage:\n- en\n---\n# A model\n"


@pytest.mark.parametrize(
    ("front", "licence"),
    [
        ("license: apache-2.0", "Apache-2.0"),
        ("license: 'MIT'", "MIT"),
        ("license: gemma", "gemma"),
        (
            "license: other\nlicense_name: qwen-research\nlicense_link: https://example.org/LICENSE",
            "qwen-research, https://example.org/LICENSE",
        ),
        ("license: other\nlicense_name: qwen-research", "qwen-research"),
        ("license: other", "unknown"),
        ("license:", "unknown"),
        ("tags: [vision]", "unknown"),
    ],
)
def test_the_model_card_says(tmp_path: Path, front: str, licence: str) -> None:
    (tmp_path / "README.md").write_text(CARD.format(front), encoding="utf-8")
    assert licence_of(tmp_path) == licence


def test_words_of_the_card_are_not_its_front_matter(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A model\n\nlicense: mit\n", encoding="utf-8")
    assert licence_of(tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        (
            "LICENSE",
            "\n                                 Apache License\n                           Version 2.0, January 2004\n",
            "Apache-2.0",
        ),
        ("LICENSE.txt", "MIT License\n\nCopyright (c) somebody\n", "MIT"),
        ("LICENSE", "You may look at this on Sundays.\n", "its own, see LICENSE"),
        ("NOTICE", "This product includes things.\n", "unknown"),
    ],
)
def test_without_a_card_the_text_says(tmp_path: Path, name: str, text: str, licence: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert licence_of(tmp_path) == licence


def test_the_card_comes_before_the_text(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(CARD.format("license: mit").replace("\n", "\r\n").encode())
    (tmp_path / "LICENSE").write_text("Apache License\nVersion 2.0\n", encoding="utf-8")
    assert licence_of(tmp_path) == "MIT"


def test_an_empty_checkpoint_says_nothing(tmp_path: Path) -> None:
    assert licence_of(tmp_path) == "unknown"
