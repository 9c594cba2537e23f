"""How far the annotators of a project agree, and the items on which they differ: one source for all figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from activessl.labels.answers import Answer, class_text
from activessl.labels.merge import first_answers, truth_of
from activessl.ledger.history import History
from activessl.measuring.quality.agreement import Agreement, agreement

#: With so many items that several people labeled without a suggestion, the others do not count.
ENOUGH_BLIND = 10


@dataclass(frozen=True)
class Agreed:
    """The agreement of a project's annotators.

    Attributes:
        figures: The agreement.
        seen: Items of ``figures`` where somebody saw a suggestion: two people who take it over agree.
    """

    figures: Agreement
    seen: int

    def to_text(self) -> str:
        """One sentence, with what makes the figure too high."""
        if not self.seen:
            return self.figures.to_text()
        return (
            f"{self.figures.to_text()}; {self.seen:,} of them were shown with a suggestion, which people take over: "
            "true agreement may be lower"
        )


def agreement_of(history: History) -> Agreed | None:
    """Measure agreement on the first answer of each annotator; None where no item has two.

    Where enough items were labeled without a suggestion by two people, only these count.
    """
    given = {item: first_answers(label.answers) for item, label in history.labels.items()}
    several = {item: said for item, said in given.items() if len(said) > 1}
    blind = {item: left for item, said in several.items() if len(left := _blind(said)) > 1}
    used = blind if len(blind) >= ENOUGH_BLIND else several
    if not used:
        return None
    said = [{who: class_text(sorted(a.classes)) for who, a in answers.items()} for answers in used.values()]
    seen = sum(any(a.suggested is not None for a in answers.values()) for answers in used.values())
    return Agreed(agreement(said), seen)


def _blind(said: Mapping[str, Answer]) -> dict[str, Answer]:
    return {who: answer for who, answer in said.items() if answer.suggested is None}


@dataclass(frozen=True, slots=True)
class Differing:
    """An item on which annotators differ, and nobody has decided.

    Attributes:
        item: Its id.
        said: Each annotator and the classes of the last answer, in one text.
        label: The classes that count until then, by the annotators' reliability.
        asked: How often a reviewer was asked about it.
    """

    item: str
    said: Mapping[str, str]
    label: str
    asked: int


def differing(history: History) -> tuple[Differing, ...]:
    """Return the items on which the last answers of annotators differ: the review queue, most answers first.

    Ground truth, and the answer of a reviewer, decide: then an item is not in it.
    """
    found = []
    for item, label in history.labels.items():
        if label.annotators < 2 or truth_of(label.answers) is not None:
            continue
        last = {a.annotator: class_text(sorted(a.classes)) for a in label.answers}
        if len(set(last.values())) > 1:
            asked = sum(q.kind == "review" and q.item == item for r in history.rounds for q in r.questions)
            found.append(Differing(item, last, class_text(label.classes), asked))
    return tuple(sorted(found, key=lambda one: (-len(one.said), one.item)))
