"""The classes of a project, which people can change in the labeling tool. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from activessl.ledger.schema import Offered


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

    def after(self, offered: Offered) -> Choice:
        """Return the changes after one more offer."""
        now, before = offered.classes, self.last.get(offered.project)
        new = () if before is None else tuple(n for n in now if n not in (*before, *offered.own))
        gone = frozenset() if before is None else frozenset(before) - set(now)
        joined = tuple(n for n in self.joined if n not in gone) + tuple(n for n in new if n not in self.joined)
        return Choice({**self.last, offered.project: now}, joined, (self.removed | gone) - set(now))

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


def chosen(offers: Iterable[Offered]) -> Choice:
    """Return the changes from all offers, oldest first."""
    choice = Choice()
    for offered in offers:
        choice = choice.after(offered)
    return choice
