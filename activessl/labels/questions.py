"""What people are asked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Why something is asked: a strategy chose the item (new), it was drawn with a known probability (random), its label is
#: doubted (again), its label was given by the model or in a cluster, and a person is to look at it alone (audit), or a
#: cluster of alike items is to be confirmed as one class (confirm).
QuestionKind = Literal["new", "random", "again", "audit", "confirm"]


class Question(BaseModel):
    """One thing that people are asked: about one item or, of kind "confirm", about a cluster of alike items.

    Strategies propose questions, annotators carry them, the ledger keeps them.

    Attributes:
        id: Names the question for good, at the annotators' side too. The first question about an item has the item's
            id; nothing else is told by an id.
        kind: Why it is asked.
        items: The pool's ids: one, or those of the cluster.
        asking: Which question about its item it is, 1 for the first.
        score: The strategy's own; higher = asked sooner.
        reason: One sentence that a person understands.
        propensity: Probability in (0, 1] with which the item was drawn in its round; None where it was not drawn.
        uniform: Whether every item of the pool had this probability, so that a promise about all may rest on it.
        blind: Whether nobody is to be shown what the model thinks.
        confirmed: Whether the item was confirmed with its cluster before.
        proposed: Of a cluster, the class that people are to confirm.
        parts: Further figures of the strategy.
        near: Ids of the nearest labeled items, nearest first.

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
    proposed: str = ""
    parts: dict[str, float] = Field(default_factory=dict)
    near: tuple[str, ...] = ()

    @property
    def item(self) -> str:
        """The item that is asked about; of a cluster, the first."""
        return self.items[0]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """A question about one item goes by the item's id; a second one is another task with answers of its own, so it
        has another id. Second opinions (again, audit) are blind: one that sees the first is none."""
        if not isinstance(given, dict) or "id" in given or not given.get("items"):
            return given
        item, asking = given["items"][0], given.get("asking", 1)
        blind = given.get("kind") in ("again", "audit")
        return {"id": item if asking == 1 else f"{item}#again-{asking}", "blind": blind, **given}

    def asked_as(self, asking: int, **changes: object) -> Question:
        """The same as the ``asking``-th question about its item."""
        return Question.model_validate({**self.model_dump(exclude={"id"}), "asking": asking, **changes})
