"""Attend: what the wearer attends to, and what is therefore worth a look.

Most frames are not encoded. A look is called for by, in this order: a lesson under way, text held under the gaze, a new
stay of the gaze, a new scene, the heartbeat. What is looked at on and does not change is looked at less. Each look asks the look budget
first; what the budget refuses is counted. A question that a language model may be asked is looked at whatever the budget has left.
"""

from __future__ import annotations

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.attend import budget, pairing, regions
from edge_runtime.attend.stay import Stay
from edge_runtime.config import AttendConfig, S
from edge_runtime.facts import Attended
from edge_runtime.outbox import Outbox
from edge_runtime.power import Power, Work, left, reduced
from edge_runtime.protocol import (
    Asked,
    BoardChanged,
    Event,
    Eye,
    Failed,
    Forget,
    FrameSeen,
    Gaze,
    Look,
    Looked,
    Taught,
    Tick,
    WatchRemoved,
    WatchSet,
)
from edge_runtime.records import Dropped
from edge_runtime.remember.lessons import LESSON_NS, Lesson
from edge_runtime.remember.likeness import usable
from edge_runtime.types import Percept, Region, Session, Vector
from gaze.types import EyeEvent, GazeSample

_EYES = 8
_BARE = 16
"""Things known to bear no text, the last ones."""
_LESSON_EVERY_NS = S // 2
_STILL_MOTION = 0.06
"""Mean luma change from frame to frame above which a picture is too smeared to be worth a look at the whole."""
_STEADY_MOTION = 0.03
"""The same for a part of it, and for reading: small print smears sooner."""
_SCENE_WAIT_NS = S
"""A new scene is looked at once the head is still, or after this long in any case."""
_ASKED_NS = 2 * S
"""A question is not about a frame that is older than this."""
_EYE_GRACE_NS = 150_000_000
"""A provisional eye event is taken to go on for this long after its last report."""


class Newest(msgspec.Struct, frozen=True):
    """The newest moment that is complete, and the size of its frame."""

    percept: Percept
    width_px: int
    height_px: int


class AttendState(msgspec.Struct):
    """All that attention remembers. Bounded: eight eye events, the frames that wait, a second of gaze, the views of a lesson."""

    pairing: pairing.PairingState = msgspec.field(default_factory=pairing.PairingState)
    budget: budget.BudgetState = msgspec.field(default_factory=budget.BudgetState)
    eyes: list[EyeEvent] = []
    stay: Stay | None = None
    stays: int = 0
    bare: list[Vector] = []
    overview_ns: int | None = None
    watch_ns: int = -(10**18)
    glimpse: bytes = b""
    scene_since_ns: int | None = None
    lesson: Lesson | None = None
    lesson_ns: int = -(10**18)
    watches: list[str] = []
    power: Power = "full"
    newest: Newest | None = None


class Attend:
    """The first stage. Changes only its own state; asks for looks through the outbox.

    Args:
        config: What is worth a look.
        session: What does not change during a run.
        teach_views: Views that make a concept.
        teach_floor: Cosine of a view with the mean of the others from which they agree.
        look_deadline_ns: How long a look may take.
    """

    def __init__(self, config: AttendConfig, session: Session, *, teach_views: int, teach_floor: float, look_deadline_ns: int) -> None:
        self._config = config
        self._session = session
        self._teach_views = teach_views
        self._teach_floor = teach_floor
        self._look_deadline_ns = look_deadline_ns
        self.state = AttendState()

    def feed(self, event: Event, cause: Look | None, out: Outbox) -> Attended:
        """Take one event in.

        Args:
            event: Any event.
            cause: The look that a ``Looked`` or ``Failed`` answers.
            out: Takes the looks asked for.
        """
        state = self.state
        dropped: tuple[Dropped, ...] = ()
        match event:
            case FrameSeen():
                dropped = pairing.add_frame(state.pairing, event)
            case Gaze():
                dropped = pairing.add_gaze(state.pairing, event.samples)
            case Eye():
                self._eye(event.event)
                return Attended()
            case Asked():
                self._look_for_question(event.t_ns, out)
                return Attended()
            case Taught():
                state.lesson = None if event.concept.views else Lesson(event.concept.name, event.t_ns)
            case Looked() if cause is not None:
                self._looked(event, cause)
            case Failed() if cause is not None and cause.why == "text" and state.stay is not None:
                state.stay.reading = False
            case WatchSet():
                state.watches = [*state.watches, event.watch][-64:]
            case WatchRemoved():
                state.watches = [watch for watch in state.watches if watch != event.watch]
            case BoardChanged():
                state.power = event.power
            case Forget():
                # Frames that still wait for their gaze may show what is to be forgotten.
                dropped = (Dropped("frame", "forgotten", len(state.pairing.waiting)),) if state.pairing.waiting else ()
                state.pairing.waiting, state.glimpse, state.lesson = [], b"", None
                state.stay, state.bare, state.newest = None, [], None
            case Tick():
                if state.lesson is not None and event.t_ns - state.lesson.t_ns >= LESSON_NS:
                    state.lesson = None
            case _:
                return Attended()
        return self._settle(event.t_ns, dropped, out)

    @property
    def reduced(self) -> tuple[Work, ...]:
        """What is done less or not at all to spare the board, in the order in which it gives way."""
        return reduced(self.state.power, watched=bool(self.state.watches))

    def reconfigure(self, config: AttendConfig, *, teach_views: int, teach_floor: float) -> None:
        """Go by other settings from now on; what is remembered stays."""
        self._config = config
        self._teach_views = teach_views
        self._teach_floor = teach_floor

    def snapshot(self) -> bytes:
        """All state, as bytes."""
        return codec.encode(self.state)

    def restore(self, data: bytes) -> None:
        """Take up the state of a snapshot."""
        self.state = codec.decode(data, AttendState)

    # ------------------------------------------------------------ inside

    def _settle(self, now_ns: int, dropped: tuple[Dropped, ...], out: Outbox) -> Attended:
        config = self._config
        wait_ns, tolerance_ns = (config.gaze_wait_ns, config.pair_tolerance_ns) if self._session.has_gaze else (0, 0)
        percepts, boundary_ns = [], None
        for pair in pairing.ready(self.state.pairing, now_ns, wait_ns, tolerance_ns):
            percept = self._percept(pair)
            if self._rest(percept, pair.frame):
                percept = msgspec.structs.replace(percept, stay=self.state.stays)
            percepts.append(percept)
            self.state.newest = Newest(percept, pair.frame.width_px, pair.frame.height_px)
            if self._new_scene(percept):
                boundary_ns = percept.t_capture_ns
            dropped += self._route(now_ns, percept, pair.frame, out)
        return Attended(tuple(percepts), boundary_ns, dropped)

    def _eye(self, event: EyeEvent) -> None:
        kept = [known for known in self.state.eyes if known.id != event.id]
        self.state.eyes = [*kept, event][-_EYES:]

    def _looked(self, event: Looked, cause: Look) -> None:
        if cause.why == "teach":
            self._studied(event)
        stay = self.state.stay
        if stay is None or event.t_capture_ns < stay.t_start_ns:
            return
        for region in event.regions:
            if region.kind == "text":
                stay.was_read(region)
                if not region.lines and not region.unread and stay.vector is not None:
                    self.state.bare = [*self.state.bare, stay.vector][-_BARE:]
            elif region.kind == "foveal":
                stay.was_named(region)
                if cause.why != "glance":
                    stay.was_seen(usable(region.vector, self._session.capabilities.vector_dim), self.state.bare)

    def _studied(self, event: Looked) -> None:
        """A look of a lesson: there are more until so many views agree. Memory goes by the same rule, and keeps those."""
        lesson = self.state.lesson
        if lesson is None or event.t_capture_ns < lesson.t_ns:
            return
        for region in event.regions:
            view = usable(region.vector, self._session.capabilities.vector_dim) if region.kind == "foveal" else None
            if view is not None:
                lesson.take(view, event.t_capture_ns, self._teach_views, self._teach_floor)
        if len(lesson.agree) >= self._teach_views:
            self.state.lesson = None

    def _percept(self, pair: pairing.Pair) -> Percept:
        frame = pair.frame
        eye = self._eye_at(frame.t_capture_ns)
        certain = pair.gaze.confidence if pair.gaze is not None else 0.0
        quality = certain * (1.0 - frame.signals.blur) * min(1.0, 4.0 * frame.signals.light)
        return Percept(
            frame_seq=frame.seq,
            t_capture_ns=frame.t_capture_ns,
            gaze=pair.gaze,
            residual_ns=pair.residual_ns,
            eye_id=eye.id if eye else None,
            eye_kind=eye.kind if eye else None,
            signals=frame.signals,
            quality=quality,
        )

    def _eye_at(self, t_ns: int) -> EyeEvent | None:
        for event in reversed(self.state.eyes):
            grace_ns = _EYE_GRACE_NS if event.stage == "provisional" else 0
            if event.kind in ("fixation", "pursuit") and event.t_start_ns <= t_ns <= event.t_end_ns + grace_ns:
                return event
        return None

    def _rest(self, percept: Percept, frame: FrameSeen) -> bool:
        """Follow the gaze: it stays where it was, or begins to rest on something else; returns whether it rests at all."""
        gaze, t_ns = percept.gaze, percept.t_capture_ns
        if percept.eye_id is None or gaze is None or gaze.x_norm is None or gaze.y_norm is None:
            return False
        stay, aspect = self.state.stay, frame.width_px / frame.height_px
        if stay is None or not stay.goes_on(t_ns, gaze.x_norm, gaze.y_norm, hfov_deg=self._config.hfov_deg, aspect=aspect):
            stay = self.state.stay = Stay(t_ns, t_ns, gaze.x_norm, gaze.y_norm)
            self.state.stays += 1
        stay.t_end_ns, stay.x_norm, stay.y_norm = t_ns, gaze.x_norm, gaze.y_norm
        return True

    def _new_scene(self, percept: Percept) -> bool:
        """Compare with the scene last looked at, not with the last frame: slow drift adds up to a change too.

        The first scene is looked at like a new one, but it is no boundary: nothing came before it.
        """
        state = self.state
        if not percept.signals.glimpse or state.scene_since_ns is not None:
            return False
        if state.glimpse and glimpse_change(state.glimpse, percept.signals.glimpse) <= self._config.scene_threshold:
            return False
        state.scene_since_ns = percept.t_capture_ns
        return bool(state.glimpse)

    def _route(self, now_ns: int, percept: Percept, frame: FrameSeen, out: Outbox) -> tuple[Dropped, ...]:
        for why, parts, cost in self._wishes(percept, frame):
            if not budget.spend(self.state.budget, now_ns, cost, per_s=self._looks_per_s, burst=self._config.look_burst):
                return (Dropped("look", "budget"),)
            self._look(now_ns, percept, parts, why, out)
            self._note(why, percept)
        return ()

    def _look_for_question(self, now_ns: int, out: Outbox) -> None:
        """Look at what the wearer has before the eyes, for an answer that may have to be thought about."""
        newest, config = self.state.newest, self._config
        thinks = self._session.capabilities.language and self._left("thinking") > 0.0
        if not thinks or newest is None or now_ns - newest.percept.t_capture_ns > _ASKED_NS:
            return
        percept, at = newest.percept, self._foveal(newest.percept.gaze, newest.width_px, newest.height_px)
        part = at if at is not None else regions.shown(regions.centre(newest.width_px, newest.height_px))
        budget.charge(self.state.budget, now_ns, 1.0, per_s=self._looks_per_s, burst=config.look_burst)
        self._look(now_ns, percept, (part, regions.overview()), "question", out)
        if at is not None:
            self._note("fixation", percept)

    def _look(self, now_ns: int, percept: Percept, parts: tuple[Region, ...], why: str, out: Outbox) -> None:
        out.emit(
            Look,
            deadline_ns=now_ns + self._look_deadline_ns,
            frame_seq=percept.frame_seq,
            t_capture_ns=percept.t_capture_ns,
            regions=parts,
            why=why,
            eye_id=percept.eye_id,
        )

    def _wishes(self, percept: Percept, frame: FrameSeen) -> list[tuple[str, tuple[Region, ...], float]]:
        """What this moment calls for: reason, regions, cost in looks."""
        config, state, t_ns = self._config, self.state, percept.t_capture_ns
        wishes: list[tuple[str, tuple[Region, ...], float]] = []
        gaze, eye = percept.gaze, self._eye_at(t_ns)
        at = self._foveal(gaze, frame.width_px, frame.height_px)
        everything = config.looks_per_s == 0.0
        lesson = state.lesson
        # A frame captured before the wearer spoke may show what was looked at before.
        teaching = lesson is not None and lesson.t_ns <= t_ns
        if at is not None and eye is not None and teaching:
            if t_ns - state.lesson_ns >= _LESSON_EVERY_NS:
                wishes.append(("teach", (at,), 1.0))
            return wishes
        stay = state.stay if eye is not None else None
        steady = percept.signals.motion <= _STEADY_MOTION
        # Text comes first: it is legible for as long as the gaze holds, while a thing looked at is looked at again.
        if eye is not None and gaze is not None and t_ns - eye.t_start_ns >= config.text_after_ns and self._session.capabilities.text:
            part = regions.text(gaze.x_norm or 0.0, gaze.y_norm or 0.0, frame.width_px, frame.height_px, config.text_crop_px)
            due = stay is not None and steady and stay.wants_reading(t_ns, config.text_every_ns, config.relook_ns)
            if part is not None and (everything or due):
                wishes.append(("text", (part,), 1.0))
        naming = self._left("naming") > 0.0
        if at is not None:
            at = at if naming else msgspec.structs.replace(at, want=tuple(want for want in at.want if want != "labels"))
            if everything or (stay is not None and stay.wants_look(t_ns, config.relook_ns, steady=steady)):
                wishes.append(("fixation", (at,), 1.0))
            elif naming and stay is not None and stay.wants_name(t_ns, watched=bool(state.watches)):
                wishes.append(("glance", (regions.named(at),), 0.25))
        whole = self._whole(percept, frame, everything)
        if whole is not None:
            wishes.append(whole)
        return wishes

    def _foveal(self, gaze: GazeSample | None, width_px: int, height_px: int) -> Region | None:
        if gaze is None or gaze.x_norm is None or gaze.y_norm is None:
            return None
        return regions.foveal(gaze.x_norm, gaze.y_norm, width_px, height_px, self._config.hfov_deg, self._config.perifovea_deg)

    @property
    def _looks_per_s(self) -> float:
        return self._config.looks_per_s * self._left("looks")

    def _left(self, work: Work) -> float:
        return left(self.state.power, work, watched=bool(self.state.watches))

    def _whole(self, percept: Percept, frame: FrameSeen, everything: bool) -> tuple[str, tuple[Region, ...], float] | None:
        config, state, t_ns = self._config, self.state, percept.t_capture_ns
        parts: list[Region] = [regions.overview()]
        if not self._session.has_gaze:
            parts.append(regions.centre(frame.width_px, frame.height_px))
        if state.watches:
            parts.extend(regions.tiles())
        still = percept.signals.motion <= _STILL_MOTION
        if state.scene_since_ns is not None and (still or t_ns - state.scene_since_ns >= _SCENE_WAIT_NS):
            return ("scene", tuple(parts), 1.0)
        if everything or (state.overview_ns is not None and t_ns - state.overview_ns >= config.heartbeat_ns):
            return ("heartbeat", tuple(parts), 1.0)
        if state.watches and t_ns - state.watch_ns >= config.watch_every_ns:
            return ("watch", regions.tiles(), 0.5)
        return None

    def _note(self, why: str, percept: Percept) -> None:
        state, t_ns = self.state, percept.t_capture_ns
        stay = state.stay if percept.eye_id is not None else None
        if why in ("teach", "fixation"):
            if stay is not None:
                stay.looked(t_ns)
            if why == "teach":
                state.lesson_ns = t_ns
        elif why in ("text", "glance"):
            if stay is not None:
                (stay.read if why == "text" else stay.naming)(t_ns)
        else:
            state.watch_ns = t_ns
            if why != "watch":
                state.overview_ns, state.scene_since_ns, state.glimpse = t_ns, None, percept.signals.glimpse


def glimpse_change(before: bytes, after: bytes) -> float:
    """How different two glimpses are, 0..1: mean absolute difference after each is centred on its own mean.

    Centring makes it blind to the light being turned up or down as a whole.
    """
    if len(before) != len(after):
        return 1.0
    change = np.subtract(np.frombuffer(before, np.uint8), np.frombuffer(after, np.uint8), dtype=np.float32)
    change -= change.sum() / len(before)
    return float(np.abs(change).sum() / (255.0 * len(before)))
