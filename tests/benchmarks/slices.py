"""How often a worse slice is found, and how often one is found where there is none: ``docs/results/slices.md``.

    python tests/benchmarks/slices.py [found] [alarms] [projects] [--projects N]

Each simulated project has random draws and six columns: one of two values, which is that of the worse slice, and
harmless ones of 2, 3, 5, 7 and 10 values. ``projects`` runs whole projects instead: vectors, a strategy, labels.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from activessl.annotators.oracle import Oracle
from activessl.measuring.intervals import share_interval
from activessl.measuring.quality.slices import compare_slices
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.slices import slice_report
from activessl.session import Session

VALUES = (2, 3, 5, 7, 10)
Draws = tuple[np.ndarray, list[np.ndarray], np.ndarray | None]


def harmless(rng: np.random.Generator, m: int, values: tuple[int, ...] = VALUES) -> list[np.ndarray]:
    return [rng.integers(v, size=m) for v in values]


def worse_half(rng: np.random.Generator, m: int, accuracy: float, gap: float) -> Draws:
    """The second value of the first column, half of the pool, is worse by ``gap``."""
    bad = rng.integers(2, size=m)
    return rng.random(m) < accuracy - gap * bad, [bad, *harmless(rng, m)], None


def plain(rng: np.random.Generator, m: int, accuracy: float) -> Draws:
    return rng.random(m) < accuracy, harmless(rng, m, (2, *VALUES)), None


def many(rng: np.random.Generator, m: int, accuracy: float) -> Draws:
    return rng.random(m) < accuracy, harmless(rng, m, tuple(rng.integers(2, 20, size=30))), None


def correlated(rng: np.random.Generator, m: int, accuracy: float) -> Draws:
    """Fifteen columns that are copies of three, nine of ten cells kept."""
    first = harmless(rng, m, (2, 5, 10))
    columns = [np.where(rng.random(m) < 0.9, one, rng.permutation(one)) for one in first for _ in range(5)]
    return rng.random(m) < accuracy, columns, None


def grouped(rng: np.random.Generator, m: int, accuracy: float) -> Draws:
    """Groups of about five draws; their outcomes are correlated (0.3), and two columns are of groups."""
    group = rng.integers(m // 5, size=m)
    shape = 1 / 0.3 - 1
    right = rng.random(m) < rng.beta(accuracy * shape, (1 - accuracy) * shape, m // 5)[group]
    of_groups = [rng.integers(v, size=m // 5)[group] for v in (2, 4)]
    return right, [*of_groups, *harmless(rng, m)], group


def alarms(kind: Callable[..., Draws], m: int, accuracy: float, projects: int, *, ignore: bool = False) -> int:
    """Projects without any difference in which some slice is called worse."""
    count = 0
    for seed in range(projects):
        rng = np.random.default_rng([7, m, seed])
        right, columns, groups = kind(rng, m, accuracy)
        found = compare_slices(right, columns, rng=rng, groups=None if ignore else groups, permutations=499)
        count += any(one.worse for one in found)
    return count


def doubted(m: int, projects: int) -> int:
    """The same where the confidence, which is calibrated, tells of each item how likely the model is right, and says
    where the rate is spent: measured on the half of the pool that was not drawn."""
    count = 0
    for seed in range(projects):
        rng = np.random.default_rng([11, m, seed])
        sure = rng.beta(4, 0.5, 2 * m)
        columns = harmless(rng, 2 * m, (2, *VALUES))
        rest = [one[m:] for one in columns]
        doubts = [
            np.array([sure[m:][one != s].mean() - sure[m:][one == s].mean() for s in range(int(all_.max()) + 1)])
            if len(np.unique(one)) == all_.max() + 1
            else np.zeros(int(all_.max()) + 1)
            for one, all_ in zip(rest, columns, strict=True)
        ]
        right = rng.random(m) < sure[:m]
        found = compare_slices(right, [one[:m] for one in columns], rng=rng, doubts=doubts, permutations=499)
        count += any(one.worse for one in found)
    return count


def looks(m: int, accuracy: float, projects: int, times: int = 10) -> int:
    """The same with a look after each tenth of the draws: the rate does not hold for these."""
    count = 0
    for seed in range(projects):
        rng = np.random.default_rng([8, m, seed])
        right, columns, _ = plain(rng, m, accuracy)
        ends = [m * (i + 1) // times for i in range(times)]
        count += any(
            one.worse
            for end in ends
            for one in compare_slices(right[:end], [c[:end] for c in columns], rng=rng, permutations=199)
        )
    return count


def found(m: int, accuracy: float, gap: float, projects: int, seen: float | None = None) -> int:
    """Projects in which the worse slice is called worse.

    Args:
        m: Random labels.
        accuracy: Accuracy elsewhere.
        gap: How much worse the slice is.
        projects: Number of projects.
        seen: The part of the gap that the model's confidence shows, on 2,000 items whose confidence has a standard
            deviation of 0.15; None if it is not known.
    """
    count = 0
    for seed in range(projects):
        rng = np.random.default_rng([9, m, seed])
        right, columns, _ = worse_half(rng, m, accuracy, gap)
        doubts = None
        if seen is not None:
            pool = [rng.integers(2, size=2000), *harmless(rng, 2000)]
            sure = rng.normal(accuracy - gap * seen * pool[0], 0.15)
            doubts = [
                np.array([sure[one != s].mean() - sure[one == s].mean() for s in range(int(one.max()) + 1)])
                for one in pool
            ]
        tests = compare_slices(right, columns, rng=rng, doubts=doubts, permutations=999)
        count += any(one.worse and (one.column, one.slice) == (0, 1) for one in tests)
    return count


def alone(m: int, accuracy: float, gap: float, projects: int) -> int:
    """The same with one test of the right slice, as if nothing else could be worse: no honest procedure finds more."""
    from scipy.stats import fisher_exact

    count = 0
    for seed in range(projects):
        right, columns, _ = worse_half(np.random.default_rng([9, m, seed]), m, accuracy, gap)
        bad = columns[0] == 1
        table = [[(~right & bad).sum(), (right & bad).sum()], [(~right & ~bad).sum(), (right & ~bad).sum()]]
        count += fisher_exact(table, "greater")[1] <= 0.05
    return count


def whole_project(folder: Path, seed: int, hidden: float) -> tuple[bool, bool, float]:
    """Whether the worse camera is found, whether another slice is, and the accuracy difference of the cameras.

    Args:
        folder: An empty folder.
        seed: Seed of all.
        hidden: Share of the second camera's items whose vectors say nothing about the class.
    """
    rng, n = np.random.default_rng([10, seed]), 1500
    y, camera = rng.integers(3, size=n), rng.integers(2, size=n)
    x = rng.normal(size=(n, 16)) + 4.0 * np.eye(3, 16)[y]
    lost = (camera == 1) & (rng.random(n) < hidden)
    x[lost] = rng.normal(size=(int(lost.sum()), 16)) + 4.0 * np.eye(3, 16)[rng.integers(3, size=int(lost.sum()))]
    ids = np.array([f"i{i:04}" for i in range(n)])
    more = {f"column {v}": rng.integers(v, size=n).astype(str) for v in VALUES}
    np.savez(folder / "items.npz", vectors=x.astype(np.float32), ids=ids, camera=camera.astype(str), **more)
    session = Session.create(folder / "p", folder / "items.npz", ["a", "b", "c"], query_size=50, seed=seed)
    session.encode()
    people = Oracle({item: "abc"[k] for item, k in zip(ids, y, strict=True)}, ["a", "b", "c"], seed=seed)
    for strategy in ("random", "margin", "random", "margin"):
        session.query(strategy=strategy)
        session.push(people)
        session.wait(people)
        session.teach()
    snapshot = Snapshot.of(session.project)
    report = slice_report(Evidence(snapshot), vectors=False)
    right = snapshot.decided == y
    named = {(one.column, one.slice) for one in report.worse}
    return (
        ("camera", "1") in named,
        bool(named - {("camera", "1")}),
        float(right[camera == 0].mean() - right[camera == 1].mean()),
    )


def rows(what: list[str], projects: int) -> Iterator[str]:
    def row(name: str, count: int, n: int, start: float) -> str:
        low, high = share_interval(count, n)
        return f"| {name} | {count} of {n} | {100 * low:.1f} to {100 * high:.1f} % | {time.monotonic() - start:.0f} s |"

    if "found" in what:
        for m, gap in ((100, 0.2), (400, 0.1)):
            for accuracy in (0.9, 0.95, 0.98, 0.99):
                start = time.monotonic()
                name = f"found: {m} random labels, {accuracy} elsewhere, {accuracy - gap:.2f} on half of the pool"
                yield row(name, found(m, accuracy, gap, projects), projects, start)
                for seen in (0.5, 1.0, -0.5):
                    told = f"{name}, confidence {100 * gap * seen:.0f} points lower"
                    yield row(told, found(m, accuracy, gap, projects, seen), projects, start)
                yield row(f"{name}, one test alone", alone(m, accuracy, gap, 10 * projects), 10 * projects, start)
    if "alarms" in what:
        of = (plain, 100, 0.9), (plain, 400, 0.95), (many, 200, 0.9), (correlated, 200, 0.9), (grouped, 200, 0.9)
        for kind, m, accuracy in of:
            start = time.monotonic()
            yield row(
                f"false alarm: {kind.__name__}, {m} random labels, {accuracy}",
                alarms(kind, m, accuracy, 5 * projects),
                5 * projects,
                start,
            )
        start = time.monotonic()
        name = "false alarm: plain, 200 random labels, 0.89, spent by the confidence"
        yield row(name, doubted(200, 5 * projects), 5 * projects, start)
        start = time.monotonic()
        yield row(
            "false alarm: grouped, 200 random labels, if groups are ignored",
            alarms(grouped, 200, 0.9, projects, ignore=True),
            projects,
            start,
        )
        start = time.monotonic()
        yield row(
            "false alarm: plain, 200 random labels, looked at ten times", looks(200, 0.9, projects), projects, start
        )
    if "projects" in what:
        for hidden in (0.35, 0.0):
            start, told = time.monotonic(), []
            for seed in range(projects // 10):
                with tempfile.TemporaryDirectory() as folder:
                    told.append(whole_project(Path(folder), seed, hidden))
            hits, others, gaps = zip(*told, strict=True)
            n = len(told)
            name = f"whole projects, 1,500 items, 100 or more random labels, {100 * np.mean(gaps):.0f} points"
            yield row(f"{name}: camera found", sum(hits), n, start)
            yield row(f"{name}: another slice", sum(others), n, start)


if __name__ == "__main__":
    args = sys.argv[1:]
    n = int(args[args.index("--projects") + 1]) if "--projects" in args else 200
    for line in rows([a for a in args if a in ("found", "alarms", "projects")] or ["found", "alarms", "projects"], n):
        print(line, flush=True)
