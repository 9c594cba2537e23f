"""The default strategy: nothing to set, from zero labels to thousands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import QueryError
from activessl.strategies.base import Query, State
from activessl.strategies.coverage import Greedy
from activessl.strategies.herding import herd
from activessl.strategies.index import Rows, Vectors, labeled_distance, local_scale, sample_rows, thin, unit_rows
from activessl.strategies.scene import Choice, Scene, answer

#: Labels a class at which the kernel follows the local density in full; below, in proportion.
_SETTLED = 10.0
#: Rows that coverage is measured on, and rows that may be picked: more are sampled.
_EVALUATORS, _CANDIDATES = 5_000, 5_000
#: Rows that the mean is taken over; its error is then below a hundredth of the spread.
_MEAN_ROWS = 20_000
#: Labels at least, before a lack of structure is believed.
_ENOUGH = 30


@dataclass(frozen=True)
class Auto:
    """Ask what covers most of what the head is unsure about, at the scale on which the labels cover the pool.

    Before there is a head the picks cover the pool (MaxHerding). Then coverage is weighted with the head's margin
    uncertainty, under a Gaussian kernel as wide as the median distance of an item to its nearest label, so that it
    narrows as labels come in. Up to ten labels a class the kernel turns from one width everywhere to one that follows
    the local density. Vectors are centred and brought to unit length first.

    Two guards: ``random_share`` of each round is drawn alike from all candidates, with recorded propensity; and where
    the labels do not follow the geometry (a label's nearest neighbour among the labels agrees no more often than
    chance), the whole round is.

    Args:
        random_share: Part of each round that is drawn at random, in [0, 1], rounded down.

    References:
        Bae, Oliveira & Sutherland, Uncertainty Herding, ICLR 2025, arXiv 2412.20644; Bae, Noh & Sutherland, MaxHerding,
        ECCV 2024, arXiv 2407.12212; Zelnik-Manor & Perona, Self-Tuning Spectral Clustering, NIPS 2004.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(50, 4))
        >>> state = State(points, np.array([], int), np.array([], int), 2, np.random.default_rng(1))
        >>> len(Auto().query(state, 5))
        5
    """

    random_share: float = 0.1
    name: str = field(default="auto", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        if not 0 <= self.random_share <= 1:
            raise QueryError(f"a random share of {self.random_share}", hint="use a share between 0 and 1")
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        rng = scene.state.rng
        doubtful = not _labels_follow_geometry(scene)
        drawn = scene.size if doubtful else int(self.random_share * scene.size + 1e-9)
        at = rng.choice(len(scene.rows), drawn, replace=False) if drawn else np.empty(0, dtype=np.int64)
        chance = drawn / len(scene.rows) / scene.multiplicity[at]
        random_picks = scene.draw_copies(at)
        lead = "drawn at random, because labels do not follow the vectors so far" if doubtful else "drawn at random"

        chosen = Greedy(np.empty(0, dtype=np.int64), np.empty(0), 0.0)
        if drawn < scene.size:
            chosen = _herd(scene, scene.rows[at], np.delete(np.arange(len(scene.rows)), at), scene.size - drawn)
        return _interleave(scene, chosen, random_picks, chance, lead)


def _herd(scene: Scene, drawn: Rows, free: Int[np.ndarray, " f"], size: int) -> Greedy:
    """Herd among these positions of the scene's rows, as if what was drawn at random were labeled already."""
    state = scene.state
    rng = state.rng
    candidates = thin(free, max(_CANDIDATES, 4 * size), rng)
    evaluators = thin(np.arange(len(scene.rows)), _EVALUATORS, rng)
    # everything that takes part, in one small matrix: labels, random picks, candidates and evaluators
    rows, place = np.unique(
        np.concatenate([scene.labeled, drawn, scene.rows[candidates], scene.rows[evaluators]]), return_inverse=True
    )
    known = len(scene.labeled) + len(drawn)
    points = _centred(state.vectors, rows)
    labeled, candidate_at = place[:known], place[known : known + len(candidates)]
    evaluator_at = place[known + len(candidates) :]

    weights = np.zeros(len(rows), dtype=np.float32)
    doubt = _doubt(scene, evaluators)
    weights[evaluator_at] = doubt * scene.multiplicity[evaluators]
    width = labeled_distance(points, place[: len(scene.labeled)], rng=rng)
    settled = min(1.0, len(scene.labeled) / (_SETTLED * state.n_classes))
    found = herd(
        points,
        labeled,
        candidate_at,
        size,
        width=width,
        weights=weights,
        scale=local_scale(points, rng=rng, exponent=settled) if settled else None,
        appeal=None if scene.appeal is None else scene.appeal[candidates],
        evaluators=evaluator_at,
        max_candidates=len(candidates),
        max_evaluators=len(evaluators),
        rng=rng,
    )
    return Greedy(rows[found.picks], found.gains, found.objective)


def _doubt(scene: Scene, positions: Int[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    if scene.state.probs is None or not len(scene.labeled):
        return np.ones(len(positions))
    return scene.narrowed(positions, 1).uncertainty("margin")


def _centred(vectors: Vectors, rows: Rows) -> Float[np.ndarray, "m d"]:
    """These rows minus the pool's mean, as float32 unit vectors."""
    some = sample_rows(len(vectors), _MEAN_ROWS, np.random.default_rng(0))
    total = np.zeros(vectors.shape[1], dtype=np.float64)
    for start in range(0, len(some), 4096):
        total += np.asarray(vectors[some[start : start + 4096]], dtype=np.float64).sum(axis=0)
    mean = total / len(some)
    out = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), 4096):
        part = rows[start : start + 4096]
        block = np.asarray(vectors[part], dtype=np.float64) - mean
        # rounding noise around a constant is no direction
        noise = 1e-6 * np.abs(mean).max(initial=0.0)
        block[np.abs(block).max(axis=1) <= noise] = 0.0
        out[start : start + 4096] = unit_rows(block)
    return out


def _labels_follow_geometry(scene: Scene) -> bool:
    """Whether a label's nearest other label agrees with it more often than chance; True while labels are few.

    Actively chosen labels lie apart and near borders, so the agreement is low even where all is well; only its
    absence counts: less than one standard error above what shuffled labels would give.
    """
    state = scene.state
    y = np.asarray(state.labels)
    if scene.multi_label or len(y) < max(_ENOUGH, 3 * state.n_classes):
        return True
    share = np.bincount(y, minlength=state.n_classes) / len(y)
    chance = float(share @ share)
    if chance > 0.98:
        return True
    rows = thin(np.arange(len(y)), 2_000, np.random.default_rng(0))
    points = _centred(state.vectors, scene.labeled[rows])
    near = points @ points.T
    np.fill_diagonal(near, -np.inf)
    agree = float(np.mean(y[rows][near.argmax(axis=1)] == y[rows]))
    return agree > chance + np.sqrt(chance * (1 - chance) / len(rows))


def _interleave(
    scene: Scene, chosen: Greedy, drawn: Rows, chance: Float[np.ndarray, " r"], lead: str
) -> Choice:
    """Spread the random picks evenly over the batch, so that a round that is cut short still holds its share."""
    size = len(chosen.picks) + len(drawn)
    spots = np.floor((np.arange(len(drawn)) + 0.5) * size / max(len(drawn), 1)).astype(np.int64)
    is_random = np.zeros(size, dtype=bool)
    is_random[spots] = True
    picks = np.empty(size, dtype=np.int64)
    picks[is_random], picks[~is_random] = drawn, chosen.picks
    propensities = np.full(size, np.nan)
    propensities[is_random] = chance
    gains = np.zeros(size)
    gains[~is_random] = chosen.gains
    doubt = np.zeros(size)
    if scene.state.probs is not None:
        picked = scene.state.replace(probs=np.asarray(scene.state.probs)[picks])
        doubt = _picked_doubt(picked, scene)
    leads = [lead if r else "" for r in is_random]
    return Choice(picks, leads=leads, parts={"gain": gains, "uncertainty": doubt}, propensities=propensities)


def _picked_doubt(picked: State, scene: Scene) -> Float[np.ndarray, " q"]:
    from activessl.strategies.scene import uncertainty_of

    return uncertainty_of(np.asarray(picked.probs), multi_label=scene.multi_label)
