"""The whole daemon as it is installed: four processes, started and ended by signals and commands, with a computed camera."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from apps.daemon.heard import PROCESSES, Heard
from apps.main import main
from edge_runtime.config import S
from edge_runtime.transport import messages as m
from edge_runtime.transport.endpoints import LOCK_NAME, sockets_of
from tests.daemon_run import Daemon, Home, all_have_spoken, home_of_its_own
from tests.tiny_bundle import tiny_bundle

SYNTHETIC = ("--camera", "synthetic")
KILLED = "did not end in time"


@pytest.fixture
def home() -> Iterator[Home]:
    with home_of_its_own() as home:
        yield home


@pytest.fixture(scope="module")
def running() -> Iterator[Daemon]:
    """A daemon that sees, and has no models."""
    with home_of_its_own() as home, home.daemon(*SYNTHETIC) as daemon:
        daemon.wait_ready()
        yield daemon


# ---------------------------------------------------------------- one that runs


def test_it_says_that_it_begins_and_all_four_processes_say_how_they_are(running: Daemon) -> None:
    assert "The daemon begins. What it keeps is in" in running.printed
    heard = running.wait_ready()
    pids = {heard.newest[role].pid for role in PROCESSES}
    assert len(pids) == 4 and pids <= running.home.processes().keys()
    assert [heard.condition(role) for role in ("supervisor", "capture", "core")] == ["ready"] * 3


def test_without_models_it_runs_and_says_so(running: Daemon) -> None:
    status = running.home.command("status")
    assert status.returncode == 1
    assert "there are no models: no model bundle called pocket; run: edge-runtime models prepare pocket" in joined(status.stdout)


def test_its_sockets_are_closed_to_others(running: Daemon) -> None:
    sockets = sockets_of(running.home.runtime)
    assert sockets is not None and list(sockets.iterdir())
    for folder in (running.home.runtime, sockets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_one_is_refused_and_the_first_goes_on(running: Daemon) -> None:
    second = running.home.command("run", *SYNTHETIC)
    assert second.returncode == 5
    assert f"a daemon runs already, process {running.pid}" in second.stderr
    assert all_have_spoken(running.wait_ready())


def test_a_reload_takes_up_what_it_can_and_names_what_waits_for_a_restart(running: Daemon) -> None:
    running.home.set('speak.cooldown_ns = "7s"\nmodels.threads = 1')
    assert running.home.command("reload").returncode == 0
    running.wait_printed("settings taken up: speak.cooldown_ns; for a restart: models.threads")
    running.wait_for(trouble("core", "changed settings wait for a restart: models.threads"))


def test_settings_that_are_wrong_change_nothing_at_a_reload(running: Daemon) -> None:
    before = running.printed.count("settings taken up")
    running.home.set('speak.cooldown_ns = "-1s"')
    os.kill(running.pid, signal.SIGHUP)
    running.wait_printed("the settings stay as they are: speak.cooldown_ns = '-1s'")
    running.home.set('speak.cooldown_ns = "6s"')
    os.kill(running.pid, signal.SIGHUP)
    running.wait_printed("settings taken up: speak.cooldown_ns; for a restart: none")
    assert running.printed.count("settings taken up") == before + 1


# ---------------------------------------------------------------- its end


def by_sigterm(daemon: Daemon) -> None:
    os.kill(daemon.pid, signal.SIGTERM)


def by_ctrl_c(daemon: Daemon) -> None:
    os.killpg(daemon.process.pid, signal.SIGINT)


def by_the_verb(daemon: Daemon) -> None:
    assert daemon.home.command("stop").returncode == 0


def by_a_client(daemon: Daemon) -> None:
    with daemon.client() as client:
        assert client.call(m.Stop(), m.Taken) == m.Taken()


@pytest.mark.parametrize(
    "stop", [by_sigterm, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (by_ctrl_c, by_the_verb, by_a_client))]
)
def test_it_ends_in_good_order(home: Home, stop: Callable[[Daemon], None]) -> None:
    with home.daemon(*SYNTHETIC) as daemon:
        daemon.wait_ready()
        begun_s = time.monotonic()
        stop(daemon)
        assert daemon.wait_ended() == 0
        sys.stdout.write(f"it ended {time.monotonic() - begun_s:.2f} s after it was told to\n")
        assert KILLED not in daemon.printed and "ERROR" not in daemon.printed
        assert home.processes() == {}
        assert [path.name for path in home.runtime.iterdir()] == [LOCK_NAME]
        assert not (home.runtime / LOCK_NAME).read_bytes()


@pytest.mark.slow
def test_one_that_is_killed_leaves_no_process_and_the_next_one_starts(home: Home) -> None:
    with home.daemon(*SYNTHETIC) as daemon:
        daemon.wait_ready()
        daemon.process.kill()
        daemon.wait_ended()
        home.wait_empty()
    with home.daemon(*SYNTHETIC) as daemon:
        daemon.wait_ready()
        assert len(list(home.runtime.iterdir())) == 2, "the sockets of the first are still there"


@pytest.mark.slow
def test_what_was_taught_and_watched_for_stands_when_it_is_started_again(home: Home) -> None:
    home.set(f'models.bundle = "{tiny_bundle(home.base / "tiny").folder}"')
    with home.daemon(*SYNTHETIC) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            client.call(m.Teach("my tile"), m.Taken)
            daemon.until(lambda: has_learned(client.call(m.WhatStands(), m.Stands)), "concept")
            watch = client.call(m.SetWatch("tell me when I see my tile", for_ns=3600 * S), m.Taken).name
            before = client.call(m.WhatStands(), m.Stands)
        by_sigterm(daemon)
        assert daemon.wait_ended() == 0
    with home.daemon(*SYNTHETIC) as daemon:
        daemon.wait_ready()
        with daemon.client() as client:
            after = client.call(m.WhatStands(), m.Stands)
        assert after.t_ns > before.t_ns
        assert [known.name for known in after.concepts] == ["tile"]
        assert after.watches == before.watches and [standing.watch for standing in after.watches] == [watch]
        assert "core INFO goes on from" in daemon.printed


# ---------------------------------------------------------------- what is lacking


@pytest.mark.slow
def test_a_camera_that_is_not_there_is_told_and_the_rest_runs(home: Home) -> None:
    with home.daemon("--camera", "/nowhere/film.mp4") as daemon:
        heard = daemon.wait_for(all_have_spoken)
        assert heard.condition("core") == "ready"
        status = home.command("status")
        assert status.returncode == 1
        assert "capture: ailing: there is no camera or file called '/nowhere/film.mp4'" in joined(status.stdout)
        with daemon.client() as client:
            assert client.call(m.SetWatch("tell me when I see a dog"), m.Taken).name.startswith("watch-")


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_run_goes_on(home: Home) -> None:
    with home.daemon(*SYNTHETIC, room=("prlimit", "--fsize=65536")) as daemon:
        goes_on_without_a_disk(daemon, "is full or does not take writes")


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_told_and_the_run_goes_on(home: Home) -> None:
    (home.base / "file").touch()
    with home.daemon(*SYNTHETIC, "--state", str(home.base / "file" / "state")) as daemon:
        goes_on_without_a_disk(daemon, "cannot be opened: Not a directory")


def goes_on_without_a_disk(daemon: Daemon, words: str) -> None:
    daemon.wait_for(trouble("core", words))
    heard = daemon.wait_for(trouble("core", "the journal has ended: a restart would lose what came since"))
    daemon.wait_for(sees_after(heard.now_ns))
    assert daemon.home.command("stop").returncode == 0
    assert daemon.wait_ended() == 0


def test_the_unit_of_systemd_is_printed_and_nothing_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--print-unit"]) == 0
    printed = capsys.readouterr().out
    assert "[Service]" in printed and "The daemon begins" not in printed


def trouble(role: str, words: str) -> Callable[[Heard], bool]:
    return lambda heard: any(one.startswith(f"{role}: ") and words in one for one in heard.ailments)


def sees_after(t_ns: int) -> Callable[[Heard], bool]:
    """Whether the core has had a frame captured after a time of the stream."""
    return lambda heard: "core" in heard.newest and (heard.newest["core"].t_newest_ns or 0) > t_ns


def has_learned(stands: m.Stands) -> m.Stands | None:
    return stands if any(known.views for known in stands.concepts) else None


def joined(page: str) -> str:
    """A page without the breaks of its lines."""
    return " ".join(page.split())
