"""What a machine says of the pool, as a control of the measured accuracy."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.labels.kinds import Labels
from activessl.measuring.quality.control import Control
from activessl.project.snapshot import Snapshot
from activessl.proof.draws import RandomDraws

#: What a machine thinks of a prediction on which it gave no answer.
SILENT = 0.5


def widest_machine(snapshot: Snapshot) -> str | None:
    """The machine with the most answers about the pool, the first of several; None without one.

    No label decides which machine narrows the interval: choosing the one that fits the labels best would make it too
    narrow.
    """
    known = {name: int(np.isfinite(shares).all(axis=1).sum()) for name, shares in snapshot.machine_shares.items()}
    return max(known, key=lambda name: known[name], default=None)


def control_of(
    snapshot: Snapshot, name: str, draws: RandomDraws, said: Labels, came: Int[np.ndarray, " n"]
) -> Control | None:
    """What a machine thinks of the prediction of each drawn item, less the mean over the items drawn from.

    The share that the machine gives to the predicted class; of an item that it was asked about and has no answer to, a
    half. Of items that it was not asked about, those that it was asked about are a sample.

    Args:
        snapshot: The project at one moment.
        name: The machine.
        draws: The random draws.
        said: (n,) for each label, the prediction of a head that was not taught it.
        came: (n,) for each label, the newest round when it came.

    Returns:
        None where the opinions of the other items are not known, or are no sample of them.
    """
    shares, decided, history = snapshot.machine_shares.get(name), snapshot.decided, snapshot.history
    if shares is None or decided is None or draws.vanished or not len(draws.at):
        return None
    if not history.drawn.isdisjoint(history.reopened):
        return None  # those that are asked about again are of one class: the others are no sample of the pool
    rows, ids = snapshot.training[0], snapshot.embeddings.ids
    predicted = np.array(decided)
    predicted[rows] = np.maximum(said, 0)
    answers = history.said[name].answers
    asked = np.array([item in answers for item in ids], dtype=bool)
    known = np.isfinite(shares).all(axis=1)
    opinion: Float[np.ndarray, " n"] = np.where(known, shares[np.arange(len(ids)), predicted], SILENT)
    covered, since = _left_before(snapshot, draws, came)
    labeled = np.zeros(len(ids), dtype=bool)
    labeled[rows] = True
    means, doubts, spread = {}, {}, 0.0
    for number in np.unique(draws.all_rounds).tolist():
        there = covered & (since >= number)
        total, mean, doubt, square = int(there.sum()), 0.0, 0.0, 0.0
        # a strategy chose some of those with a label, so these are no sample of the others
        for part in (there & labeled, there & ~labeled):
            of, own = int(part.sum()), opinion[part & asked]
            if of and not len(own):
                return None
            if of:
                mean += of / total * float(own.mean())
                square += of / total * float(np.mean(own**2))
                doubt += (of / total) ** 2 * float(own.var()) / len(own) * (1 - len(own) / of)
        means[number], doubts[number] = mean, doubt
        spread = max(spread, square - mean**2)
    items = np.concatenate([rows[draws.at], draws.lost])
    middle = np.array([means[int(number)] for number in draws.all_rounds])
    values = np.where(asked[items], opinion[items] - middle, 0.0)
    return Control(name, values, spread, max(doubts.values()))


def _left_before(
    snapshot: Snapshot, draws: RandomDraws, came: Int[np.ndarray, " n"]
) -> tuple[Bool[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Whether the draws cover each item, and the round after which it could not be drawn any more."""
    history, ids = snapshot.history, snapshot.embeddings.ids
    there = np.array([history.late.get(i, 0) <= draws.until and i not in history.missing for i in ids], dtype=bool)
    since = np.full(len(ids), np.iinfo(np.int64).max)
    since[snapshot.training[0]] = came
    for item, number in history.set_aside_in.items():
        if item in snapshot.row:
            since[snapshot.row[item]] = min(number, since[snapshot.row[item]])
    return there, since
