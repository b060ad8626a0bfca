"""Every message survives the wire whatever is in it, and nothing that comes by the wire ends the loop that reads it."""

from __future__ import annotations

import types
import typing
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.protocol import Message
from edge_runtime.transport import wire
from edge_runtime.transport.messages import CropPixels
from edge_runtime.transport.routes import ROUTES, Route
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Ages, Role
from edge_runtime.transport.wire import WireError, WireReader
from edge_runtime.types import Box, LookedRegion, Vector
from gaze.types import GazeSample
from scripts.wire_golden import FOLDER

KEPT = [path.read_bytes() for path in sorted(FOLDER.glob("*.msgpack"))]
SENT = [(route, kind) for route in ROUTES.values() for kind in route.messages]
TOPICS = [route.topic for route in ROUTES.values()]
integers = st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False)
shares = st.floats(0.0, 1.0)
words = st.text(max_size=20)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted(draw(st.lists(shares, min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(shares, min_size=2, max_size=2, unique=True)))
    return Box(x0, y0, x1, y1)


@st.composite
def unit_vectors(draw: st.DrawFn) -> Vector:
    size = draw(st.integers(1, 8))
    vector = np.zeros(size, np.float32)
    vector[draw(st.integers(0, size - 1))] = draw(st.sampled_from((-1.0, 1.0)))
    return vector


@st.composite
def arrays(draw: st.DrawFn, dtype: Any) -> np.ndarray[Any, Any]:
    shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


@st.composite
def raw_crops(draw: st.DrawFn) -> CropPixels:
    width_px, height_px = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    nbytes = 3 * width_px * height_px
    return CropPixels(draw(boxes()), width_px, height_px, memoryview(draw(st.binary(min_size=nbytes, max_size=nbytes))))


def jpeg_crops() -> st.SearchStrategy[CropPixels]:
    sides = st.integers(1, 4000)
    return st.builds(CropPixels, boxes(), sides, sides, st.binary(max_size=20).map(memoryview), encoding=st.just("jpeg"))


def points() -> st.SearchStrategy[GazeSample]:
    at = st.floats(-2.0, 2.0)
    rest = {name: of(hint) for name, hint in get_type_hints(GazeSample).items() if name in ("t_ns", "worn", "source")}
    seen = st.builds(GazeSample, x_norm=at, y_norm=at, confidence=shares, **rest)
    return seen | st.builds(GazeSample, x_norm=st.none(), y_norm=st.none(), confidence=shares, **rest)


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as its fields say. What a constructor asks for beyond them is above."""
    origin, args = get_origin(hint), get_args(hint)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: integers,
        float: numbers,
        bool: st.booleans(),
        str: words,
        bytes: st.binary(max_size=40),
        type(None): st.none(),
        Box: boxes(),
        CropPixels: raw_crops() | jpeg_crops(),
    }
    if hint is GazeSample:
        return points()
    if hint in plain:
        return plain[hint]
    if origin is typing.Literal:
        return st.sampled_from(args)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([of(arg) for arg in args])
    if origin is tuple:
        return st.lists(of(args[0]), max_size=3).map(tuple) if args[-1] is Ellipsis else st.tuples(*(of(arg) for arg in args))
    if origin is np.ndarray:
        return arrays(get_args(args[1])[0])
    fields = dict(get_type_hints(hint))
    values = {name: of(fields[name]) for name in fields if not name.startswith("__")}
    if hint is Ages:
        values["counts"] = st.lists(integers, min_size=len(AGE_BOUNDS_NS) + 1, max_size=len(AGE_BOUNDS_NS) + 1).map(tuple)
    if hint is LookedRegion:
        values["vector"] = st.none() | unit_vectors()
    return st.builds(hint, **values)


@pytest.mark.parametrize(("route", "kind"), SENT, ids=[f"{route.name}-{kind.__name__}" for route, kind in SENT])
@settings(max_examples=20)
@given(data=st.data())
def test_every_message_survives(route: Route, kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(of(kind))
    payload = wire.encode(route, message)
    back = wire.decode(route, payload)
    assert type(back) is kind
    assert msgspec.to_builtins(back, enc_hook=np.ndarray.tolist) == msgspec.to_builtins(message, enc_hook=np.ndarray.tolist)
    assert wire.encode(route, back) == payload


# ---------------------------------------------------------------- what nobody of ours has sent


def read_by_all(topic: str, payload: bytes) -> None:
    roles: tuple[Role, ...] = get_args(Role)
    for role in roles:
        told: list[WireError] = []
        reader = WireReader(role, told.append)
        message = reader.read(topic, payload)
        assert sum(drop.count for drop in reader.dropped) == (message is None)
        assert len(told) == sum(drop.count for drop in reader.dropped if drop.reason == "major")


def refused_or_whole(payload: bytes) -> None:
    for route in ROUTES.values():
        try:
            message = wire.decode(route, payload)
        except WireError:
            continue
        assert type(message) in route.messages


@given(st.text(max_size=30) | st.sampled_from(TOPICS), st.binary(max_size=200))
def test_any_bytes_under_any_topic_are_read_or_counted(topic: str, payload: bytes) -> None:
    read_by_all(topic, payload)
    refused_or_whole(payload)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The bytes of a message with a part of them replaced, cut out or put in twice."""
    data = draw(st.sampled_from(KEPT))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 16)))
    return data[:start] + draw(st.binary(max_size=16) | st.just(data[start:end] * 2)) + data[end:]


@given(damaged(), st.sampled_from(TOPICS))
def test_damaged_messages_are_read_or_counted(payload: bytes, topic: str) -> None:
    read_by_all(topic, payload)
    refused_or_whole(payload)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | words
    | st.binary(max_size=20)
    | st.builds(msgspec.msgpack.Ext, st.integers(-3, 3), st.binary(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def swapped(draw: st.DrawFn) -> bytes:
    """A message in which one value, at any depth, is something else."""
    tree = msgspec.msgpack.decode(draw(st.sampled_from(KEPT)))
    at: Any = tree
    while True:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inside = isinstance(at[key], dict | list) and len(at[key]) > 0
        if not inside or draw(st.booleans()):
            at[key] = draw(anything)
            return msgspec.msgpack.encode(tree)
        at = at[key]


@given(swapped())
def test_values_of_another_kind_are_read_or_counted(payload: bytes) -> None:
    refused_or_whole(payload)
