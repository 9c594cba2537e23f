"""The confusion matrix: which classes the model takes for which, with the items behind each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from activessl.reports.looks import Look, look
from activessl.reports.sections.base import Material

__all__ = ["Cell", "Confusion"]

#: Most classes of the matrix on the page; of more classes those with the most mistakes are shown.
MOST_CLASSES = 14
#: Most cells with pictures, and pictures of a cell.
MOST_CELLS, MOST_LOOKS = 40, 8


@dataclass(frozen=True, slots=True)
class Cell:
    """Items of one class that were predicted as another.

    Attributes:
        truth: The class of the items.
        said: The prediction.
        count: Number of the items.
        looks: Some of them.
    """

    truth: int
    said: int
    count: int
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix; empty where an item may have several classes, or with too few labels.

    Attributes:
        classes: All classes.
        counts: A row for each class, with the number of items predicted as each class.
        sample: What the items are, in words.
        measures: Whether the sample measures the accuracy.
        shown: Numbers of the classes on the page.
        cells: The wrong cells, the most frequent first.
    """

    name: ClassVar[str] = "confusion"

    classes: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    sample: str = ""
    measures: bool = False
    shown: tuple[int, ...] = ()
    cells: tuple[Cell, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Count the predictions of the sample that measures the accuracy, or else of all labels."""
        judged = material.judged
        if judged is None or material.snapshot.kind.independent:
            return cls()
        classes = material.snapshot.project.config.data.classes
        counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
        np.add.at(counts, (judged.truth, judged.said), 1)
        wrong = counts - np.diag(np.diag(counts))
        mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
        worst = np.lexsort((-counts.sum(axis=1), -mistakes))[:MOST_CLASSES]
        cells = []
        for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_CELLS]:
            truth, said = divmod(int(place), len(classes))
            if not wrong[truth, said]:
                break
            items = np.flatnonzero((judged.truth == truth) & (judged.said == said))
            looks = tuple(look(judged.pool, judged.ids[i], heard=True) for i in items[:MOST_LOOKS])
            cells.append(Cell(truth, said, len(items), looks))
        return cls(
            classes=classes,
            counts=tuple(map(tuple, counts.tolist())),
            sample=judged.sample,
            measures=judged.measures,
            shown=tuple(sorted(worst.tolist())),
            cells=tuple(cells),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the whole matrix."""
        if not self.counts:
            return {"confusion": None}
        told = {"classes": self.classes, "counts": self.counts, "sample": self.sample, "measures": self.measures}
        return {"confusion": told}

    def to_text(self) -> list[str]:
        """Return the line of the most frequent confusions."""
        if not self.cells:
            return []
        worst = [f"{self.classes[c.truth]} as {self.classes[c.said]} ({c.count:,})" for c in self.cells[:3]]
        return [f"confused     {', '.join(worst)}; on {self.sample}"]

    def cell(self, truth: int, said: int) -> Cell | None:
        """The cell with pictures of a pair of classes; None without one."""
        return next((cell for cell in self.cells if (cell.truth, cell.said) == (truth, said)), None)

    def shade(self, truth: int, said: int) -> int:
        """How dark a cell is: its share of its row, in steps of a tenth from 0 to 10."""
        total = sum(self.counts[truth])
        return int(np.ceil(10 * self.counts[truth][said] / total)) if total else 0
