"""What a row of looks amounts to: comparing and searching; reading is in :mod:`gaze.reading`.

Each pattern weighs look after look. It is taken up at one level of evidence and given up at a lower one, so that a single look out of
line does not make it flicker.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

from gaze.visits import MS, Look

Turn: TypeAlias = Literal["on", "off"] | None
KEPT = 64
"""Most evidence kept of one pattern, the newest."""


class Evidence(NamedTuple):
    """One eye movement that speaks for a cue."""

    id: int
    t_start_ns: int
    t_end_ns: int


def evidence_of(look: Look) -> Evidence:
    """The look's movement as evidence."""
    return Evidence(look.event.id, look.event.t_start_ns, look.event.t_end_ns)


class Pattern(Protocol):
    """A lasting pattern of looks."""

    rule: str
    support: deque[Evidence]
    active: bool

    def see(self, look: Look) -> Turn:
        """Take the next look; say whether the pattern is taken up or given up with it."""
        ...

    def found(self) -> str:
        """What was measured, with units."""
        ...

    def reset(self) -> None:
        """Begin anew."""
        ...


@dataclass(frozen=True, slots=True)
class ComparingRules:
    """When gaze compares two things.

    Going to and fro between two of them, X-Y-X and longer, goes with comparing them (Russo and Rosen 1975, Memory & Cognition 3; Russo and
    Leclerc 1994, Journal of Consumer Research 21).

    Attributes:
        transitions: Moves between the two from which it is comparing (3: X-Y-X-Y) ...
        apart_deg: ... each of this angle or more, unless both are known things: two halves of one thing are not compared ...
        within_ns: ... in this time.
        astray_ns: A look at something third this long in all ends it; a shorter one, if gaze comes back, does not.
        stay_ns: Staying with one of the two this long ends it.
    """

    transitions: int = 3
    apart_deg: float = 6.0
    within_ns: int = 10_000 * MS
    astray_ns: int = 700 * MS
    stay_ns: int = 3000 * MS


class Comparing:
    """Alternation between two regions."""

    def __init__(self, rules: ComparingRules) -> None:
        self._rules = rules
        self.rule = (
            f"{rules.transitions} moves or more to and fro between two regions, {rules.apart_deg:g} deg or more apart, "
            f"within {rules.within_ns / 1e9:g} s, no third between"
        )
        self.support: deque[Evidence] = deque(maxlen=KEPT)
        self.active = False
        self.reset()

    @property
    def things(self) -> tuple[str, ...]:
        """Their names, where known."""
        return tuple(self._names[region] for region in self._pair if region in self._names)

    @property
    def pair(self) -> tuple[int, ...]:
        """The two regions."""
        return self._pair

    def reset(self) -> None:
        """Begin anew."""
        self._pair: tuple[int, ...] = ()
        self._names: dict[int, str] = {}
        self._last = 0  # the region of the pair gaze was in last
        self._moves: deque[int] = deque(maxlen=KEPT)  # when gaze moved between the two
        self._astray_ns = self._here_ns = 0
        self.active = False
        self.support.clear()

    def see(self, look: Look) -> Turn:
        """Take the next look; say whether comparing begins or ends with it."""
        known = look.step_deg is not None
        if self.active:
            return self._go_on(look) if known else "off"
        near = look.region != self._last and look.thing is None and (look.apart_deg or 0.0) < self._rules.apart_deg
        if not known or not self._pair or near:
            self._begin(look)
            return None
        if look.region in self._pair:
            if look.region != self._last:
                self._moves.append(look.event.t_start_ns)
            self._take(look)
        elif len(self._pair) == 1:
            self._pair += (look.region,)
            self._moves.append(look.event.t_start_ns)
            self._take(look)
        else:
            self._other_pair(look)
        if self._here_ns >= self._rules.stay_ns:
            self._begin(look)
            return None
        while self._moves and look.event.t_start_ns - self._moves[0] > self._rules.within_ns:
            self._moves.popleft()
        if len(self._moves) >= self._rules.transitions:
            self.active = True
            return "on"
        return None

    def found(self) -> str:
        """What was measured."""
        return f"{len(self._moves)} moves between two regions"

    def _begin(self, look: Look) -> None:
        self.reset()
        self._pair = (look.region,)
        self._take(look)

    def _other_pair(self, look: Look) -> None:
        """A third region: it and the one gaze just left may be the pair."""
        left, last, name = self._last, self.support[-1], self._names.get(self._last)
        self.reset()
        self._pair = (left, look.region)
        if name is not None:
            self._names[left] = name
        self.support.append(last)
        self._moves.append(look.event.t_start_ns)
        self._take(look)

    def _take(self, look: Look) -> None:
        self._here_ns = look.event.duration_ns + (self._here_ns if look.region == self._last else 0)
        self._last = look.region
        if look.thing is not None:
            self._names[look.region] = look.thing
        self.support.append(evidence_of(look))

    def _go_on(self, look: Look) -> Turn:
        if look.region not in self._pair:
            self._astray_ns += look.event.duration_ns
            return "off" if self._astray_ns >= self._rules.astray_ns else None
        self._astray_ns = 0
        if look.region != self._last:
            self._moves.append(look.event.t_start_ns)
        self._take(look)
        return "off" if self._here_ns >= self._rules.stay_ns else None


@dataclass(frozen=True, slots=True)
class SearchingRules:
    """When gaze searches.

    Short looks far apart are the ambient mode of viewing (Unema, Pannasch, Joos and Velichkovsky 2005, Visual Cognition 12; the negative
    side of coefficient K of Krejtz et al. 2016, PLoS ONE 11). A search goes on to ever new places; looking to and fro does not.

    Attributes:
        step_deg: Shortest step of a sweep.
        longest_ns: Longest look of a sweep.
        again_ns: A place visited within this time is not new.
        on: Sweeps, less the looks that are none, from which it is searching.
        off: Sweeps, less the looks that are none, at which it no longer is.
        cap: Most that are counted, which bounds how long it takes to give up.
    """

    step_deg: float = 5.0
    longest_ns: int = 400 * MS
    again_ns: int = 8000 * MS
    on: int = 5
    off: int = 2
    cap: int = 7


class Searching:
    """Sweeps over new places."""

    def __init__(self, rules: SearchingRules) -> None:
        self._rules = rules
        self.rule = (
            f"{rules.on} looks, each under {rules.longest_ns / 1e9:g} s, {rules.step_deg:g} deg or more from the last, "
            f"at places not visited within {rules.again_ns / 1e9:g} s; each other look takes one away"
        )
        self.support: deque[Evidence] = deque(maxlen=KEPT)
        self.active = False
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._score = self._sweeps = 0
        self.active = False
        self.support.clear()

    def see(self, look: Look) -> Turn:
        """Take the next look; say whether searching begins or ends with it."""
        rules = self._rules
        if look.apart_deg is None:
            self._score = 0
        else:
            new = look.fresh or (look.away_ns is not None and look.away_ns > rules.again_ns)
            sweeps = new and look.apart_deg >= rules.step_deg and look.event.duration_ns <= rules.longest_ns
            self._score = min(max(self._score + (1 if sweeps else -1), 0), rules.cap)
            if sweeps:
                self._sweeps += 1
                self.support.append(evidence_of(look))
        if self.active:
            return "off" if self._score <= rules.off else None
        if self._score == 0:
            self.reset()
        elif self._score >= rules.on:
            self.active = True
            return "on"
        return None

    def found(self) -> str:
        """What was measured."""
        return f"{self._sweeps} sweeps to new places"
