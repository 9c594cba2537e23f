"""The arm of a simulation whose head also heeds a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from activessl.strategies.base import Query, QueryStrategy, State, left_to_chance, needs_samples


@dataclass(frozen=True)
class WithMachine:
    """A strategy whose head is taught the answers of a machine too; the strategy itself does not change.

    The strategy asks where the head is uncertain after it has heard the machine: where labels and machine disagree, and
    where the machine is not heeded.

    Args:
        strategy: The strategy that chooses.
    """

    strategy: QueryStrategy
    heeds_machine: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The name of the strategy and of what it has beside."""
        return f"{self.strategy.name}+machine"

    @property
    def needs_samples(self) -> bool:
        """Whether the strategy needs samples."""
        return needs_samples(self.strategy)

    def left_to_chance(self, state: State) -> str | None:
        """A reason if the strategy draws the whole round at random."""
        return left_to_chance(self.strategy, state)

    def query(self, state: State, query_size: int) -> Query:
        """Let the strategy choose; see :class:`activessl.strategies.base.QueryStrategy`."""
        return self.strategy.query(state, query_size)


def heeds_machine(strategy: QueryStrategy) -> bool:
    """Whether the head of this strategy heeds the machine of the data."""
    return bool(getattr(strategy, "heeds_machine", False))
