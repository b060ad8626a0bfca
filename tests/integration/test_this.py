"""A wearer asks about what is before their eyes: answered from memory, from the log, and the same again from the journal."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.config import MS, Config, RememberConfig, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.hosts.journal_replay import replay_journal
from edge_runtime.protocol import Asked, Command, Event, Forget, Say, Search, Taught, UserSpeech
from edge_runtime.records import Concept, Scope
from edge_runtime.speech import Response
from tests import world

WORDS: tuple[Event, ...] = (
    Taught(t_ns=5 * S, concept=Concept("mug")),
    Asked(t_ns=11 * S, question="new", text="have I seen this before?"),
    Asked(t_ns=22 * S, question="mug", text="when did I last see this?"),
    UserSpeech(t_ns=23_700 * MS, phase="start"),  # the wearer looks at the mug, and away before the sentence is over
    UserSpeech(t_ns=25_000 * MS, phase="end"),
    Asked(t_ns=25_200 * MS, question="spoken", text="how often have I looked at this?"),
    Asked(t_ns=29 * S, question="lately", text="did I look at my mug in the last 10 seconds?"),
    Asked(t_ns=33 * S, question="cat", text="have I seen this before?"),
    Asked(t_ns=34 * S, question="span", text="did I see my mug between 0:10 and 0:15?"),
    Asked(t_ns=35 * S, question="day", text="did I see my mug yesterday?"),
)
FULL = Config(remember=RememberConfig(ram_bytes=65_536, token_share=0.64))
"""So little memory that the walk does not fit into it."""


class Listener:
    """Keeps the answers by question, and what the log was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Response] = {}
        self.searches: list[Search] = []

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        self.searches += [command for command in commands if isinstance(command, Search)]
        self.answers |= {command.response.question: command.response for command in commands if isinstance(command, Say)}


def listen(out: Path, *script: Event, config: Config | None = None) -> Listener:
    listener = Listener()
    world.run(out, *(script or WORDS), config=config, observers=[listener])
    return listener


def replays(out: Path) -> bool:
    again = out.parent / "again.jsonl"
    with DecisionLog(again) as decisions:
        replay_journal(out, decisions)
    return again.read_bytes() == (out / "decisions.jsonl").read_bytes()


def test_this_is_answered_from_memory_and_the_journal_says_the_same(tmp_path: Path) -> None:
    answers = listen(tmp_path / "run").answers
    assert {question: response.text for question, response in answers.items() if question} == {
        "new": "No, I did not see this before now.",
        "mug": "Before now I last saw your mug 14 s ago, at 0:08.",
        "spoken": "You looked at your mug at least twice, last 3 s ago, at 0:22.",
        "lately": 'Yes, in the last 10 s you looked at your mug by the sign "ROOM 204", 6 s ago, at 0:22.',
        "cat": 'Yes, before now I saw this by the sign "ROOM 204", 20 s ago, at 0:12.',
        "span": "No, I did not see your mug between 0:10 and 0:15.",
        "day": "I do not know the time of day or the date, only how long ago things were; ask for example about the last 2 hours.",
    }
    assert all(4 * S <= look.t_ns < 10 * S for look in answers["mug"].evidence)
    assert all(10 * S <= look.t_ns < 14 * S for look in answers["cat"].evidence)
    assert replays(tmp_path / "run")


def test_what_memory_has_lost_the_log_finds_by_its_looks(tmp_path: Path) -> None:
    listener = listen(tmp_path / "run", config=FULL)
    assert [search for search in listener.searches if search.query.key is not None]
    cat = listener.answers["cat"]
    assert cat.text.startswith("Yes, before now I saw this") and cat.text.endswith("20 s ago, at 0:12.")
    assert all(10 * S <= look.t_ns < 14 * S for look in cat.evidence)
    assert replays(tmp_path / "run")


def test_what_is_forgotten_was_never_seen_before(tmp_path: Path) -> None:
    script = (
        Forget(t_ns=15 * S, scope=Scope("since", t_from_ns=9 * S)),
        Asked(t_ns=33 * S, question="cat", text="have I seen this before?"),
    )
    assert listen(tmp_path / "run", *script).answers["cat"].text == "No, I did not see this before now; I can be sure of only 16 s of that."
    assert replays(tmp_path / "run")
