"""The five journeys on a machine without a network: the whole daemon in a room that has a loopback interface and nothing else.

The sample is played by the daemon's own camera ``gallery``, at real speed; the wearer's words come from the command line, at their time of
the film. Meanwhile every socket that any process of the daemon opens is written down.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from apps.daemon.client import DaemonClient
from apps.daemon.heard import PROCESSES, Heard
from devices import gallery
from devices.gallery.script import FORGET_NS, PRIVATE_NUMBER, SCRIPT, Expected
from edge_runtime.config import S
from edge_runtime.protocol import Asked, Event, Forget, Taught, WatchSet
from edge_runtime.transport.messages import ForgetWish, SaidThen, Taken, WasSaid, WhatWasSaid
from tests.daemon_run import Daemon, Home, all_have_spoken, home_of_its_own
from tests.isolation import REAL_CACHE
from tests.sealed_room import SEALED, interfaces, is_available, reaching_out, watched

TRUTH = gallery.truth()
WORDS_TAKE_NS = 2 * S
"""A program that is started for a question is later than the wearer's voice would be; so may be what comes of it."""
_FRAME_NS = S // gallery.OFFERED_HZ
_ELSEWHERE = "192.0.2.1"
"""An address for documentation (RFC 5737): nobody has it."""
_REACHES_OUT = f"""\
import contextlib, socket, sys
if "apps.daemon.child" in sys.orig_argv:
    with contextlib.suppress(OSError), socket.create_connection(("{_ELSEWHERE}", 9), 1.0):
        pass
"""


@dataclass
class Walk:
    """A walk through the gallery, worn by the daemon.

    Attributes:
        home: Where the daemon lives.
        said: What the glasses said, by its number, with the time of the film.
        names: What the daemon calls the script's questions and watches.
        interfaces: The network interfaces of each of its processes.
        pids: These processes.
        exit_code: How it ended.
        printed: What it printed.
        calls: What it did with sockets, as lines of strace.
    """

    home: Home
    said: dict[int, tuple[int, SaidThen]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    interfaces: dict[str, set[str]] = field(default_factory=dict)
    pids: set[int] = field(default_factory=set)
    exit_code: int = -1
    printed: str = ""
    calls: list[str] = field(default_factory=list)

    def answering(self, expected: Expected) -> list[str]:
        """The sentences that are what is expected."""
        found = []
        for film_ns, item in self.said.values():
            about = self.names.get(expected.about, expected.about)
            response = item.response
            if expected.outcome == "answer":
                fits = response.question == about
            elif expected.outcome == "alert":
                fits = response.watch == about
            else:
                words = response.text.casefold()
                fits = not response.question and not response.watch and any(word.casefold() in words for word in expected.holds)
            if fits and expected.from_ns <= film_ns <= expected.to_ns + WORDS_TAKE_NS:
                found.append(response.text)
        return found

    def __str__(self) -> str:
        """All that was said."""
        return "\n".join(f"{film_ns / S:6.1f}  {item.response.text}" for film_ns, item in self.said.values())


class Wearer:
    """Says the script's words to the daemon when it is time, and listens to what it says."""

    def __init__(self, daemon: Daemon, client: DaemonClient, walk: Walk) -> None:
        self._daemon, self._client, self._walk = daemon, client, walk

    def live_until(self, film_ns: int) -> None:
        """Listen until this time of the film."""
        while (left_ns := film_ns - self._film_ns(self._client.heard.now_ns)) > 0:
            self._client.listen(min(left_ns / S, 0.5))
            self.hear()

    def hear(self) -> None:
        """Note what was said."""
        for item in self._client.call(WhatWasSaid(max(self._walk.said, default=0)), WasSaid).said:
            self._walk.said[item.number] = (self._film_ns(item.t_ns), item)

    def say(self, event: Event) -> None:
        """Say a word of the script, by the verb for it."""
        if isinstance(event, Taught):
            self._command("concept", event.concept.name)
        elif isinstance(event, Asked):
            self._walk.names[event.question] = self._command("ask", event.text, "--timeout", "3")["question"]
        elif isinstance(event, WatchSet):
            self._watch(event)
        elif isinstance(event, Forget):
            self._client.call(ForgetWish("last", last_ns=event.t_ns - (event.scope.t_from_ns or 0)), Taken)

    def _command(self, *words: str) -> dict[str, str]:
        done = self._daemon.home.command(*words, "--json", room=SEALED)
        assert done.returncode in (0, 1), done.stderr
        answer: dict[str, str] = json.loads(done.stdout)
        return answer

    def _watch(self, event: WatchSet) -> None:
        """A watch that the glasses refuse is an error of the verb, in their words, and has no name."""
        done = self._daemon.home.command("watch", event.text, "--json", room=SEALED)
        assert done.returncode in (0, 2), done.stderr
        self._walk.names[event.watch] = json.loads(done.stdout)["watch"] if done.returncode == 0 else ""

    def _film_ns(self, t_ns: int) -> int:
        return t_ns - film_began_ns(self._client.heard)


def film_began_ns(heard: Heard) -> int:
    """When the film began, by stream time: its newest frame is so many frames from the first, those that were skipped included."""
    status = heard.newest["capture"]
    assert status.t_newest_ns is not None
    shown = sum(tally.count for tally in status.tallies if tally.name == "frames")
    skipped = sum(drop.count for drop in status.dropped if (drop.what, drop.reason) == ("frame", "slow"))
    return status.t_newest_ns - (shown + skipped - 1) * _FRAME_NS


def calls_in(trace: Path) -> list[str]:
    return trace.read_text(encoding="ascii", errors="replace").splitlines()


def number_of(call: str) -> int:
    """The thread that made a call; a process's first thread has its number."""
    return int(call.split(maxsplit=1)[0])


@pytest.fixture(scope="module")
def room() -> None:
    if not is_available():
        pytest.skip("network namespaces unavailable")
    if shutil.which("strace") is None:
        pytest.skip("strace absent")


@pytest.fixture(scope="module")
def walk(room: None) -> Iterator[Walk]:
    if not (REAL_CACHE / "bundles" / "pocket" / "bundle.toml").is_file():
        pytest.skip("pocket pack not prepared")
    with home_of_its_own(EDGE_RUNTIME_CACHE=str(REAL_CACHE)) as home:
        home.set("", metrics_port=9477)
        trace, walk = home.base / "trace", Walk(home)
        with home.daemon("--camera", "gallery", room=(*SEALED, *watched(trace))) as daemon:
            heard = daemon.wait_ready()
            walk.interfaces = {role: interfaces(heard.newest[role].pid) for role in PROCESSES}
            walk.pids = {heard.newest[role].pid for role in PROCESSES}
            with daemon.client() as client:
                client.statuses()
                wearer = Wearer(daemon, client, walk)
                for event in SCRIPT:
                    wearer.live_until(event.t_ns)
                    wearer.say(event)
                wearer.live_until(max(expected.to_ns for expected in TRUTH.expected))
            assert home.command("stop", room=SEALED).returncode == 0
            walk.exit_code, walk.printed = daemon.wait_ended(), daemon.printed
        walk.calls = calls_in(trace)
        yield walk


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("expected", TRUTH.expected, ids=lambda e: f"{e.journey}-{e.outcome}-{e.about or e.from_ns // S}")
def test_the_five_journeys_go_without_a_network(walk: Walk, expected: Expected) -> None:
    said = walk.answering(expected)
    assert len(said) == expected.times, f"\n{walk}"
    for text in map(str.casefold, said):
        assert not expected.holds or any(word.casefold() in text for word in expected.holds), text
        assert not any(word.casefold() in text for word in expected.never), text


@pytest.mark.weights
@pytest.mark.slow
def test_what_was_forgotten_is_nowhere(walk: Walk) -> None:
    assert not [
        item for film_ns, item in walk.said.values() if film_ns > FORGET_NS + WORDS_TAKE_NS and PRIVATE_NUMBER in item.response.text
    ]
    for path in walk.home.state.rglob("*"):
        assert not path.is_file() or PRIVATE_NUMBER.encode() not in path.read_bytes(), path


@pytest.mark.weights
@pytest.mark.slow
def test_none_of_its_processes_had_any_other_interface_than_loopback(walk: Walk) -> None:
    assert walk.interfaces == {role: {"lo"} for role in PROCESSES}


@pytest.mark.weights
@pytest.mark.slow
def test_from_start_to_stop_no_process_reached_for_a_network(walk: Walk) -> None:
    assert walk.pids <= set(map(number_of, walk.calls)), "not all of them were watched"
    assert reaching_out(walk.calls) == []


@pytest.mark.weights
@pytest.mark.slow
def test_it_ended_in_good_order(walk: Walk) -> None:
    assert walk.exit_code == 0
    assert "did not end in time" not in walk.printed


@pytest.mark.slow
def test_processes_that_do_reach_out_are_found(room: None, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_REACHES_OUT, encoding="utf-8")
    room_of_it = (*SEALED, *watched(tmp_path / "trace"))
    with home_of_its_own(PYTHONPATH=str(tmp_path)) as home, home.daemon("--camera", "synthetic", room=room_of_it) as daemon:
        heard = daemon.wait_for(all_have_spoken)
        children = {heard.newest[role].pid for role in PROCESSES if role != "supervisor"}
        assert home.command("stop").returncode == 0
        daemon.wait_ended()
    found = reaching_out(calls_in(tmp_path / "trace"))
    assert {number_of(call) for call in found if _ELSEWHERE in call} == children


@pytest.mark.parametrize(
    "call",
    [
        "7 socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3",
        "7 socket(AF_INET6, SOCK_DGRAM, IPPROTO_IP) = 3",
        '7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}, 16 <unfinished ...>',
        '7 bind(3, {sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "::", &sin6_addr)}, 28) = 0',
        "7 io_uring_setup(8, {flags=0}) = 3",
    ],
)
def test_these_calls_reach_out(call: str) -> None:
    assert reaching_out([call]) == [call]


def test_these_calls_do_not() -> None:
    at_home = (
        '7 connect(3, {sa_family=AF_UNIX, sun_path="/tmp/er/run/er1.calls"}, 110) = 0',
        '7 sendto(3, ""..., 8, 0, NULL, 0) = 8',
        "7 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 19",
        '7 bind(19, {sa_family=AF_INET, sin_port=htons(9477), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
    )
    assert reaching_out(at_home) == []
