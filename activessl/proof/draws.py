"""The random draws of a project as arrays, and the items that they are a sample of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, sqrt

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.ledger.draws import Draw, draws_of
from activessl.measuring.quality.calibration_split import calibration_half
from activessl.project.snapshot import Snapshot


@dataclass(frozen=True)
class RandomDraws:
    """The random draws that ended, and what they are a sample of.

    Attributes:
        at: (m,) positions among the training labels of the draws that ended with a class.
        chance: (m,) their propensities, in (0, 1].
        rounds: (m,) their rounds.
        seen: (m,) whether a suggestion was selected when the label was given.
        lost: (u,) rows of the pool of the draws that ended without a class of the project.
        lost_chance: (u,) their propensities.
        lost_rounds: (u,) their rounds.
        unknown: (u,) whether people gave a class that the project does not have: then every prediction is wrong. The
            others were skipped, or left open in a round that was closed.
        newer: Items that were added after these draws, which these draws do not cover.
        until: The last round whose draws are left out; items that were added after it count as newer.
        items: Items that the draws cover, at least 1.
        vanished_chance: (v,) propensities of drawn items that are not in the data any more, and about which nothing is
            assumed: all of them for ``uniform`` draws; else those above what chance explains if deleting did not depend
            on the draw.
        vanished_rounds: (v,) their rounds.
    """

    at: Int[np.ndarray, " m"]
    chance: Float[np.ndarray, " m"]
    rounds: Int[np.ndarray, " m"]
    seen: Bool[np.ndarray, " m"]
    lost: Int[np.ndarray, " u"]
    lost_chance: Float[np.ndarray, " u"]
    lost_rounds: Int[np.ndarray, " u"]
    unknown: Bool[np.ndarray, " u"]
    newer: int = 0
    until: int = 0
    items: int = 1
    vanished_chance: Float[np.ndarray, " v"] = field(default_factory=lambda: np.zeros(0))
    vanished_rounds: Int[np.ndarray, " v"] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def vanished(self) -> int:
        """Drawn items that are not in the data any more."""
        return len(self.vanished_rounds)

    @property
    def told(self) -> int:
        """Draws with a known outcome: a class of the project, or a class that it does not have."""
        return len(self.at) + int(self.unknown.sum())

    def with_lost(self, keep: Bool[np.ndarray, " u"]) -> RandomDraws:
        """The same draws, with only some of those without a label."""
        return replace(
            self,
            lost=self.lost[keep],
            lost_chance=self.lost_chance[keep],
            lost_rounds=self.lost_rounds[keep],
            unknown=self.unknown[keep],
        )

    @property
    def all_rounds(self) -> Int[np.ndarray, " d"]:
        """(d,) the rounds of the labeled draws, of those without a class, and of the vanished ones."""
        return np.concatenate([self.rounds, self.lost_rounds, self.vanished_rounds])

    @property
    def all_chances(self) -> Float[np.ndarray, " d"]:
        """(d,) the propensities, in the same order."""
        return np.concatenate([self.chance, self.lost_chance, self.vanished_chance])


def random_draws(snapshot: Snapshot, enough: int, *, uniform: bool = False) -> RandomDraws:
    """The draws that are a sample of the same items: of all items that were in the pool at each draw.

    A draw does not cover items that were added later. Therefore either the older draws are left out, if ``enough``
    newer ones ended, or the newer items.

    Args:
        snapshot: The project at one moment.
        enough: With this many newer labels, the draws from before the last addition of items are left out.
        uniform: Only draws in which every item without a label had the same probability, of items that were not
            confirmed with a cluster, and labeled without a suggestion.
    """
    history, row, rows = snapshot.history, snapshot.row, snapshot.training[0]
    position = {int(r): i for i, r in enumerate(rows)}
    # an item that the encoder was fine-tuned on does not measure a head on that encoder
    learned = frozenset() if history.tuned is None else frozenset(history.tuned.taught)
    # a label that does not decide every class (a class was added later) does not count: it depends on when, not on what
    whole = snapshot.kind.complete(snapshot.training[1])
    usable: list[tuple[Draw, int, int]] = []  # with the row, and the position among the labels or -1
    deleted: list[Draw] = []  # draws that ended, and whose item is not in the data any more
    draws = [draw for draw in draws_of(history) if not draw.pending]
    taught = any(draw.item in learned for draw in draws)
    for draw in draws:
        if draw.item in learned:
            continue
        if uniform and (draw.alone or draw.seen or not draw.uniform):
            continue
        if draw.item not in row or (draw.item in history.missing and not uniform):
            deleted.append(draw)
            continue
        at = position.get(row[draw.item], -1) if draw.ended == "class" else -1
        if at < 0 or whole[at]:
            usable.append((draw, row[draw.item], at))
    if taught:
        # half of the labels taught the encoder: so that the other draws do not weigh twice, half of them are left out
        half = calibration_half((draw.item for draw, _, at in usable if at < 0), snapshot.project.config.seed)
        usable = [one for one in usable if one[2] >= 0 or one[0].item in half]

    late = np.array([history.late.get(i, 0) for i in snapshot.embeddings.ids], dtype=np.int64)
    number = np.array([draw.round for draw, _, _ in usable], dtype=np.int64)
    came = late[[r for _, r, _ in usable]] if usable else number
    labeled = np.array([at >= 0 for _, _, at in usable], dtype=bool)
    moments = sorted({history.forgotten, *late[late > history.forgotten].tolist()}, reverse=True)
    uses = [(number > moment) & (came <= moment) for moment in moments]
    last = next((i for i, use in enumerate(uses) if (use & labeled).sum() >= enough), len(uses) - 1)
    until, use = moments[last], uses[last]

    first: dict[int, tuple[Draw, int, int]] = {}  # an item that was drawn again says nothing more
    for one, used in zip(usable, use, strict=True):
        if used:
            first.setdefault(one[1], one)
    ids, gone = snapshot.embeddings.ids, history.missing
    removed = [draw for draw in deleted if draw.round > until]
    if not uniform:
        there = int(np.sum(late <= until))
        left = sum(item in gone and history.late.get(item, 0) >= until for item in ids)
        left += sum(count for number, count in history.removed if number > until)
        removed = removed[: _more_than_chance(len(removed), len(first), left, there)]
    kept = sorted((one for one in first.values() if one[2] >= 0), key=lambda one: one[2])
    lost = sorted((one for one in first.values() if one[2] < 0), key=lambda one: one[1])
    return RandomDraws(
        at=np.array([at for _, _, at in kept], dtype=np.int64),
        chance=np.array([draw.propensity for draw, _, _ in kept], dtype=float),
        rounds=np.array([draw.round for draw, _, _ in kept], dtype=np.int64),
        seen=np.array([draw.seen for draw, _, _ in kept], dtype=bool),
        lost=np.array([r for _, r, _ in lost], dtype=np.int64),
        lost_chance=np.array([draw.propensity for draw, _, _ in lost], dtype=float),
        lost_rounds=np.array([draw.round for draw, _, _ in lost], dtype=np.int64),
        unknown=np.array([draw.ended == "unknown" for draw, _, _ in lost], dtype=bool),
        newer=sum(history.late.get(item, 0) > until and item not in gone for item in ids),
        items=max(1, int(np.sum(late <= until))),
        vanished_chance=np.array([draw.propensity for draw in removed], dtype=float),
        vanished_rounds=np.array([draw.round for draw in removed], dtype=np.int64),
        until=until,
    )


def _more_than_chance(deleted: int, kept: int, left: int, there: int) -> int:
    """Of the drawn items that were deleted, how many are more than chance explains.

    If people delete items whether they were drawn or not, the same share of the drawn and of the other items is
    deleted. More than that means that they deleted what they had seen: then these items are not missing at random.

    Args:
        deleted: Drawn items that were deleted.
        kept: Drawn items that are still there.
        left: Items that were deleted since the draws, drawn or not.
        there: Items that are still there.

    Example:
        >>> _more_than_chance(30, 70, 300, 700), _more_than_chance(17, 133, 17, 383)
        (0, 17)
    """
    drawn, others = deleted + kept, there + left - kept - deleted
    share = max(0, left - deleted) / others if others > 0 else 0.0
    return max(0, min(deleted, ceil(deleted - drawn * share - 2 * sqrt(drawn * share * (1 - share)))))
