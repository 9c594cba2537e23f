"""What the items of a map can be colored by: class, prediction, state, doubt, round, annotator, metadata."""

from __future__ import annotations

import base64
import colorsys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from activessl.errors import PoolError
from activessl.labels.answers import NONE
from activessl.ledger.history import History
from activessl.pool.metadata.slicing import sliced
from activessl.project.snapshot import Snapshot
from activessl.steps.relabel import Doubts

__all__ = ["Scale", "category", "scales_of"]

#: Most values of a category: rarer ones are one value, so that a legend can be read.
MOST_VALUES = 120
#: Most columns of the metadata: each is a number for every item of the page.
MOST_COLUMNS = 12
#: The states of items.
STATES = ("labeled", "asked", "unlabeled", "accepted", "skipped", "missing")
#: Ten colors that differ on light and on dark ground; more come from a color wheel.
FEW = ("1f77b4", "e07b00", "2a9d4f", "d1383d", "8c5fc4", "96623f", "d65fae", "8a8f00", "0fa3b1", "5b6bd5")
GRAY = "8f9aa5"


@dataclass(frozen=True)
class Scale:
    """A color for each item.

    Attributes:
        name: Such as "Label".
        codes: For a category the value of each item, 0 for none; for a share 0 to 255.
        values: The values of a category, the first for none; None for a share.
        of: For a share, whether 0, and whether more, is told of a single item.
    """

    name: str
    codes: Int[np.ndarray, " n"] = field(repr=False)
    values: tuple[str, ...] | None = None
    of: tuple[bool, bool] = (True, True)

    def to_dict(self) -> dict[str, Any]:
        """Return the scale for the script of the page."""
        kind = "<u2" if self.values is not None else "u1"
        told = base64.b64encode(self.codes.astype(kind).tobytes()).decode()
        return {"name": self.name, "values": self.values, "codes": told, "of": list(self.of)}

    def inks(self) -> UInt8[np.ndarray, "v 3"]:
        """The color of each value of a category."""
        count = len(self.values or ()) - 1
        hexes = [GRAY, *(FEW[i] if i < len(FEW) else _wheel(i) for i in range(count))]
        return np.array([[int(text[k : k + 2], 16) for k in (0, 2, 4)] for text in hexes], dtype=np.uint8)


def scales_of(snapshot: Snapshot, rows: Int[np.ndarray, " n"]) -> tuple[Scale, ...]:
    """Return all that items can be colored by; the first is the label, or else the prediction.

    Args:
        snapshot: The project at one moment.
        rows: Rows of the embeddings that are on the map.
    """
    return tuple(_scales(snapshot, [snapshot.embeddings.ids[row] for row in rows], rows))


def category(name: str, said: Sequence[str], first: Sequence[str] = ()) -> Scale:
    """Return the scale of a category; an empty text is none.

    Example:
        >>> found = category("Label", ["dog", "", "cat", "dog"], ("cat", "dog"))
        >>> found.values, found.codes.tolist()
        (('', 'cat', 'dog'), [2, 0, 1, 2])
    """
    count = Counter(text for text in said if text)
    known = [text for text in first if text]
    known += [text for text, _ in count.most_common() if text not in set(known)]
    values = ["", *known[:MOST_VALUES]]
    if len(known) > MOST_VALUES:
        values.append("other")
    number = {text: i for i, text in enumerate(values)}
    other = len(values) - 1
    codes = np.array([number.get(text, other) for text in said], dtype=np.int64)
    return Scale(name, codes, tuple(values))


def _scales(snapshot: Snapshot, ids: Sequence[str], rows: Int[np.ndarray, " n"]) -> Iterator[Scale]:
    history, classes = snapshot.history, snapshot.project.config.data.classes

    def text(names: Sequence[str]) -> str:
        return ", ".join(names) or NONE

    labels = {item: text(label.classes) for item, label in history.labels.items()}
    given = category("Label", [labels.get(item, "") for item in ids], classes)
    decided = snapshot.decided_at(rows)
    if decided is not None:
        kind = snapshot.kind  # not looked up for each item
        predicted = [text(kind.named(label, classes)) for label in decided]
        known = [labels.get(item, said) for item, said in zip(ids, predicted, strict=True)]
        yield category("Class", known, classes)
        yield given
        yield category("Prediction", predicted, classes)
        yield Scale("Confidence", np.round(255 * snapshot.sure_at(rows)).astype(np.int64))
    else:
        yield given
    current = history.open_round
    asking = () if current is None else history.waiting(current)
    waiting = frozenset(item for question in asking for item in question.items)
    aside = history.set_aside
    yield category("State", [_state(history, waiting, aside, item) for item in ids], STATES)
    if snapshot.head is not None and len(snapshot.training[0]):
        doubt = np.zeros(len(snapshot.embeddings))
        doubt[snapshot.training[0]] = Doubts(snapshot).labels
        yield Scale("Doubt about the label", np.round(255 * doubt[rows]).astype(np.int64), of=(False, True))
    asked: dict[str, str] = {item: f"round {r.number}" for r in history.rounds for item in r.items}
    if asked:
        names = [f"round {r.number}" for r in history.rounds]
        yield category("Newest round", [asked.get(item, "") for item in ids], names)
    people = _annotators(snapshot)
    if people:
        yield category("Annotator", [people.get(item, "") for item in ids], sorted(set(people.values())))
    yield from _columns(snapshot, rows)


def _columns(snapshot: Snapshot, rows: Int[np.ndarray, " n"]) -> Iterator[Scale]:
    """Yield a scale for each column of the metadata; none where they cannot be read, which another section tells."""
    try:
        columns = snapshot.metadata.reported[:MOST_COLUMNS]
    except PoolError:
        return
    for column in columns:
        slices = sliced(column)
        yield category(column.name, [slices.names[k] for k in slices.of[rows].tolist()], slices.names)


def _state(history: History, waiting: frozenset[str], aside: frozenset[str], item: str) -> str:
    if item in history.missing:
        return "missing"
    if item in history.labels:
        return "labeled"
    if item in history.machine:
        return "accepted"
    if item in aside:
        return "skipped"
    return "asked" if item in waiting else "unlabeled"


def _annotators(snapshot: Snapshot) -> Mapping[str, str]:
    """Return who labeled each item; several people are one value."""
    found: dict[str, str] = {}
    for item, label in snapshot.history.labels.items():
        names = sorted({answer.annotator for answer in label.answers})
        found[item] = names[0] if len(names) == 1 else f"{len(names)} people" if names else ""
    return found


def _wheel(i: int) -> str:
    """Return a color of the wheel, as the script of the page makes it."""
    rgb = colorsys.hls_to_rgb((i * 0.381966) % 1, 0.42 + 0.16 * (i % 3) / 2, 0.62)
    return "".join(f"{round(255 * part):02x}" for part in rgb)
