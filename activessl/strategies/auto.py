"""The default strategy: it has no parameters and works from zero labels to thousands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import Rows, sample_rows, thin
from activessl.geometry.clusters import assign, lloyd
from activessl.geometry.neighbours import gaps
from activessl.geometry.units import Vectors, unit_rows
from activessl.labels.kinds import kind_of
from activessl.strategies.base import Query, State
from activessl.strategies.coverage.herding import herd
from activessl.strategies.coverage.k_center import Greedy
from activessl.strategies.rare import seek
from activessl.strategies.scene import Choice, Scene, answer, uncertainty_of
from activessl.strategies.uncertainty.strategies import Random

#: Largest numbers of candidates and of rows that coverage is measured on; larger sets are sampled.
_CANDIDATES, _EVALUATORS = 50_000, 20_000
#: Largest numbers of rows that the first batch is chosen from and that the seeds of k-means are chosen from.
_START_ROWS, _SEED_ROWS = 20_000, 2_000
#: Share of the rows that may be picked: the least certain ones.
_SHARE = 0.5
#: The kernel width is this quantile of the distances from each label to its nearest other label ...
_CLOSE = 0.1
#: ... measured on at most this many labels.
_MEASURED = 2_000
#: Rows that the mean is computed from; the error of the mean is then below a hundredth of the spread.
_MEAN_ROWS = 20_000
#: Fewest labels for the test whether labels follow the geometry.
_ENOUGH = 30


@dataclass(frozen=True)
class Auto:
    """Choose items that cover the uncertain part of the pool, with a kernel width that follows the labels.

    Without labels: the items nearest to the centres of a k-means with ``query_size`` clusters, seeded with the picks of
    MaxHerding. With labels: herding among the less certain half of the items, weighted with the head's margin
    uncertainty (coverage only while there is no head). The width of the Gaussian kernel is the 10 % quantile of the
    distance from a label to its nearest other label, so the kernel narrows as labels are added. The published width is
    the smallest of these distances and depends on a single pair. Vectors are centred and scaled to unit length first.

    A fifth of the round goes to the likely items of classes that have a label, but fewer than half as many as an
    average class; the others are chosen as if these were labeled.

    First guard: where the labels do not follow the geometry (nearest labeled items agree no more often than by
    chance), the whole round is drawn uniformly from all candidates. Second guard: projects wrap every strategy in
    :class:`activessl.strategies.random_share.RandomShare`.

    References:
        Bae, Oliveira & Sutherland, Uncertainty Herding, ICLR 2025, arXiv 2412.20644; the start: Gupte et al., TMLR
        2024, arXiv 2401.14555; Bae, Noh & Sutherland, ECCV 2024, arXiv 2407.12212.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(50, 4))
        >>> state = State(points, np.array([], int), np.array([], int), 2, np.random.default_rng(1))
        >>> len(Auto().query(state, 5))
        5
    """

    name: str = field(default="auto", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def left_to_chance(self, state: State) -> str | None:
        """A reason if the labels do not follow the geometry; see :func:`activessl.strategies.base.left_to_chance`."""
        why = "drawn at random, because nearest labeled items agree no more often than by chance"
        return None if labels_follow_geometry(state) else why

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        why = self.left_to_chance(scene.state)
        if why is not None:
            return replace(Random().choose(scene), leads=[why] * scene.size)
        if not len(scene.labeled):
            return _told(scene, _start(scene))
        sought = seek(scene)
        if sought is None:
            return _told(scene, _herd(scene))
        return sought.joined(_told(sought.rest, _herd(sought.rest))) if sought.rest.size else sought.found


def _told(scene: Scene, found: Greedy) -> Choice:
    """The choice with its figures."""
    parts = {"gain": found.gains}
    if scene.state.probs is not None:
        asked = np.asarray(scene.state.probs[found.picks])
        parts["uncertainty"] = uncertainty_of(asked, independent=scene.independent)
    return Choice(found.picks, parts=parts)


def _start(scene: Scene) -> Greedy:
    """Choose the first batch: k-means seeded with the picks of MaxHerding, then the item nearest to each centre.

    Herding alone spends its first pick on the middle of the pool; k-means with random seeds merges clusters by chance.
    Pending items keep clusters of their own.
    """
    rng, size = scene.state.rng, scene.size
    some = thin(np.arange(len(scene.rows)), max(_START_ROWS, size), rng)
    rows = np.concatenate([scene.rows[some], scene.covering])
    points = centred(scene.state.vectors, rows)
    free, taken = np.arange(len(some)), np.arange(len(some), len(rows))
    weights = np.append(scene.weigh(scene.multiplicity.astype(np.float64))[some], np.zeros(len(taken)))
    seeds = herd(
        points,
        taken,
        thin(free, max(_SEED_ROWS, size), rng),
        size,
        width=1.0,
        weights=weights,
        evaluators=thin(free, 2 * _SEED_ROWS, rng),
        rng=rng,
    )
    steps = int(np.clip(3_000 // size, 3, 30))  # large batches need no converged clusters, and converging would be slow
    picks, share = settle(points[free], seeds.picks, weights[free], fixed=points[taken], iterations=steps)
    return Greedy(rows[picks], share, float(share.sum()))


def settle(
    points: Float[np.ndarray, "m d"],
    seeds: Rows,
    weights: Float[np.ndarray, " m"],
    *,
    fixed: Float[np.ndarray, "f d"] | None = None,
    iterations: int = 30,
) -> tuple[Rows, Float[np.ndarray, " q"]]:
    """Run Lloyd's k-means from these rows and return the row nearest to each centre, largest cluster first.

    Args:
        points: float32.
        seeds: (q,) distinct rows to start from.
        weights: Weight of each row, >= 0.
        fixed: Further centres that do not move; rows nearest to them belong to them.
        iterations: Largest number of iterations.

    Returns:
        (distinct rows, share of the weight in the cluster of each row, not increasing).

    Example:
        >>> line = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], dtype=np.float32)
        >>> settle(line, np.array([0, 2]), np.ones(6))[0].tolist()
        [1, 4]
        >>> settle(line, np.array([3]), np.ones(6), fixed=line[:1])[0].tolist()
        [4]
    """
    q = len(seeds)
    start = points[seeds] if fixed is None else np.concatenate([points[seeds], fixed])
    centres = lloyd(points, start, weights, iterations, fixed=len(start) - q)
    owner, distance = assign(points, centres)
    mass = np.bincount(owner, weights=weights, minlength=len(centres))
    order = np.lexsort((distance, owner))
    clusters, first = np.unique(owner[order], return_index=True)
    own = clusters < q
    clusters, nearest = clusters[own], order[first[own]]
    picks = np.concatenate([nearest, np.setdiff1d(seeds, nearest)])[:q]
    share = np.concatenate([mass[clusters], np.zeros(q - len(clusters))]) / max(mass.sum(), 1e-12)
    by_share = np.argsort(-share, kind="stable")
    return picks[by_share], share[by_share]


def _herd(scene: Scene) -> Greedy:
    """Choose among the rows of the scene by herding."""
    state, size, every = scene.state, scene.size, np.arange(len(scene.rows))
    candidates = _in_question(scene, every, max(4 * size, round(_SHARE * len(every))))
    candidates = thin(candidates, max(_CANDIDATES, 4 * size), state.rng)
    evaluators = thin(every, _EVALUATORS, state.rng)
    # one small matrix of all rows in use: labeled and pending rows, candidates and evaluators
    taking_part = [scene.covering, scene.rows[candidates], scene.rows[evaluators]]
    rows, place = np.unique(np.concatenate(taking_part), return_inverse=True)
    covering, candidate_at, evaluator_at = np.split(place, np.cumsum([len(part) for part in taking_part])[:-1])
    points = centred(state.vectors, rows)

    weights = np.zeros(len(rows), dtype=np.float32)
    weights[evaluator_at] = scene.multiplicity[evaluators]
    if state.probs is not None:
        weights[evaluator_at] *= scene.narrowed(evaluators, 1).uncertainty("margin")
    found = herd(
        points,
        covering,
        candidate_at,
        size,
        width=_close(points, covering[: len(scene.labeled)], rng=state.rng),
        weights=weights,
        appeal=None if scene.appeal is None else scene.appeal[candidates],
        evaluators=evaluator_at,
        rng=state.rng,
    )
    return Greedy(rows[found.picks], found.gains, found.objective)


def _close(points: Float[np.ndarray, "m d"], labeled: Rows, *, rng: np.random.Generator) -> float:
    """The 10 % quantile of the distance from a label to its nearest other label; 1 with fewer than two labels."""
    if len(labeled) < 2:
        return 1.0
    found = gaps(points[labeled], thin(np.arange(len(labeled)), _MEASURED, rng))
    return max(float(np.quantile(found, _CLOSE)), 1e-3)


def _in_question(scene: Scene, free: Int[np.ndarray, " f"], size: int) -> Int[np.ndarray, " g"]:
    """The least certain of these positions, ascending; all of them without a head."""
    if scene.state.probs is None or size >= len(free):
        return free
    doubt = scene.weigh(scene.uncertainty("margin"))[free]
    order = np.lexsort((scene.state.rng.random(len(free)), -doubt))  # random order among ties
    return np.sort(free[order[:size]])


def centred(vectors: Vectors, rows: Rows) -> Float[np.ndarray, "m d"]:
    """These rows minus the pool's mean (over at most 20,000 of its rows), as float32 unit vectors.

    Example:
        >>> centred(np.array([[5.0, 1.0], [5.0, 3.0]]), np.array([0, 1])).tolist()
        [[0.0, -1.0], [0.0, 1.0]]
    """
    some = sample_rows(len(vectors), _MEAN_ROWS, np.random.default_rng(0))
    total = np.zeros(vectors.shape[1], dtype=np.float64)
    for start in range(0, len(some), 4096):
        total += np.asarray(vectors[some[start : start + 4096]], dtype=np.float64).sum(axis=0)
    mean = total / len(some)
    noise = 1e-6 * np.abs(mean).max()  # rounding errors around a constant have no direction
    out = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), 4096):
        block = np.asarray(vectors[rows[start : start + 4096]], dtype=np.float64) - mean
        block[np.abs(block).max(axis=1) <= noise] = 0.0
        out[start : start + 4096] = unit_rows(block)
    return out


def labels_follow_geometry(state: State) -> bool:
    """Whether nearest labeled items have the same label more often than by chance; True while labels are few.

    Actively chosen items are far apart and near class borders, so their labels agree less often than random labels,
    even if the embedding is good. The test therefore fails only if the agreement is less than one standard error above
    the agreement of shuffled labels.
    """
    y = np.asarray(state.labels)
    if kind_of(y).independent or len(y) < max(_ENOUGH, 3 * state.n_classes):
        return True
    share = np.bincount(y, minlength=state.n_classes) / len(y)
    chance = float(share @ share)
    some = thin(np.arange(len(y)), 2_000, np.random.default_rng(0))
    points = centred(state.vectors, np.asarray(state.labeled, dtype=np.int64)[some])
    near = points @ points.T
    np.fill_diagonal(near, -np.inf)
    agree = float(np.mean(y[some][near.argmax(axis=1)] == y[some]))
    return chance > 0.95 or agree > chance + np.sqrt(chance * (1 - chance) / len(some))
