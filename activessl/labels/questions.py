"""Questions to annotators."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Why a question is asked. "new": a strategy chose the item. "random": the item was drawn with a known probability.
#: "again": its label is doubted. "audit": its label is from the model or from a cluster, and a person checks the item
#: alone. "confirm": a cluster of alike items is to be confirmed as one class. "review": annotators differ about the
#: item, and a further person decides.
QuestionKind = Literal["new", "random", "again", "audit", "confirm", "review"]

#: The reason of a question about an item whose class was split; it names no class.
REOPENED = "its class was split, or a merge of it was taken back"


class Question(BaseModel):
    """One question to an annotator: about one item or, of kind "confirm", about a cluster of alike items.

    Strategies make questions, annotators receive them, the ledger stores them.

    Attributes:
        id: A permanent id, also used in the labeling tool. The first question about an item has the item's id; the rest
            of an id has no meaning.
        kind: Why it is asked.
        items: Ids of the pool: one, or those of the cluster.
        asking: Number of the question about its item, 1 for the first.
        score: The strategy's score; higher = asked sooner.
        reason: The reason, as one sentence for people.
        propensity: Probability in (0, 1] with which the item was drawn in its round; None if it was not drawn.
        uniform: Whether every item of the pool had this probability, so that a bound for the whole pool may use it.
        blind: Whether the question is shown without a suggestion.
        confirmed: Whether the item was confirmed with its cluster before.
        sent_back: Whether the item was marked as "not of this cluster" before: then no strategy chose it.
        proposed: For a cluster, the class that people are to confirm.
        parts: Further figures of the strategy.
        near: Ids of the nearest labeled items, nearest first.
        people: How many annotators are to answer it, each without the answers of the others.

    Example:
        >>> Question(kind="new", items=("a.png",)).id, Question(kind="again", items=("a.png",), asking=2).blind
        ('a.png', True)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str = ""
    kind: QuestionKind
    items: tuple[str, ...] = Field(min_length=1)
    asking: int = Field(default=1, ge=1)
    score: float = 0.0
    reason: str = ""
    propensity: float | None = None
    uniform: bool = False
    blind: bool = False
    confirmed: bool = False
    sent_back: bool = False
    proposed: str = ""
    parts: dict[str, float] = Field(default_factory=dict)
    near: tuple[str, ...] = ()
    people: int = Field(default=1, ge=1)

    @property
    def item(self) -> str:
        """The item of the question; for a cluster, the first item."""
        return self.items[0]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Set the default id and ``blind``.

        The first question about an item has the item's id. A later one is another task with its own answers, so it has
        another id. Second opinions ("again", "audit", "review") are blind, so that the first label does not influence
        them.
        """
        if not isinstance(given, dict) or "id" in given or not given.get("items"):
            return given
        item, asking = given["items"][0], given.get("asking", 1)
        blind = given.get("kind") in ("again", "audit", "review")
        return {"id": item if asking == 1 else f"{item}#again-{asking}", "blind": blind, **given}

    def asked_as(self, asking: int, **changes: object) -> Question:
        """Return the same question as number ``asking`` about its item."""
        return Question.model_validate({**self.model_dump(exclude={"id"}), "asking": asking, **changes})
