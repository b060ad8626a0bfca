"""Text that comes in parts of letters, and ends at a stop."""

from __future__ import annotations

from edge_runtime.models.language_stream import TextStream


def test_a_letter_comes_when_its_last_byte_has() -> None:
    stream = TextStream()
    assert [stream.feed(bytes([byte])) for byte in "é€".encode()] == ["", "é", "", "", "€"]
    assert stream.finish() == ""


def test_bytes_that_are_no_letters_are_shown_as_such() -> None:
    stream = TextStream()
    assert stream.feed(b"a\xff") + stream.feed(b"\xe2\x82") + stream.finish() == "a\ufffd\ufffd"


def test_nothing_of_a_stop_is_let_out() -> None:
    stream = TextStream(("<end>",))
    assert [stream.feed(piece) for piece in (b"yes", b" <", b"en", b"d>", b" no")] == ["yes", " ", "", "", ""]
    assert stream.ended
    assert stream.finish() == ""


def test_what_only_looked_like_a_stop_is_let_out_late() -> None:
    stream = TextStream(("<end>",))
    assert [stream.feed(piece) for piece in (b"a<e", b"asy>")] == ["a", "<easy>"]
    assert not stream.ended
    assert stream.feed(b"<en") + stream.finish() == "<en"


def test_the_stop_that_begins_first_counts() -> None:
    stream = TextStream(("abcd", "c"))
    assert stream.feed(b"abc") == ""
    assert stream.feed(b"d") == ""
    assert stream.ended
    other = TextStream(("abcd", "c"))
    assert other.feed(b"abc") + other.feed(b"x") == "ab"
