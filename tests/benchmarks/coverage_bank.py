"""Simulated projects whose truth is known: what a project would have in its ledger, and what really was saved.

A bank of them is made once and kept as one ``.npz`` a project, so that estimators can be judged again in minutes.
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

POOL, TEST = 1500, 2000  # items at most: 200 projects in minutes
POOLS = 2  # random pools of each set
REPLAYS = 16  # of the random arm on each pool; its mean curve is the truth
SIZES = (10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960)
#: (items a round, rounds, random share): small and larger projects, little and much measured.
SHAPES = ((20, 4, 0.1), (20, 8, 0.1), (20, 8, 0.25), (20, 16, 0.1))


@dataclass(frozen=True, eq=False)
class World:
    """A pool that projects are made on.

    Attributes:
        name: Of the set, and which pool.
        points: (p, d) the pool as strategies and heads see it.
        y: (p,) truth.
        test: (t, d) other items.
        y_test: (t,) their truth.
        k: Classes.
    """

    name: str
    points: np.ndarray
    y: np.ndarray
    test: np.ndarray
    y_test: np.ndarray
    k: int

    def accuracy(self, rows: np.ndarray) -> tuple[float, np.ndarray]:
        """On the test items, and the pool's predicted classes, of a head that was taught these rows."""
        head = make_head("logistic", self.k).fit(self.points[rows], self.y[rows])
        right = np.asarray(head.predict_proba(self.test)).argmax(axis=1) == self.y_test
        return float(right.mean()), np.asarray(head.predict_proba(self.points)).argmax(axis=1)


def worlds(folder: Path, *, skip: tuple[str, ...] = ("text_banking77",), pool: int = POOL) -> Iterator[World]:
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
    """Run a project: rounds of `auto` around a random share, answered without mistakes."""
    size, rounds, share = SHAPES[which]
    root = int(sha256(f"{world.name} {which} {seed}".encode()).hexdigest()[:8], 16)  # no two projects draw alike
    chooser = RandomShare(get_strategy("auto"), share)
    state = State(
        world.points, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), world.k, np.random.default_rng(0)
    )
    chance, turn = np.empty(0), np.empty(0, dtype=np.int64)
    head = make_head("logistic", world.k)
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


def make_bank(data: Path, work: Path, seeds: int) -> None:
    """Make what is missing of the bank."""
    work.mkdir(parents=True, exist_ok=True)
    for world in worlds(data):
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
