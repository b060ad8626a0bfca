"""Where: overviews that look alike are one place, and a place is called after the most telling thing seen there."""

from __future__ import annotations

import msgspec

from edge_runtime.records import Dropped, Sighting, SightingKind
from edge_runtime.remember import sizes
from edge_runtime.remember.likeness import Mean, exact, mean_of, to_members
from edge_runtime.types import Vector

MAX_PLACES = 128
MAX_STAYS = 16
_SIGN_CHARS = 24
_TELLING: tuple[SightingKind, ...] = ("text", "concept")
"""A label is a guess, often at the very thing that is asked about: no place is called after one."""


class Landmark(msgspec.Struct):
    """Something a place can be called after."""

    name: str
    score: float
    sighting: int


class Place(msgspec.Struct):
    """A place: the mean direction of its overviews, and its landmarks by kind of sighting."""

    mean: Mean
    first_ns: int
    last_ns: int
    landmarks: dict[str, Landmark] = {}


class Stay(msgspec.Struct):
    """From a time on the wearer was at a place; ``None`` while no overview has told which."""

    t_from_ns: int
    place_id: int | None


class PlacesState(msgspec.Struct):
    """All places, the one not seen for longest first, and where the wearer was of late."""

    places: dict[int, Place] = {}
    stays: list[Stay] = []
    next_id: int = 1


class Places:
    """Knows where the wearer is and what to call it.

    Args:
        state: Fresh, or taken from a snapshot.
        same: Cosine from which two overviews show one place.
    """

    def __init__(self, state: PlacesState, same: float) -> None:
        self.state = state
        self._same = same

    def leave(self, t_ns: int) -> None:
        """A new scene begins: until an overview tells, the place is unknown."""
        self._stay(t_ns, None)

    def arrive(self, overview: Vector, t_ns: int) -> int:
        """Take in an overview, unit vector float32 [G]; returns the place it shows."""
        number = self._nearest(overview)
        if number is None:
            number = self.state.next_id
            self.state.next_id += 1
            self.state.places[number] = Place(mean_of((overview,)), t_ns, t_ns)
            if len(self.state.places) > MAX_PLACES:
                self.shed()
        else:
            place = self.state.places.pop(number)
            place.mean.add(overview)
            place.last_ns = max(place.last_ns, t_ns)
            self.state.places[number] = place
        stay = self._at(t_ns)
        if stay is not None and stay.place_id is None:
            stay.place_id = number
        elif stay is None or stay.place_id != number:
            self._stay(t_ns, number)
        return number

    def at(self, t_ns: int) -> int | None:
        """The place where the wearer was at that time, if known."""
        stay = self._at(t_ns)
        return None if stay is None else stay.place_id

    def note(self, sighting: Sighting) -> None:
        """See whether a sighting gives its place a better name."""
        place = self.state.places.get(sighting.place_id or 0)
        if place is None or sighting.what.kind not in _TELLING:
            return
        known = place.landmarks.get(sighting.what.kind)
        score = _telling(sighting)
        if known is None or known.sighting == sighting.id or score > known.score:
            place.landmarks[sighting.what.kind] = Landmark(short(sighting), score, sighting.id)

    def unnote(self, number: int) -> None:
        """No place is called after this sighting any more."""
        for place in self.state.places.values():
            place.landmarks = {kind: mark for kind, mark in place.landmarks.items() if mark.sighting != number}

    def name(self, place_id: int | None, *, apart_from: str = "") -> str:
        """The place in plain words, or ``""``; ``apart_from`` is what is being asked about, by which it is not explained."""
        place = self.state.places.get(place_id or 0)
        if place is None:
            return ""
        for kind in _TELLING:
            mark = place.landmarks.get(kind)
            if mark is not None and mark.name.casefold() != apart_from.casefold():
                return f"by {called(kind, mark.name)}"
        return f"at place {place_id}"

    def forget(self, place_id: int) -> None:
        """Forget a place, and that the wearer was there."""
        self.state.places.pop(place_id, None)
        for stay in self.state.stays:
            stay.place_id = None if stay.place_id == place_id else stay.place_id

    def forget_since(self, t_ns: int) -> None:
        """Forget places first seen from a time on, and where the wearer has been since."""
        for number in [number for number, place in self.state.places.items() if place.first_ns >= t_ns]:
            self.forget(number)
        for place in self.state.places.values():
            place.last_ns = min(place.last_ns, max(place.first_ns, t_ns - 1))
        self.state.stays = [stay for stay in self.state.stays if stay.t_from_ns < t_ns]

    @property
    def nbytes(self) -> int:
        """What the places weigh."""
        names = sum(sizes.text_bytes(mark.name) for place in self.state.places.values() for mark in place.landmarks.values())
        totals = sum(place.mean.total.nbytes for place in self.state.places.values())
        return totals + names + sizes.PLACE_BYTES * len(self.state.places) + sizes.ENTRY_BYTES * len(self.state.stays)

    def shed(self) -> tuple[Dropped, ...]:
        """Let the place go that was not seen for longest; with none left, the oldest stay."""
        if self.state.places:
            self.forget(next(iter(self.state.places)))
            return (Dropped("place", "budget"),)
        del self.state.stays[0]
        return (Dropped("stay", "budget"),)

    # ------------------------------------------------------------ inside

    def _nearest(self, overview: Vector) -> int | None:
        look = exact(overview)
        best, found = self._same, None
        for number, place in self.state.places.items():
            score = to_members(place.mean, look)
            if score >= best:
                best, found = score, number
        return found

    def _at(self, t_ns: int) -> Stay | None:
        return next((stay for stay in reversed(self.state.stays) if stay.t_from_ns <= t_ns), None)

    def _stay(self, t_ns: int, place_id: int | None) -> None:
        """Begin a stay; stays are kept in order of time, and one that begins at the same time is replaced."""
        stays = [stay for stay in self.state.stays if stay.t_from_ns != t_ns]
        self.state.stays = sorted([*stays, Stay(t_ns, place_id)], key=lambda stay: stay.t_from_ns)[-MAX_STAYS:]


def called(kind: str, name: str) -> str:
    """A thing in plain words."""
    return f'the sign "{name}"' if kind == "text" else f"the {name}"


def _telling(sighting: Sighting) -> float:
    """How well a thing tells one place from another: sure, and if it is text, neither a scrap nor a page."""
    name = short(sighting)
    letters = sum(ch.isalnum() for ch in sighting.what.name)
    return sighting.confidence if sighting.what.kind != "text" or 3 <= letters <= 2 * len(name) else sighting.confidence / 2


def short(sighting: Sighting) -> str:
    """Shorten a name to call something by: the first line of a text, cut between words."""
    line = sighting.what.name.split("\n")[0].strip()
    if len(line) <= _SIGN_CHARS:
        return line
    cut = line[:_SIGN_CHARS].rsplit(" ", 1)[0]
    return f"{cut} ..."
