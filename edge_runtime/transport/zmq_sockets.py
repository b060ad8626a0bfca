"""ZeroMQ sockets with every option that matters set on purpose, and the doorkeeper of those on a network.

LINGER          0: what is not sent when a part of the daemon ends is of no use to anybody.
SNDHWM, RCVHWM  as the channel or lane says; with MAXMSGSIZE the bound in bytes on both sides.
IMMEDIATE       for DEALER: an ask is queued only for a peer that is there, and never waits for one that may not come back.
ROUTER_MANDATORY  an answer to somebody who has left is an error to be counted, not silence.
CONFLATE        nowhere: it takes one part only, so each payload would be copied once more, and it lets messages go without telling
                those that were drained over from those that were lost.
HEARTBEAT       over the network alone: a peer that is silent for 3 s is cut off and connected to again. On one machine the system tells
                of a peer that has ended; one that was only stopped comes back, and where it had let its queue run full meanwhile,
                libzmq 4.3.5 aborts it at its next heartbeat (assertion !_io_error), because its connection was cut.
"""

from __future__ import annotations

import contextlib
import os
import threading

import zmq
from zmq.utils import z85

from edge_runtime.errors import ConfigError, DeviceError, UsageError
from edge_runtime.transport.endpoints import Inproc, KeyPair, Local, Server, Tcp
from edge_runtime.transport.heads import MOST_BYTES

Socket = zmq.Socket[bytes]
_HEARTBEAT = ((zmq.HEARTBEAT_IVL, 1000), (zmq.HEARTBEAT_TIMEOUT, 3000), (zmq.HEARTBEAT_TTL, 3000))
_RECONNECT_MS, _RECONNECT_MOST_MS = 50, 1000
_HANDSHAKE_MS = 2000
_ZAP_ADDRESS, _ZAP_DOMAIN = "inproc://zeromq.zap.01", b"edge_runtime"
_OLDEST_ZMQ = (4, 3, 4)
_BINDING = (zmq.XPUB, zmq.ROUTER)


def new_keys() -> KeyPair:
    """A fresh CURVE key pair; :func:`edge_runtime.transport.endpoints.write_keys` keeps it."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


class Sockets:
    """The sockets of one process. Any thread may open one; each belongs to one thread at a time.

    Args:
        place: Where they live.

    Raises:
        DeviceError: The installed libzmq is too old, or knows no CURVE where it is needed.
    """

    def __init__(self, place: Local | Inproc | Tcp) -> None:
        if zmq.zmq_version_info() < _OLDEST_ZMQ or (isinstance(place, Tcp) and not zmq.has("curve")):
            raise DeviceError(f"libzmq {zmq.zmq_version()} is too old or has no CURVE", hint="install a newer pyzmq")
        self._place = place
        self._lock = threading.Lock()
        self._context = zmq.Context(io_threads=1)
        self._open: dict[Socket, str] = {}
        self._doorkeeper: _Doorkeeper | None = None
        if isinstance(place, Tcp) and isinstance(place.keys, Server):
            self._doorkeeper = _Doorkeeper(self._context, place.keys.allowed)

    def open(self, kind: int, topic: str, *, max_bytes: int, max_out: int, max_in: int) -> Socket:
        """Open a socket. XPUB and ROUTER bind the address of the topic; SUB and DEALER connect, and connect again when it comes back.

        Args:
            kind: One of these four.
            topic: Of the channel or lane.
            max_bytes: Of a message that comes in; whoever sends a larger one is cut off.
            max_out: Messages that wait to be sent, for each peer.
            max_in: Messages that wait to be taken, from each peer.

        Raises:
            UsageError: The address is bound by this process already, or this is the wrong side of a network.
            ConfigError: The keys are none.
            DeviceError: The address cannot be bound.
        """
        address, binds = self._place.address(topic), kind in _BINDING
        with self._lock:
            if binds and any(known == topic and socket.type in _BINDING for socket, known in self._open.items()):
                raise UsageError(f"{topic} is sent or answered already", hint="close the other end first: a topic has one of them")
            socket = self._context.socket(kind)
            self._open[socket] = topic
        try:
            for option, value in (
                (zmq.LINGER, 0),
                (zmq.SNDHWM, max_out),
                (zmq.RCVHWM, max_in),
                (zmq.MAXMSGSIZE, max(max_bytes, MOST_BYTES)),
                *(_HEARTBEAT if isinstance(self._place, Tcp) else ()),
                (zmq.HANDSHAKE_IVL, _HANDSHAKE_MS),
                (zmq.RECONNECT_IVL, _RECONNECT_MS),
                (zmq.RECONNECT_IVL_MAX, _RECONNECT_MOST_MS),
            ):
                socket.setsockopt(option, value)
            if kind == zmq.DEALER:
                socket.setsockopt(zmq.IMMEDIATE, 1)
            elif kind == zmq.ROUTER:
                socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
            elif kind == zmq.SUB:
                socket.setsockopt(zmq.SUBSCRIBE, b"")
            if isinstance(self._place, Tcp):
                _encrypt(socket, self._place, binds=binds)
            _attach(socket, address, binds=binds)
        except BaseException:
            self.close_one(socket)
            raise
        return socket

    def close_one(self, socket: Socket) -> None:
        """Close a socket; may be called twice."""
        with self._lock:
            self._open.pop(socket, None)
        socket.close()

    def close(self) -> None:
        """Close all of them, and end the threads of ZeroMQ; may be called twice."""
        with self._lock:
            for socket in self._open:
                socket.close()
            self._open.clear()
        self._context.term()
        if self._doorkeeper is not None:
            self._doorkeeper.join()


def _attach(socket: Socket, address: str, *, binds: bool) -> None:
    if not binds:
        socket.connect(address)
        return
    before = os.umask(0o077)  # the file of the socket is made by this very call
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        raise DeviceError(f"{address} cannot be bound: {error.strerror}", hint="another program has it, or the address is wrong") from error
    finally:
        os.umask(before)


def _encrypt(socket: Socket, place: Tcp, *, binds: bool) -> None:
    keys = place.keys
    if binds != isinstance(keys, Server):
        raise UsageError("over the network the server sends and answers, the client receives and asks", hint="change the sides")
    try:
        socket.curve_publickey, socket.curve_secretkey = keys.own.public.encode(), keys.own.secret.encode()
        if isinstance(keys, Server):
            socket.curve_server = True
            # Both, or a handshake that finds no doorkeeper would let everybody in.
            socket.setsockopt(zmq.ZAP_DOMAIN, _ZAP_DOMAIN)
            socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        else:
            socket.curve_serverkey = keys.server_public.encode()
    except zmq.ZMQError as error:
        raise ConfigError("these are no CURVE keys", hint="a key is 40 characters; make new ones") from error


class _Doorkeeper(threading.Thread):
    """Lets in the clients whose public keys are on the list, by ZAP (ZeroMQ RFC 27). Ends when its context does.

    Ours instead of ``zmq.auth``: that runs an event loop in a thread, to offer mechanisms that are refused here.
    """

    def __init__(self, context: zmq.Context[Socket], allowed: frozenset[str]) -> None:
        super().__init__(name="doorkeeper", daemon=True)
        self._allowed = allowed
        self._socket = context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(_ZAP_ADDRESS)
        self.start()

    def run(self) -> None:
        """Answer one request for each connection."""
        with self._socket, contextlib.suppress(zmq.ContextTerminated):
            while True:
                match self._socket.recv_multipart():
                    case [b"1.0", request, domain, _, _, b"CURVE", key] if domain == _ZAP_DOMAIN:
                        known = z85.encode(key).decode() in self._allowed
                    case [_, request, *_]:
                        known = False
                    case _:
                        request, known = b"", False
                self._socket.send_multipart([b"1.0", request, b"200" if known else b"400", b"", b"", b""])
