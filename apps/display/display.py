"""What is shown: an observer that turns the steps of a core into what stands on the page's board.

It works beside a live run and over the replay of a journal alike; a journal only has no pixels. Steps come in one thread, the core's.
What may be called from other threads says so.
"""

from __future__ import annotations

import msgspec

from apps.display import showing
from apps.display.gazing import Gazing
from apps.display.measuring import Meters
from apps.display.talking import Talking
from apps.display.thumbs import THUMB_BYTES, Thumbs
from devices.page.board import BOUNDS, Board
from devices.page.items import ConceptView, SightingView, WatchView
from devices.page.views import LessonView, Roll, Store, VoiceView
from edge_runtime.config import S
from edge_runtime.core import Core
from edge_runtime.facts import Remembered
from edge_runtime.protocol import Command, Erase, Event, Eye, FrameSeen, Gaze, Looked, Record, Taught, Tick
from edge_runtime.records import Query, Scope, Sighting
from edge_runtime.remember.concepts import MAX_VIEWS

_ALL = 2**31
_NO_LESSON = LessonView(name="", views=0, needed=0, since_ns=-1)


class Display:
    """Shows a run on a board. Keeps nothing of what is forgotten; bounded, the oldest leaves first.

    Args:
        board: Where it is shown.

    Attributes:
        meters: What is measured; a live run attaches its figures here, and whoever lets something go counts it here.
    """

    def __init__(self, board: Board) -> None:
        self.meters = Meters()
        self._board = board
        self._thumbs = Thumbs()
        self._gazing = Gazing(board, self.meters)
        self._talking = Talking(board)
        self._quiet_hours = ("", "")
        self._t_ns = 0
        self._begun = False
        self._measured_ns = -S
        self._lesson = _NO_LESSON
        self._sightings: dict[int, SightingView] = {}
        self._places: dict[int, int | None] = {}
        self._portraits: dict[str, str] = {}
        self._watches: tuple[WatchView, ...] = ()
        self._concepts: tuple[ConceptView, ...] = ()

    # ------------------------------------------------------------ from any thread

    def notice(self, text: str, *, trouble: bool = False) -> None:
        """Add a line of the machine about itself."""
        self._talking.notice(self._t_ns, text, trouble=trouble)

    def quiet_hours(self, start: str, end: str) -> None:
        """Show which quiet hours are set, such as ``"22:00"`` to ``"07:00"``; both ``""`` for none."""
        self._quiet_hours = (start, end)

    def thumb(self, thumb_id: str) -> bytes | None:
        """A picture that is shown, as JPEG; ``None`` where it is not kept (any more)."""
        return self._thumbs.get(thumb_id)

    # ------------------------------------------------------------ a step

    def __call__(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        """Take one step in."""
        self._t_ns = event.t_ns
        self._board.pass_time(event.t_ns)
        if not self._begun:
            self._begin(event, core)
        self.meters.feed(event, core)
        self._gazing.follow_looks(event, commands)
        for command in commands:
            if isinstance(command, Erase):
                self._forget(command, event, core)
        self._talking.hear(event, self._watches)
        for _, new in core.facts:
            self._remember(event, commands, new, core)
        self._talking.talk(event.t_ns, commands)
        if isinstance(event, FrameSeen | Gaze | Eye):
            self._gazing.sense(event)
        else:
            self._stand(event, core)
        if isinstance(event, Tick) and event.t_ns - self._measured_ns >= S:
            self._measured_ns = event.t_ns
            self._measure(event.t_ns, core)

    def _begin(self, event: Event, core: Core) -> None:
        """A run that goes on from an earlier one, or a journal that has lost its beginning, remembers already."""
        self._begun = True
        for sighting in reversed(core.memory.recall(Query(limit=BOUNDS["sightings"]))):
            self._show_sighting(sighting, core)
        self._stand(event, core)

    def _measure(self, t_ns: int, core: Core) -> None:
        self._name_places(core)
        shown = Store("pictures", self._thumbs.nbytes, THUMB_BYTES, "in memory, for this page; most are the memory's own")
        self._board.show("gauges", self.meters.gauges(t_ns, core, shown))
        self._board.show("drops", self.meters.drops(core))

    # ------------------------------------------------------------ what is remembered

    def _remember(self, event: Event, commands: tuple[Command, ...], new: Remembered, core: Core) -> None:
        written = [row.sighting for row in new.rows if row.sighting.id in self._sightings]
        for sighting in (*new.opened, *new.extended, *written):
            self._show_sighting(sighting, core)
        self._talking.remember(new)
        self._gazing.read(new)
        if isinstance(event, Looked) and new.looked_at_ns is not None:
            self._gazing.look(event, new)
            self._keep_thumbs(event, commands, new)

    def _keep_thumbs(self, event: Looked, commands: tuple[Command, ...], new: Remembered) -> None:
        """Keep what is cited: of the pictures that looks bring most are never shown."""
        looks = [look for sighting in (*new.opened, *new.extended) for look in sighting.evidence]
        looks += [match.evidence for match in new.matches if match.accepted]
        looks += [match.evidence for match in new.unsure]
        looks += [new.reading_evidence] if new.reading_evidence is not None else []
        looks += [look for command in commands if isinstance(command, Record) for look in command.decision.evidence]
        cited = set(showing.thumbs(looks))
        for thumb in (region.thumb for region in event.regions):
            if thumb is not None and thumb.data is not None and thumb.id in cited:
                self._thumbs.put(thumb.id, event.t_capture_ns, thumb.data)

    def _show_sighting(self, sighting: Sighting, core: Core) -> None:
        view = showing.sighting(sighting, core.memory.place_name(sighting.place_id, apart_from=sighting.what.name))
        self._sightings[view.key] = view
        self._places[view.key] = sighting.place_id
        if len(self._sightings) > BOUNDS["sightings"]:
            oldest = next(iter(self._sightings))
            del self._sightings[oldest], self._places[oldest]
        self._board.put("sightings", view.key, view)
        if view.kind == "concept" and view.thumbs:
            self._portraits[view.name] = view.thumbs[0]

    def _name_places(self, core: Core) -> None:
        """A place gets its name when something telling is seen there, and what was seen before was seen there too."""
        for key, view in self._sightings.items():
            place = core.memory.place_name(self._places[key], apart_from=view.name)
            if place and place != view.place:
                self._sightings[key] = msgspec.structs.replace(view, place=place)
                self._board.put("sightings", key, self._sightings[key])

    # ------------------------------------------------------------ what stands

    def _stand(self, event: Event, core: Core) -> None:
        """Show what lasts: the lesson, the question that waits, when we may speak, watches, concepts."""
        t_ns, state, config = event.t_ns, core.speaker.state, core.config
        name, views = core.memory.lesson or ("", 0)
        begins = name != self._lesson.name or isinstance(event, Taught)
        needed = min(config.remember.teach_views, MAX_VIEWS)
        self._lesson = LessonView(name, views, needed, t_ns if begins else self._lesson.since_ns) if name else _NO_LESSON
        self._board.show("lesson", self._lesson)
        self._talking.pass_time(t_ns)
        around = state.delivery.circumstances
        until_ns = around.muted_until_ns if around.muted_until_ns is not None and t_ns < around.muted_until_ns else None
        quiet = around.quiet or config.speak.quiet
        self._board.show("voice", VoiceView(until_ns, *self._quiet_hours, quiet_now=quiet, stopped_ns=self._talking.stopped_ns))
        watches = tuple(map(showing.watch, state.watches))
        if watches != self._watches:
            self._watches = watches
            self._hold("watches", watches)
        known = [concept for concept in core.memory.concepts.values() if concept.views]
        self._portraits = {concept.name: self._portraits[concept.name] for concept in known if concept.name in self._portraits}
        concepts = tuple(showing.concept(concept, self._portraits.get(concept.name)) for concept in known)
        if concepts != self._concepts:
            self._concepts = concepts
            self._hold("concepts", concepts)

    def _hold(self, roll: Roll, items: tuple[WatchView, ...] | tuple[ConceptView, ...]) -> None:
        """Have a roll hold these and no others."""
        keys = {item.key for item in items}
        self._board.keep(roll, lambda item: isinstance(item, WatchView | ConceptView) and item.key in keys)
        for item in items:
            self._board.put(roll, item.key, item)

    # ------------------------------------------------------------ forgetting

    def _forget(self, order: Erase, event: Event, core: Core) -> None:
        """Let go of all that lies after the earliest trace or names what is forgotten, and of what stood at that moment."""
        self._talking.forget(order.t_first_ns, order.scope)
        self._gazing.forget(event.t_ns)
        self._forget_sightings(order.t_first_ns, order.scope, core)
        self._stand(event, core)
        self._board.refresh()

    def _forget_sightings(self, t_from_ns: int, scope: Scope, core: Core) -> None:
        """Follow the memory: what it still holds it holds on purpose. Of what it no longer held, what is in doubt goes."""
        left = {sighting.id: sighting for sighting in core.memory.recall(Query(limit=_ALL))}
        shown, places, self._sightings, self._places, self._portraits = self._sightings, self._places, {}, {}, {}
        for number, view in shown.items():
            if number in left:
                self._show_sighting(left[number], core)
            elif view.t_end_ns < t_from_ns and not any(showing.names(text, scope) for text in (view.name, view.place)):
                self._sightings[number], self._places[number] = view, places[number]
        self._board.keep("sightings", lambda item: isinstance(item, SightingView) and item.key in self._sightings)
        cited = {thumb for sighting in left.values() for thumb in showing.thumbs(sighting.evidence)}
        self._thumbs.forget(t_from_ns, cited)
