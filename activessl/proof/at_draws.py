"""What was known of the pool when each random draw was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.project.snapshot import Snapshot
from activessl.proof.draws import RandomDraws


@dataclass(frozen=True)
class AtDraws:
    """The pool at each draw, in the order of ``RandomDraws.all_rounds``.

    Args:
        snapshot: The project at one moment.
        draws: The random draws.
        came: (n,) for each label the newest round when it came.
    """

    snapshot: Snapshot
    draws: RandomDraws
    came: Int[np.ndarray, " n"]

    @property
    def aside(self) -> Float[np.ndarray, " d"]:
        """For each draw, the share of the pool that was skipped before it, and has no label."""
        came, _ = self._set_aside(unknown=False)
        return np.searchsorted(came, self.draws.all_rounds) / self.draws.items

    def before(
        self, measure: Callable[[Bool[np.ndarray, " n"], Int[np.ndarray, " u"]], np.ndarray]
    ) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d ..."]]:
        """For each draw, the share of the pool labeled before it, and a measure of these labels.

        A class that the project does not have is a label that no prediction matches; ``measure`` gets the rows of
        these items, too.
        """
        ids, late = self.snapshot.embeddings.ids, self.snapshot.history.late
        there = np.array([late.get(ids[row], 0) <= self.draws.until for row in self.snapshot.training[0]], dtype=bool)
        came, aside = self._set_aside(unknown=True)
        # computed once for each round, because a row for each label would need too much memory
        rounds, which = np.unique(self.draws.all_rounds, return_inverse=True)
        before = [(there & (self.came < number), aside[: np.searchsorted(came, number)]) for number in rounds]
        count = np.array([int(np.sum(rows)) + len(unknown) for rows, unknown in before], dtype=float)
        measured = np.array([measure(rows, unknown) for rows, unknown in before])
        return (count / self.draws.items)[which], measured[which]

    def aside_in(self, slices: Int[np.ndarray, " r"], items: Int[np.ndarray, " s"]) -> Float[np.ndarray, "d s"]:
        """For each draw and each slice, the share of the slice that was skipped before, and has no label.

        Args:
            slices: The slice of each row of the pool, as a number.
            items: The items of each slice that the draws cover.
        """
        came, rows = self._set_aside(unknown=False)
        rounds, which = np.unique(self.draws.all_rounds, return_inverse=True)
        before = [np.bincount(slices[rows[: np.searchsorted(came, r)]], minlength=len(items)) for r in rounds]
        found: Float[np.ndarray, "d s"] = (np.array(before).reshape(-1, len(items)) / np.maximum(items, 1))[which]
        return found

    def _set_aside(self, *, unknown: bool) -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " a"]]:
        """When items were set aside, ascending, and their rows: those with a class that the project does not have, or
        the skipped ones."""
        history, row = self.snapshot.history, self.snapshot.row
        other = {a.item for a in history.quarantined}
        found = sorted(
            (number, row[item])
            for item, number in history.set_aside_in.items()
            if item in row and history.late.get(item, 0) <= self.draws.until and (item in other) == unknown
        )
        came, rows = np.array(found, dtype=np.int64).reshape(-1, 2).T
        return came, rows
