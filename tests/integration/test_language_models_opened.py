"""The models of a run, opened by its settings: together, one without the other, and the one that runs keeps running."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge_runtime.config import ModelsConfig
from edge_runtime.models import opening
from edge_runtime.models.generation import Language
from edge_runtime.models.language_reply import Replies
from edge_runtime.models.looker import Crop, ThumbLooker
from edge_runtime.models.opening import Opened, capabilities_of, open_models
from edge_runtime.pixels import Picture
from edge_runtime.protocol import Generate, Look
from edge_runtime.types import WHOLE, Capabilities, LookedRegion, Region
from tests.questions import NOW_NS, question
from tests.tiny_bundle import tiny_bundle
from tests.tiny_language import needs_llama
from tests.tiny_vlm import reference, write_vlm

pytestmark = needs_llama

BOTH = Capabilities(bundle="tiny 3 + tiny-vlm 1", vector=True, labels=True, tokens=True, language=True, vector_dim=3)


@pytest.fixture
def settings(tmp_path: Path) -> ModelsConfig:
    """A pocket bundle and a vision-language model, both tiny."""
    tiny_bundle(tmp_path / "pocket")
    write_vlm(tmp_path / "vlm")
    return changed(tmp_path)


def changed(folder: Path, *, bundle: str = "pocket", vlm: str = "vlm", **rest: object) -> ModelsConfig:
    given = {"context_rows": 512, "threads": 1, "shown_rows": 64, **rest}
    return ModelsConfig(bundle=str(folder / bundle), vlm=str(folder / vlm) if vlm else "", **given)  # type: ignore[arg-type]


def looked_at(opened: Opened, foveal: Picture, overview: Picture) -> tuple[LookedRegion, ...]:
    crops = [Crop(Region("foveal", WHOLE, ("tokens",)), foveal), Crop(Region("overview", WHOLE, ("tokens",)), overview)]
    regions = tuple(crop.region for crop in crops)
    return opened.looker.look(Look(id=1, deadline_ns=0, frame_seq=1, t_capture_ns=0, regions=regions, why="question"), crops)


def asked(opened: Opened, family: str = "SmolVLM2") -> Generate:
    return question("What is on the table?", looks=looked_at(opened, *reference(family)["pictures"]), asked_ns=NOW_NS, max_tokens=4)


def answered(language: Language | None, command: Generate) -> str:
    assert language is not None
    return "".join(language.generate(command))


def test_a_look_and_an_answer_from_pixels_to_words(settings: ModelsConfig) -> None:
    with ExitStack() as stack:
        opened = open_models(settings, stack)
        assert opened.trouble == ""
        assert opened.backend == "CPUExecutionProvider"
        assert opened.capabilities == opened.looker.capabilities == BOTH
        assert opened.language is not None
        command = asked(opened)
        assert [shown.kind for shown in opened.language.generate(command).shown] == ["overview", "foveal"]
        assert answered(opened.language, command)


def test_with_positions_in_the_plane(tmp_path: Path) -> None:
    write_vlm(tmp_path / "vlm", "Qwen2.5-VL")
    with ExitStack() as stack:
        opened = open_models(changed(tmp_path, context_rows=1024, shown_rows=512), stack)
        assert opened.trouble.startswith("there are no models")
        assert answered(opened.language, asked(opened, "Qwen2.5-VL"))


def test_what_they_can_do_is_known_without_opening_them(settings: ModelsConfig, tmp_path: Path) -> None:
    assert capabilities_of(settings) == BOTH
    assert capabilities_of(changed(tmp_path, vlm="")).bundle == "tiny 3"
    assert capabilities_of(changed(tmp_path, bundle="none")).bundle == "tiny-vlm 1"
    assert capabilities_of(changed(tmp_path, bundle="none", vlm="none")) == Capabilities()


def test_without_a_vlm_nothing_is_lacking(settings: ModelsConfig, tmp_path: Path) -> None:
    with ExitStack() as stack:
        opened = open_models(changed(tmp_path, vlm=""), stack)
        assert (opened.language, opened.trouble) == (None, "")
        assert not opened.capabilities.language


def test_without_pockets_bundle_the_vlm_still_answers(settings: ModelsConfig, tmp_path: Path) -> None:
    with ExitStack() as stack:
        opened = open_models(changed(tmp_path, bundle="none"), stack)
        assert "there are no models" in opened.trouble
        assert opened.capabilities == Capabilities(bundle="tiny-vlm 1", tokens=True, language=True)
        assert answered(opened.language, asked(opened))


def truncated(folder: Path) -> None:
    file = folder / "language.gguf"
    file.write_bytes(file.read_bytes()[:-100])


def other_file(folder: Path) -> None:
    write_vlm(folder, special=("<row_9_col_9>",))


def gone(folder: Path) -> None:
    (folder / "bundle.toml").unlink()


@pytest.mark.parametrize(
    ("harm", "words"),
    [(truncated, "is not the file that was prepared"), (other_file, "has no token '<row_9_col_9>'"), (gone, "no bundle.toml")],
    ids=["tampered", "special token missing", "absent"],
)
def test_a_vlm_that_fails_leaves_the_rest_running(settings: ModelsConfig, tmp_path: Path, harm: Callable[[Path], None], words: str) -> None:
    harm(tmp_path / "vlm")
    with ExitStack() as stack:
        opened = open_models(settings, stack)
        assert opened.language is None
        assert opened.trouble.startswith("there is no language model: ")
        assert words in opened.trouble
        assert opened.capabilities.bundle == "tiny 3"
        assert not opened.capabilities.language
        looker = opened.looker
        assert not isinstance(looker, ThumbLooker)


def test_both_lacking_is_said_of_both(tmp_path: Path) -> None:
    with ExitStack() as stack:
        opened = open_models(changed(tmp_path, bundle="none", vlm="none"), stack)
        assert isinstance(opened.looker, ThumbLooker)
        assert "there are no models" in opened.trouble
        assert "there is no language model" in opened.trouble


def test_a_second_model_that_fails_leaves_the_first_serving(settings: ModelsConfig, tmp_path: Path) -> None:
    write_vlm(tmp_path / "other")
    truncated(tmp_path / "other")
    with ExitStack() as stack, ExitStack() as second:
        opened = open_models(settings, stack)
        command = asked(opened)
        before = answered(opened.language, command)
        assert open_models(changed(tmp_path, vlm="other"), second).language is None
        second.close()
        assert answered(opened.language, command) == before


def test_memory_that_is_short_is_refused_before_anything_is_loaded(settings: ModelsConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "available_bytes", lambda: 20 << 20)
    monkeypatch.setattr(opening, "open_onnx_tower", lambda *_, **__: pytest.fail("the tower was opened"))
    with ExitStack() as stack:
        opened = open_models(settings, stack)
        assert opened.language is None
        assert "would take about" in opened.trouble
        assert "are free" in opened.trouble


def test_a_model_without_eyes_puts_into_other_words_if_that_is_wanted(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "pocket")
    write_vlm(tmp_path / "vlm", eyes=False)
    wanted, unwanted = changed(tmp_path, reword=True), changed(tmp_path)
    assert capabilities_of(wanted).rewording
    assert not capabilities_of(unwanted).rewording
    with ExitStack() as stack:
        opened = open_models(wanted, stack)
        assert isinstance(opened.language, Replies)
        assert opened.capabilities == capabilities_of(wanted)
        sentence = Generate(id=1, deadline_ns=0, prompt="Say it.", max_tokens=3, why="reword")
        assert answered(opened.language, sentence)
    with ExitStack() as stack:
        opened = open_models(unwanted, stack)
        assert opened.language is None
        assert "rewording is off" in opened.trouble
