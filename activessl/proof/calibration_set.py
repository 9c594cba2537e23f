"""The draws that measure a head for an acceptance, and what left the pool since they were made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from activessl.labels.kinds import Labels
from activessl.project.snapshot import Snapshot
from activessl.proof.draws import RandomDraws


@dataclass(frozen=True)
class CalibrationSet:
    """The draws that measure the head, and the items that left the pool since the first of them.

    Attributes:
        rows: (m,) rows of the drawn items.
        wrong: (m,) whether the prediction is wrong; of a drawn item without a class of the project it is.
        left: (l,) rows of the items that could be drawn then, and are neither drawn nor among the rest.
        left_wrong: (l,) whether the prediction is known to be wrong, for items that left after the last draw.
        gone: Items that were removed from the data since, and of which nothing is known.
        vanished: Drawn items among these: people may have removed them because of what they saw.
    """

    rows: Int[np.ndarray, " m"]
    wrong: Bool[np.ndarray, " m"]
    left: Int[np.ndarray, " l"]
    left_wrong: Bool[np.ndarray, " l"]
    gone: int
    vanished: int


def calibration_set(
    snapshot: Snapshot,
    drawn: RandomDraws,
    judges: Int[np.ndarray, " j"],
    rest: Int[np.ndarray, " r"],
    predicted: Labels,
    error: float,
) -> CalibrationSet:
    """Select the draws that measure, from the round on that makes the test sharpest if none of them is wrong.

    Earlier draws add labels, but also items that left the pool since. The choice reads counts only, no outcome.

    Args:
        snapshot: The project at one moment.
        drawn: The random draws; those without a class of the project measure, too.
        judges: (j,) positions among the training labels of the draws that measure.
        rest: (r,) rows of the items that may be accepted.
        predicted: (n,) predictions for the pool, of a head that was not taught the judges.
        error: Tolerated share of wrong labels, in (0, 1).
    """
    rows, y = snapshot.training
    number = dict(zip(drawn.at.tolist(), drawn.rounds.tolist(), strict=True))
    known = np.concatenate([rows[judges], drawn.lost])
    rounds = np.concatenate([[number[i] for i in judges.tolist()], drawn.lost_rounds]).astype(np.int64)
    wrong = np.concatenate([~snapshot.kind.same(predicted[rows[judges]], y[judges]), np.ones(len(drawn.lost), bool)])
    since = _left_in(snapshot, drawn.until)
    since[rest] = since[known] = -1
    history = snapshot.history

    def out(start: int) -> tuple[Int[np.ndarray, " l"], int]:
        return np.flatnonzero(since >= start), sum(count for number, count in history.removed if number >= start)

    best, sharpest = 0, np.inf
    for start in np.unique(rounds):
        left, gone = out(start)
        n, bad = int((rounds >= start).sum()), int(error * len(rest)) + 1
        chance = n * np.log1p(-min(bad / (len(rest) + n + len(left) + gone), 1 - 1e-9))  # that none of them is wrong
        if chance < sharpest:
            best, sharpest = int(start), chance
    use, vanished = rounds >= best, int((drawn.vanished_rounds >= best).sum())
    left, gone = out(best)
    labeled = {int(row): i for i, row in enumerate(rows)}
    unknown = {a.item for a in history.quarantined}
    last, ids = int(rounds[use].max(initial=0)), snapshot.embeddings.ids
    # an item that a cluster sent back is asked about before the draw of its round
    back = {q.item for r in history.rounds if r.number == last for q in r.questions if q.sent_back}

    def is_wrong(row: int) -> bool:
        if since[row] < last or ids[row] in back:
            return False
        if row in labeled:
            i = labeled[row]
            return not bool(snapshot.kind.same(predicted[row : row + 1], y[i : i + 1])[0])
        return ids[row] in unknown

    left_wrong = np.array([is_wrong(int(row)) for row in left], dtype=bool)
    return CalibrationSet(known[use], wrong[use], left, left_wrong, max(0, gone - vanished), vanished)


def _left_in(snapshot: Snapshot, until: int) -> Int[np.ndarray, " n"]:
    """For each row, the newest round when it was labeled, also with a cluster, or set aside; else -1.

    It is -1, too, for an item that was added after ``until``. An item that is missing from the data left now.
    """
    history, now = snapshot.history, snapshot.history.next_round
    came = history.arrivals("label", "skip", clusters=True)

    def left(item: str) -> int:
        if history.late.get(item, 0) > until:
            return -1
        if item in history.labels or item in history.set_aside:
            return came.get(item, now)
        return now if item in history.missing else -1

    return np.array([left(item) for item in snapshot.embeddings.ids], dtype=np.int64)
