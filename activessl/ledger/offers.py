"""The classes of a project, which people can change in the labeling tool. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from activessl.labels.changes import Naming
from activessl.ledger.schema import Offered, Reclassed, Recorded, Restored


@dataclass(frozen=True)
class Choice:
    """The changes of classes in the labeling tool, from its offers in order.

    The first offer of a labeling project is no change: a label config may have more classes than the project learns. A
    class in a later offer has joined, unless a push added it from ``activessl.toml``. A class that an earlier offer had
    and a later one has not is removed.

    Attributes:
        last: Project of the labeling tool to the classes of its last offer.
        joined: Classes that were added there, in order.
        removed: Classes that were removed there.
    """

    last: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()

    def after(self, offered: Offered, naming: Naming | None = None) -> Choice:
        """Return the changes after one more offer.

        Args:
            offered: The offer.
            naming: The changes of classes until then: an old name in the label config is the class that it is now.
        """
        called = (naming or Naming()).classes
        now, last, own = called(offered.classes), self.last.get(offered.project), called(offered.own)
        before = None if last is None else called(last)
        new = () if before is None else tuple(n for n in now if n not in (*before, *own))
        gone = frozenset() if before is None else frozenset(before) - set(now)
        joined = tuple(n for n in self.joined if n not in gone) + tuple(n for n in new if n not in self.joined)
        return Choice({**self.last, offered.project: offered.classes}, joined, (self.removed | gone) - set(now))

    def renamed(self, naming: Naming) -> Choice:
        """Return the same changes with the names of now; a class that a change made is not removed."""
        step = naming.steps[-1]
        made = {*step.added, *(name for names in step.into.values() for name in names)}
        return Choice(self.last, naming.classes(self.joined), self.removed - made)

    def classes(self, own: Iterable[str]) -> tuple[str, ...]:
        """Return the classes of the project: those of the config, then those that joined, without those removed.

        If fewer than two would be left, none is removed: an emptied label config is taken for a mistake.

        Example:
            >>> first = Choice().after(Offered(project="p", classes=("ant", "bee", "fly"), turn=0))
            >>> first.classes(("ant", "bee", "cow"))
            ('ant', 'bee', 'cow')
            >>> first.after(Offered(project="p", classes=("bee", "fly", "wasp"), turn=1)).classes(("ant", "bee", "cow"))
            ('bee', 'cow', 'wasp')
        """
        every = tuple(dict.fromkeys((*own, *self.joined)))
        left = tuple(name for name in every if name not in self.removed)
        return left if len(left) > 1 else every


@dataclass
class ClassesSoFar:
    """The classes after the events so far.

    Attributes:
        naming: The changes with ``activessl classes``.
        choice: The changes in the labeling tool.
        changed: When each change was written, in seconds of the epoch, and the newest round then.
    """

    naming: Naming = field(default_factory=Naming)
    choice: Choice = field(default_factory=Choice)
    changed: list[tuple[float, int]] = field(default_factory=list)

    def take(self, event: Offered | Reclassed | Restored, at: float, newest: int = 0) -> None:
        """Apply one event."""
        if isinstance(event, Offered):
            self.choice = self.choice.after(event, self.naming)
            return
        if isinstance(event, Reclassed):
            step = event.change
        else:
            of = next((one for one in self.naming.standing if one.number == event.of), None)
            if of is None:
                return  # it was taken back before, or this ledger does not have it
            step = of.taken_back()
        self.naming = self.naming.after(step)
        self.choice = self.choice.renamed(self.naming)
        self.changed.append((at, newest))

    def classes(self, own: Iterable[str]) -> tuple[str, ...]:
        """Return the classes of the project now, from those of ``activessl.toml``."""
        return self.choice.classes(self.naming.classes(own))


#: The kinds of events that tell the classes.
TELLING = ("offered", "reclassed", "restored")


def classes_from(events: Iterable[Recorded], own: Iterable[str]) -> tuple[str, ...]:
    """Return the classes of the project from the events of the kinds ``TELLING``, in any order."""
    so_far = ClassesSoFar()
    for recorded in sorted(events, key=lambda one: one.seq):
        if isinstance(recorded.event, Offered | Reclassed | Restored):
            so_far.take(recorded.event, recorded.at.timestamp())
    return so_far.classes(own)
