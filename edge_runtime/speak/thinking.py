"""Questions that facts cannot answer, given to a vision-language model: with a look taken for them, and with what memory shows.

What comes of it is never a statement of fact. The answer begins with "I think" and ends with the age of what the model was shown, which
the model's side tells; where it was shown nothing, nothing is claimed. Whether a question is given to the model, and when, never depends
on the numbers in tokens, so that a journal replays without them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from edge_runtime.config import ModelsConfig
from edge_runtime.outbox import Outbox
from edge_runtime.protocol import Asked, Cancel, Done, Event, Failed, Generate, Look, Looked, Prompted, Token
from edge_runtime.records import Dropped, Evidence, RetrievalCue, ShownTokens, Slab
from edge_runtime.speak import options, phrasing
from edge_runtime.speak.recallable import Recallable
from edge_runtime.speak.reply import BY_MODEL, FORGOTTEN, Answered, Reply
from edge_runtime.speak.times import PRESENT_NS
from edge_runtime.types import LookedRegion, TokenArray, Tokens

THOUGHT_ABOUT = ("NEEDS_VLM", "UNKNOWN_THING")
"""Codes of replies that a vision-language model may better."""
NO_POWER = Reply("NO_POWER", "The board is too hot or short of power to think about that.")
_SEEN_NOTHING = Reply("NOTHING_SEEN", "I have seen nothing to judge that by.")
_BLANK = Reply("NO_ANSWER", "I could not make that out.")
_TORN = Reply("NO_ANSWER", "A part of the answer was lost; ask me again.")
_RESTARTED = Reply("NO_ANSWER", "I was restarted while thinking about that.")
_FAILURES = {
    "deadline": "My language model did not answer in time.",
    "superseded": "I had too much else to think about.",
    "unsupported": "No language model is loaded.",
    "unreachable": "My language model is not running at the moment.",
    "contextfull": "It was more than my language model can read.",
}
_FAILED = "My language model failed."
_SURE = 0.5
"""Confidence of everything that a model says: it gives none of its own that could be trusted."""
_OPEN = 4
_MOST_CHARS = 1000


class Thought(msgspec.Struct):
    """A question that is being thought about.

    Attributes:
        asked: The question.
        refused: What facts alone would answer.
        t_ns: The moment that it is about.
        look: The look that it waits for; -1 when it waits for none.
        generation: The command to the model; -1 before.
        looked: The looks that the model was given.
        shown: What it was shown of them and of memory.
        text: What it has said so far, at most 1,000 characters.
        pieces: In how many pieces.
    """

    asked: Asked
    refused: Reply
    t_ns: int
    look: int
    generation: int = -1
    looked: tuple[Evidence, ...] = ()
    shown: tuple[ShownTokens, ...] = ()
    text: str = ""
    pieces: int = 0


class Thinking:
    """Thinks about questions within one step.

    Args:
        thoughts: Those under way, at most four; changed in place.
        memory: The memory.
        config: How much a model is shown and may say, and how long it may take.
        out: Takes the commands to the model.
        now_ns: The present.

    Attributes:
        dropped: What was let go in this step.
    """

    def __init__(self, thoughts: list[Thought], memory: Recallable, config: ModelsConfig, out: Outbox, now_ns: int) -> None:
        """Serve one step."""
        self._thoughts = thoughts
        self._memory = memory
        self._config = config
        self._out = out
        self._now_ns = now_ns
        self.dropped: list[Dropped] = []

    def begin(self, refused: Answered) -> list[Answered]:
        """Take up a question, with the look that was asked for in this step for its sake, if there is one.

        A question that the log was asked for first has none: memory has taken its look in, and shows it.

        Returns:
            The question that had to make room, with its answer.
        """
        crowded = [self._give_up(self._thoughts[0])] if len(self._thoughts) >= _OPEN else []
        looks = (command.id for command in self._out.commands if isinstance(command, Look) and command.why == "question")
        thought = Thought(refused.asked, refused.reply, refused.t_ns, next(looks, -1))
        self._thoughts.append(thought)
        if thought.look < 0:
            self._ask(thought, (), 0)
        return crowded

    def hear(self, event: Event) -> Answered | None:
        """Take in what comes of looks and from the model; returns the question it completes, with its answer."""
        match event:
            case Looked() if (thought := self._waiting_for(event.answers)) is not None:
                thought.looked = tuple(_evidence(event, region) for region in event.regions)
                self._ask(thought, event.regions, event.t_capture_ns)
            case Failed() if (thought := self._waiting_for(event.answers)) is not None and event.reason != "restart":
                self._ask(thought, (), 0)
            case Failed() if (thought := self._waiting_for(event.answers) or self._said_by(event.answers)) is not None:
                return self._close(thought, _failure(thought, event.reason.casefold()))
            case Prompted() if (thought := self._said_by(event.answers)) is not None:
                thought.shown = event.shown
            case Token() if (thought := self._said_by(event.answers)) is not None:
                self._gather(thought, event.text)
            case Done() if (thought := self._said_by(event.answers)) is not None:
                return self._close(thought, self._answer(thought, event))
            case _:
                pass
        return None

    def forget(self) -> list[Answered]:
        """Let go of every thought: what the model was shown may show what is forgotten."""
        return [self._close(thought, FORGOTTEN) for thought in list(self._thoughts)]

    # ------------------------------------------------------------ inside

    def _waiting_for(self, look: int) -> Thought | None:
        return next((thought for thought in self._thoughts if thought.generation < 0 and thought.look == look), None)

    def _said_by(self, generation: int) -> Thought | None:
        return next((thought for thought in self._thoughts if thought.generation == generation), None)

    def _close(self, thought: Thought, reply: Reply) -> Answered:
        self._thoughts.remove(thought)
        return Answered(thought.asked, reply, thought.t_ns)

    def _give_up(self, thought: Thought) -> Answered:
        if thought.generation >= 0:
            self._out.emit(Cancel, deadline_ns=self._now_ns, target=thought.generation)
        return self._close(thought, _failure(thought, "superseded"))

    def _ask(self, thought: Thought, regions: Sequence[LookedRegion], t_look_ns: int) -> None:
        thought.generation = self._out.emit(
            Generate,
            deadline_ns=self._now_ns + self._config.answer_deadline_ns,
            prompt=_prompt(thought.asked),
            max_tokens=self._config.answer_tokens,
            question=thought.asked.question,
            why="answer",
            t_asked_ns=thought.t_ns,
            looks=tuple(msgspec.structs.replace(region, vector=None, thumb=None) for region in regions),
            t_look_ns=t_look_ns,
            slab=self._recalled(_cue(regions, thought.t_ns)),
        )

    def _recalled(self, cue: RetrievalCue) -> Slab | None:
        return self._memory.slab(self._config.shown_rows, cue) if self._config.shown_rows else None

    def _gather(self, thought: Thought, text: str) -> None:
        room = _MOST_CHARS - len(thought.text)
        thought.text += text[:room]
        thought.pieces += 1
        if len(text) > room:
            self.dropped.append(Dropped("answer", "length", len(text) - room))

    def _answer(self, thought: Thought, done: Done) -> Reply:
        if done.pieces is not None and done.pieces > thought.pieces:
            self.dropped.append(Dropped("answer", "lost", done.pieces - thought.pieces))
            if not done.text:
                return _TORN
            thought.text = done.text[:_MOST_CHARS]
        thought.shown = thought.shown or done.shown
        said = " ".join(_printable(thought.text).split()).rstrip(" .,;:!?\u2026")
        if not said:
            return _BLANK
        if not thought.shown:
            return _SEEN_NOTHING
        text, choices = f"I think: {said}, {resting_on(thought.shown, self._now_ns)}.", thought.asked.options
        choice = options.named(choices, said) if choices else None
        if choices and choice is None:
            text = f"{text} None of the options follows from that."
        return Reply(BY_MODEL, text, thought.looked, _SURE, choice)


def _printable(text: str) -> str:
    """The text without what would command a terminal, or is no character: a model may write anything."""
    return "".join(letter if letter.isprintable() and letter != "\N{REPLACEMENT CHARACTER}" else " " for letter in text)


def resting_on(shown: Sequence[ShownTokens], now_ns: int) -> str:
    """Write how old is what a model was shown: ``by what I saw 4 s ago``, ``by what I saw from 2 min ago to now``."""
    first_ns, last_ns = min(tokens.t_ns for tokens in shown), max(tokens.t_end_ns for tokens in shown)
    first, last = phrasing.ago(now_ns - first_ns), phrasing.ago(now_ns - last_ns)
    if first == last:
        return f"by what I saw {last}"
    return f"by what I saw from {first} to {'now' if now_ns - last_ns <= PRESENT_NS else last}"


def _prompt(asked: Asked) -> str:
    if asked.options:
        return f"{asked.text} Answer with one of these: {'; '.join(asked.options)}."
    return f"{asked.text} Answer in one short sentence."


def _cue(regions: Sequence[LookedRegion], t_ns: int) -> RetrievalCue:
    """What memory is searched by: the first region, which gaze rested on."""
    if not regions:
        return RetrievalCue(t_now_ns=t_ns)
    tokens = regions[0].tokens
    return RetrievalCue(regions[0].vector, None if tokens is None else _quarters(tokens), t_ns)


def _quarters(tokens: Tokens) -> TokenArray | None:
    """The mean token of each quarter of a picture, float16 [4,D]: memory is gone through once for each, while the core waits."""
    emb, (rows, columns) = tokens.emb, tokens.hw
    if emb is None or emb.shape != (rows * columns, tokens.dim) or not bool(np.isfinite(emb).all()):
        return None
    if min(rows, columns) < 2:
        return emb
    grid = emb.astype(np.float32).reshape(rows, columns, tokens.dim)
    halves = [half for band in np.array_split(grid, 2, axis=0) for half in np.array_split(band, 2, axis=1)]
    return np.array([quarter.mean(axis=(0, 1)) for quarter in halves]).astype(np.float16)


def _evidence(event: Looked, region: LookedRegion) -> Evidence:
    return Evidence(event.frame_seq, event.t_capture_ns, region.box, region.thumb.id if region.thumb is not None else None)


def _failure(thought: Thought, reason: str) -> Reply:
    if reason == "nothingseen":
        return _SEEN_NOTHING
    if reason == "restart":
        return _RESTARTED
    return Reply("NO_ANSWER", f"{thought.refused.text} {_FAILURES.get(reason, _FAILED)}")
