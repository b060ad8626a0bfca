"""The core's process: the loop of a live run, whose frames, models and wearer are other processes.

Everything that comes over the bus is taken in the core's thread, frames first, so that nothing waits for a lock; the log has a thread of
its own and wakes the bus when it has an answer. Once a second the process says how it is: a core that hangs says nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from datetime import time as time_of_day
from types import MappingProxyType

import msgspec

from edge_runtime.config import Config, S
from edge_runtime.core import Core
from edge_runtime.decisions import DecisionLog
from edge_runtime.errors import DeviceError, EdgeError
from edge_runtime.hosts.calls import Calls
from edge_runtime.hosts.core_loop import CoreLoop
from edge_runtime.hosts.host import Observer, Work
from edge_runtime.hosts.lanes import StoreLane
from edge_runtime.hosts.metering import CoreMeter, Meter
from edge_runtime.hosts.remote_capture import RemoteCapture
from edge_runtime.hosts.remote_models import RemoteModels
from edge_runtime.hosts.resume import Resumed
from edge_runtime.hosts.workers import LogWork
from edge_runtime.journal import ForgettingNote, Journal
from edge_runtime.protocol import (
    BoardChanged,
    Command,
    Erase,
    Erased,
    Event,
    Eye,
    Forget,
    FrameSeen,
    Gaze,
    Generate,
    Head,
    Look,
    Message,
    QuietHours,
    Say,
    Show,
    StopSpeech,
    UserSpeech,
)
from edge_runtime.quiet_hours import within
from edge_runtime.records import Dropped
from edge_runtime.settings import changed
from edge_runtime.speak import governor
from edge_runtime.transport.messages import EndFilm, Film, ForgetFrames, Refused, Reload, Report, Stop, Taken
from edge_runtime.transport.post import Call, MessageAnswerer, MessageAsker, MessageReceiver, Post
from edge_runtime.transport.routes import CALLS, FRAMES, ORDERS, REPLIES, SAID, SENSES, SHOWN, STATUS, VIEWS
from edge_runtime.transport.statuses import Heat, Kept, Reported, Status, Talk
from edge_runtime.transport.wire import WireError

_log = logging.getLogger(__name__)
_SEES_NS = 2 * S
_MOST_SENSES = 256
_LOG_END_S = 1.0


class CoreProcess(CoreLoop):
    """Drives the core of the daemon.

    Args:
        core: Fresh, or restored.
        post: Of the core's process.
        log: Keeps the log.
        journal: Takes every step.
        decisions: Takes every decision.
        time_ns: Stream time, the same in all processes.
        wall_time: The time of day, for quiet hours.
        note: Where it is noted what is to be forgotten, before anything of it is.
        gone_on: The run that this one goes on with; what it owes is fed first.
        kept: What is kept on disk and has a bound.
        dropped: What the log and others let go.
        trouble: What is wrong with the log, in words.
        observers: Called after every step.
        views: Answers what a page wants to show, in the core's thread; without it nothing is shown.
    """

    def __init__(
        self,
        core: Core,
        post: Post,
        log: LogWork,
        journal: Journal,
        decisions: DecisionLog,
        *,
        time_ns: Callable[[], int],
        wall_time: Callable[[], time_of_day] = lambda: datetime.now().time(),
        note: ForgettingNote,
        gone_on: Resumed | None = None,
        kept: Callable[[], Sequence[Kept]] = lambda: (),
        dropped: Callable[[], Sequence[Dropped]] = lambda: (),
        trouble: Callable[[], str] = lambda: "",
        observers: Sequence[Observer] = (),
        views: Mapping[type[Message], Callable[[Message], Message]] = MappingProxyType({}),
    ) -> None:
        self._meter = Meter()
        super().__init__(core, journal, decisions, time_ns=time_ns, observers=[*observers, CoreMeter(self._meter), self._follow])
        self._post = post
        self._wall_time, self._kept, self._dropped, self._log_trouble = wall_time, kept, dropped, trouble
        self._note, self._gone_on = note, gone_on
        self._erased: list[int] = []
        self._frames, self._senses = post.receiver(FRAMES), post.receiver(SENSES)
        self._views, self._answers = post.answerer(VIEWS, SHOWN), views
        self._calls, self._orders = post.answerer(CALLS, REPLIES), post.receiver(ORDERS)
        self._statuses = {role: post.receiver(STATUS[role]) for role in ("capture", "model", "supervisor")}
        self._said, self._status = post.sender(SAID), post.sender(STATUS["core"])
        self._capture = RemoteCapture(post, time_ns)
        self._models = RemoteModels(post, self._inbox.put, time_ns)
        self._store = StoreLane(log, self._put_from_log, time_ns)
        self._wishes = Calls(core, self._inbox.put, time_ns, self._sees)
        self._known: dict[str, Status] = {}
        self._newest_ns: int | None = None
        self._power = core.speaker.state.delivery.circumstances.power
        self._told_ns = -S
        self._quiet_now = core.speaker.state.delivery.circumstances.quiet
        self._restart_for: tuple[str, ...] = ()

    def run(self) -> None:
        """Work until told to stop; then the log writes what it has."""
        self._store.start()
        try:
            if self._gone_on is not None:
                self._go_on(self._gone_on)
            super().run()
            self._leave_whole()
        finally:
            self._inbox.close()
            self._store.stop()
            self._store.join(_LOG_END_S)
            if self._store.is_alive():
                _log.warning("the log did not end in time and is left behind")

    def stop(self) -> None:
        """End soon. Any thread may call it."""
        self._stopping.set()
        self._post.bus.wake()

    def _go_on(self, run: Resumed) -> None:
        """Before anything else, what the run before has left undone: answers that will not come, and forgetting that was cut short."""
        for order in run.orders:
            self._perform(order, self.time_ns(), ())
        for event in run.owed:
            self._feed_now(event)

    # ------------------------------------------------------------ what comes

    def _take(self, timeout_s: float) -> Event | None:
        event = self._inbox.take(0.0)
        if event is None and not self._stopping.is_set():
            self._post.wait(self._ends(), timeout_s)
            self._arrive()
            event = self._inbox.take(0.0)
        return event

    def _ends(self) -> list[MessageReceiver | MessageAsker | MessageAnswerer]:
        ours = (self._frames, self._senses, self._calls, self._views, self._orders, self._capture.end)
        return [*ours, *self._models.ends, *self._statuses.values()]

    def _arrive(self) -> None:
        if isinstance(frame := self._frames.take(), FrameSeen):
            self._newest_ns = frame.t_capture_ns
            self._inbox.put(frame)
        for _ in range(_MOST_SENSES):
            sensed = self._senses.take()
            if sensed is None:
                break
            if isinstance(sensed, Gaze | Eye | Head | UserSpeech):
                self._inbox.put(sensed)
        self._models.arrive()
        self._capture.arrive()
        self._clear_note()
        self._take_statuses()
        while (order := self._orders.take()) is not None:
            match order:
                case Stop():
                    self.stop()
                case Reload():
                    self._reload(order)
        # One at a time: what it asks for is fed before the next is heard, so that who sets a watch finds it standing.
        if (call := self._calls.take()) is not None:
            self._answer(self._calls, call, self._reply(call.message))
        if (call := self._views.take()) is not None:
            view = self._answers.get(type(call.message))
            self._answer(self._views, call, Refused("The daemon shows nothing.") if view is None else view(call.message))

    @staticmethod
    def _answer(answerer: MessageAnswerer, call: Call, reply: Message) -> None:
        try:
            answerer.answer(call, reply)
        except WireError as error:
            answerer.answer(call, Refused(f"The answer is too large: {error}.", error.hint))

    def _reply(self, message: object) -> Taken | Refused | Reported:
        match message:
            case Report():
                return Reported(t_ns=self.time_ns(), processes=(self._own_status(), *self._known.values()))
            case Film() | EndFilm():
                if not self._sees():
                    return Refused("There is no camera picture to keep.", "see: edge-runtime status")
                self._capture.wish(message)
                return Taken()
            case Stop():
                self._stopping.set()
                return Taken()
            case _:
                return self._wishes.take(message)  # type: ignore[arg-type, return-value]

    def _take_statuses(self) -> None:
        for role, receiver in self._statuses.items():
            before = receiver.start_id
            status = receiver.take()
            if isinstance(status, Status):
                self._known[role] = status
                if status.heat is not None:
                    self._feel(status.heat)
                if role == "model" and before not in (None, receiver.start_id):
                    self._models.restarted()

    def _feel(self, heat: Heat) -> None:
        """How much the board has to give is said once a second: so it is known after a restart too."""
        if heat.power != self._power:
            self._power = heat.power
            self._inbox.put(BoardChanged(t_ns=0, power=heat.power, temperature_c=heat.temperature_c))

    def _put_from_log(self, event: Event) -> None:
        self._inbox.put(event)
        self._post.bus.wake()

    def _sees(self) -> bool:
        return self._newest_ns is not None and self.time_ns() - self._newest_ns <= _SEES_NS

    # ------------------------------------------------------------ what is done

    def _work(self, command: Work, t_ns: int) -> None:
        if isinstance(command, Look | Generate):
            self._models.ask(command)
        else:
            self._store.ask(command)

    def _cancel(self, target: int) -> None:
        super()._cancel(target)
        self._models.cancel(target)

    def _forget_pixels(self, t_from_ns: int) -> None:
        self._capture.wish(ForgetFrames(t_from_ns=t_from_ns))
        self._models.forget()

    def _erase(self, command: Erase, t_ns: int, step: tuple[Command, ...]) -> None:
        """Forget everywhere; a crash in the middle is made good by whoever goes on, because it is noted first."""
        try:
            self._note.write(Forget(t_ns=t_ns, scope=command.scope), command)
        except EdgeError as error:
            self.cost.drop(Dropped("note", "disk"))
            _log.warning("what is being forgotten could not be noted: %s (%s)", error, error.hint)
        self._wishes.said.forget(command.t_first_ns, command.scope.name)
        super()._erase(command, t_ns, step)

    def _clear_note(self) -> None:
        """What log and capture process have lost need not be noted any more."""
        while self._erased and self._capture.settled:
            try:
                self._note.clear(self._erased.pop())
            except EdgeError as error:
                _log.warning("the note of what was forgotten stays: %s (%s)", error, error.hint)

    def _leave_whole(self) -> None:
        """The end in good order: a new segment begins with all that is known, so that whoever goes on has nothing to feed again."""
        self._begin_segment()

    def _begin_segment(self) -> None:
        """Begin a segment of the journal under the core's settings; a disk that refuses ends the journal."""
        if self._journal_off:
            return
        try:
            self._journal.reconfigure(self.core.config)
        except DeviceError as error:
            self._journal_off = True
            _log.warning("the journal ends: %s (%s)", error, error.hint)

    def _follow(self, event: Event, commands: tuple[Command, ...], core: Core) -> None:
        """What is said goes to whoever listens, and is kept for those who ask later; what was forgotten need not be noted any more."""
        if isinstance(event, Erased):
            self._erased.append(event.answers)
        for command in commands:
            if isinstance(command, Say | StopSpeech | Show):
                self._said.send(command)
            if isinstance(command, Say):
                self._wishes.said.add(command, event.t_ns)

    def _reload(self, order: Reload) -> None:
        try:
            config = msgspec.msgpack.decode(order.settings, type=Config)
        except msgspec.MsgspecError as error:
            self._post.count([Dropped("message", "damaged")])
            _log.warning("settings that cannot be read change nothing: %s", error)
            return
        # The field of view is the camera's, whatever the settings say.
        attend = msgspec.structs.replace(config.attend, hfov_deg=self.core.config.attend.hfov_deg)
        changes = changed(self.core.config, msgspec.structs.replace(config, attend=attend, capture=self.core.config.capture))
        self._restart_for = changes.needs_restart
        if changes.applied:
            self.core.reconfigure(changes.taken)
            self._begin_segment()
        _log.info(
            "settings taken up: %s; for a restart: %s", ", ".join(changes.applied) or "none", ", ".join(changes.needs_restart) or "none"
        )

    # ------------------------------------------------------------ once a second

    def _tick(self) -> None:
        super()._tick()
        t_ns = self.time_ns()
        if t_ns - self._told_ns >= S:
            self._told_ns = t_ns
            self._keep_quiet_hours()
            self._status.send(self._own_status())

    def _keep_quiet_hours(self) -> None:
        speak = self.core.config.speak
        quiet = bool(speak.quiet_from) and within(
            self._wall_time(), time_of_day.fromisoformat(speak.quiet_from), time_of_day.fromisoformat(speak.quiet_to)
        )
        if quiet != self._quiet_now:
            self._quiet_now = quiet
            self._inbox.put(QuietHours(t_ns=0, on=quiet))

    def _own_status(self) -> Status:
        core, t_ns = self.core, self.time_ns()
        return Status(
            role="core",
            t_ns=t_ns,
            phase="ailing" if self._trouble() else "ready",
            trouble=self._trouble(),
            pid=os.getpid(),
            t_newest_ns=self._newest_ns,
            kept=(Kept("memory", core.nbytes(), core.config.remember.ram_bytes), *self._kept()),
            dropped=(*self._all_dropped(), *self._post.dropped),
            tallies=self._meter.tallies(),
            ages=self._meter.ages(),
            talk=self._talk(t_ns),
        )

    def _trouble(self) -> str:
        said = [words for words in (self._log_trouble(),) if words]
        if self._journal_off:
            said.append("the journal has ended: a restart would lose what came since")
        if self._restart_for:
            said.append(f"changed settings wait for a restart: {', '.join(self._restart_for)}")
        return "; ".join(said)

    def _all_dropped(self) -> tuple[Dropped, ...]:
        own = [(*code.partition(":"), count) for code, count in self.core.dropped.items()]
        return (*(Dropped(what, reason, count) for what, _, reason, count in own), *self.cost.dropped, *self._dropped())

    def _talk(self, t_ns: int) -> Talk:
        core = self.core
        around, delivery = core.speaker.state.delivery.circumstances, core.speaker.state.delivery
        until_ns = around.muted_until_ns
        return Talk(
            watches=len(core.speaker.state.watches),
            concepts=sum(1 for concept in core.memory.concepts.values() if concept.views),
            muted_until_ns=until_ns if until_ns is not None and until_ns > t_ns else None,
            quiet=around.quiet or core.config.speak.quiet,
            unasked_left=governor.tokens(delivery.ledger, core.config.speak, t_ns),
            power=around.power,
            reduced=core.reduced,
        )
