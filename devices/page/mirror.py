"""Reads an update as it comes over a wire, so that a board here can follow one in another process."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from devices.page.items import ConceptView, DecisionView, Line, SightingView, WatchView
from devices.page.views import (
    CameraView,
    Changes,
    DoubtView,
    DropsView,
    EyeView,
    FrameView,
    GaugesView,
    GazedView,
    LessonView,
    SessionView,
    Update,
    View,
    VoiceView,
)
from edge_runtime.errors import InputError

T = TypeVar("T", bound=View)


class _Parts(msgspec.Struct, frozen=True):
    session: SessionView | None = None
    frame: FrameView | None = None
    eye: EyeView | None = None
    gazed: GazedView | None = None
    lesson: LessonView | None = None
    doubt: DoubtView | None = None
    gauges: GaugesView | None = None
    drops: DropsView | None = None
    voice: VoiceView | None = None
    camera: CameraView | None = None


class _Changes(msgspec.Struct, Generic[T], frozen=True):
    items: tuple[T, ...] = ()
    whole: bool = False


class _Rolls(msgspec.Struct, frozen=True):
    said: _Changes[Line] | None = None
    sightings: _Changes[SightingView] | None = None
    decisions: _Changes[DecisionView] | None = None
    watches: _Changes[WatchView] | None = None
    concepts: _Changes[ConceptView] | None = None


class _Written(msgspec.Struct, frozen=True):
    t_ns: int
    parts: _Parts = _Parts()
    rolls: _Rolls = _Rolls()
    fresh: bool = False


_decoder = msgspec.json.Decoder(_Written)


def read_update(data: bytes) -> Update:
    """What was written with :data:`devices.page.views.ENCODER`; a part that is not known is ignored.

    Raises:
        InputError: It is no update.
    """
    try:
        written = _decoder.decode(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"an update that cannot be read: {error}", hint="use one installation for daemon and page") from error
    parts: dict[str, View] = {name: view for name in _Parts.__struct_fields__ if (view := getattr(written.parts, name)) is not None}
    rolls = {
        name: Changes(roll.items, roll.whole) for name in _Rolls.__struct_fields__ if (roll := getattr(written.rolls, name)) is not None
    }
    return Update(n=0, t_ns=written.t_ns, parts=parts, rolls=rolls, fresh=written.fresh)
