"""Which classes a project has, where people can change them in the labeling tool. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from activessl.ledger.schema import Offered


@dataclass(frozen=True)
class Choice:
    """What the labeling tool's offers, one after the other, amount to.

    What was offered from the beginning says nothing: a label config may have more classes than a project learns. What
    came later has joined, unless a push brought it from ``activessl.toml``, and what was offered and is not any more
    has been removed.

    Attributes:
        last: Project of the labeling tool to what it offered last.
        joined: Classes that were added there, in the order in which they came.
        removed: Classes that were taken out there.
    """

    last: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()

    def after(self, offered: Offered) -> Choice:
        """The same after one more offer."""
        now, before = offered.classes, self.last.get(offered.project)
        new = () if before is None else tuple(n for n in now if n not in (*before, *offered.own))
        gone = frozenset() if before is None else frozenset(before) - set(now)
        joined = tuple(n for n in self.joined if n not in gone) + tuple(n for n in new if n not in self.joined)
        return Choice({**self.last, offered.project: now}, joined, (self.removed | gone) - set(now))

    def classes(self, own: Iterable[str]) -> tuple[str, ...]:
        """The classes that the project has: its own, then what joined, without what was removed.

        With fewer than two left, nothing is removed: a label config that was emptied is a mistake, not a decision.

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
    """What offers amount to, oldest first."""
    choice = Choice()
    for offered in offers:
        choice = choice.after(offered)
    return choice
