"""Answers of annotators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

#: The kinds of answers: a person labels an item ("label"), skips it ("skip"), says that it does not belong to its
#: cluster, so that it is asked about alone ("apart"), or withdraws an earlier answer ("delete"). An answer that cannot
#: be read is kept ("unread"), and the item is asked about again.
AnswerKind = Literal["label", "skip", "apart", "delete", "unread"]


#: The separator between several classes of an item in one text.
BETWEEN = "|"
#: The text for an item with none of the classes.
NONE = "(none)"
#: Joins the parts of a path in a tree of classes: the class is the path, because two paths may have the same part.
PATH = " / "


def class_text(classes: Sequence[str]) -> str:
    """Return the classes of one item as one text for people.

    Example:
        >>> class_text(("cat",)), class_text(("cat", "dog")), class_text(())
        ('cat', 'cat|dog', '(none)')
    """
    return BETWEEN.join(classes) or NONE


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an annotator about one item.

    Attributes:
        key: A permanent name of this answer, so that reading it twice is harmless. A later answer with the same
            ``source`` replaces an earlier one: an edit is a new key with the old source.
        source: The name in the labeling tool, such as "annotation 17".
        item: The id of the item in the pool.
        kind: "label", "skip" (this person gives no class), "apart" (not of the class of its cluster), "delete" (an
            earlier answer is withdrawn) or "unread" (it cannot be read).
        classes: Names of the classes: one for single-label, zero or more for multi-label; empty unless kind is "label".
        annotator: Who gave it.
        seconds: The time it took, as the labeling tool recorded it; None without a record. For an item of a cluster,
            its part of the time of the cluster.
        at: When it was given, with a time zone, by the clock of ``source``: it orders the answers of that system only.
        suggested: The class that was pre-selected for the person, or several as ``class_text`` writes them; None if
            the item was shown blind, or nothing was pre-selected.
        ground_truth: Whether it was marked as the truth in the labeling tool: then it decides, whatever others say.
        dated: Whether ``at`` of an imported answer is the time that the file states, and not that of the import.
        why: Why it cannot be read; empty unless kind is "unread".
        imported: Whether it was given elsewhere, and imported: it measures neither times nor draws of this project.
        question: The id of the answered question; by default the item's id, as for a first question or an imported
            label.
        asking: Number of the question about the item, 1 for the first.
        cluster: Whether the question was about a whole cluster, so that the item was not seen alone.
        regions: What was drawn, in a project of regions, in the form of ``activessl.labels.regions.stored``: then
            ``classes`` has each class that occurs, once, and an empty tuple says that the item holds none. None in a
            project of classes.
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
    imported: bool = False
    dated: bool = False
    why: str = ""
    regions: tuple[Mapping[str, Any], ...] | None = None

    def __post_init__(self) -> None:
        if not self.question:
            object.__setattr__(self, "question", self.item)

    @property
    def first_look(self) -> bool:
        """Whether the item was seen alone, in the first question about it."""
        return self.asking == 1 and not self.cluster
