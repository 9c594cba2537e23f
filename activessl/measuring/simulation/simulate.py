"""Simulate strategies on labeled data: the labels that each needs, compared with random choice, over paired seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.annotators.oracle import Habits
from activessl.arguments import names as list_of
from activessl.arguments import whole
from activessl.errors import MeasureError
from activessl.measuring.intervals import mean_interval
from activessl.measuring.savings.curves import Curve, win_rate
from activessl.measuring.savings.savings import Savings, savings
from activessl.measuring.simulation.replay import Arena, Track, arrange
from activessl.measuring.simulation.runs import Cache, run_all
from activessl.pool.progress import OnProgress, Progress
from activessl.strategies.base import QueryStrategy
from activessl.strategies.heeding import WithMachine
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy

#: The arm that the others are compared with.
BASELINE = "random"


@dataclass(frozen=True, eq=False)
class Arm:
    """The results of one strategy over all seeds.

    Attributes:
        name: The strategy.
        curve: Accuracy on the test items.
        seconds: (s, b) seconds of the queries of each round.
        human_seconds: (s, b) seconds of labeling up to each budget, including mistakes and skips.
        cold_start: "itself", or the strategy that chose the first batch because this one needs a head.
    """

    name: str
    curve: Curve
    seconds: Float[np.ndarray, "s b"]
    human_seconds: Float[np.ndarray, "s b"]
    cold_start: str


@dataclass(frozen=True, eq=False)
class Simulation:
    """Learning curves of several strategies on the same splits, with the same random numbers.

    Attributes:
        arms: By name; ``random`` is always among them.
        budgets: (b,) label counts.
        settings: Head, seeds, sizes of pool and test data, habits of the annotator.
    """

    arms: Mapping[str, Arm]
    budgets: tuple[int, ...]
    settings: Mapping[str, Any]

    @property
    def baseline(self) -> Arm:
        """The random arm."""
        return self.arms[BASELINE]

    def savings(self, name: str, *, target: float | None = None, level: float = 0.9) -> Savings:
        """Compute the labels that a strategy saves; by default at the accuracy of ``random`` with all labels.

        Raises:
            MeasureError: No such arm, or a target outside (0, 1].
        """
        if name not in self.arms:
            raise MeasureError(f"no arm {name!r}", hint=f"choose one of {', '.join(self.arms)}")
        rng = np.random.default_rng([int(self.settings["seed"]), 7])
        return savings(self.arms[name].curve, self.baseline.curve, rng=rng, target=target, level=level)

    def to_dict(self) -> dict[str, Any]:
        """All figures, ready for JSON: null and a flag instead of NaN for a figure that does not exist."""
        curves: dict[str, Any] = {}
        for name, arm in self.arms.items():
            low, high = mean_interval(arm.curve.accuracy)
            curves[name] = {
                "labels": list(self.budgets),
                "accuracy": _rounded(arm.curve.accuracy, 6),
                "seconds": _rounded(arm.seconds, 6),
                "human_seconds": _rounded(arm.human_seconds, 2),
                "mean": _rounded(arm.curve.mean, 6),
                "low": _rounded(low, 6),
                "high": _rounded(high, 6),
                "area": round(arm.curve.area, 6),
                "wins_against_random": round(win_rate(arm.curve, self.baseline.curve), 4),
                "cold_start": arm.cold_start,
            }
        saved = {name: self.savings(name).to_dict() for name in self.arms if name != BASELINE}
        return {"curves": curves, "savings": saved, "settings": dict(self.settings)}

    def to_json(self) -> str:
        """The figures of ``to_dict`` as JSON text."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_text(self) -> str:
        """Format a table of mean accuracies and one sentence for each strategy."""
        width = max(len(name) for name in self.arms) + 2
        lines = ["labels".ljust(width) + "".join(f"{b:>8}" for b in self.budgets)]
        for name, arm in self.arms.items():
            lines.append(name.ljust(width) + "".join(f"{100 * a:>8.1f}" for a in arm.curve.mean))
        lines += [f"{name}: {self.savings(name).to_text()}" for name in self.arms if name != BASELINE]
        return "\n".join(lines)


def simulate(
    vectors: Float[np.ndarray, "n d"],
    labels: np.ndarray[Any, np.dtype[Any]],
    *,
    n_classes: int | None = None,
    split: Int[np.ndarray, " n"] | None = None,
    strategies: Sequence[str | QueryStrategy] = ("auto",),
    seeds: int = 20,
    budgets: Sequence[int] = (10, 20, 40),
    head: str = "logistic",
    seed: int = 0,
    on_progress: OnProgress | None = None,
    jobs: int = 1,
    oracle: Habits | None = None,
    smoothing: bool = True,
    random_share: float = 0.0,
    answers: np.ndarray[Any, np.dtype[Any]] | None = None,
    times: Float[np.ndarray, " t"] | None = None,
    cache: Path | None = None,
    machine: np.ndarray[Any, np.dtype[Any]] | None = None,
) -> Simulation:
    """Replay strategies on data with known labels, and measure the accuracy that the head reaches.

    All strategies of a seed have the same split, the same random numbers and the same annotator. Each strategy chooses
    its own first batch without labels; a strategy that needs a head gets a random first batch, which ``cold_start``
    records. Vectors are centred on the mean of the pool and scaled to length one.

    Args:
        vectors: One row per item.
        labels: The true class of each item: indices, or any sortable names if ``n_classes`` is not given. Where an item
            may have several classes or none: (n, k) of 0 and 1; an item is right if it is right in every class.
        n_classes: Number of classes; by default the classes that occur.
        split: 0 for items of the pool, other values for test items; by default a stratified fifth is held out
            (multi-label: a random fifth), a new one for each seed.
        strategies: Registered names or strategy objects; ``random`` is added.
        seeds: Number of repetitions, >= 1. With fewer than about 20, intervals are too wide to be useful.
        budgets: Label counts at which to measure, ascending; the first is the size of the first batch.
        head: Name of the head, the same for all strategies.
        seed: Root seed of all random numbers.
        on_progress: Called after each finished run of a strategy on a seed.
        jobs: Number of processes; 0 for one per core.
        oracle: Mistakes, skips and times of the simulated annotator; without mistakes and skips if not given.
        smoothing: Whether all arms see vectors that are smoothed over the neighbourhoods of the pool, without labels.
        random_share: Part of each round that is drawn at random, in [0, 1]; in projects a tenth.
        answers: Real answers of people about each item, in the form of ``labels``, -1 for a skip; they replace the
            answers of ``oracle``.
        times: Seconds of real answers; the time of each label is drawn from these at random.
        cache: Folder that stores finished runs, so that an interrupted simulation can be resumed.
        machine: What a machine says of each item: (n,) class indices, -1 for none, or (n, k) scores, NaN for none.
            Each strategy except ``random`` then has a second arm, such as ``auto+machine``, whose head heeds the
            machine as far as the labels of people show that it helps. The head predicts test items from their vectors
            alone: the machine is not asked about them.

    Returns:
        Curves of all arms, in the order given; ``random`` is last unless it was named.

    Raises:
        MeasureError: Data with NaN, a class that the pool lacks, or budgets that do not ascend or exceed the pool.
        QueryError: An unknown strategy, a strategy that cannot choose, or a random share outside [0, 1].
        HeadError: An unknown head.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> truth = np.repeat([0, 1], 50)
        >>> points = rng.normal(size=(100, 4)) + 4 * truth[:, None]
        >>> found = simulate(points, truth, strategies=("random",), seeds=2, budgets=(4, 8))
        >>> found.baseline.curve.accuracy.shape, found.to_json()[:21]
        ((2, 2), '{"curves": {"random":')
    """
    if whole("seeds", seeds) < 1:
        raise MeasureError(f"{seeds} seeds", hint="use at least 1 seed; 20 are recommended")
    budgets = [whole("budgets", count) for count in list_of("budgets", budgets)]
    arena = arrange(
        vectors,
        labels,
        n_classes=n_classes,
        split=split,
        budgets=budgets,
        head=head,
        seed=seed,
        habits=oracle,
        smoothing=smoothing,
        answers=answers,
        times=times,
        machine=machine,
    )
    named = _named(strategies)
    if random_share:
        named = {name: RandomShare(strategy, random_share) for name, strategy in named.items()}
    if machine is not None:
        heeding = {f"{name}+machine": WithMachine(strategy) for name, strategy in named.items() if name != BASELINE}
        named = {**{name: named[name] for name in named if name != BASELINE}, **heeding, BASELINE: named[BASELINE]}
    kept = None if cache is None else Cache(cache, arena)
    tasks = [(name, strategy, s) for s in range(seeds) for name, strategy in named.items()]

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(Progress("simulate", done, len(tasks)))

    tracks = run_all(arena, tasks, jobs=jobs, cache=kept, tell=tell)
    return Simulation(
        arms={name: _arm(name, [tracks[name, s] for s in range(seeds)], arena.budgets) for name in named},
        budgets=arena.budgets,
        settings={**_settings(arena, seeds), "random_share": random_share},
    )


def _named(strategies: Sequence[str | QueryStrategy]) -> dict[str, QueryStrategy]:
    if isinstance(strategies, str):
        strategies = (strategies,)
    named: dict[str, QueryStrategy] = {}
    for given in strategies:
        strategy = get_strategy(given)
        name = given if isinstance(given, str) else strategy.name
        if isinstance(given, str) and name in named:
            continue
        free, turn = name, 2
        while free in named:  # two objects with one name differ in their parameters
            free, turn = f"{name}#{turn}", turn + 1
        named[free] = strategy
    named.setdefault(BASELINE, get_strategy(BASELINE))
    return named


def _arm(name: str, tracks: Sequence[Track], budgets: tuple[int, ...]) -> Arm:
    return Arm(
        name=name,
        curve=Curve(np.array(budgets), np.array([t.accuracy for t in tracks])),
        seconds=np.array([t.seconds for t in tracks]),
        human_seconds=np.array([t.human_seconds for t in tracks]),
        cold_start=tracks[0].cold_start,
    )


def _settings(arena: Arena, seeds: int) -> dict[str, Any]:
    pool, test = arena.parts(0)
    habits = arena.habits
    return {
        "head": arena.head,
        "seed": arena.seed,
        "seeds": seeds,
        "n_pool": len(pool),
        "n_test": len(test),
        "n_classes": arena.n_classes,
        "smoothing": arena.smoothing,
        "multi_label": arena.kind.independent,
        "machine": _machine(arena, pool),
        "split": "given"
        if arena.split is not None
        else f"{'random' if arena.kind.independent else 'stratified'} fifth per seed",
        "oracle": {
            "mistakes": habits.mistakes if habits.confusion is None else "confusion matrix",
            "skips": habits.skips,
            "seconds": habits.seconds,
            "spread": habits.spread,
            "answers": "drawn" if arena.answers is None else "of people",
            "times": "assumed, not measured" if arena.times is None else "of people",
        },
    }


def _machine(arena: Arena, pool: Int[np.ndarray, " p"]) -> dict[str, Any] | None:
    """How many items of the pool the machine answers, and the share that is right; null without answers."""
    if not arena.machines:
        return None
    given = arena.machines[0][pool]
    known = np.isfinite(given).all(axis=1)
    right = given[known].argmax(axis=1) == arena.labels[pool][known]
    return {"answers": int(known.sum()), "right": round(float(right.mean()), 6) if known.any() else None}


def _rounded(values: Float[np.ndarray, "*r"], digits: int) -> list[Any]:
    rounded: list[Any] = np.round(values, digits).tolist()
    return rounded
