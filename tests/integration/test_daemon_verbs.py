"""What a person types beside a running daemon, against a stand-in that speaks over the real bus."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps import ask, concept, forget, mute, record, reload, status, stop, top, watch
from apps.daemon.client import DaemonClient
from apps.main import Parser
from edge_runtime.config import S
from edge_runtime.errors import DeviceError, EdgeError, NotRunning, UsageError
from edge_runtime.protocol import Message
from edge_runtime.records import Evidence
from edge_runtime.speech import Response
from edge_runtime.transport import messages as m
from edge_runtime.transport.statuses import Reported
from edge_runtime.types import Box
from tests.daemon_statuses import ALL_WELL
from tests.stand_in_core import StandIn, lock_holder, stand_in

Capture = pytest.CaptureFixture[str]
VERBS = {module.__name__.rpartition(".")[2]: module for module in (status, top, ask, watch, concept, forget, mute, record, stop, reload)}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        (Path(base) / "edge_runtime").mkdir(mode=0o700)
        yield Path(base) / "edge_runtime"


@pytest.fixture
def daemon(folder: Path) -> Iterator[StandIn]:
    with stand_in(folder, ALL_WELL) as running:
        yield running


def typed(*words: str) -> int:
    """Run a verb as the command line does; returns its exit code."""
    parser = Parser(prog="edge-runtime")
    verbs = parser.add_subparsers(dest="verb")
    VERBS[words[0]].add(verbs)
    code: int = VERBS[words[0]].run(parser.parse_args(words))
    return code


def answers(daemon: StandIn, *kinds: type[Message], reply: Message) -> None:
    for kind in kinds:
        daemon.replies[kind] = lambda call: reply


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("top", "--once"),
        ("ask", "x"),
        ("watch", "--list"),
        ("concept", "--list"),
        ("mute",),
        ("record", "1"),
        ("stop",),
        ("reload",),
    ],
)
def test_where_no_daemon_runs_every_verb_says_so(folder: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(NotRunning, match="no daemon runs"):
        typed(*words)


# ---------------------------------------------------------------- status and top


def test_status_is_well_when_all_are(daemon: StandIn, capsys: Capture) -> None:
    assert typed("status") == 0
    assert "All is well." in capsys.readouterr().out
    assert typed("status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["well"] and set(told["processes"]) == set(ALL_WELL)


def test_status_tells_what_ails_also_when_the_core_hangs(daemon: StandIn, capsys: Capture) -> None:
    daemon.answers = False
    assert typed("status", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [ailment.startswith("the core has not answered") for ailment in told["ails"]] == [True]


def test_status_knows_from_the_core_when_a_silent_process_last_spoke(daemon: StandIn, capsys: Capture) -> None:
    daemon.speaking.pop("capture")
    last = ALL_WELL["capture"](daemon.t_ns() - 40 * S)
    daemon.replies[m.Report] = lambda call: Reported(daemon.t_ns(), (last,))
    assert typed("status", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["processes"]["capture"]["is"] == "silent"
    assert 40.0 <= told["processes"]["capture"]["last_word_age_s"] < 60.0


@pytest.mark.slow
def test_top_shows_rates_once_and_ends(daemon: StandIn, capsys: Capture) -> None:
    assert typed("top", "--once") == 0
    printed = capsys.readouterr().out
    assert "In the last" in printed and "\x1b" not in printed
    assert typed("top", "--once", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (frames,) = (rate for rate in told["done_per_s"] if rate["name"] == "frames")
    assert frames["per_s"] > 0


def test_top_ends_quietly_by_ctrl_c(daemon: StandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(client: DaemonClient, for_s: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DaemonClient, "listen", interrupted)
    assert typed("top") == 0
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- asking


def said(daemon: StandIn, *responses: Response) -> None:
    """The core says these, one more at each poll from the second on."""
    items = tuple(m.SaidThen(number, daemon.t_ns(), response) for number, response in enumerate(responses, 5))

    def since(call: Message) -> m.WasSaid:
        assert isinstance(call, m.WhatWasSaid)
        polls = sum(isinstance(known, m.WhatWasSaid) for known in daemon.calls)
        told = tuple(item for item in items[: polls - 1] if item.number > call.after)
        return m.WasSaid(daemon.t_ns(), max([call.after, *(item.number for item in told)]), told)

    daemon.replies[m.WhatWasSaid] = since
    daemon.replies[m.Question] = lambda call: m.Taken("ask-1")


def response(daemon: StandIn, text: str, question: str = "ask-1", choice: int | None = None, age_s: int | None = 190) -> Response:
    looks = () if age_s is None else (Evidence(7, daemon.t_ns() - age_s * S, Box(0, 0, 1, 1)), Evidence(3, 0, Box(0, 0, 1, 1)))
    return Response(text, "speech", 1, 0.83, looks, question=question, choice=choice)


def test_the_answer_is_the_one_to_this_question_with_its_confidence_and_age(daemon: StandIn, capsys: Capture) -> None:
    said(daemon, response(daemon, "A bus.", question=""), response(daemon, "It was on\x1b the desk."))
    assert typed("ask", "where is my mug?") == 0
    assert capsys.readouterr().out == "It was on  the desk.\n(confidence 83%, seen 3 min ago)\n"
    assert daemon.calls == [m.Question("where is my mug?"), m.WhatWasSaid(0), m.WhatWasSaid(0), m.WhatWasSaid(5)]


def test_where_nothing_seen_stands_behind_it_that_is_said(daemon: StandIn, capsys: Capture) -> None:
    said(daemon, response(daemon, "I do not know.", age_s=None))
    assert typed("ask", "x") == 0
    assert capsys.readouterr().out.endswith("(confidence 83%, nothing seen stands behind it)\n")


@pytest.mark.parametrize(("choice", "words"), [(1, "option: desk"), (None, "none of the options")])
def test_options_go_with_the_question_and_the_choice_comes_back(daemon: StandIn, capsys: Capture, choice: int | None, words: str) -> None:
    said(daemon, response(daemon, "The desk.", choice=choice))
    assert typed("ask", "where?", "--option", "table", "--option", "desk") == 0
    assert words in capsys.readouterr().out
    assert daemon.calls[0] == m.Question("where?", ("table", "desk"))


def test_the_answer_as_json(daemon: StandIn, capsys: Capture) -> None:
    said(daemon, response(daemon, "The desk.", choice=0))
    assert typed("ask", "where?", "--option", "desk", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["text"], told["option"], told["confidence"]) == ("The desk.", "desk", 0.83)
    assert 190.0 <= told["evidence_age_s"] < 220.0


def test_an_answer_that_never_comes_ends_the_waiting(daemon: StandIn, capsys: Capture) -> None:
    said(daemon)
    assert typed("ask", "x", "--timeout", "0.15") == 1
    assert "Nothing was said to it within 0.15 s" in capsys.readouterr().out
    assert typed("ask", "x", "--timeout", "0.15", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {"question": "ask-1", "text": None}


def test_a_core_that_hangs_after_the_question_ends_the_waiting(daemon: StandIn) -> None:
    def hang(call: Message) -> m.Taken:
        daemon.answers = False
        return m.Taken("ask-1")

    daemon.replies[m.Question] = hang
    with pytest.raises(DeviceError, match="has not answered"):
        typed("ask", "x")


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "601"])
def test_a_timeout_is_some_seconds(daemon: StandIn, timeout: str) -> None:
    with pytest.raises(UsageError, match="is no time to wait"):
        typed("ask", "x", "--timeout", timeout)


# ---------------------------------------------------------------- watches, things, silence, films


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (("watch", "--remove", "watch-3"), m.RemoveWatch("watch-3")),
        (("concept", "my mug"), m.Teach("my mug")),
        (("concept", "--forget", "mug", "--yes"), m.ForgetWish("thing", name="mug")),
        (("forget", "--last", "10", "--yes"), m.ForgetWish("last", last_ns=600 * S)),
        (("forget", "--thing", "mug", "--yes"), m.ForgetWish("thing", name="mug")),
        (("forget", "--all", "--yes"), m.ForgetWish("all")),
        (("mute",), m.Mute()),
        (("mute", "10"), m.Mute(600 * S)),
        (("mute", "--off"), m.Unmute()),
        (("record", "2"), m.Film(120 * S)),
        (("record", "--stop"), m.EndFilm()),
    ],
)
def test_a_verb_is_one_call(daemon: StandIn, capsys: Capture, words: tuple[str, ...], call: Message) -> None:
    answers(daemon, type(call), reply=m.Taken("its name"))
    assert typed(*words) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert typed(*words, "--json") == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)
    assert daemon.calls == [call, call]


def test_a_watch_is_told_by_its_name_and_what_it_waits_for(daemon: StandIn, capsys: Capture) -> None:
    answers(daemon, m.SetWatch, reply=m.Taken("watch-3"))
    daemon.replies[m.WhatWasSaid] = lambda call: m.WasSaid(S, 0)
    daemon.replies[m.WhatStands] = lambda call: m.Stands(S, (m.Watched("watch-3", "I see your mug"),))
    assert typed("watch", "tell me when", "--minutes", "0.5", "--once") == 0
    assert capsys.readouterr().out == "watch-3: the glasses say when I see your mug.\n"
    assert daemon.calls == [m.WhatWasSaid(), m.SetWatch("tell me when", 30 * S, True), m.WhatStands()]


def test_a_watch_that_the_glasses_refuse_is_an_error_in_their_words(daemon: StandIn) -> None:
    answers(daemon, m.SetWatch, reply=m.Taken("watch-3"))
    daemon.replies[m.WhatStands] = lambda call: m.Stands(S)
    said(daemon, response(daemon, "A bus."), response(daemon, "I do not know your mug yet.", question="", age_s=None))
    with pytest.raises(UsageError, match=r"I do not know your mug yet$"):
        typed("watch", "tell me when I see my mug")


def test_what_stands_is_listed_with_what_is_left_of_it(daemon: StandIn, capsys: Capture) -> None:
    daemon.replies[m.WhatStands] = lambda call: m.Stands(
        S,
        (m.Watched("watch-3", "my mug"), m.Watched("watch-4", "the\x1b bus", 301 * S, True)),
        (m.Known("mug", 4),),
    )
    assert typed("watch", "--list") == 0
    assert capsys.readouterr().out.splitlines() == ["watch-3  my mug  (until it is removed)", "watch-4  the  bus  (for 5 min more, once)"]
    assert typed("concept", "--list") == 0
    assert capsys.readouterr().out == "mug  (from 4 views)\n"
    assert typed("watch", "--list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[1] == {"watch": "watch-4", "text": "the\x1b bus", "left_s": 300.0, "once": True}
    assert typed("concept", "--list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "mug", "views": 4}]


def test_where_nothing_stands_that_is_said(daemon: StandIn, capsys: Capture) -> None:
    answers(daemon, m.WhatStands, reply=m.Stands(S))
    assert typed("watch", "--list") == typed("concept", "--list") == 0
    assert capsys.readouterr().out == "Nothing is looked out for.\nNothing is known by name.\n"


@pytest.mark.parametrize(("typed_in", "calls"), [("yes\n", 1), ("no\n", 0), ("", 0)])
def test_forgetting_asks_first(daemon: StandIn, capsys: Capture, monkeypatch: pytest.MonkeyPatch, typed_in: str, calls: int) -> None:
    answers(daemon, m.ForgetWish, reply=m.Taken("mug"))
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal:
        os.write(ours, typed_in.encode() or b"\x04")
        monkeypatch.setattr(sys, "stdin", terminal)
        assert typed("concept", "--forget", "mug") == 0
    os.close(ours)
    assert len(daemon.calls) == calls
    assert ("Nothing was forgotten." in capsys.readouterr().out) is not calls


def test_forgetting_is_refused_where_there_is_nobody_to_ask(daemon: StandIn) -> None:
    for words in (("concept", "--forget", "mug"), ("forget", "--all")):
        with pytest.raises(UsageError, match="nobody to ask"):
            typed(*words)
    assert daemon.calls == []


@pytest.mark.parametrize(
    "words",
    [
        ("watch",),
        ("watch", "--list", "--minutes", "3"),
        ("watch", "--remove", "watch-3", "--once"),
        ("watch", "x", "--list"),
        ("concept",),
        ("forget",),
        ("forget", "--all", "--last", "3"),
        ("mute", "5", "--off"),
        ("mute", "0"),
        ("mute", "nan"),
        ("record",),
        ("record", "-3"),
        ("record", "five"),
        ("record", "999999999"),
    ],
)
def test_words_that_do_not_go_together_are_refused_before_anything_is_sent(daemon: StandIn, words: tuple[str, ...]) -> None:
    with pytest.raises(EdgeError) as raised:
        typed(*words)
    assert raised.value.exit_code == 2 and daemon.calls == []


# ---------------------------------------------------------------- stop and reload


def test_stop_waits_until_the_daemon_has_let_go_of_its_lock(folder: Path, capsys: Capture) -> None:
    with lock_holder(folder, "ends") as process:
        assert typed("stop", "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"stopped": process.pid}
        assert process.wait() == 0


def test_stop_gives_up_on_a_daemon_that_does_not_end_and_says_how_to_end_it(folder: Path) -> None:
    with lock_holder(folder, "stays") as process, pytest.raises(DeviceError, match=f"process {process.pid}, was told to end") as raised:
        stop.stop(folder, 0.1)
    assert raised.value.hint.endswith(f"kill -KILL {process.pid}")


def test_reload_tells_the_daemon(folder: Path, capsys: Capture) -> None:
    with lock_holder(folder, "ends") as process:
        assert typed("reload") == 0
        assert process.stdout is not None and process.stdout.readline() == b"reload\n"
    assert f"process {process.pid}, was told" in capsys.readouterr().out
