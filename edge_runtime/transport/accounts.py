"""What both forms of the bus keep account of: numbers that did not come, answers that are owed, asks that wait.

Nothing here waits, sends or asks a clock of its own, so the rules of :mod:`edge_runtime.transport.bus` hold in both forms alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from edge_runtime.errors import UsageError
from edge_runtime.records import Dropped
from edge_runtime.transport.bus import NEVER_NS, Answer, Ask, Channel, Clock, Envelope, Lane, Payload

_MOST_STARTS = 4
_MOST_WAITING = 16


class Counts:
    """What was let go, by reason, since it was last asked for."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def drop(self, what: str, reason: str, count: int = 1) -> None:
        """Count; a count of 0 is nothing."""
        if count:
            self._counts[what, reason] += count

    def take(self) -> list[Dropped]:
        """What was counted since the last call."""
        if not self._counts:
            return []
        counts, self._counts = self._counts, Counter()
        return [Dropped(what, reason, count) for (what, reason), count in sorted(counts.items())]


class Intake:
    """A receiver's accounts: which of the envelopes that arrive it takes, and what became of the others.

    Every start is accounted for by itself, in its own order. The first one heard begins with the number that came first, because what
    was sent before was not for this receiver; any other begins with 0.

    Args:
        channel: Says what to keep.
        counts: Takes what is let go.
    """

    def __init__(self, channel: Channel, counts: Counts) -> None:
        self._channel = channel
        self._counts = counts
        self._next_seq: dict[int, int] = {}

    def take(self, arrived: Iterable[Envelope], now_ns: Clock) -> Envelope | None:
        """The next envelope to handle of those that arrived: the newest of all, or the first, and then no more are drawn."""
        newest: Envelope | None = None
        for envelope in arrived:
            if not self._in_order(envelope):
                continue
            if self._channel.max_age_ns and now_ns() - envelope.t_sent_ns > self._channel.max_age_ns:
                self._counts.drop(self._channel.topic, "late")
            elif self._channel.keep == "every":
                return envelope
            elif newest is None:
                newest = envelope
            else:
                # Around a restart two connections are drained in turn, and the old one may come last.
                newest = max(envelope, newest, key=lambda known: known.t_sent_ns)
                self._counts.drop(self._channel.topic, "behind")
        return newest

    def pass_over(self, envelope: Envelope) -> None:
        """Let one go that came and found no room to wait."""
        if self._in_order(envelope):
            self._counts.drop(self._channel.topic, "behind")

    def _in_order(self, envelope: Envelope) -> bool:
        expected = self._next_seq.get(envelope.start_id)
        if expected is None:
            self._counts.drop(self._channel.topic, "restart", envelope.seq if self._next_seq else 0)
            if len(self._next_seq) == _MOST_STARTS:
                del self._next_seq[next(iter(self._next_seq))]
        elif envelope.seq < expected:
            return False  # overtaken; it was counted when the later one came
        else:
            self._counts.drop(self._channel.topic, "lost", envelope.seq - expected)
        self._next_seq[envelope.start_id] = envelope.seq + 1
        return True


class Owed:
    """What an asker is owed: at most one answer, and only until its deadline.

    Args:
        counts: Takes the answers that come too late.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.id: int | None = None
        self.deadline_ns = NEVER_NS

    def begin(self, ask: Ask) -> bool:
        """Begin to be owed the answer to this; ``False`` while another is under way."""
        if self.id is not None:
            return False
        self.id, self.deadline_ns = ask.id, ask.deadline_ns
        return True

    def settle(self, target: int) -> bool:
        """Cease to be owed this one; ``False`` when it was not."""
        if self.id != target:
            return False
        self.id, self.deadline_ns = None, NEVER_NS
        return True

    def accept(self, answer: Answer, now_ns: int) -> bool:
        """Whether this answer is owed, and in time; else it is counted. One that is past its deadline stays owed, to be given up."""
        if now_ns <= self.deadline_ns and self.settle(answer.answers):
            return True
        self._counts.drop("result", "late")
        return False

    def expired(self, now_ns: int) -> Answer | None:
        """The outcome of an ask whose time is up."""
        if self.id is None or now_ns <= self.deadline_ns:
            return None
        outcome = Answer(self.id, missing="deadline")
        self.settle(self.id)
        return outcome


class Desk:
    """What waits for an answerer: of every asker the newest ask, because whoever asks again has given up what it asked before.

    Args:
        lane: Names what is counted.
        counts: Takes asks that nobody wants answered any more.
    """

    def __init__(self, lane: Lane, counts: Counts) -> None:
        self._lane = lane
        self._counts = counts
        self._waiting: dict[bytes, Ask] = {}
        self._working: dict[bytes, int] = {}

    @property
    def busy(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def put(self, ask: Ask) -> None:
        """Take an ask in. The asker's last one is given up; of too many askers the one that waits longest is turned away."""
        self._working.pop(ask.asker, None)
        if self._waiting.pop(ask.asker, None) is not None:
            self._counts.drop(self._lane.topic, "cancelled")
        if len(self._waiting) == _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self._counts.drop(self._lane.topic, "behind")
        self._waiting[ask.asker] = ask

    def withdraw(self, asker: bytes, target: int) -> None:
        """The asker no longer wants this one."""
        if asker in self._waiting and self._waiting[asker].id == target:
            del self._waiting[asker]
            self._counts.drop(self._lane.topic, "cancelled")
        elif self._working.get(asker) == target:
            del self._working[asker]

    def next(self, now_ns: int) -> Ask | None:
        """The ask that waits longest; those whose deadline has passed are counted."""
        while self._waiting:
            ask = self._waiting.pop(next(iter(self._waiting)))
            if now_ns <= ask.deadline_ns:
                while len(self._working) >= _MOST_WAITING:  # their askers have long gone
                    del self._working[next(iter(self._working))]
                self._working[ask.asker] = ask.id
                return ask
            self._counts.drop(self._lane.topic, "late")
        return None

    def wants(self, ask: Ask, now_ns: int) -> bool:
        """Whether the answer to an ask at work would still be taken."""
        return self._working.get(ask.asker) == ask.id and now_ns <= ask.deadline_ns

    def done(self, ask: Ask) -> None:
        """An ask has been answered."""
        if self._working.get(ask.asker) == ask.id:
            del self._working[ask.asker]


def check_size(lane: Lane, payload: Payload, most_bytes: int) -> None:
    """Refuse what the other side of a lane would not take.

    Raises:
        UsageError: The payload is larger than the lane allows.
    """
    if len(payload) > most_bytes:
        raise UsageError(
            f"{lane.topic}: {len(payload)} bytes are more than the {most_bytes} allowed", hint="ask for less, or widen the lane"
        )
