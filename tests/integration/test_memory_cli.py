"""The verb ``memory``: what a run has kept is shown, found, weighed and taken out, and what cannot be done is said."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.main import main
from edge_runtime.log import open_log
from edge_runtime.records import Query
from edge_runtime.store import open_store
from edge_runtime.types import Vector
from tests.ended import content, ended, refused
from tests.unit.test_log import two_sessions
from tests.unit.test_store_keys import seen
from tests.unit.test_store_merge import row as merging
from tests.unit.test_store_schema import old_log

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ended(tmp_path_factory.mktemp("made") / "walk")


@pytest.fixture
def walk(made: Path, tmp_path: Path) -> Path:
    """A run that has ended, of this test's own."""
    return Path(shutil.copytree(made, tmp_path / "walk"))


def asked(words: list[object], capsys: Capture) -> dict[str, Any]:
    assert main(["memory", *map(str, words), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


# ---------------------------------------------------------------- looking


def test_show_lists_the_latest_under_their_session_and_its_date(walk: Path, capsys: Capture) -> None:
    assert main(["memory", "show", str(walk)]) == 0
    session, *lines = capsys.readouterr().out.splitlines()
    assert re.match(r"session 1, begun 2\d{3}-\d\d-\d\d \d\d:\d\d[+-]\d\d:\d\d, .*: \d+ sightings from 0:0\d\.\d to 0:3\d\.\d, ", session)
    assert lines[-1].startswith("Times count from the start of each session")
    assert any(re.match(r"  0:2\d\.\d to 0:\d\d\.\d +text +PIN 4071  \(.*look", line) for line in lines)
    starts = [line.split(" to ")[1].split()[0] for line in lines[:-1]]
    assert starts == sorted(starts), "the newest stands last"


def test_show_shows_as_many_as_it_is_asked_for_and_says_so(tmp_path: Path, capsys: Capture) -> None:
    two_sessions(tmp_path)
    assert main(["memory", "show", str(tmp_path), "--last", "2"]) == 0
    printed = capsys.readouterr().out
    assert "(the last 2 of 5)" in printed and "Emergency exit" in printed and "coffee mug" not in printed
    answer = asked(["show", tmp_path, "--session", "1"], capsys)
    assert [one["name"] for one in answer["sightings"]] == ["mug", "EXIT 7", "coffee mug"] and answer["total"] == 3
    assert [session["session"] for session in answer["sessions"]] == [1]


def test_search_reaches_all_sessions_page_by_page(tmp_path: Path, capsys: Capture) -> None:
    two_sessions(tmp_path)
    whole = asked(["search", "mug", tmp_path], capsys)
    assert [(one["session"], one["name"]) for one in whole["sightings"]] == [(2, "mug"), (1, "coffee mug"), (1, "mug")]
    pages = [asked(["search", "mug", tmp_path, "--limit", "2", "--skip", skip], capsys) for skip in (0, 2)]
    assert [one for page in pages for one in page["sightings"]] == whole["sightings"] and {page["total"] for page in pages} == {3}
    assert [one["kind"] for one in asked(["search", "mug", tmp_path, "--kind", "label"], capsys)["sightings"]] == ["label"]
    assert main(["memory", "search", "mug", str(tmp_path), "--limit", "2", "--skip", "1"]) == 0
    assert "(2 to 3 of 3)" in capsys.readouterr().out


def test_what_looks_like_a_sighting_is_found_in_all_sessions(tmp_path: Path, capsys: Capture) -> None:
    for session, directions in enumerate(([0.0, 0.5, 3.0], [0.1, 2.0]), 1):
        with open_store(tmp_path, log_bytes=2**20) as store:
            store.append([seen(number, turned(angle), name=f"thing {session}") for number, angle in enumerate(directions, 1)])
            store.append([seen(9, None)])
    answer = asked(["like", "1", tmp_path, "--of", "1"], capsys)
    assert [(one["session"], one["id"]) for one in answer["sightings"]] == [(2, 1), (1, 2), (2, 2), (1, 3)] and answer["total"] == 4
    assert [one["id"] for one in asked(["like", "1", tmp_path, "--session", "2", "--limit", "1"], capsys)["sightings"]] == [2]
    assert main(["memory", "like", "1", str(tmp_path), "--limit", "2"]) == 0
    assert "(the 2 most alike of 4)" in capsys.readouterr().out
    refused(["like", "9", tmp_path], 2, "sighting 9 of session 2 has no vector", "memory show", capsys)
    refused(["like", "4", tmp_path, "--of", "1"], 2, "sighting 4 of session 1 does not exist", "memory show", capsys)


def turned(angle: float) -> Vector:
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def test_what_was_merged_says_how_much_it_stands_for(tmp_path: Path, capsys: Capture) -> None:
    with open_store(tmp_path, log_bytes=262144) as store:
        for number in range(1, 1200):
            store.append([merging(number, f"vase {number % 5}", "label", t_s=60 * number)])
    answer = asked(["stats", tmp_path], capsys)["sessions"][0]
    assert answer["merged"] > 0 and answer["vectors"] == answer["sightings"]
    stands_for = answer["sightings"] + answer["merged"]
    assert main(["memory", "stats", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert f"{answer['sightings']} sightings that stand for {stands_for} from" in printed
    assert f"merged   {answer['merged']} old sightings" in printed and f"keys     {answer['vectors']} sightings" in printed
    everything = asked(["search", "vase", tmp_path, "--limit", "5000"], capsys)["sightings"]
    assert sum(one["merged"] for one in everything) == stands_for
    assert main(["memory", "search", "vase", str(tmp_path), "--limit", "5000"]) == 0
    assert "seen 12 times, merged" in capsys.readouterr().out


def test_what_is_not_there_is_said(tmp_path: Path, capsys: Capture) -> None:
    two_sessions(tmp_path)
    assert main(["memory", "search", "passport", str(tmp_path)]) == 0
    assert 'there is no sighting with the words "passport"' in capsys.readouterr().out
    assert main(["memory", "search", "mug", str(tmp_path), "--skip", "9"]) == 0
    assert "no more: 3 in all" in capsys.readouterr().out
    open_store(tmp_path / "new", log_bytes=2**20).close()
    for words, said in ((["show"], "nothing was seen"), (["stats"], "none: nothing was seen")):
        assert main(["memory", *words, str(tmp_path / "new")]) == 0
        assert said in capsys.readouterr().out


def test_a_date_that_is_not_known_is_not_made_up(tmp_path: Path, capsys: Capture) -> None:
    old_log(tmp_path)
    assert main(["memory", "show", str(tmp_path)]) == 0
    assert "session 2, its date is not known: 1 sighting from" in capsys.readouterr().out
    assert [session["begun"] for session in asked(["stats", tmp_path], capsys)["sessions"]] == [None, None]


def test_a_name_that_was_read_cannot_move_the_cursor(tmp_path: Path, capsys: Capture) -> None:
    from tests.unit.test_store import row

    with open_store(tmp_path, log_bytes=2**20) as store:
        store.append([row(1, "EXIT\n\x1b[2J7", "text")])
    assert main(["memory", "show", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "EXIT  [2J7" in printed and "\x1b" not in printed


def test_stats_weigh_the_log_against_its_bound(walk: Path, capsys: Capture) -> None:
    answer = asked(["stats", walk, "--set", "store.log_bytes=1MiB"], capsys)
    assert answer["log_bytes"] == 2**20 and answer["bytes"]["total"] == (walk / "log/log.db").stat().st_size
    assert sum(answer["kinds"].values()) == answer["sessions"][0]["sightings"] > 3
    parts = answer["bytes"]
    assert parts["total"] == sum(parts[name] for name in ("facts", "thumbs", "index", "free", "wal", "other"))
    assert main(["memory", "stats", str(walk), "--set", "store.log_bytes=1MiB"]) == 0
    printed = capsys.readouterr().out
    share = 100 * parts["total"] / 2**20
    assert f"{share:.1f} % of the 1.0 MiB" in printed and "thumbnails" in printed and "search index" in printed
    assert re.search(r"^session 1, begun .* from 0:\d\d\.\d to 0:3\d\.\d, \d+ pictures", printed, re.MULTILINE)


# ---------------------------------------------------------------- taking out


def test_export_writes_every_sighting_and_every_picture(walk: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["memory", "export", str(walk), "-o", str(tmp_path / "mine")]) == 0
    facts = [json.loads(line) for line in (tmp_path / "mine/sightings.jsonl").read_text().splitlines()]
    pictures = {look["picture"] for fact in facts for look in fact["evidence"]} - {None}
    with open_log(walk) as log:
        (session,) = log.sessions()
        want = [(one.sighting.id, one.sighting.what.name) for one in log.every()]
        for fact in facts:
            for look in fact["evidence"]:
                if look["picture"]:
                    assert (tmp_path / "mine" / look["picture"]).read_bytes() == log.thumb(1, look["thumb"])
    assert [(fact["id"], fact["name"]) for fact in facts] == want
    assert len(pictures) == session.thumbs == len(list((tmp_path / "mine/thumbs").rglob("*.jpg"))) > 0
    assert json.loads((tmp_path / "mine/sessions.json").read_text())[0]["sightings"] == len(facts)
    assert f"{len(facts)} sightings" in capsys.readouterr().out


def test_export_keeps_the_pictures_of_sessions_apart(tmp_path: Path) -> None:
    two_sessions(tmp_path / "log")
    (tmp_path / "mine").mkdir()
    assert main(["memory", "export", str(tmp_path / "log"), "-o", str(tmp_path.parent / f"{tmp_path.name}-mine")]) == 0
    thumbs = tmp_path.parent / f"{tmp_path.name}-mine" / "thumbs"
    assert [(thumbs / session / "1-0.jpg").read_bytes() for session in ("1", "2")] == [b"first mug", b"second mug"]


def test_export_writes_over_nothing(walk: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    refused(["export", walk, "-o", tmp_path / "mine"], 2, "is not an empty folder", "choose a new one", capsys)
    refused(["export", walk, "-o", tmp_path / "mine/thesis.tex"], 2, "is not an empty folder", "choose a new one", capsys)
    refused(["export", walk, "-o", walk / "mine"], 2, "lies in the folder of the run", "outside", capsys)
    refused(["export", walk / "log", "-o", walk / "mine"], 2, "lies in the folder of the run", "outside", capsys)
    refused(["export", walk, "-o", tmp_path / "mine/thesis.tex/deeper"], 5, "cannot be written", "another folder", capsys)
    assert content(tmp_path / "mine") == {"thesis.tex": b"years of work"} and not (walk / "mine").exists()


# ---------------------------------------------------------------- what can go wrong

CALLS: list[Callable[[Path, Path], list[object]]] = [
    lambda run, out: ["show", run],
    lambda run, out: ["search", "mug", run],
    lambda run, out: ["stats", run],
    lambda run, out: ["export", run, "-o", out],
    lambda run, out: ["forget", run, "--thing", "mug", "--yes"],
    lambda run, out: ["forget", run, "--last", "5", "--yes"],
    lambda run, out: ["forget", run, "--all", "--yes"],
]


@pytest.mark.parametrize("call", CALLS)
def test_a_run_that_holds_its_log_is_left_alone(walk: Path, tmp_path: Path, call: Callable[..., list[object]], capsys: Capture) -> None:
    words = call(walk, tmp_path / "mine")
    with open_store(walk / "log", log_bytes=2**30, resume=True) as store:
        seen = len(store.search(Query(limit=1000))[0])
        message = "forget on its page" if words[0] == "forget" else "a run holds the log in"
        refused(words, 5, message, "end the run", capsys)
        assert len(store.search(Query(limit=1000))[0]) == seen > 0
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("call", CALLS)
def test_a_folder_without_a_log_is_unusable_input(tmp_path: Path, call: Callable[..., list[object]], capsys: Capture) -> None:
    refused(call(tmp_path / "nowhere", tmp_path / "mine"), 3, "there is no log in", "edge-runtime simulator", capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ([], "the following arguments are required: ACTION", "memory --help"),
        (["forget"], "one of the arguments --thing/--person --place --last --all is required", "forget --help"),
        (["forget", "--all", "--last", "3"], "not allowed with argument", "forget --help"),
        (["forget", "--last", "soon"], "soon is no number of minutes", "forget --help"),
        (["forget", "--last", "-1"], "-1 is no number of minutes", "forget --help"),
        (["forget", "--last", "0"], "0 is no number of minutes", "forget --help"),
        (["forget", "--last", "nan"], "nan is no number of minutes", "forget --help"),
        (["forget", "--thing", "?!"], "names nothing", "--thing"),
        (["show", "--last", "many"], "many is no whole number", "show --help"),
        (["search"], "the following arguments are required: WORDS", "search --help"),
        (["search", "mug", "--kind", "person"], "invalid choice: 'person'", "search --help"),
        (["export"], "the following arguments are required: -o/--out", "export --help"),
    ],
)
def test_a_wrong_call_is_one_line_and_a_hint(words: list[object], message: str, hint: str, capsys: Capture) -> None:
    refused(words, 2, message, hint, capsys)


def test_a_session_that_is_not_there_is_said(tmp_path: Path, capsys: Capture) -> None:
    two_sessions(tmp_path)
    refused(["show", tmp_path, "--session", "7"], 2, "there is no session 7", "memory stats", capsys)
