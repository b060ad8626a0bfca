"""Every message survives the codec, whatever its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime import codec
from edge_runtime.protocol import (
    Asked,
    Command,
    Event,
    Failed,
    FrameSeen,
    Gaze,
    Look,
    Looked,
    Say,
    Tick,
    WatchSet,
)
from edge_runtime.records import Evidence
from edge_runtime.speech import Response
from edge_runtime.types import Box, LabelHint, LookedRegion, Region, Signals, TextLine, Thumb, Tokens
from gaze.types import GazeSample

times = st.integers(0, 2**62)
share = st.floats(0.0, 1.0)
words = st.text(max_size=40)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x = sorted(draw(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True)))
    y = sorted(draw(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True)))
    return Box(x[0] / 1000, y[0] / 1000, x[1] / 1000, y[1] / 1000)


samples = st.builds(GazeSample, times, share, share, share)
signals = st.builds(Signals, motion=share, blur=share, light=share, glimpse=st.binary(min_size=32, max_size=32))
lines = st.builds(TextLine, words, share, boxes())
evidence = st.builds(Evidence, times, times, boxes(), st.none() | words)
regions = st.builds(
    LookedRegion,
    st.sampled_from(["foveal", "overview", "text", "watch"]),
    boxes(),
    labels=st.lists(st.builds(LabelHint, words, share), max_size=5).map(tuple),
    lines=st.lists(lines, max_size=3).map(tuple),
    thumb=st.none() | st.builds(Thumb, words, times, st.none() | st.binary(max_size=20)),
)
events = st.one_of(
    st.builds(Tick, t_ns=times),
    st.builds(FrameSeen, t_ns=times, seq=times, t_capture_ns=times, width_px=times, height_px=times, signals=signals),
    st.builds(Gaze, t_ns=times, samples=st.lists(samples, max_size=4).map(tuple)),
    st.builds(Asked, t_ns=times, question=words, text=words, options=st.lists(words, max_size=4).map(tuple)),
    st.builds(WatchSet, t_ns=times, watch=words, text=words, expires_ns=st.none() | times),
    st.builds(Failed, t_ns=times, answers=times, reason=words),
    st.builds(Looked, t_ns=times, answers=times, frame_seq=times, t_capture_ns=times, regions=st.lists(regions, max_size=3).map(tuple)),
)
commands = st.one_of(
    st.builds(
        Look,
        id=times,
        deadline_ns=times,
        frame_seq=times,
        t_capture_ns=times,
        regions=st.lists(st.builds(Region, st.just("foveal"), boxes(), st.just(("vector",))), max_size=3).map(tuple),
        why=words,
        eye_id=st.none() | times,
    ),
    st.builds(
        Say,
        id=times,
        deadline_ns=times,
        response=st.builds(Response, words, st.just("speech"), st.integers(0, 3), share, st.lists(evidence, max_size=2).map(tuple)),
    ),
)


@given(events)
def test_an_event_survives(event: Event) -> None:
    assert codec.decoder(Event).decode(codec.encode(event)) == event


@given(commands)
def test_a_command_survives(command: Command) -> None:
    assert codec.decoder(Command).decode(codec.encode(command)) == command


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int32, np.int64])
@pytest.mark.parametrize("shape", [(0,), (5,), (2, 3), (1, 2, 3)])
def test_an_array_survives_with_dtype_and_shape(dtype: type, shape: tuple[int, ...]) -> None:
    array: npt.NDArray[Any] = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    back = codec.decode(codec.encode(array), np.ndarray)
    assert back.dtype == array.dtype
    assert back.shape == shape
    assert np.array_equal(back, array)


@pytest.mark.parametrize(("value", "words"), [(np.zeros(3), "an array of float64"), (object(), "object")])
def test_what_has_no_place_in_a_message_is_refused(value: object, words: str) -> None:
    with pytest.raises(TypeError, match=f"{words} has no place in a message"):
        codec.encode(value)


def test_a_vector_and_tokens_survive_inside_a_look() -> None:
    vector = np.array([0.6, 0.8], np.float32)
    tokens = Tokens((1, 2), 3, np.arange(6, dtype=np.float16).reshape(2, 3))
    looked = Looked(
        t_ns=1, answers=2, frame_seq=3, t_capture_ns=4, regions=(LookedRegion("foveal", Box(0, 0, 1, 1), vector=vector, tokens=tokens),)
    )
    (region,) = codec.decoder(Event).decode(codec.encode(looked)).regions
    assert np.array_equal(region.vector, vector)
    assert tokens.emb is not None
    assert np.array_equal(region.tokens.emb, tokens.emb)


def test_a_vector_that_is_not_of_unit_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="unit norm"):
        LookedRegion("foveal", Box(0, 0, 1, 1), vector=np.array([3.0, 4.0], np.float32))


@pytest.mark.parametrize("corners", [(0.5, 0, 0.5, 1), (0.6, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1.1, 1), (0, float("nan"), 1, 1)])
def test_a_box_outside_the_picture_is_refused(corners: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="inside the picture"):
        Box(*corners)
