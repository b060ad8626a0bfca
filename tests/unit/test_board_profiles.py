"""Board profiles: every figure says how it is known, and a profile that does not is refused."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from edge_runtime.boards import STAGES, board, boards, read_boards
from edge_runtime.errors import ConfigError, UsageError

TEXT = resources.files("edge_runtime").joinpath("boards.toml").read_text(encoding="utf-8")
LINE = 'encode_ms = { value = 51.7, kind = "measured", source = "'


def test_there_is_a_profile_of_every_board_we_speak_of() -> None:
    assert list(boards()) == ["orin-nano", "orin-nx", "agx-orin", "thor", "pc"]


def test_every_stage_has_a_figure_and_every_figure_a_source() -> None:
    for profile in boards().values():
        assert profile.stages.keys() == STAGES.keys()
        assert all(figure.source and figure.value > 0 for figure in profile.stages.values())


def test_only_the_pc_was_measured() -> None:
    measured = {name for name, profile in boards().items() for figure in profile.stages.values() if figure.kind == "measured"}
    assert measured == {"pc"}


def test_no_two_boards_share_a_part_number() -> None:
    parts = [part for profile in boards().values() for part in profile.compatible]
    assert len(parts) == len(set(parts))


def test_a_cost_is_in_nanoseconds() -> None:
    assert board("pc").cost_ns("encode") == 51_700_000


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("orin-nanno", "did you mean orin-nano"),
        ("AGX-ORIN", "did you mean agx-orin"),
        ("xyzzy", "one of orin-nano, orin-nx, agx-orin, thor, pc"),
    ],
)
def test_an_unknown_board_is_refused_and_the_nearest_named(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no profile of a board called {name}") as refused:
        board(name)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ('{ value = -1.0, kind = "assumed", source = "x" }', ">= 0.0"),
        ('{ value = nan, kind = "assumed", source = "x" }', "the profile of pc is off"),
        ('{ value = inf, kind = "assumed", source = "x" }', "pc.encode_ms is inf"),
        ('{ value = 1.0, kind = "guessed", source = "x" }', "guessed"),
        ('{ value = 1.0, kind = "assumed", source = "" }', "source"),
        ('{ value = 1.0, kind = "assumed" }', "source"),
        ('{ value = 1.0, kind = "assumed", source = "x", unit = "s" }', "unit"),
        ('{ value = 1.0, kind = "published", source = "a talk" }', "published and says not where"),
        ('{ value = 1.0, kind = "measured", source = "last week" }', "measured and says not by which command"),
        ('"fast"', "object"),
    ],
)
def test_a_figure_that_says_too_little_is_refused_by_name(figure: str, message: str) -> None:
    off = re.sub(re.escape(LINE) + ".*", f"encode_ms = {figure}", TEXT)
    assert off != TEXT
    with pytest.raises(ConfigError, match=re.escape(message)) as refused:
        read_boards(off)
    assert refused.value.hint


def test_a_missing_figure_and_broken_toml_are_refused() -> None:
    with pytest.raises(ConfigError, match="encode_ms"):
        read_boards(re.sub(re.escape(LINE) + ".*", "", TEXT))
    with pytest.raises(ConfigError, match="no TOML"):
        read_boards("[pc")
