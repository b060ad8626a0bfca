"""What Prometheus is told: read back by the library's own parser, over HTTP on this machine."""

from __future__ import annotations

import re
import runpy
import socket
import sys
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from apps.daemon import metrics
from apps.daemon.metrics import MetricsServer
from edge_runtime.config import MS, S
from edge_runtime.errors import DeviceError, MissingExtra
from edge_runtime.transport.statuses import AGE_BOUNDS_NS, Heat, Status, Tally
from tests.daemon_statuses import ALL_WELL, core, model, supervisor

NOW_NS = 3600 * S
WELL = [speak(NOW_NS - 400 * MS) for speak in ALL_WELL.values()]
change = msgspec.structs.replace


def scraped(*statuses: Status, accept: str = "text/plain") -> str:
    with MetricsServer(0, lambda: statuses, lambda: NOW_NS) as server:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return str(response.read().decode())


def families(*statuses: Status) -> dict[str, Metric]:
    return {family.name: family for family in parse(scraped(*statuses))}


def values(family: Metric) -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of their names."""
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in family.samples}


def test_tallies_and_drops_are_totals() -> None:
    found = families(*WELL)
    assert [(sample.name, sample.value) for sample in found["edge_runtime_core_looks"].samples] == [("edge_runtime_core_looks_total", 834)]
    assert values(found["edge_runtime_dropped"])["core", "budget", "look"] == 1234
    assert found["edge_runtime_dropped"].samples[0].labels == {"process": "capture", "what": "frame", "reason": "behind"}
    assert values(found["edge_runtime_restarts"]) == {("capture",): 0, ("core",): 2, ("model",): 0}


def test_bytes_stand_beside_their_bounds() -> None:
    found = families(*WELL)
    kept, bounds = values(found["edge_runtime_kept_bytes"]), values(found["edge_runtime_bound_bytes"])
    assert kept.keys() == bounds.keys() == {("frames", "capture"), ("memory", "core"), ("log", "core")}
    assert (kept["log", "core"], bounds["log", "core"]) == (511 * 2**20, 2**31)


def test_ages_are_histograms_in_seconds_that_add_up() -> None:
    samples = [sample for sample in families(*WELL)["edge_runtime_age_seconds"].samples if sample.labels["stage"] == "look"]
    buckets = {float(sample.labels["le"]): sample.value for sample in samples if sample.name.endswith("_bucket")}
    assert list(buckets) == [*(bound_ns / S for bound_ns in AGE_BOUNDS_NS), float("inf")]
    assert (buckets[0.1], buckets[0.2], buckets[0.5], buckets[float("inf")]) == (0, 90, 100, 100)
    assert {sample.name.rpartition("_")[2]: sample.value for sample in samples if "le" not in sample.labels} == {"count": 100, "sum": 23.0}


def test_how_the_processes_are_and_how_old_their_words() -> None:
    found = families(*WELL)
    assert set(values(found["edge_runtime_last_word_age_seconds"]).values()) == {0.4}
    assert values(found["edge_runtime_newest_frame_age_seconds"]) == {("capture",): pytest.approx(0.45), ("core",): 0.5}
    phases = values(found["edge_runtime_phase"])
    assert [phase for (phase, process), value in phases.items() if value and process == "core"] == ["ready"]
    assert sum(phases.values()) == 4 and len(phases) == 16
    assert values(found["edge_runtime_state"])["model", "running"] == 1.0


def test_heat_power_and_talk() -> None:
    found = families(*WELL)
    assert values(found["edge_runtime_temperature_celsius"]) == {(): 61.5}
    assert values(found["edge_runtime_power_watts"]) == {(): 7.4}
    assert values(found["edge_runtime_power_level"]) == {("full",): 0, ("reduced",): 1, ("low",): 0}
    assert {name: values(found[f"edge_runtime_{name}"])[()] for name in ("muted", "watches", "unasked_left")} == {
        "muted": 0.0,
        "watches": 2.0,
        "unasked_left": 3.0,
    }


def test_what_is_not_known_is_left_out() -> None:
    found = families(change(supervisor(NOW_NS), heat=Heat(None, 7400)), model(NOW_NS))
    assert "edge_runtime_temperature_celsius" not in found and "edge_runtime_muted" not in found
    assert found["edge_runtime_newest_frame_age_seconds"].samples == []


def test_where_nothing_was_heard_there_is_nothing_to_tell() -> None:
    assert [family.samples for family in families().values()] == [[]] * len(families())


def test_a_tally_by_any_name_becomes_a_metric_that_may_be_called_so() -> None:
    odd = change(core(NOW_NS), tallies=(Tally("looks: too late", 2), Tally("looks too-late", 3), Tally("größe", 1)))
    found = families(odd)
    assert values(found["edge_runtime_core_looks_too_late"]) == {(): 5}
    assert all(re.fullmatch(r"edge_runtime_[a-z0-9_]+", name) for name in found)


def test_what_is_told_is_well_formed_openmetrics_too() -> None:
    text = scraped(*WELL, accept="application/openmetrics-text; version=1.0.0")
    told = list(parse_openmetrics(text))  # type: ignore[no-untyped-call]
    assert {family.name for family in told} == set(families(*WELL))


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_said(taken_port: int) -> None:
    with pytest.raises(DeviceError, match=f"port {taken_port} is taken") as raised:
        MetricsServer(taken_port, tuple, lambda: 0)
    assert "another port" in raised.value.hint


def test_a_port_that_is_none_is_said() -> None:
    with pytest.raises(DeviceError, match="port 70000 cannot be used"):
        MetricsServer(70_000, tuple, lambda: 0)


def test_only_this_machine_can_reach_it() -> None:
    with MetricsServer(0, tuple, lambda: 0) as server, pytest.raises(OSError), socket.create_connection(("127.0.0.2", server.port), 1):
        pass


def test_each_request_asks_anew() -> None:
    heard = [core(NOW_NS)]
    with MetricsServer(0, lambda: heard, lambda: NOW_NS) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as response:
            assert b"core_looks_total 834" in response.read()
        heard[0] = change(heard[0], tallies=(Tally("looks", 835),))
        with urllib.request.urlopen(url, timeout=10) as response:
            assert b"core_looks_total 835" in response.read()


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra) as raised:
        runpy.run_path(metrics.__file__)
    assert raised.value.hint == "pip install 'edge-runtime[daemon]'"
