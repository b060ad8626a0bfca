"""The statuses of a running daemon for Prometheus, as text over HTTP on this machine only. The one module that imports prometheus_client.

One request at a time, in one thread: whoever scrapes is one. Names follow the rules of https://prometheus.io/docs/practices/naming/: base
units, ``_total`` for what only counts up, and one metric for what may be added up. Counts begin anew when a process does.
"""

from __future__ import annotations

import errno
import itertools
import re
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from edge_runtime.config import S
from edge_runtime.errors import DeviceError, MissingExtra
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Ages, Child, Status, Talk

try:
    from prometheus_client import CollectorRegistry, make_wsgi_app
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
except ImportError as error:
    raise MissingExtra(
        "the metrics need the package prometheus-client, which is not installed", hint="pip install 'edge-runtime[daemon]'"
    ) from error

HOST = "127.0.0.1"
_REQUEST_S = 2.0
"""For a request to arrive: whoever is slower holds up nobody else for longer."""
_POLL_S = 0.1
_PHASES = ("starting", "ready", "ailing", "stopping")
_STATES = ("starting", "running", "failing", "ended")
_LEVELS = ("full", "reduced", "low")


class MetricsServer:
    """Serves metrics on 127.0.0.1. A context manager: it serves from the beginning, and leaving ends it.

    Args:
        port: 0 takes any that is free.
        source: Tells the newest status of every process; called for each request, in a thread of the server's.
        now_ns: Stream time.

    Attributes:
        port: The port that it serves on.

    Raises:
        DeviceError: The port is taken, or may not be used.
    """

    def __init__(self, port: int, source: Callable[[], Sequence[Status]], now_ns: Callable[[], int]) -> None:
        # Its own registry: the library's has what the process needs of memory and descriptors, and only of this one of four.
        registry = CollectorRegistry()
        registry.register(StatusCollector(source, now_ns))
        try:
            self._server = _Loopback((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            trouble = "is taken" if isinstance(error, OSError) and error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise DeviceError(f"port {port} {trouble}", hint="choose another port for the metrics, or 0 for any") from error
        self._server.set_app(make_wsgi_app(registry))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="metrics", daemon=True)
        self._thread.start()

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class StatusCollector:
    """Turns statuses into metrics whenever they are asked for; keeps nothing.

    Args:
        source: Tells the newest status of every process.
        now_ns: Stream time.
    """

    def __init__(self, source: Callable[[], Sequence[Status]], now_ns: Callable[[], int]) -> None:
        self._source = source
        self._now_ns = now_ns

    def collect(self) -> Iterator[Metric]:
        """Every metric there is something to say of."""
        statuses, now_ns = tuple(self._source()), self._now_ns()
        yield from _processes(statuses, now_ns)
        yield from _done(statuses)
        yield from _bytes(statuses)
        yield _ages(statuses)
        for status in statuses:
            yield from _children(status.children)
            if status.talk is not None:
                yield from _talk(status.talk, now_ns)
            if status.heat is not None:
                yield from _gauge("temperature_celsius", "Hottest zone of the board.", status.heat.temperature_c)
                milliwatts = status.heat.power_mw
                yield from _gauge("power_watts", "What the board draws.", None if milliwatts is None else milliwatts / 1000)


def _processes(statuses: Sequence[Status], now_ns: int) -> Iterator[Metric]:
    phases = GaugeMetricFamily("edge_runtime_phase", "Whether a process is in this phase.", labels=("process", "phase"))
    words = GaugeMetricFamily("edge_runtime_last_word_age_seconds", "Since the last status of a process.", labels=("process",))
    frames = GaugeMetricFamily(
        "edge_runtime_newest_frame_age_seconds", "Since the capture of the newest frame that a process has dealt with.", labels=("process",)
    )
    for status in statuses:
        for phase in _PHASES:
            phases.add_metric((status.role, phase), float(status.phase == phase))
        words.add_metric((status.role,), (now_ns - status.t_ns) / S)
        if status.t_newest_ns is not None:
            frames.add_metric((status.role,), (now_ns - status.t_newest_ns) / S)
    yield from (phases, words, frames)


def _done(statuses: Sequence[Status]) -> Iterator[Metric]:
    """Tallies: things of different kinds cannot be added up, so each is a metric of its own."""
    for status in statuses:
        totals: Counter[str] = Counter()
        for tally in status.tallies:
            totals[re.sub(r"\W+", "_", tally.name, flags=re.ASCII)] += tally.count
        for name, count in totals.items():
            yield CounterMetricFamily(f"edge_runtime_{status.role}_{name}", f"{name} of the {status.role} process.", value=count)
    dropped = CounterMetricFamily("edge_runtime_dropped", "What was let go, and why.", labels=("process", "what", "reason"))
    for status in statuses:
        for drop in status.dropped:
            dropped.add_metric((status.role, drop.what, drop.reason), drop.count)
    yield dropped


def _bytes(statuses: Sequence[Status]) -> Iterator[Metric]:
    kept = GaugeMetricFamily("edge_runtime_kept_bytes", "What is kept of something that has a bound.", labels=("process", "name"))
    bounds = GaugeMetricFamily("edge_runtime_bound_bytes", "That bound.", labels=("process", "name"))
    for status in statuses:
        for one in status.kept:
            kept.add_metric((status.role, one.name), one.nbytes)
            bounds.add_metric((status.role, one.name), one.bound_bytes)
    yield from (kept, bounds)


def _ages(statuses: Sequence[Status]) -> Metric:
    family = HistogramMetricFamily(
        "edge_runtime_age_seconds", "How old something was when a stage had done with it.", labels=("process", "stage")
    )
    for status in statuses:
        for ages in status.ages:
            family.add_metric((status.role, ages.stage), _buckets(ages), ages.sum_ns / S)
    return family


def _buckets(ages: Ages) -> list[tuple[str, float]]:
    bounds = [*(str(bound_ns / S) for bound_ns in AGE_BOUNDS_NS), "+Inf"]
    return list(zip(bounds, map(float, itertools.accumulate(ages.counts)), strict=True))


def _children(children: Iterable[Child]) -> Iterator[Metric]:
    restarts = CounterMetricFamily("edge_runtime_restarts", "How often a process was started again.", labels=("process",))
    states = GaugeMetricFamily("edge_runtime_state", "Whether its supervisor sees a process so.", labels=("process", "state"))
    for child in children:
        restarts.add_metric((child.role,), child.restarts)
        for state in _STATES:
            states.add_metric((child.role, state), float(child.state == state))
    if restarts.samples:
        yield from (restarts, states)


def _talk(talk: Talk, now_ns: int) -> Iterator[Metric]:
    muted = talk.muted_until_ns is not None and talk.muted_until_ns > now_ns
    yield from _gauge("muted", "Whether there is silence by the wearer's wish.", float(muted))
    yield from _gauge("quiet_hour", "Whether it is a quiet hour.", float(talk.quiet))
    yield from _gauge("unasked_left", "Sentences that nobody asked for and that may be said now.", talk.unasked_left)
    yield from _gauge("watches", "What is watched for.", talk.watches)
    yield from _gauge("concepts", "Things known by name.", talk.concepts)
    levels = GaugeMetricFamily("edge_runtime_power_level", "Whether the board has so much to give.", labels=("level",))
    for level in _LEVELS:
        levels.add_metric((level,), float(talk.power == level))
    yield levels


def _gauge(name: str, help_text: str, value: float | None) -> Iterator[Metric]:
    if value is not None:
        yield GaugeMetricFamily(f"edge_runtime_{name}", help_text, value=value)


class _Loopback(WSGIServer):
    def server_bind(self) -> None:
        """Bind. The library's own looks the name of this machine up, which without a network may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_S

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of a request that was answered."""
