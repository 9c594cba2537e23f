"""What machines said of items: kept apart from the answers of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from activessl.ledger.schema import MachineAsked, Said


@dataclass(frozen=True)
class Spent:
    """What asking a machine has cost so far, also for answers that were withdrawn.

    Attributes:
        answers: Number of answers, also of those that count as none.
        tokens: Tokens that the server counted.
        seconds: Seconds of waiting, summed over requests that ran at once.
        price: Money, in the currency of the project's rates.
    """

    answers: int = 0
    tokens: int = 0
    seconds: float = 0.0
    price: float = 0.0


@dataclass(frozen=True)
class MachineHistory:
    """The answers of one machine that stand.

    Attributes:
        version: The version that was asked last; its answers are used.
        classes: The classes of the scores, in the order of the version that was asked last.
        what: The kind of the machine, such as "table".
        versions: By version, item id to its newest answer, which may be none.
        spent: What all answers have cost.
    """

    version: str = ""
    classes: tuple[str, ...] = ()
    what: str = ""
    versions: dict[str, dict[str, Said]] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)

    @property
    def answers(self) -> dict[str, Said]:
        """Item id to the answer of the version that was asked last."""
        return self.versions.get(self.version, {})

    @cached_property
    def digest(self) -> str:
        """A hash of the answers in use; empty without answers."""
        known = sorted((item, one.scores) for item, one in self.answers.items() if one.scores is not None)
        return sha256(repr((self.version, self.classes, known)).encode()).hexdigest()[:16] if known else ""


@dataclass
class MachineSoFar:
    """The answers of one machine after the events so far."""

    version: str = ""
    classes: tuple[str, ...] = ()
    what: str = ""
    versions: dict[str, dict[str, Said]] = field(default_factory=dict)
    answers: int = 0
    tokens: int = 0
    seconds: float = 0.0
    price: float = 0.0

    def take(self, event: MachineAsked) -> None:
        """Add one more batch."""
        self.version, self.classes, self.what = event.version, event.classes, event.what
        known = self.versions.setdefault(event.version, {})
        for one in event.answers:
            known[one.item] = one
            self.tokens += one.tokens
            self.seconds += one.seconds
            self.price += one.price
        self.answers += len(event.answers)

    def withdraw(self) -> None:
        """Drop all answers; what they cost was spent."""
        self.versions = {}

    def rename(self, to: Mapping[str, str]) -> None:
        """Give items that were moved their new ids."""
        for version, answers in self.versions.items():
            if not to.keys().isdisjoint(answers):
                names = ((to.get(item, item), one) for item, one in answers.items())
                self.versions[version] = {name: one.model_copy(update={"item": name}) for name, one in names}

    def amount(self) -> MachineHistory:
        """The answers that stand."""
        spent = Spent(self.answers, self.tokens, self.seconds, self.price)
        return MachineHistory(self.version, self.classes, self.what, self.versions, spent)
