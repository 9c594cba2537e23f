"""What machines said of items: kept apart from the answers of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from activessl.labels.changes import Naming, Reading
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
        classes: The classes of the scores of ``answers``, in their order, by the names of now.
        what: The kind of the machine, such as "table".
        versions: By version, item id to its newest answer, which may be none; with the classes of their time.
        spent: What all answers have cost.
        answers: Item id to the answer of the version that was asked last, read with the classes of now.
    """

    version: str = ""
    classes: tuple[str, ...] = ()
    what: str = ""
    versions: dict[str, dict[str, Said]] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    answers: dict[str, Said] = field(default_factory=dict)

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
    moment: int = 0  # how many changes of the classes there were when it was asked last
    answers: int = 0
    tokens: int = 0
    seconds: float = 0.0
    price: float = 0.0

    def take(self, event: MachineAsked, moment: int) -> None:
        """Add one more batch, which came after so many changes of the classes."""
        self.version, self.classes, self.what, self.moment = event.version, event.classes, event.what, moment
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

    def amount(self, naming: Naming) -> MachineHistory:
        """The answers that stand, read with the classes of now."""
        spent = Spent(self.answers, self.tokens, self.seconds, self.price)
        said = self.versions.get(self.version, {})
        classes, said = _read(said, self.classes, [naming.read(name, self.moment) for name in self.classes])
        return MachineHistory(self.version, classes, self.what, self.versions, spent, said)


def _read(
    said: dict[str, Said], classes: tuple[str, ...], now: list[Reading]
) -> tuple[tuple[str, ...], dict[str, Said]]:
    """Read answers with the classes of now: the shares of classes that were merged are summed, and the share of a class
    that was split belongs to none of its parts. Where that is the largest share, the answer is none.

    Returns:
        The classes of now, and the answers.
    """
    names = tuple(dict.fromkeys(one.names[0] for one in now if one.by is None))
    if names == classes:
        return classes, said
    at = [names.index(one.names[0]) if one.by is None else len(names) for one in now]

    def read(one: Said) -> Said:
        if one.scores is None or len(one.scores) != len(at):
            return one.model_copy(update={"scores": None})
        shares = [0.0] * (len(names) + 1)
        for column, share in zip(at, one.scores, strict=True):
            shares[column] += share
        *known, left_open = shares
        if not known or left_open >= max(known):
            return one.model_copy(update={"scores": None, "why": "its class was split"})
        return one.model_copy(update={"scores": tuple(share / sum(known) for share in known)})

    return names, {item: read(one) for item, one in said.items()}
