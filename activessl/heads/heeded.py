"""A head that also heeds machines, as far as the labels of people show that this helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError
from activessl.heads.linear import LogisticHead
from activessl.heads.penalty import MOST_CHOOSING
from activessl.heads.proving import CHANCE, FIRST, prove
from activessl.heads.softmax import span
from activessl.heads.students import Student
from activessl.heads.ways import WAYS, Fit, Way, best_fit, inputs_of, start_of, taught_head

#: Nats of held-out likelihood that a proven machine must add to be heeded: where it adds less, the head on its own, of
#: which more is known, is used.
DOUBT = 3.0


@dataclass(frozen=True, eq=False)
class Heeded:
    """A head taught by people's labels and machines.

    Attributes:
        head: The head, of the same form as a head on its own.
        used: Positions of the machines that it heeds; empty if the labels speak for none.
        gain: Nats by which the heeded machines raise the held-out likelihood of people's labels, less the doubt.
    """

    head: LogisticHead
    used: tuple[int, ...]
    gain: float


def heed(
    points: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    n_classes: int,
    students: Sequence[Student | None],
    *,
    turns: Int[np.ndarray, " m"] | None = None,
    doubt: float = DOUBT,
    chance: float = CHANCE,
) -> Heeded | None:
    """Teach a head people's labels and the machines that help to predict them.

    A machine is heeded only after it has proved itself: predicted one after the other, the labels must have shown that
    it makes the head right more often (:func:`activessl.heads.proving.prove`), and the newer half of them must not have
    shown the contrary. Until then the head, and so the choice of questions, is the same as without it. If machines help
    at no label, one of them is ever heeded with a probability of at most ``chance``.

    Proven machines are added one after the other, the most helpful first, while each raises the leave-one-out
    likelihood of people's labels by more than ``doubt`` nats. A copy of a heeded machine adds nothing, so it does not
    count twice. Each machine counts through its student, a linear function of the vectors, so the head stays linear and
    needs no machine for new items.

    Args:
        points: Vectors of the labeled items.
        labels: Their class indices, given by people.
        n_classes: k.
        students: What each machine says of any vector; None for machines that say the same of all.
        turns: Number of the round in which each label came; by default, all came at once.
        doubt: Nats that a machine must add.
        chance: Probability with which a machine is ever heeded although none helps at any label, in (0, 1).

    Returns:
        None if the labels speak for no machine: then the head on its own is the better one.

    Raises:
        LabelError: Another number of labels than of vectors.

    References:
        Vuong, Likelihood Ratio Tests for Model Selection, Econometrica 1989, for the test of the gain.
        Wolpert, Stacked Generalization, Neural Networks 1992; Kuzborskij & Orabona, Stability and Hypothesis Transfer
        Learning, ICML 2013: a regulariser around what another model says.

    Example:
        >>> from activessl.heads.students import shares_of, student_of
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.integers(4, size=400)
        >>> points = rng.normal(size=(400, 20)) + 2 * np.eye(4)[truth] @ np.eye(4, 20)
        >>> machine = student_of(points, shares_of(np.where(rng.random(400) < 0.8, truth, 0), 4))
        >>> found = heed(points[:40], truth[:40], 4, [None, machine])
        >>> found.used, bool(np.mean(found.head.predict(points) == truth) > 0.7)
        ((1,), True)
    """
    y = np.asarray(labels, dtype=np.int64)
    if len(y) != len(points):
        raise LabelError(f"{len(y)} labels for {len(points)} vectors", hint="pass one class index for each row")
    able = [i for i, student in enumerate(students) if student is not None]
    if not able or len(y) < FIRST:
        return None
    proofs = {i: prove(points, y, n_classes, one, turns=turns) for i, one in enumerate(students) if one is not None}
    enough = len(proofs) / chance  # each may prove itself by chance
    able = [i for i in able if proofs[i].evidence >= enough]
    if not able:
        return None
    known = [student for i in able if (student := students[i]) is not None]
    x = known[0].place(points)
    says = {i: student(x) for i, student in zip(able, known, strict=True)}
    scales = {i: student.scale for i, student in zip(able, known, strict=True)}
    some: Int[np.ndarray, " s"] = np.arange(len(y), dtype=np.int64)
    if len(y) > MOST_CHOOSING:
        some = np.sort(np.random.default_rng(0).choice(len(y), MOST_CHOOSING, replace=False))

    def judged(way: Way) -> Fit:
        said = {i: says[i][some] for i in way.machines}
        return best_fit(span(inputs_of(x[some], said, scales, way)), start_of(said, way), y[some], n_classes, way)

    best_way, best = Way(), judged(Way())
    alone = best.loss
    while len(best_way.machines) < len(able):
        tried = [
            Way((*best_way.machines, i), *how)
            for i in able
            if i not in best_way.machines
            for how, proven, against in zip(WAYS, proofs[i].ways, proofs[i].against, strict=True)
            if proven >= enough and against < 1 / chance
        ]
        fits = [judged(way) for way in tried]
        lowest = min(range(len(fits)), key=lambda i: fits[i].loss, default=None)
        if lowest is None or best.loss - fits[lowest].loss <= doubt:
            break
        best_way, best = tried[lowest], fits[lowest]
    if not best_way.machines:
        return None
    gain = float(alone - best.loss - doubt * len(best_way.machines))
    return Heeded(taught_head(x, y, n_classes, known, able, best_way, best), best_way.machines, gain)
