"""People's labels that machines save, and that bad ones cost: paired seeds on public sets.

    python tests/benchmarks/machines.py run --data FOLDER --out machines.jsonl [--seeds 20] [--sets a,b] [--kinds a,b]
                                            [--pool 2000] [--minutes 45]
    python tests/benchmarks/machines.py report --out machines.jsonl

FOLDER holds ``*.npz`` with ``vectors``, ``labels`` and ``split``. Each kind of machine is drawn anew for each seed. A
seed of ``auto`` and ``random`` is the same for all machines, so it is replayed once. Each run is one line, and a run
that is there is not repeated. Pools and test data are thinned to 2,000 items each.

Kinds: ``iid75`` is right in 75 %, else says a class at random; ``weak75`` is a model of few labels and a quarter of the
dimensions, whose errors follow the vectors, and which a share of true or random answers brings to 75 %; ``blind75``
is wrong on one class, which it takes for another, and right in 85 % of the others; ``chance`` says a class at random;
``wrong`` is never right; ``shifted`` says the next class for each; ``constant`` says one class; ``copies`` are two
machines: ``weak75``, and one that says the same in 95 %; ``iid30`` and ``iid95`` are right in 30 % and 95 %.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from activessl.heads.linear import LogisticHead
from activessl.heads.proving import CHANCE, prove
from activessl.measuring.savings.curves import isotonic, labels_to_target
from activessl.measuring.simulation.replay import Arena, Track, arrange, replay
from activessl.strategies.base import Query, QueryStrategy, State, left_to_chance, needs_samples
from activessl.strategies.heeding import WithMachine
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy

TEST = 2000
TIMES = (1, 2, 5, 10, 20, 40)
KINDS = ("iid75", "weak75", "chance", "wrong", "blind75", "copies", "iid30", "iid95", "shifted", "constant")


def load(path: Path, pool: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors, classes and split (0 = pool), thinned."""
    with np.load(path, allow_pickle=False) as found:
        x, y, split = found["vectors"].astype(np.float32), found["labels"].astype(np.int64), found["split"]
    rows = thinned(split, pool)
    return x[rows], y[rows], (split[rows] != 0).astype(np.int64)


def thinned(split: np.ndarray, pool: int) -> np.ndarray:
    """The rows that are used."""
    rng = np.random.default_rng(0)
    parts = [np.flatnonzero(split == 0), np.flatnonzero(split != 0)]
    kept = [np.sort(rng.choice(p, min(len(p), n), replace=False)) for p, n in zip(parts, (pool, TEST), strict=True)]
    return np.concatenate(kept)


def machines(kind: str, x: np.ndarray, y: np.ndarray, split: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """What the machines of this kind say of each item."""
    if kind == "copies":
        first = machine("weak75", x, y, split, seed)
        rng = np.random.default_rng([98, seed])
        return first, np.where(rng.random(len(y)) < 0.95, first, rng.integers(0, int(y.max()) + 1, len(y)))
    return (machine(kind, x, y, split, seed),)


def machine(kind: str, x: np.ndarray, y: np.ndarray, split: np.ndarray, seed: int) -> np.ndarray:
    """What a machine of this kind says of each item."""
    rng, k = np.random.default_rng([99, seed]), int(y.max()) + 1
    wrong = (y + rng.integers(1, k, len(y))) % k
    share = int(kind[3:]) / 100 if kind.startswith("iid") else 0.75
    right = np.where(rng.random(len(y)) < share, y, wrong)
    if kind == "weak75":
        return weak(x, y, np.flatnonzero(split == 0), k, 0.75, rng)
    if kind == "blind75":
        big = int(np.bincount(y).argmax())
        other = (big + 1) % k
        return np.where(y == other, big, np.where(rng.random(len(y)) < 0.85, y, wrong))
    if kind.startswith("iid"):
        return right
    said = {"wrong": wrong, "shifted": (right + 1) % k, "constant": np.zeros_like(y)}
    return rng.integers(0, k, len(y)) if kind == "chance" else said[kind]


def weak(x: np.ndarray, y: np.ndarray, pool: np.ndarray, k: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A weak model that is right in about this share."""
    unit = x - x.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    some = unit[:, rng.choice(x.shape[1], max(8, x.shape[1] // 4), replace=False)]
    tries = []
    for count in (2 * k, 4 * k, 8 * k, 16 * k, 32 * k):
        rows = rng.choice(pool, min(count, len(pool) // 2), replace=False)
        if len(np.unique(y[rows])) > 1:
            said = LogisticHead(classes=range(k), calibrate=False).fit(some[rows], y[rows]).predict(some)
            tries.append((abs(float(np.mean(said == y)) - share), said))
    said = min(tries, key=lambda one: one[0])[1]
    now = float(np.mean(said == y))
    if now < share:
        return np.where(rng.random(len(y)) < (share - now) / (1 - now), y, said)
    return np.where(rng.random(len(y)) < (now - share) / now, (y + rng.integers(1, k, len(y))) % k, said)


def arena_of(data: tuple[np.ndarray, np.ndarray, np.ndarray], said: tuple[np.ndarray, ...]) -> Arena:
    """The data of a set with the answers of machines."""
    x, y, split = data
    k, free = int(y.max()) + 1, int((split == 0).sum())
    counts = [k * m for m in TIMES if k * m <= free]
    return arrange(
        x, y, n_classes=None, split=split, budgets=counts, head="logistic", seed=0, habits=None, smoothing=True,
        machine=said,
    )  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A replay of a strategy without machines: the rows of the pool in the order in which it asked, and the result."""

    rows: np.ndarray
    track: Track


def asked_by(arena: Arena, strategy: QueryStrategy, seed: int) -> Asked:
    """Replay a strategy, and note what it asks."""
    rows: list[int] = []

    class Noted:
        name = strategy.name
        needs_samples = needs_samples(strategy)

        def left_to_chance(self, state: State) -> str | None:
            return left_to_chance(strategy, state)

        def query(self, state: State, query_size: int) -> Query:
            found = strategy.query(state, query_size)
            rows.extend(int(row) for row in found.indices)
            return found

    track = replay(arena, Noted(), seed)
    return Asked(np.array(rows), track)


def unheeded(arena: Arena, rows: np.ndarray, seed: int) -> bool:
    """Whether no machine proves itself on the labels of a replay without machines: then the replay with them is the
    same, because labels are predicted from those before them, and the head is that without machines until then.
    """
    views, y = arena.views(seed), arena.labels[arena.parts(seed)[0]][rows]
    for view in (views.plain, views.smoothed):
        for student in [] if view is None else arena.students(seed, view):
            if student is None:
                continue
            found = prove(view.pool[rows], y, arena.n_classes, student, turns=np.arange(len(rows)))
            if found.evidence >= len(arena.machines) / CHANCE:
                return False
    return True


def run(args: argparse.Namespace) -> None:
    """Replay what is missing, seed by seed."""
    done, begun = {(r["set"], r["arm"], r["seed"]) for r in read(args.out)}, time.monotonic()
    names = args.sets or sorted(p.stem for p in args.data.glob("*.npz"))
    auto: QueryStrategy = RandomShare(get_strategy("auto"), 0.1)
    chance: QueryStrategy = RandomShare(get_strategy("random"), 0.1)
    sets = {name: load(args.data / f"{name}.npz", args.pool) for name in names}
    views: dict[str, Arena] = {}
    paths: dict[tuple[str, int], Asked] = {}
    for seed in range(args.first, args.seeds):
        for name in names:
            for arm in ("auto", "random", *args.kinds):
                if (name, arm, seed) in done:
                    continue
                if time.monotonic() - begun > 60 * args.minutes:
                    return
                arena = arena_of(sets[name], machines(arm, *sets[name], seed) if arm in KINDS else ())
                if name in views:  # the smoothed vectors are the same for all machines and seeds: the split is given
                    arena._views.update(views[name]._views)
                started = time.process_time()
                if arm in KINDS and (name, seed) not in paths:
                    paths[name, seed] = asked_by(arena, auto, seed)
                if arm in KINDS and unheeded(arena, paths[name, seed].rows, seed):
                    track = paths[name, seed].track
                else:
                    track = replay(arena, {"auto": auto, "random": chance}.get(arm) or WithMachine(auto), seed)
                views.setdefault(name, arena)
                line = {"set": name, "arm": arm, "seed": seed, "labels": list(arena.budgets)}
                line |= {"accuracy": list(track.accuracy), "seconds": round(time.process_time() - started, 2)}
                with args.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(line) + "\n")


def read(path: Path) -> list[dict]:
    """The runs so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def report(args: argparse.Namespace) -> None:
    """Print a table of people's labels, and the share that each machine saves."""
    found: dict[tuple[str, str], dict[int, dict]] = {}
    for line in read(args.out):
        found.setdefault((line["set"], line["arm"]), {})[line["seed"]] = line
    names = sorted({name for name, _ in found})
    kinds = [k for k in KINDS if any((n, k) in found for n in names)]
    print("| set | seeds | accuracy | auto | " + " | ".join(kinds) + " |")
    print("|---|---|---|---|" + "---|" * len(kinds))
    for name in names:
        both = set(found.get((name, "auto"), {})) & set(found.get((name, "random"), {}))
        if not both:
            continue
        row = []
        for kind in kinds:
            seeds = sorted(both & set(found.get((name, kind), {})))
            if not seeds:
                row.append("–")
                continue
            base, now, _ = labels(found, name, kind, seeds)
            low, high = bootstrap(found, name, kind, seeds)
            row.append(f"{now:.0f}: {100 * (1 - now / base):.0f} % ({100 * low:.0f} to {100 * high:.0f}), {len(seeds)}")
        base, _, goal = labels(found, name, "random", sorted(both))
        print(f"| {name} | {len(both)} | {100 * goal:.1f} % | {base:.0f} | " + " | ".join(row) + " |")
    print("| median | | | | " + " | ".join(median(found, names, kind) for kind in kinds) + " |")


def median(found: dict, names: list[str], kind: str) -> str:
    """The median over the sets of the share that is saved, with a 90 % interval over resampled sets and seeds."""
    rng, out = np.random.default_rng(1), []
    seeds = {
        name: sorted(set.intersection(*(set(found.get((name, arm), {})) for arm in ("auto", "random", kind))))
        for name in names
    }
    able = [name for name in names if seeds[name]]
    if not able:
        return "–"
    for turn in range(200):
        mixed = able if not turn else rng.choice(able, len(able))
        own = [list(seeds[n]) if not turn else rng.choice(seeds[n], len(seeds[n])) for n in mixed]
        pairs = [labels(found, n, kind, [int(s) for s in some]) for n, some in zip(mixed, own, strict=True)]
        out.append(float(np.median([1 - now / base for base, now, _ in pairs])))
    low, high = np.quantile(out[1:], [0.05, 0.95])
    return f"{100 * out[0]:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def labels(found: dict, name: str, kind: str, seeds: list[int]) -> tuple[float, float, float]:
    """Labels of ``auto`` and of ``auto+machine`` to the accuracy of ``random`` with all of its labels, and that."""
    curves = {arm: np.array([found[name, arm][s]["accuracy"] for s in seeds]) for arm in ("auto", "random", kind)}
    counts = np.array(found[name, "auto"][seeds[0]]["labels"], dtype=float)
    smooth = {arm: isotonic(curve.mean(axis=0)) for arm, curve in curves.items()}
    goal = float(smooth["random"][-1])
    base, now = (min(float(labels_to_target(counts, smooth[arm], goal)), counts[-1]) for arm in ("auto", kind))
    return float(base), float(now), goal


def bootstrap(found: dict, name: str, kind: str, seeds: list[int]) -> tuple[float, float]:
    """90 % interval of the share that is saved, over resampled seeds."""
    rng, out = np.random.default_rng(0), []
    for _ in range(400):
        base, now, _ = labels(found, name, kind, [seeds[i] for i in rng.integers(0, len(seeds), len(seeds))])
        out.append(1 - now / base)
    return float(np.quantile(out, 0.05)), float(np.quantile(out, 0.95))


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("run", "report"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--sets", type=lambda text: text.split(","), default=[])
    parser.add_argument("--pool", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
    args = parser.parse_args()
    {"run": run, "report": report}[args.part](args)


if __name__ == "__main__":
    main()
