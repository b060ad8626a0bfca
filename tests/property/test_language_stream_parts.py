"""However a text is cut into pieces, the same of it is let out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.models.language_stream import TextStream

LETTERS = st.text(alphabet="abc€", max_size=30)
STOPS = st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3).map(tuple)


@given(text=LETTERS, stops=STOPS, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_the_text_up_to_the_first_stop(text: str, stops: tuple[str, ...], cuts: list[int]) -> None:
    data = text.encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    stream = TextStream(stops)
    got = "".join(stream.feed(data[a:b]) for a, b in pairwise(places)) + stream.finish()
    first = min((at for at in map(text.find, stops) if at >= 0), default=len(text))
    assert got == text[:first]
    assert stream.ended == any(stop in text for stop in stops)


@given(data=st.binary(max_size=40), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_bytes_of_any_kind(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    stream = TextStream()
    got = "".join(stream.feed(data[a:b]) for a, b in pairwise(places)) + stream.finish()
    assert got == data.decode("utf-8", "replace")
