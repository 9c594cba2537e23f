"""What a file of labels says, before its rows are matched with the items of a pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Given:
    """One answer of a person in a file.

    Attributes:
        where: Its place in the file, such as "row 3".
        shown: The fields that may tell the item: its id, its text, its address.
        kind: "label"; "skip" (the person gave no class); or "unread" (it cannot be read as a label).
        classes: The classes; empty for none of them.
        why: Why it cannot be read.
        annotator: Who gave it; empty if the file does not say it.
        at: When it was given; None if the file does not say it.
        seconds: How long it took; None if the file does not say it.
        ground_truth: Whether it is marked as the truth.
        sha256: The hash of the item's file, in hex, where it lies beside the labels; else empty.
    """

    where: str
    shown: Mapping[str, Any]
    kind: Literal["label", "skip", "unread"]
    classes: tuple[str, ...] = ()
    why: str = ""
    annotator: str = ""
    at: datetime | None = None
    seconds: float | None = None
    ground_truth: bool = False
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """The answers of a file.

    Attributes:
        form: The form of the file, for people, such as "table".
        column: The column, or the control of the labeling tool, that has the classes.
        given: The answers, in the order of the file.
        unlabeled: Number of rows that nobody labeled.
        running: Fields that hold running numbers of a labeling tool, which are no ids of items.
        notes: What people should know about the reading, as sentences.
        stems: Whether the names of files have no ending.
    """

    form: str
    column: str
    given: tuple[Given, ...]
    unlabeled: int = 0
    running: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    stems: bool = False
