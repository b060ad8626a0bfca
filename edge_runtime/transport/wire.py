"""Messages to bytes and back: MessagePack under a topic, checked before it is believed. No sockets here.

What arrives was written by another process, perhaps of another version, perhaps damaged. A field that is not known is ignored. All else
that cannot be read is let go and counted as ``message:<reason>``:

    topic      the topic is none of ours
    major      it is of another major version; told once
    route      the topic, or the message, is not for this receiver
    too_large  it has more bytes than its route allows; not decoded
    unknown    a tag that no message has: of a later version
    damaged    anything else that is no message
"""

from __future__ import annotations

import functools
import operator
import re
from collections import Counter
from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.errors import InputError
from edge_runtime.protocol import Message
from edge_runtime.records import Dropped
from edge_runtime.transport.bus import Payload
from edge_runtime.transport.routes import MAJOR, MESSAGES, ROUTES, Route
from edge_runtime.transport.statuses import Role

Reason = Literal["topic", "major", "route", "too_large", "unknown", "damaged"]
_TOPIC = re.compile(r"er([0-9]{1,4})/([a-z/]{1,40})")
_UNREADABLE = (msgspec.MsgspecError, ValueError, KeyError, OverflowError, RecursionError)
"""What decoding raises on bytes that are no message: its own, and what an array with an impossible shape, type or depth leads to."""


class WireError(InputError):
    """A message that cannot be sent or read as it is.

    Attributes:
        reason: A machine code, see :mod:`edge_runtime.transport.wire`.
    """

    def __init__(self, message: str, *, reason: Reason, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class _Tagged(msgspec.Struct):
    type: str


_BY_TOPIC = {route.topic: route for route in ROUTES.values()}
_tagged = msgspec.msgpack.Decoder(_Tagged)
_decoders = {name: codec.decoder(functools.reduce(operator.or_, route.messages)) for name, route in ROUTES.items()}


def encode(route: Route, message: Message) -> bytes:
    """Encode a message for a route.

    Raises:
        TypeError: The route does not carry such messages, or an array in it is of a type that does not travel.
        WireError: ``too_large``: nobody would read it.
    """
    if type(message) not in route.messages:
        raise TypeError(f"{type(message).__name__} does not go by the route {route.name}")
    payload = codec.encode(message)
    if len(payload) > route.max_bytes:
        raise _too_large(route, payload)
    return payload


@np.errstate(over="ignore", invalid="ignore")  # a vector of absurd numbers is refused for its norm, which must not warn on the way
def decode(route: Route, payload: Payload) -> Message:
    """Decode a message that came by a route.

    Raises:
        WireError: ``too_large``, ``unknown``, ``route`` or ``damaged``.
    """
    if len(payload) > route.max_bytes:
        raise _too_large(route, payload)
    try:
        message: Message = _decoders[route.name].decode(payload)
    except _UNREADABLE as error:
        raise _unreadable(route, payload, error) from error
    return message


def route_of(topic: str) -> Route:
    """The route that a topic names.

    Raises:
        WireError: ``topic`` or ``major``.
    """
    if (known := _BY_TOPIC.get(topic)) is not None:
        return known
    parts = _TOPIC.fullmatch(topic)
    if parts is not None and int(parts[1]) != MAJOR:
        raise WireError(
            f"a message of version {int(parts[1])} came by {parts[2]}; this process speaks version {MAJOR}",
            reason="major",
            hint="start all processes from one installation",
        )
    raise WireError(f"no route has the topic {topic[:60]!r}", reason="topic", hint="something else sends to this socket")


class WireReader:
    """Reads whatever comes to one process. Never raises for what came; counts what it lets go.

    Args:
        role: Of this process: it takes what routes bring to it.
        tell: Told once when another major version is heard, so that a person learns of it.
    """

    def __init__(self, role: Role, tell: Callable[[WireError], None] | None = None) -> None:
        self._role = role
        self._tell = tell
        self._told = False
        self._dropped: Counter[Reason] = Counter()

    def read(self, topic: str, payload: Payload) -> Message | None:
        """The message, or ``None`` where it was let go.

        Args:
            topic: Of its route, also where a bus carries it as an answer under the topic of what it answers.
            payload: What came.
        """
        try:
            route = route_of(topic)
            if self._role not in route.receivers:
                raise WireError(f"{route.name} is not for the {self._role} process", reason="route", hint="check who subscribes to what")
            return decode(route, payload)
        except WireError as error:
            self._dropped[error.reason] += 1
            if error.reason == "major" and self._tell is not None and not self._told:
                self._told = True
                self._tell(error)
            return None

    def take_dropped(self) -> tuple[Dropped, ...]:
        """What was let go since the last call, by reason."""
        dropped = self.dropped
        self._dropped.clear()
        return dropped

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What was let go, totals by reason, since :meth:`take_dropped` was last called."""
        return tuple(Dropped("message", reason, count) for reason, count in sorted(self._dropped.items()))


def _too_large(route: Route, payload: Payload) -> WireError:
    return WireError(
        f"a message of {len(payload)} bytes; {route.name} carries {route.max_bytes} at most", reason="too_large", hint="send less at once"
    )


def _unreadable(route: Route, payload: Payload, error: Exception) -> WireError:
    """Why it cannot be read, found out afterwards: what can be read costs nothing more for it."""
    try:
        tag = _tagged.decode(payload).type
    except _UNREADABLE:
        tag = None
    if tag is None or tag in {kind.__name__ for kind in route.messages}:
        return WireError(f"{route.name} brought something damaged: {error}", reason="damaged", hint="if it goes on, restart its sender")
    if tag in MESSAGES:
        return WireError(f"{tag} does not go by the route {route.name}", reason="route", hint="check who sends what")
    return WireError(f"{route.name} brought a message that is not known: {tag[:60]!r}", reason="unknown", hint="its sender is newer")
