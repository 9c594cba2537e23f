"""Simulated projects with known truth: the draws and labels of a project, and the true labels saved.

The bank is made once and stored as one ``.npz`` per project, so that estimators can be measured again in minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from activessl.geometry.smoothing import smooth
from activessl.heads.registry import make_head
from activessl.measuring.savings.curves import isotonic
from activessl.strategies.base import State
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy

POOL, TEST = 1500, 2000  # most items, so that 200 projects take minutes
POOLS = 2  # random pools of each set
REPLAYS = 16  # of the random arm on each pool; their mean curve is the truth
SIZES = (10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960)
#: (items a round, rounds, random share): smaller and larger projects, with fewer and more random labels.
SHAPES = ((20, 4, 0.1), (20, 8, 0.1), (20, 8, 0.25), (20, 16, 0.1))


@dataclass(frozen=True, eq=False)
class World:
    """A pool that projects are made on.

    Attributes:
        name: Name of the set, and number of the pool.
        points: (p, d) smoothed vectors of the pool.
        y: (p,) true classes.
        test: (t, d) vectors of the test items.
        y_test: (t,) true classes of the test items.
        k: Number of classes.
        head: Name of the head of the projects and of random choice.
    """

    name: str
    points: np.ndarray
    y: np.ndarray
    test: np.ndarray
    y_test: np.ndarray
    k: int
    head: str = "logistic"

    def accuracy(self, rows: np.ndarray) -> tuple[float, np.ndarray]:
        """Teach a head these rows; return its accuracy on the test items, and its predicted classes of the pool."""
        head = make_head(self.head, self.k).fit(self.points[rows], self.y[rows])
        right = np.asarray(head.predict_proba(self.test)).argmax(axis=1) == self.y_test
        return float(right.mean()), np.asarray(head.predict_proba(self.points)).argmax(axis=1)


def worlds(
    folder: Path, *, skip: tuple[str, ...] = ("text_banking77",), pool: int = POOL, head: str = "logistic"
) -> Iterator[World]:
    """All pools of all sets in a folder."""
    for path in sorted(folder.glob("*.npz")):
        if path.stem in skip:
            continue
        with np.load(path, allow_pickle=False) as found:
            x, y = found["vectors"].astype(np.float32), found["labels"].astype(np.int64)
        for turn in range(POOLS):
            order = np.random.default_rng([11, turn]).permutation(len(y))
            size = min(pool, int(0.65 * len(y)))
            rows, rest = order[:size], order[size : size + TEST]
            mean = x[rows].mean(axis=0)
            smoothed = smooth(x[rows] - mean)
            yield World(
                f"{path.stem}-{turn}",
                np.asarray(smoothed.points),
                y[rows],
                smoothed.transform(x[rest] - mean),
                y[rest],
                int(y.max()) + 1,
                head,
            )


def random_curve(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Label counts, and the mean accuracy of random choice at each, made non-decreasing."""
    sizes = np.array([s for s in SIZES if s <= 0.8 * len(world.y)])
    found = np.zeros((REPLAYS, len(sizes)))
    for r in range(REPLAYS):
        order = np.random.default_rng([12, r]).permutation(len(world.y))
        found[r] = [world.accuracy(order[:s])[0] for s in sizes]
    return sizes, isotonic(found.mean(axis=0))


def make_project(world: World, which: int, seed: int) -> dict[str, np.ndarray]:
    """Simulate a project: rounds of `auto` with a random share, answered without mistakes."""
    size, rounds, share = SHAPES[which]
    root = int(sha256(f"{world.name} {which} {seed}".encode()).hexdigest()[:8], 16)  # one seed per project
    chooser = RandomShare(get_strategy("auto"), share)
    state = State(
        world.points, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), world.k, np.random.default_rng(0)
    )
    chance, turn = np.empty(0), np.empty(0, dtype=np.int64)
    head = make_head(world.head, world.k)
    for r in range(rounds):
        query = chooser.query(state.replace(rng=np.random.default_rng([root, r])), size)
        rows = np.concatenate([state.labeled, query.indices])
        chance = np.concatenate([chance, query.propensities])
        turn = np.concatenate([turn, np.full(size, r)])
        head.partial_fit(world.points[rows], world.y[rows], classes=np.arange(world.k))
        state = state.replace(
            labeled=rows, labels=world.y[rows], probs=head.predict_proba(world.points), predict=head.predict_proba
        )
    on_test, predicted = world.accuracy(state.labeled)
    return {
        "rows": state.labeled,
        "chance": chance,
        "turn": turn,
        "accuracy": np.array(on_test),
        "rest_accuracy": np.array(np.mean(np.delete(predicted == world.y, state.labeled))),
    }


def make_bank(data: Path, work: Path, seeds: int, head: str = "logistic") -> None:
    """Make the curves and projects that the bank does not have yet."""
    work.mkdir(parents=True, exist_ok=True)
    for world in worlds(data, head=head):
        curve = work / f"{world.name}-curve.npz"
        if not curve.exists():
            sizes, accuracy = random_curve(world)
            np.savez(curve, sizes=sizes, accuracy=accuracy)
        for which, shape in enumerate(SHAPES):
            for seed in range(seeds):
                path = work / f"{world.name}-p{which}-{seed}.npz"
                if shape[0] * shape[1] < 0.4 * len(world.y) and not path.exists():
                    np.savez(path, **make_project(world, which, seed))
        print(world.name, flush=True)
