"""What people answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: What an answer is. A person labels an item, skips it, says that it does not belong to the group it was shown with, so
#: that it has to be asked about on its own, or takes an earlier answer back.
AnswerKind = Literal["label", "skip", "apart", "delete"]


#: What marks a second or later asking about an item: its id, then this, then which asking it is.
_AGAIN = "#again-"


def again_id(item_id: str, asking: int) -> str:
    """The id under which an item is asked about once more, so that it is another task, with answers of its own.

    Args:
        item_id: The pool's id.
        asking: 2 for the second time, and so on.

    Example:
        >>> again_id("a.png", 2), item_of("a.png#again-2"), item_of("a.png")
        ('a.png#again-2', 'a.png', 'a.png')
    """
    return f"{item_id}{_AGAIN}{asking}"


def item_of(asked_id: str) -> str:
    """The pool's id of what was asked about."""
    item, mark, asking = asked_id.rpartition(_AGAIN)
    return item if mark and asking.isdecimal() else asked_id


def is_again(asked_id: str) -> bool:
    """Whether this is the id of a second or later asking."""
    return item_of(asked_id) != asked_id


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
        item_id: The pool's id of the item, or what ``again_id`` made of it.
        kind: "label", "skip" (this person will not answer), "apart" (not of the class of its group) or "delete" (an
            earlier answer is withdrawn).
        classes: Names of the classes: one for single-label, any number for multi-label, none of them included; empty
            unless kind is "label".
        annotator: Who said it.
        seconds: How long it took, as the labeling tool recorded it; None where it did not.
        at: When, with a time zone.
        suggested: The class that was pre-selected for the person, or several as ``class_text`` writes them; None if
            the item was shown blind, or without any.
        ground_truth: True for answers that were imported as reference, not given in this project.
        group: The id of the group that was answered as a whole; empty for an item that was judged on its own. The
            seconds are then the item's part of those that the group took.
    """

    key: str
    source: str
    item_id: str
    kind: AnswerKind
    classes: tuple[str, ...]
    annotator: str
    seconds: float | None
    at: datetime
    suggested: str | None = None
    ground_truth: bool = False
    group: str = ""
