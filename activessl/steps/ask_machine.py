"""Ask a machine about items of the pool: it can be repeated and interrupted, and pays for no answer twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np
from filelock import FileLock, Timeout

from activessl.errors import AnnotatorError, ConfigError, ProjectLocked
from activessl.ledger.history import History
from activessl.ledger.machines import MachineHistory
from activessl.ledger.schema import MachineAsked, MachineWithdrawn, Said
from activessl.ledger.store import Ledger
from activessl.machines.registry import machine_of
from activessl.pool.plain import shown
from activessl.pool.progress import OnProgress, tell
from activessl.project.config import MachineConfig
from activessl.project.folder import Project, writing

#: Seconds for which answers wait for another process that writes to the project.
PATIENCE = 60.0
#: Seconds for which the ledger stays locked while answers come faster than it is locked and opened.
HELD = 0.25
#: Seconds between two batches of a machine that answers so fast.
QUICK = 0.01


@dataclass(frozen=True)
class MachineResult:
    """What asking a machine brought.

    Attributes:
        machine: Its name.
        asked: Items that were asked about now.
        answered: How many of them have an answer.
        none: How many have none.
        left: Items without an answer of this version that were not asked about.
        price: What these answers cost, in the currency of the project's rates.
        tokens: Tokens of these answers.
        stopped: Why it stopped before the end; empty if it did not.
        why: The commonest reason for no answer; empty without one.
    """

    machine: str
    asked: int
    answered: int
    none: int
    left: int
    price: float
    tokens: int
    stopped: str
    why: str


def ask_machine(
    project: Project, name: str, items: int | None = None, *, on_progress: OnProgress | None = None
) -> MachineResult:
    """Ask a machine about items that this version of it was not asked about.

    Items with a label of a person come first, because only they show what the machine is worth; the others follow in
    random order, so that those asked about are a sample of the pool at any moment. Each batch is written to the ledger
    before the next. An item whose answer was late, cut or unreadable has none for now, and the next asking asks about
    it again; an answer that was paid for and lost twice for the same reason is none for good.

    Args:
        project: The project.
        name: Name of the machine in ``activessl.toml``.
        items: Largest number of items; None for all.
        on_progress: Called after each batch.

    Raises:
        ConfigError: No such machine, or settings that it cannot use.
        AnnotatorError: Its server cannot be reached, refuses, or has another model behind the name than it had for the
            answers so far; these stand.
        ProjectLocked: Another process asks this machine.
    """
    project.history()  # the classes of now, also if another process has changed them
    machine = machine_of(project, name)
    settings, classes = project.config.machines[name], project.config.data.classes
    guard = FileLock(project.folder / f".machine-{name}.lock", timeout=0)
    with writing(project.folder):
        try:
            guard.acquire()
        except Timeout:
            raise ProjectLocked(
                f"another process asks the machine {name!r}", hint="wait until it ends, then run this again"
            ) from None
    try:
        history, pool = project.history(), project.pool()
        before = history.said.get(name, MachineHistory())
        done = before.versions.get(machine.version, {})
        todo = _order(project, history, done, pool.ids)
        wanted = todo if items is None else todo[:items]
        purse = _Purse(settings, before.spent.price)
        with _Pen(project) as pen:
            # the classes are those that it was asked with
            said = partial(MachineAsked, machine=name, what=settings.kind, version=machine.version, classes=classes)
            if not wanted and before.version != machine.version and machine.version in before.versions:
                pen.write(partial(said, answers=()))  # its answers of then count again
            known = next((one.model for one in done.values() if one.model and one.scores is not None), "")
            for came in machine.ask(pool, purse.affordable(wanted)):
                if not came:
                    pen.rest()
                    continue
                known = known or next((one.model for one in came if one.model), "")
                purse.others += [one.model for one in came if one.model not in ("", known)]
                batch = _of_model(_final(came, done), known)
                pen.write(partial(said, answers=tuple(batch)))
                purse.take(batch)
                tell(on_progress, name, len(purse.got), len(wanted))
        if purse.others:
            raise AnnotatorError(
                f"the machine {name!r} answered as the model {shown(purse.others[0])!r} after {shown(known)!r}",
                hint="start the model of before, or withdraw this machine's answers; then ask again",
            )
    finally:
        guard.release()
    got = purse.got
    answered = sum(one.scores is not None for one in got)
    reasons = [one.why for one in got if one.scores is None]
    return MachineResult(
        machine=name,
        asked=len(got),
        answered=answered,
        none=len(reasons),
        left=len(todo) - len(got),
        price=purse.price,
        tokens=sum(one.tokens for one in got),
        stopped=purse.stopped,
        why=max(sorted(set(reasons)), key=reasons.count, default=""),
    )


def withdraw_machine(project: Project, name: str, why: str = "by hand") -> int:
    """Withdraw all answers of a machine, also of one that activessl.toml does not have any more.

    Returns:
        The number of answers that stood.

    Raises:
        ConfigError: No such machine was asked.
    """
    with project.lock():
        history = project.history()
        if name not in history.said:
            known = ", ".join(sorted(history.said))
            raise ConfigError(
                f"no machine {name!r} was asked", hint=f"use one of {known}" if known else "run `activessl machines`"
            )
        count = sum(len(answers) for answers in history.said[name].versions.values())
        if count:
            project.append(MachineWithdrawn(machine=name, why=why, turn=history.events))
    return count


def _order(project: Project, history: History, done: dict[str, Said], ids: tuple[str, ...]) -> list[str]:
    """Items without an answer: those with a label first, in random order each; last, those whose answer was lost."""
    left = [item for item in ids if item not in done or done[item].again]
    mixed = np.random.default_rng([project.config.seed, 11]).permutation(len(left))
    return sorted((left[i] for i in mixed), key=lambda item: (item in done, item not in history.labels))


def _of_model(batch: list[Said], model: str) -> list[Said]:
    """The answers, where one of another model than was asked before is none: it says nothing of that model."""
    other = {"scores": None, "why": "answered by another model", "again": True}
    return [one if one.model in ("", model) else one.model_copy(update=other) for one in batch]


def _final(batch: list[Said], done: dict[str, Said]) -> list[Said]:
    """The answers, where one that was paid for and lost twice for the same reason is not asked for once more."""

    def twice(one: Said) -> bool:
        return one.again and one.tokens > 0 and one.item in done and done[one.item].why == one.why

    return [one.model_copy(update={"again": False}) if twice(one) else one for one in batch]


@dataclass
class _Purse:
    """Gives items to a machine as long as the answers so far, and those under way, are within the budget."""

    settings: MachineConfig
    spent: float
    got: list[Said] = field(default_factory=list)
    price: float = 0.0
    given: int = 0
    stopped: str = ""
    others: list[str] = field(default_factory=list)  # names of models that were not to be asked

    def take(self, batch: list[Said]) -> None:
        """Note answers that came."""
        self.got += batch
        self.price += sum(one.price for one in batch)

    def affordable(self, items: list[str]) -> Iterator[str]:
        """The items, until the budget is spent, or another model answers."""
        budget = self.settings.budget
        for item in items:
            if self.others:
                return
            usual = self.price / len(self.got) if self.got else self.settings.price_per_answer * self.settings.orders
            due = (self.given - len(self.got)) * usual
            if budget is not None and self.spent + self.price + due >= budget:
                self.stopped = f"the budget of {budget:g} is spent"
                return
            self.given += 1
            yield item


@dataclass
class _Pen:
    """Writes answers one batch after the other, each committed before the next.

    A fast server answers faster than a ledger is locked and opened, so both last over several batches: while they come
    in quick succession, and not longer than ``HELD``, after which another process may write.
    """

    project: Project
    used: bool = False
    _held: ExitStack = field(default_factory=ExitStack)
    _ledger: Ledger | None = None
    _since: float = 0.0
    _wrote: float = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def rest(self) -> None:
        """Let other processes write."""
        self._ledger = None
        self._held.close()

    def write(self, event: Callable[..., MachineAsked]) -> None:
        """Append an event, which is told its turn."""
        soon = time.monotonic() - self._wrote < QUICK  # as may be the next one
        ledger = self._ledger or self._taken()
        try:
            ledger.append([event(turn=ledger.last())])
        finally:
            self._wrote = time.monotonic()
            if not soon or self._wrote - self._since > HELD:
                self.rest()

    def _taken(self) -> Ledger:
        """Lock and open the ledger; answers that were paid for wait for another process, so that none is lost.

        Only the first time, a project of an older version is brought up to date: that takes longer than a fast server.
        """
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._ledger = self._held.enter_context(self.project.lock(upkeep=not self.used))
            except ProjectLocked:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
                continue
            self.used, self._since = True, time.monotonic()
            return self._ledger
