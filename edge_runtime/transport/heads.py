"""The first part of every ZeroMQ message of the bus; the second is the payload. MessagePack arrays: fields are only ever appended."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from edge_runtime.transport.accounts import Counts
from edge_runtime.transport.bus import NEVER_NS, Envelope, Payload

MOST_BYTES = 1024
"""No head is larger."""


class ChannelHead(msgspec.Struct, frozen=True, array_like=True):
    """Of a message on a channel: an envelope without its payload."""

    topic: str
    start_id: int
    seq: int
    t_sent_ns: int


class LaneHead(msgspec.Struct, frozen=True, array_like=True):
    """Of a message in a lane."""

    topic: str
    kind: Literal["ask", "cancel", "answer"]
    id: int
    deadline_ns: int = NEVER_NS


Head = TypeVar("Head", ChannelHead, LaneHead)
_encoder = msgspec.msgpack.Encoder()
_channel_heads = msgspec.msgpack.Decoder(ChannelHead)
_lane_heads = msgspec.msgpack.Decoder(LaneHead)


def packed(head: ChannelHead | LaneHead) -> bytes:
    """The first part of a message."""
    return _encoder.encode(head)


def read_envelope(parts: list[Payload], topic: str, counts: Counts) -> Envelope | None:
    """Both parts of a message on a channel; what cannot be read or belongs elsewhere is counted."""
    head = _read(_channel_heads, parts, topic, counts)
    return None if head is None else Envelope(head.topic, head.start_id, head.seq, head.t_sent_ns, parts[1])


def read_lane(parts: list[Payload], topic: str, counts: Counts) -> LaneHead | None:
    """The head of a message in a lane; what cannot be read or belongs elsewhere is counted."""
    return _read(_lane_heads, parts, topic, counts)


def _read(heads: msgspec.msgpack.Decoder[Head], parts: list[Payload], topic: str, counts: Counts) -> Head | None:
    try:
        packed, _ = parts
        head = heads.decode(packed)
    except (ValueError, RecursionError, msgspec.DecodeError):
        counts.drop(topic, "unreadable")
        return None
    if head.topic != topic:
        counts.drop(topic, "topic")
        return None
    return head
