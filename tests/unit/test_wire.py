"""What arrives is checked before it is believed: known routes, bounded bytes, known messages; all else is counted and ends nothing."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edge_runtime import codec
from edge_runtime.attend import regions
from edge_runtime.protocol import Done, Looked, Message, Tick, Token
from edge_runtime.records import Dropped
from edge_runtime.transport import routes, wire
from edge_runtime.transport.messages import CropPixels, Crops, Stop
from edge_runtime.transport.routes import ROUTES, Route
from edge_runtime.transport.statuses import Role
from edge_runtime.transport.wire import WireError, WireReader
from edge_runtime.types import WHOLE, Box, LookedRegion, Region
from tests.golden.wire.samples import SAMPLES

HEAD = SAMPLES["Head"]
HEAD_BYTES = wire.encode(routes.SENSES, HEAD)
SENSES = routes.SENSES.topic


def packed(**fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


def test_a_message_goes_by_its_route_and_comes_back() -> None:
    assert SENSES == "er1/senses"
    assert WireReader("core").read(SENSES, HEAD_BYTES) == HEAD


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("er2/senses", HEAD_BYTES, "major"),
        ("er0/nobody/knows", b"", "major"),
        ("", HEAD_BYTES, "topic"),
        ("er1/", HEAD_BYTES, "topic"),
        ("er1/nothing", HEAD_BYTES, "topic"),
        ("v1/senses", HEAD_BYTES, "topic"),
        ("er1/senses\n", HEAD_BYTES, "topic"),
        (routes.CUTS.topic, wire.encode(routes.CUTS, SAMPLES["Cut"]), "route"),
        (SENSES, wire.encode(routes.FRAMES, SAMPLES["FrameSeen"]), "route"),
        (SENSES, bytes(routes.SENSES.max_bytes + 1), "too_large"),
        (SENSES, packed(type="Blinked", t_ns=1), "unknown"),
        (SENSES, packed(type="Tick", t_ns=1), "unknown"),
        (SENSES, b"", "damaged"),
        (SENSES, HEAD_BYTES[:-1], "damaged"),
        (SENSES, HEAD_BYTES + b"\x00", "damaged"),
        (SENSES, packed(t_ns=1), "damaged"),
        (SENSES, packed(type=1), "damaged"),
        (SENSES, packed(type="Head", t_ns=1), "damaged"),
        (SENSES, packed(type="UserSpeech", t_ns="1", phase="start"), "damaged"),
        (SENSES, packed(type="UserSpeech", t_ns=1, phase="pause"), "damaged"),
        (SENSES, b"\x91" * 10_000, "damaged"),
        (SENSES, b"\x82\xa4type\xa4Gaze\xa4more" + b"\x91" * 10_000, "damaged"),
        (SENSES, b"\x83\xa4type\xa4Gaze\xa4t_ns\x01\xa7samples\xdd\xff\xff\xff\xff", "damaged"),
    ],
)
def test_what_cannot_be_read_is_counted_with_its_reason(topic: str, payload: bytes, reason: str) -> None:
    reader = WireReader("core")
    assert reader.read(topic, payload) is None
    assert reader.dropped == (Dropped("message", reason, 1),)
    assert reader.read(SENSES, HEAD_BYTES) == HEAD


def test_a_foreign_major_version_is_told_once_and_counted_every_time() -> None:
    told: list[WireError] = []
    reader = WireReader("core", told.append)
    for topic in ("er2/senses", "er2/frames", "er3/senses", "er1/senses"):
        reader.read(topic, HEAD_BYTES)
    assert [str(error) for error in told] == ["a message of version 2 came by senses; this process speaks version 1"]
    assert told[0].hint == "start all processes from one installation"
    assert reader.dropped == (Dropped("message", "major", 3),)


def test_the_reasons_add_up() -> None:
    reader = WireReader("core")
    for payload in (b"", b"\xc1", packed(type="Blinked"), HEAD_BYTES):
        reader.read(SENSES, payload)
    assert reader.dropped == (Dropped("message", "damaged", 2), Dropped("message", "unknown", 1))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_fields_of_a_later_version_are_ignored_at_any_depth(name: str) -> None:
    def with_more(value: object) -> object:
        if isinstance(value, dict):
            return {**{key: with_more(inner) for key, inner in value.items()}, "added_later": [{"deep": 1}, b"x"]}
        return [with_more(inner) for inner in value] if isinstance(value, list) else value

    message = SAMPLES[name]
    later = msgspec.msgpack.encode(with_more(msgspec.msgpack.decode(codec.encode(message))))
    for route in routes_of(message):
        assert codec.encode(wire.decode(route, later)) == codec.encode(message)


def routes_of(message: Message) -> list[Route]:
    return [route for route in ROUTES.values() if type(message) in route.messages]


# ---------------------------------------------------------------- arrays


def looked_with(array: bytes) -> bytes:
    """A ``Looked`` with this instead of a vector."""
    region = {"kind": "foveal", "box": [0.0, 0.0, 1.0, 1.0], "vector": msgspec.msgpack.Ext(1, array)}
    return packed(type="Looked", t_ns=1, answers=2, frame_seq=3, t_capture_ns=4, regions=[region])


def test_an_array_is_read() -> None:
    looked = wire.decode(routes.LOOKED, looked_with(b"f4:2:" + np.array([0.6, 0.8], "<f4").tobytes()))
    assert isinstance(looked, Looked)
    vector = looked.regions[0].vector
    assert vector is not None
    assert vector.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    "array",
    [
        b"",
        b"f4",
        b"f8:1:" + bytes(8),
        b"f4:two:" + bytes(8),
        b"f4:\xff:" + bytes(4),
        b"f4:3:" + bytes(8),
        b"f4:2:" + bytes(7),
        b"f4:99999999999999999999999999:",
        b"f4:" + b"9" * 5000 + b":",
        b"f4:-1,-1:" + bytes(4),
        b"f4:" + b"1," * 100 + b":" + bytes(4),
        b"f4:2:" + np.array([3e38, 3e38], "<f4").tobytes(),
        b"f4:2:" + np.array([np.nan, 1], "<f4").tobytes(),
        b"f2:2:" + np.array([6e4, 6e4], "<f2").tobytes(),
    ],
)
def test_an_array_with_an_impossible_shape_type_or_norm_is_damaged(array: bytes) -> None:
    with pytest.raises(WireError, match="looked brought something damaged") as refused:
        wire.decode(routes.LOOKED, looked_with(array))
    assert refused.value.reason == "damaged"


# ---------------------------------------------------------------- sending


def test_what_a_route_does_not_carry_is_not_sent() -> None:
    with pytest.raises(TypeError, match="Tick does not go by the route senses"):
        wire.encode(routes.SENSES, Tick(t_ns=1))
    with pytest.raises(TypeError, match="Stop does not go by the route replies"):
        wire.encode(routes.REPLIES, Stop())


def test_what_nobody_would_read_is_not_sent() -> None:
    room = routes.WORDS.max_bytes - len(codec.encode(Token(t_ns=1, answers=1, text="x" * 1000))) + 1000
    largest = wire.encode(routes.WORDS, Token(t_ns=1, answers=1, text="x" * room))
    assert len(largest) == routes.WORDS.max_bytes
    assert wire.decode(routes.WORDS, largest) == Token(t_ns=1, answers=1, text="x" * room)
    with pytest.raises(WireError, match="32769 bytes; words carries 32768 at most") as refused:
        wire.encode(routes.WORDS, Token(t_ns=1, answers=1, text="x" * (room + 1)))
    assert refused.value.reason == "too_large"


def test_an_array_of_another_type_does_not_travel() -> None:
    looked = Looked(t_ns=1, answers=1, frame_seq=1, t_capture_ns=1, regions=(LookedRegion("foveal", WHOLE, vector=np.array([1.0])),))
    with pytest.raises(TypeError, match="an array of float64 has no place in a message"):
        wire.encode(routes.LOOKED, looked)


# ---------------------------------------------------------------- crops


def test_the_largest_look_at_full_hd_fits_raw() -> None:
    parts = (regions.overview(), regions.centre(1920, 1080), *regions.tiles())

    def pixels(region: Region) -> CropPixels:
        width_px, height_px = (round(1920 * (region.box.x1 - region.box.x0)), round(1080 * (region.box.y1 - region.box.y0)))
        return CropPixels(region.box, width_px, height_px, memoryview(bytes(3 * width_px * height_px)))

    crops = Crops(t_ns=5, answers=1, frame_seq=1, t_capture_ns=2, crops=tuple(pixels(part) for part in parts))
    assert crops.age_ns == 3
    assert len(wire.encode(routes.CROPS, crops)) < routes.CROPS.max_bytes


@pytest.mark.parametrize(
    ("width_px", "height_px", "data", "words"),
    [
        (0, 1, b"", "at least one pixel, got 0 x 1"),
        (1, -1, b"", "at least one pixel, got 1 x -1"),
        (2, 1, bytes(5), "5 bytes are no 2 x 1 pixels of 3 bytes"),
        (2**40, 2**40, bytes(6), "6 bytes are no"),
    ],
)
def test_pixels_fill_the_crop(width_px: int, height_px: int, data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CropPixels(Box(0.0, 0.0, 0.5, 0.5), width_px, height_px, memoryview(data))


def test_a_reader_reads_what_is_for_its_process_and_nothing_else() -> None:
    done = wire.encode(routes.ENDINGS, Done(t_ns=1, answers=2))
    assert WireReader("core").read(routes.ENDINGS.topic, done) == Done(t_ns=1, answers=2)
    others: tuple[Role, ...] = ("supervisor", "capture", "model", "client")
    for role in others:
        reader = WireReader(role)
        assert reader.read(routes.ENDINGS.topic, done) is None
        assert reader.dropped == (Dropped("message", "route", 1),)
