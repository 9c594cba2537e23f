"""The default strategy: nothing to set, from zero labels to thousands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix

from activessl.errors import QueryError
from activessl.strategies.base import Query, State
from activessl.strategies.coverage import Greedy
from activessl.strategies.herding import herd
from activessl.strategies.index import Rows, Vectors, assign, labeled_distance, sample_rows, thin, unit_rows
from activessl.strategies.scene import Choice, Scene, answer, uncertainty_of

#: Rows that may be picked, and rows that coverage is measured on; more are sampled.
_CANDIDATES, _EVALUATORS = 50_000, 20_000
#: Rows that the first batch is chosen among, and those that k-means is seeded with.
_START_ROWS, _SEED_ROWS = 20_000, 2_000
#: Part of the rows that may be picked: the less certain ones.
_SHARE = 0.5
#: Kernel width over the median distance to the nearest label.
_BREADTH = 1.4
#: Rows that the mean is taken over; its error is then below a hundredth of the spread.
_MEAN_ROWS = 20_000
#: Labels at least, before a lack of structure is believed.
_ENOUGH = 30


@dataclass(frozen=True)
class Auto:
    """Ask what covers most of what the head is unsure about, at the scale on which the labels cover the pool.

    Without labels: the items nearest to the centres of a k-means with as many clusters as items asked, seeded with what
    MaxHerding picks. With labels: herding among the less certain half of the items, weighted with the head's margin
    uncertainty (coverage alone while there is no head), under a Gaussian kernel that is a little wider than the median
    distance of an item to its nearest label, so that it narrows as labels come in. Vectors are centred and brought to
    unit length first.

    Two guards: ``random_share`` of each round is drawn alike from all candidates, with recorded propensity, so that
    accuracy can be estimated and no region is left out for ever; and where the labels do not follow the geometry (a
    label's nearest neighbour among the labels agrees no more often than chance), the whole round is.

    Args:
        random_share: Part of each round that is drawn at random, in [0, 1], rounded down.

    References:
        Bae, Oliveira & Sutherland, Uncertainty Herding, ICLR 2025, arXiv 2412.20644; the start: Gupte et al., TMLR
        2024, arXiv 2401.14555; Bae, Noh & Sutherland, ECCV 2024, arXiv 2407.12212.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(50, 4))
        >>> state = State(points, np.array([], int), np.array([], int), 2, np.random.default_rng(1))
        >>> len(Auto().query(state, 5))
        5
    """

    random_share: float = 0.05
    name: str = field(default="auto", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`.

        Raises:
            QueryError: A random share outside [0, 1], or a state that cannot be used.
        """
        if not 0 <= self.random_share <= 1:
            raise QueryError(f"a random share of {self.random_share}", hint="use a share between 0 and 1")
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        rng = scene.state.rng
        lost = not labels_follow_geometry(scene)
        drawn = scene.size if lost else int(self.random_share * scene.size + 1e-9)
        at = rng.choice(len(scene.rows), drawn, replace=False)
        chance = drawn / len(scene.rows) / scene.multiplicity[at]
        random_picks = scene.draw_copies(at)
        chosen = Greedy(np.empty(0, dtype=np.int64), np.empty(0), 0.0)
        if drawn < scene.size:
            free = np.delete(np.arange(len(scene.rows)), at)
            size = scene.size - drawn
            chosen = _herd(scene, scene.rows[at], free, size) if len(scene.labeled) else _start(scene, free, size)
        why = "drawn at random" + (", because the labels do not follow the vectors so far" if lost else "")
        return _interleave(scene, chosen, random_picks, chance, why)


def _start(scene: Scene, free: Int[np.ndarray, " f"], size: int) -> Greedy:
    """The first batch: k-means from where MaxHerding would look, then the item nearest to each centre.

    Herding alone spends its first pick on the middle of the pool, k-means from random seeds merges groups by chance.
    """
    rng = scene.state.rng
    some = thin(free, max(_START_ROWS, size), rng)
    rows = scene.rows[some]
    points = centred(scene.state.vectors, rows)
    weights = scene.weigh(scene.multiplicity.astype(np.float64))[some]
    every = np.arange(len(rows))
    seeds = herd(
        points,
        every[:0],
        thin(every, max(_SEED_ROWS, size), rng),
        size,
        width=1.0,
        weights=weights,
        evaluators=thin(every, 2 * _SEED_ROWS, rng),
        rng=rng,
    )
    steps = int(np.clip(3_000 // size, 3, 30))  # large batches need no settled clusters, and would wait for them
    picks, share = settle(points, seeds.picks, weights, iterations=steps)
    return Greedy(rows[picks], share, float(share.sum()))


def settle(
    points: Float[np.ndarray, "m d"], seeds: Rows, weights: Float[np.ndarray, " m"], *, iterations: int = 30
) -> tuple[Rows, Float[np.ndarray, " q"]]:
    """Lloyd's k-means from these rows; then the row nearest to each centre, most populous cluster first.

    Args:
        points: float32.
        seeds: (q,) distinct rows to start from.
        weights: Pull of each row, >= 0.
        iterations: At most.

    Returns:
        (distinct rows, share of the weight in each one's cluster, not increasing).

    Example:
        >>> line = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], dtype=np.float32)
        >>> settle(line, np.array([0, 2]), np.ones(6))[0].tolist()
        [1, 4]
    """
    centres = points[seeds].copy()
    owner = np.full(len(points), -1)
    for _ in range(iterations):
        now, _ = assign(points, centres)
        if np.array_equal(now, owner):
            break
        owner = now
        mass = np.bincount(owner, weights=weights, minlength=len(seeds))
        member = csr_matrix((weights, (owner, np.arange(len(points)))), shape=(len(seeds), len(points)))
        kept = mass > 0  # an emptied cluster stays where it was
        centres[kept] = np.asarray(member @ points)[kept] / mass[kept, None]
    owner, distance = assign(points, centres)
    mass = np.bincount(owner, weights=weights, minlength=len(seeds))
    order = np.lexsort((distance, owner))
    clusters, first = np.unique(owner[order], return_index=True)
    picks = np.concatenate([order[first], np.setdiff1d(seeds, order[first])])[: len(seeds)]
    share = np.concatenate([mass[clusters], np.zeros(len(seeds) - len(clusters))]) / max(mass.sum(), 1e-12)
    by_share = np.argsort(-share, kind="stable")
    return picks[by_share], share[by_share]


def _herd(scene: Scene, drawn: Rows, free: Int[np.ndarray, " f"], size: int) -> Greedy:
    """Herd among these positions of the scene's rows, as if what was drawn at random were labeled already."""
    state = scene.state
    candidates = _in_question(scene, free, max(4 * size, round(_SHARE * len(free))))
    candidates = thin(candidates, max(_CANDIDATES, 4 * size), state.rng)
    evaluators = thin(np.arange(len(scene.rows)), _EVALUATORS, state.rng)
    # all that takes part in one small matrix: labels, random picks, candidates and evaluators
    taking_part = [scene.labeled, drawn, scene.rows[candidates], scene.rows[evaluators]]
    rows, place = np.unique(np.concatenate(taking_part), return_inverse=True)
    labeled, extra, candidate_at, evaluator_at = np.split(place, np.cumsum([len(part) for part in taking_part])[:-1])
    points = centred(state.vectors, rows)

    weights = np.zeros(len(rows), dtype=np.float32)
    weights[evaluator_at] = scene.multiplicity[evaluators]
    if state.probs is not None:
        weights[evaluator_at] *= scene.narrowed(evaluators, 1).uncertainty("margin")
    found = herd(
        points,
        np.concatenate([labeled, extra]),
        candidate_at,
        size,
        width=_BREADTH * labeled_distance(points, labeled, rng=state.rng),
        weights=weights,
        appeal=None if scene.appeal is None else scene.appeal[candidates],
        evaluators=evaluator_at,
        rng=state.rng,
    )
    return Greedy(rows[found.picks], found.gains, found.objective)


def _in_question(scene: Scene, free: Int[np.ndarray, " f"], size: int) -> Int[np.ndarray, " g"]:
    """The least certain of these positions, ascending; without a head all of them."""
    if scene.state.probs is None or size >= len(free):
        return free
    doubt = scene.weigh(scene.uncertainty("margin"))[free]
    order = np.lexsort((scene.state.rng.random(len(free)), -doubt))  # ties fall at random
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
    noise = 1e-6 * np.abs(mean).max()  # rounding around a constant is no direction
    out = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), 4096):
        block = np.asarray(vectors[rows[start : start + 4096]], dtype=np.float64) - mean
        block[np.abs(block).max(axis=1) <= noise] = 0.0
        out[start : start + 4096] = unit_rows(block)
    return out


def labels_follow_geometry(scene: Scene) -> bool:
    """Whether a label's nearest other label agrees with it more often than chance; True while labels are few.

    Actively chosen labels lie apart and near borders, so they agree less than labels drawn at random even where all is
    well; only the absence of agreement counts: less than a standard error above what shuffled labels give.
    """
    y = np.asarray(scene.state.labels)
    if scene.multi_label or len(y) < max(_ENOUGH, 3 * scene.state.n_classes):
        return True
    share = np.bincount(y, minlength=scene.state.n_classes) / len(y)
    chance = float(share @ share)
    some = thin(np.arange(len(y)), 2_000, np.random.default_rng(0))
    points = centred(scene.state.vectors, scene.labeled[some])
    near = points @ points.T
    np.fill_diagonal(near, -np.inf)
    agree = float(np.mean(y[some][near.argmax(axis=1)] == y[some]))
    return chance > 0.95 or agree > chance + np.sqrt(chance * (1 - chance) / len(some))


def _interleave(scene: Scene, chosen: Greedy, drawn: Rows, chance: Float[np.ndarray, " r"], why: str) -> Choice:
    """Spread the random picks evenly over the batch, so that a round that is cut short still holds its share."""
    size = len(chosen.picks) + len(drawn)
    is_random = np.zeros(size, dtype=bool)
    is_random[((np.arange(len(drawn)) + 0.5) * size / max(len(drawn), 1)).astype(np.int64)] = True
    picks, propensities, gains = np.empty(size, dtype=np.int64), np.full(size, np.nan), np.zeros(size)
    picks[is_random], picks[~is_random] = drawn, chosen.picks
    propensities[is_random] = chance
    gains[~is_random] = chosen.gains
    parts = {"gain": gains}
    if scene.state.probs is not None:
        parts["uncertainty"] = uncertainty_of(np.asarray(scene.state.probs[picks]), multi_label=scene.multi_label)
    return Choice(picks, leads=[why if r else "" for r in is_random], parts=parts, propensities=propensities)
