"""Items whose answers are known: which ones serve to train annotators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from activessl.labels.answers import class_text
from activessl.labels.kinds import Label
from activessl.labels.merge import truth_of
from activessl.project.snapshot import Snapshot
from activessl.steps.relabel import Doubts

__all__ = ["Known", "known_items", "two_parts"]

#: A single person's answer is known only if it is wrong with at most this probability, by the labels of similar items.
_SURE = 0.1


@dataclass(frozen=True, slots=True)
class Known:
    """An item whose answer is known.

    Attributes:
        item: Its id.
        classes: The known classes.
        by: "truth": somebody marked the answer as true or decided between others. "several": two people or more agree,
            and nobody differs. "one": one person's answer that nothing speaks against.
        hardness: 1 minus the model's probability of the known class, in [0, 1]; .5 before the first model.
    """

    item: str
    classes: tuple[str, ...]
    by: str
    hardness: float


def known_items(snapshot: Snapshot) -> list[Known]:
    """Return the labeled items of the pool whose answer is known, the best known first."""
    history, doubts = snapshot.history, Doubts(snapshot)
    rows = snapshot.training[0]
    doubt = dict(zip((snapshot.embeddings.ids[row] for row in rows), doubts.labels, strict=True)) if len(rows) else {}
    found = []
    for item, label in history.labels.items():
        row = snapshot.row.get(item)
        if row is None or item in history.missing:
            continue
        by = _known_by(label, float(doubt.get(item, 1.0)))
        if by is not None:
            found.append(Known(item, label.classes, by, _hardness(snapshot, row, label.classes)))
    order = ("truth", "several", "one")
    return sorted(found, key=lambda known: (order.index(known.by), known.item))


def _known_by(label: Label, doubt: float) -> str | None:
    if label.unknown:
        return None
    if truth_of(label.answers) is not None:
        return "truth"
    if label.annotators > 1:
        last = {answer.annotator: class_text(sorted(answer.classes)) for answer in label.answers}
        return "several" if len(set(last.values())) == 1 else None
    return "one" if doubt <= _SURE else None


def _hardness(snapshot: Snapshot, row: int, classes: Sequence[str]) -> float:
    known = snapshot.probs_at([row])
    if known is None:
        return 0.5
    names = snapshot.project.config.data.classes
    has = np.array([name in classes for name in names])
    probs = known[0]
    # of one class its probability; of several or none the smallest probability of a right choice
    right = float(np.where(has, probs, 1 - probs).min()) if snapshot.kind.independent else float(probs[has].sum())
    return 1.0 - right


def two_parts(known: Sequence[Known], n: int, rng: np.random.Generator) -> tuple[list[Known], list[Known]]:
    """Choose items for two parts of a training round that are equally difficult and have the same classes.

    The classes take turns; within a class hard and typical items alternate, those that are best known first. Pairs of
    the same class and of similar hardness are divided between the parts by chance, so that the parts can be compared.

    Args:
        known: The candidates.
        n: Items in all.
        rng: Divides the pairs, and shuffles each part.

    Returns:
        Two lists of the same length, at most ``n / 2``.

    Example:
        >>> some = [Known(f"{c}{i}", (c,), "truth", i / 10) for c in "ab" for i in range(6)]
        >>> before, after = two_parts(some, 8, np.random.default_rng(0))
        >>> sorted(k.classes[0] for k in before) == sorted(k.classes[0] for k in after) == ["a", "a", "b", "b"]
        True
    """
    pairs: dict[str, list[tuple[Known, Known]]] = {}
    for name, group in _by_class(known).items():
        pairs[name] = _pairs(group)
    turns = [
        pair
        for place in range(max((len(some) for some in pairs.values()), default=0))
        for some in pairs.values()
        for pair in some[place : place + 1]
    ]
    before, after = [], []
    for pair in turns[: n // 2]:
        first = int(rng.integers(2))
        before.append(pair[first])
        after.append(pair[1 - first])
    return [before[i] for i in rng.permutation(len(before))], [after[i] for i in rng.permutation(len(after))]


def _by_class(known: Sequence[Known]) -> Mapping[str, list[Known]]:
    groups: dict[str, list[Known]] = {}
    for one in known:
        groups.setdefault(class_text(sorted(one.classes)), []).append(one)
    return dict(sorted(groups.items()))


def _pairs(group: Sequence[Known]) -> list[tuple[Known, Known]]:
    """Pairs of neighbors by hardness: the hardest pair, then the one in the middle, then the next hardest."""
    found: list[tuple[Known, Known]] = []
    for by in ("truth", "several", "one"):  # those that are best known first
        some = sorted((one for one in group if one.by == by), key=lambda one: -one.hardness)
        neighbors = [(some[i], some[i + 1]) for i in range(0, len(some) - 1, 2)]
        middle = len(neighbors) // 2
        typical, hard = neighbors[middle:], neighbors[:middle]
        while typical or hard:
            found += hard[:1] + typical[:1]
            hard, typical = hard[1:], typical[1:]
    return found
