"""The loop of ``activessl serve``: pull answers, teach, and open the next round before people run out of tasks.

The worker runs in its own thread beside the service, so that no request waits for it. It stores nothing: the ledger has
all unfinished work, so the worker can be stopped and started at any time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from traceback import extract_tb
from typing import Literal, TypeVar

from activessl.annotators.base import Annotator, Noting
from activessl.errors import ActiveSSLError, ProjectLocked
from activessl.ledger.history import History, RoundHistory
from activessl.ledger.schema import Paused
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.project.regions.verbs import only_classes
from activessl.project.snapshot import Snapshot
from activessl.reports.wording import note_lines
from activessl.session import Session
from activessl_label_studio.trim import give_back

__all__ = ["Order", "Worker", "WorkerState"]

Value = TypeVar("Value")

#: What people can order: open a round now, teach now, accept sure predictions, open no further round, or go on.
Order = Literal["open", "teach", "accept", "stop", "go on"]

#: How many sentences are remembered for the live page.
_SAID = 40

#: The worker waits until a burst of answers ends, at most this many times ``settle``.
_LONGEST = 10

#: Seconds for which the worker waits for another one, or for a verb by hand, before it says so.
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The state of the project.

    Attributes:
        labels: Items with a label.
        skipped: Items that were skipped.
        waiting: Items of the open round that nobody has answered.
        rounds: Rounds so far.
        model: The version of the newest model; "cold" before the first.
        accuracy: Accuracy of the newest head on the test data, if there are any.
        stopped: Why no further round is opened; empty while rounds are opened.
        where: The address where people label; empty before the first push.
    """

    labels: int = 0
    skipped: int = 0
    waiting: int = 0
    rounds: int = 0
    model: str = "cold"
    accuracy: float | None = None
    stopped: str = ""
    where: str = ""


class Worker:
    """Pulls answers when it is woken, and at regular intervals.

    Args:
        session: The project.
        annotator: The annotator of the project.
        every: Seconds between two pulls when no webhook wakes the worker, > 0: webhooks get lost.
        settle: After a webhook, the worker waits until no webhook came for so many seconds: it pulls a burst once.
        low: The next round is opened when this many items of the round or fewer are unanswered.
        tell: Called with one sentence after each step.
        met: Called after each pull and push: Label Studio may have a new project then.
    """

    def __init__(
        self,
        session: Session,
        annotator: Annotator,
        *,
        every: float = 30.0,
        settle: float = 2.0,
        low: int = 2,
        tell: Callable[[str], None] = lambda _: None,
        met: Callable[[], None] = lambda: None,
    ) -> None:
        self.session, self.annotator = session, annotator
        self.every, self.settle, self.low = every, settle, low
        self.state = WorkerState()
        self.counts = {"pulls": 0, "answers": 0, "teaches": 0, "rounds": 0, "errors": 0}
        self.seconds = {"pull": 0.0, "teach": 0.0, "query": 0.0, "push": 0.0}
        self.problem = ""
        #: What it said, with the time, oldest first; and how often anything changed, for those who watch.
        self.said: deque[tuple[datetime, str]] = deque(maxlen=_SAID)
        self.changes = 0
        self.paused = False
        self._orders: SimpleQueue[tuple[Order, float]] = SimpleQueue()
        self._locked_since: float | None = None
        self._tell, self._met = tell, met
        self._woken, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs: after a defect, ``health`` must not report a healthy worker."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """Whether the thread was started and runs no more: then nothing would read what a webhook announces."""
        return self._thread is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self.run, name="activessl worker", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Finish the current step and end the thread. The end of the process interrupts a longer step without loss."""
        self._ending.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """Ask for a pull soon. Returns at once."""
        self._woken.set()

    def _pull(self) -> None:
        """Fetch new answers; before the first push there is no project in Label Studio."""
        if not any(r.pushed for r in self._look().rounds):
            return
        new = self._timed("pull", lambda: self.session.pull(self.annotator))
        self.counts["pulls"] += 1
        self.counts["answers"] += new
        if new:
            self._say(f"{new} new answer{'' if new == 1 else 's'}")
            for line in note_lines(self.annotator.notes) if isinstance(self.annotator, Noting) else ():
                self._say(line)
        self._met()

    def order(self, what: Order, *, error: float = 0.05) -> None:
        """Ask for something to be done next, in the worker's thread. Returns at once; what came of it is said.

        Args:
            what: What to do.
            error: With "accept", the largest share of the accepted items that may be wrong.

        Raises:
            LedgerError: With "stop" and "go on": it cannot be written down.
        """
        if what in ("stop", "go on"):  # also while a long step runs, and for the workers beside this one
            self._pause(what == "stop")
        self._orders.put((what, error))
        self.changes += 1
        self.wake()

    def _pause(self, paused: bool) -> None:
        with self.session.project.ledger() as ledger:
            ledger.append([Paused(paused=paused, turn=ledger.last())])
        self.paused = paused

    def run(self) -> None:
        """Work until ``stop``."""
        while not self._ending.is_set():
            self.try_step()
            # while another one works, it comes again soon: that one may have begun before the answers came
            self._woken.wait(self.every if self._locked_since is None else min(self.every, self.settle))
            begun = time.monotonic()
            while self._woken.is_set() and not self._ending.is_set():
                self._woken.clear()
                if time.monotonic() - begun > _LONGEST * self.settle:
                    break
                self._woken.wait(self.settle)

    def try_step(self) -> bool:
        """Do a step; report an error, and try again at the next step. Return whether the step succeeded.

        An unexpected error must not end the thread either, because people go on labeling.
        """
        before = self._large_steps()
        try:
            self.step()
        except ProjectLocked as error:
            self._locked_since = now = self._locked_since or time.monotonic()
            if time.monotonic() - now >= _PATIENCE_S:  # several workers are usual, and what they do takes seconds
                self._trouble(error.message, error.hint)
            return False
        except ActiveSSLError as error:
            self._trouble(error.message, error.hint)
            return False
        except Exception as error:  # noqa: BLE001 - a defect, or a fault of the machine: told, and tried again
            first = next(iter(str(error).splitlines()), "")
            said = f"unexpected {type(error).__name__} in {_place(error)}: {first}"
            self._trouble(
                said.rstrip(": "), f"the service goes on and tries again in {self.every:g} s; report this error"
            )
            return False
        self._locked_since = None
        if self._large_steps() != before:  # what a step has used and freed stays with the process otherwise
            give_back()
        if self.problem:
            self._say("the last step succeeded again")
        self.problem = ""
        return True

    def _large_steps(self) -> tuple[int, int]:
        return self.counts["teaches"], self.counts["rounds"]

    def _trouble(self, message: str, hint: str) -> None:
        self.counts["errors"] += 1
        # the same error every thirty seconds is reported once
        if message != self.problem:
            self._say(f"{message}; {hint}")
        self.problem = message

    def _say(self, sentence: str) -> None:
        self.said.append((datetime.now(UTC), sentence))
        self.changes += 1
        with suppress(Exception):  # such as a closed terminal: what is told must not stop what is done
            self._tell(sentence)

    def step(self) -> None:
        """Pull new answers; when few items are unanswered, teach and open the next round.

        Raises:
            ActiveSSLError: The step failed: the server cannot be reached, or another process writes to the project.
        """
        try:
            self._pull()
        finally:
            self._obey()  # by what was pulled; and what needs no server is done without one
        history = self._look()
        current = history.open_round
        if current is not None and not current.pushed:  # a process ended between query and push
            self._push()
            history = self._look()
        if self.state.waiting > self.low:
            return
        self._teach(history)
        self._next_round(current)

    def _obey(self) -> None:
        """Do what was ordered; an order that fails is said, and the step goes on."""
        while True:
            try:
                what, error = self._orders.get_nowait()
            except Empty:
                return
            try:
                self._do(what, error)
            except ProjectLocked:  # in its turn: the next step comes soon
                self._orders.put((what, error))
                raise
            except ActiveSSLError as problem:
                self._say(f"{what}: {problem.message}; {problem.hint}")

    def _do(self, what: Order, error: float) -> None:
        if what == "stop":
            self._say("no further round is opened until somebody orders it")
        elif what == "go on":
            self._say("further rounds are opened")
        elif what == "teach":
            learned = self._timed("teach", self.session.teach)
            self.counts["teaches"] += 1
            self._say(f"head trained on {learned.labels} labels")
        elif what == "accept":
            only_classes(self.session.project, "accept")
            from activessl.proof.acceptance import accept_pool

            judged = accept_pool(self.session.project, error=error)
            found = [one.to_text() for one in judged.results] + [judged.to_text()]
            self._say(f"{len(judged.items):,} items were accepted; {'; '.join(text for text in found if text)}")
        else:
            history = self.session.project.history()
            current = history.open_round
            left = 0 if current is None else len(history.waiting(current))
            if current is not None and left:
                self._say(f"round {current.number} is open already: {left:,} tasks wait for an answer")
                return
            if history.paused:
                self._pause(False)
            self._open(current)

    def _teach(self, history: History) -> None:
        if not history.untaught or not self._can_teach(history):
            return
        learned = self._timed("teach", self.session.teach)
        self.counts["teaches"] += 1
        self._say(f"head trained on {learned.labels} labels")
        self._look()

    def _snapshot(self, history: History) -> Snapshot | RegionSnapshot:
        kind = RegionSnapshot if self.session.draws else Snapshot
        return kind(self.session.project, history)

    def _can_teach(self, history: History) -> bool:
        """Whether there is something to learn: with regions, an answer that holds one."""
        snapshot = self._snapshot(history)
        return any(snapshot.answers) if isinstance(snapshot, RegionSnapshot) else bool(len(snapshot.training[0]))

    def _next_round(self, current: RoundHistory | None) -> None:
        why = "somebody stopped it on the live page" if self.paused else self._why_stop()
        if why is None:
            self._open(current)
        elif why != self.state.stopped:
            self._say(f"no further round: {why}")
        self._look(stopped=why or "")

    def _open(self, current: RoundHistory | None) -> None:
        if current is not None:  # not the one that another worker has opened meanwhile
            self.session.close("few of its items were unanswered", round=current.number)
        opened = self._timed("query", self.session.query)
        self.counts["rounds"] += 1
        self._say(f"round {opened.number} is open")
        self._push()

    def _why_stop(self) -> str | None:
        history = self.session.project.history()
        if history.encoded is not None and not self._snapshot(history).free.any():
            return "every item is labeled or skipped"
        return self.session.should_stop() if history.labels else None

    def _push(self) -> None:
        pushed = self._timed("push", lambda: self.session.push(self.annotator))
        self._say(f"{len(pushed.tasks)} tasks pushed, {pushed.new} new; label here: {pushed.where}")
        self._met()

    def _look(self, *, stopped: str | None = None) -> History:
        """Read the ledger, and store the state of the project."""
        history = self.session.project.history()
        current, taught = history.open_round, history.taught
        waiting = 0 if current is None else sum(len(question.items) for question in history.waiting(current))
        if stopped is None and waiting <= self.low:  # with more, another worker has opened a round
            stopped = self.state.stopped
        now = WorkerState(
            labels=len(history.labels),
            skipped=len(history.skipped),
            waiting=waiting,
            rounds=len(history.rounds),
            model=history.model,
            accuracy=None if taught is None else taught.accuracy,
            stopped=stopped or "",
            where=next((push.where for r in reversed(history.rounds) for push in reversed(r.pushed)), ""),
        )
        if now != self.state:
            self.state = now
            self.changes += 1
        if history.paused != self.paused:  # by another worker's page, or before this one was started
            self.paused = history.paused
            self._say(f"somebody has {'stopped' if self.paused else 'resumed'} the opening of rounds")
        return history

    def _timed(self, what: str, do: Callable[[], Value]) -> Value:
        start = time.monotonic()
        try:
            return do()
        finally:
            self.seconds[what] += time.monotonic() - start


def _place(error: BaseException) -> str:
    """The file and the line where an error was raised: a service has nobody who could run it again with --debug."""
    where = extract_tb(error.__traceback__)[-1]
    return f"{Path(where.filename).name}:{where.lineno}"
