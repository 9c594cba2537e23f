"""The loop that keeps people labeling: pulls what they said, teaches, and opens the next round before they run dry.

It runs beside the service in a thread of its own, so that no request ever waits for it. It keeps nothing: what is
unfinished is read from the ledger, so it may be stopped at any moment and started again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from activessl.annotators.base import Annotator
from activessl.errors import ActiveSSLError
from activessl.ledger.history import History
from activessl.project.snapshot import Snapshot
from activessl.session import Session

__all__ = ["Worker", "WorkerState"]

Value = TypeVar("Value")

#: A burst of answers is waited out, but not for longer than so many times the quiet that is waited for.
_LONGEST = 10


@dataclass(frozen=True, slots=True)
class WorkerState:
    """How far the project is.

    Attributes:
        labels: Items with a label.
        skipped: Items that were skipped.
        waiting: Items of the open round that nobody has answered.
        rounds: Rounds so far.
        model: The version of the newest model, "cold" before the first.
        accuracy: Of the newest head on the project's test data, where it has some.
        stopped: Why no further round is opened; empty while it goes on.
    """

    labels: int = 0
    skipped: int = 0
    waiting: int = 0
    rounds: int = 0
    model: str = "cold"
    accuracy: float | None = None
    stopped: str = ""


class Worker:
    """Looks for answers when it is woken, and from time to time in any case.

    Args:
        session: The project.
        annotator: Its people.
        every: Seconds between two looks when nobody wakes it, > 0: webhooks get lost.
        settle: Seconds of quiet that it waits for after it was woken, so that a burst of answers is read once.
        low: With so few items of the round unanswered, the next round is opened.
        tell: Called with one sentence on each thing that happened.
        met: Called after each pull and push: the annotator's side may have a project that it did not have before.
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
        self._tell, self._met = tell, met
        self._woken, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs; a worker that died of a defect must not look healthy."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to work, in a thread."""
        self._thread = threading.Thread(target=self.run, name="activessl worker", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Finish the step at hand, and end. A step that takes longer is cut off with the process: nothing is lost."""
        self._ending.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """Ask for a look soon. Returns at once."""
        self._woken.set()

    def run(self) -> None:
        """Work until ``stop``."""
        while not self._ending.is_set():
            self.try_step()
            self._woken.wait(self.every)
            begun = time.monotonic()
            while self._woken.is_set() and not self._ending.is_set():
                self._woken.clear()
                if time.monotonic() - begun > _LONGEST * self.settle:
                    break
                self._woken.wait(self.settle)

    def try_step(self) -> bool:
        """A step; what goes wrong on purpose is told, and tried again at the next one. Whether it went well."""
        try:
            self.step()
        except ActiveSSLError as error:
            self.counts["errors"] += 1
            # the same trouble every thirty seconds is said once
            if error.message != self.problem:
                self._tell(f"{error.message}; {error.hint}")
            self.problem = error.message
            return False
        if self.problem:
            self._tell("it works again")
        self.problem = ""
        return True

    def step(self) -> None:
        """Read what is new; when few items are left, teach and open the next round.

        Raises:
            ActiveSSLError: It could not be done now: the server is away, another process writes to the project.
        """
        history = self._look()
        if any(r.pushed for r in history.rounds):  # before the first push there is no project to ask
            new = self._timed("pull", lambda: self.session.pull(self.annotator))
            self.counts["pulls"] += 1
            self.counts["answers"] += new
            if new:
                self._tell(f"{new} new answers")
            self._met()
            history = self._look()
        current = history.open_round
        if current is not None and not current.pushed:  # a process ended between choosing and pushing
            self._push()
            history = self._look()
        if self.state.waiting > self.low:
            return
        self._teach(history)
        self._next_round()

    def _teach(self, history: History) -> None:
        if not history.untaught or not len(Snapshot(self.session.project, history).training[0]):
            return
        learned = self._timed("teach", self.session.teach)
        self.counts["teaches"] += 1
        self._tell(f"taught {learned.labels} labels")
        self._look()

    def _next_round(self) -> None:
        why = self._why_stop()
        if why is None:
            self.session.close("few of its items were left")
            opened = self._timed("query", self.session.query)
            self.counts["rounds"] += 1
            self._tell(f"round {opened.number} is open")
            self._push()
        elif why != self.state.stopped:
            self._tell(f"no further round: {why}")
        self._look(stopped=why or "")

    def _why_stop(self) -> str | None:
        history = self.session.project.history()
        if history.encoded is not None and not Snapshot(self.session.project, history).free.any():
            return "every item is labeled or skipped"
        return self.session.should_stop() if history.labels else None

    def _push(self) -> None:
        pushed = self._timed("push", lambda: self.session.push(self.annotator))
        self._tell(f"{len(pushed.tasks)} tasks are there, {pushed.new} new; label here: {pushed.where}")
        self._met()

    def _look(self, *, stopped: str | None = None) -> History:
        """Read the ledger, and remember how far the project is."""
        history = self.session.project.history()
        current, taught = history.open_round, history.taught
        self.state = WorkerState(
            labels=len(history.labels),
            skipped=len(history.skipped),
            waiting=0 if current is None else sum(len(question.items) for question in history.waiting(current)),
            rounds=len(history.rounds),
            model=history.model,
            accuracy=None if taught is None else taught.accuracy,
            stopped=self.state.stopped if stopped is None else stopped,
        )
        return history

    def _timed(self, what: str, do: Callable[[], Value]) -> Value:
        start = time.monotonic()
        try:
            return do()
        finally:
            self.seconds[what] += time.monotonic() - start
