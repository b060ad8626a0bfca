"""The account of what a sequence holds."""

from __future__ import annotations

import pytest

from edge_runtime.models.language import Refused
from edge_runtime.models.language_held import Held, Span


def held() -> Held:
    """Five tokens, a picture that takes four positions, three tokens."""
    account = Held()
    account.add_tokens([1, 2, 3])
    account.add_tokens([4, 5])
    account.add_picture(4)
    account.add_tokens([6, 7, 8])
    return account


def test_positions_add_up() -> None:
    assert Held().end == 0
    assert [(span.start, span.stop, span.tokens) for span in held().spans] == [(0, 5, [1, 2, 3, 4, 5]), (5, 9, None), (9, 12, [6, 7, 8])]


@pytest.mark.parametrize(
    ("tokens", "common"), [([1, 2, 3, 4, 5], 5), ([1, 2, 9], 2), ([9], 0), ([], 0), ([1, 2, 3, 4, 5, 6, 7], 5)], ids=str
)
def test_what_a_prompt_has_in_common_ends_at_the_first_picture(tokens: list[int], common: int) -> None:
    assert held().common(tokens) == common


def test_nothing_is_common_where_a_picture_comes_first() -> None:
    account = Held()
    account.add_picture(2)
    account.add_tokens([1])
    assert account.common([1]) == 0


@pytest.mark.parametrize("position", [0, 3, 5, 9, 11, 12])
def test_the_end_is_cut_off(position: int) -> None:
    account = held()
    account.cut(position)
    assert account.end == position


@pytest.mark.parametrize("position", [-1, 6, 8, 13])
def test_no_cut_inside_a_picture_or_where_nothing_is(position: int) -> None:
    with pytest.raises(Refused) as refused:
        held().cut(position)
    assert refused.value.hint


def test_what_lies_behind_moves_up() -> None:
    account = held()
    account.take_out(1, 3)
    assert [(span.start, span.stop, span.tokens) for span in account.spans] == [
        (0, 1, [1]),
        (1, 3, [4, 5]),
        (3, 7, None),
        (7, 10, [6, 7, 8]),
    ]


def test_a_picture_is_taken_out_whole_or_not_at_all() -> None:
    account = held()
    with pytest.raises(Refused, match="inside the picture 5 to 9"):
        account.take_out(2, 6)
    account.take_out(5, 9)
    assert account.end == 8


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (4, 2), (-1, 2), (10, 13)])
def test_what_is_no_stretch_is_not_taken_out(start: int, stop: int) -> None:
    with pytest.raises(Refused, match="no stretch"):
        held().take_out(start, stop)


def test_a_prompt_has_nothing_in_common_beyond_where_something_was_taken_out() -> None:
    """What lies behind has seen it, so it is not what reading it anew would give."""
    account = Held()
    account.add_tokens([1, 2, 3, 4, 5, 6])
    account.take_out(2, 4)
    assert account.common([1, 2, 5, 6]) == 2
    account.cut(2)
    account.add_tokens([5, 6])
    assert account.common([1, 2, 5, 6]) == 4


def test_a_copy_is_one_of_its_own() -> None:
    account = held()
    other = account.copy()
    account.cut(2)
    account.add_tokens([9])
    assert other == held()


def test_loose_rows_are_taken_out_one_by_one() -> None:
    """But there is no way back to between them."""
    account = Held()
    account.add_tokens([1, 2])
    account.add_picture(5, loose=True)
    account.add_tokens([3])
    account.take_out(3, 5)
    assert account.spans == [Span(0, 2, [1, 2]), Span(2, 3, None, True), Span(3, 5, None, True), Span(5, 6, [3])]
    with pytest.raises(Refused, match="inside the picture"):
        account.cut(4)
    assert account.copy().spans[1].loose
