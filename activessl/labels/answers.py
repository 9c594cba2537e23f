"""What people answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: What an answer is. A person labels an item, skips it, says that it does not belong to the cluster it was shown with,
#: so that it has to be asked about on its own, or takes an earlier answer back.
AnswerKind = Literal["label", "skip", "apart", "delete"]


#: Between the classes of an item that has several, where they stand in one word.
BETWEEN = "|"
#: What stands where an item has none of the classes.
NONE = "(none)"


def class_text(classes: Sequence[str]) -> str:
    """The classes of one item as one word for people.

    Example:
        >>> class_text(("cat",)), class_text(("cat", "dog")), class_text(())
        ('cat', 'cat|dog', '(none)')
    """
    return BETWEEN.join(classes) or NONE


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that an annotator said about one item.

    Attributes:
        key: Names this answer for good, so that reading it twice is harmless. A later answer with the same ``source``
            replaces an earlier one: an edit is a new key with the old source.
        source: The annotator's own name for what was answered, such as "annotation 17".
        item: The pool's id of the item.
        kind: "label", "skip" (this person will not answer), "apart" (not of the class of its cluster) or "delete" (an
            earlier answer is withdrawn).
        classes: Names of the classes: one for single-label, any number for multi-label, none of them included; empty
            unless kind is "label".
        annotator: Who said it.
        seconds: How long it took, as the labeling tool recorded it; None where it did not. Of an item of a cluster, its
            part of the time that the cluster took.
        at: When, with a time zone.
        suggested: The class that was pre-selected for the person, or several as ``class_text`` writes them; None if
            the item was shown blind, or without any.
        ground_truth: True for answers that were imported as reference, not given in this project.
        question: The id of the question that it answers; by default the item's, as of a first question, and where
            nobody asked.
        asking: Which question about the item that was, 1 for the first.
        cluster: Whether the question was about a whole cluster, and the item was not looked at alone.
    """

    key: str
    source: str
    item: str
    kind: AnswerKind
    classes: tuple[str, ...]
    annotator: str
    seconds: float | None
    at: datetime
    suggested: str | None = None
    ground_truth: bool = False
    question: str = ""
    asking: int = 1
    cluster: bool = False

    def __post_init__(self) -> None:
        if not self.question:
            object.__setattr__(self, "question", self.item)

    @property
    def first_look(self) -> bool:
        """Whether the item was looked at alone, and for the first time, not because of a doubt."""
        return self.asking == 1 and not self.cluster
