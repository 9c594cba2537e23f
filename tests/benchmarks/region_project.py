"""Whole projects of spans with an oracle: how often the quality in ``status`` holds, and which planted mistakes the
report finds.

``python tests/benchmarks/region_project.py [SEEDS]`` prints a line for each seed. Texts with names of people and
places, half of the names not in the first texts; hashed n-grams; seven rounds of 20 items. The true quality is that of
the same models on all items that had no answer when the random items were drawn, weighted as these.

``python tests/benchmarks/region_project.py bias --seeds 40 --out FILE`` asks whether the told values are off on
average, for random shares of .1, .25 and .5: the networks learn for 50 steps instead of 200, so that many projects can
be run. It continues FILE, a line a project, and prints the mean of told minus true with its standard error.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from activessl.annotators.region_oracle import Hand, RegionOracle
from activessl.heads.dense import head
from activessl.heads.dense.training import Recipe
from activessl.labels.regions.matching import EXACT, Counts, counted
from activessl.labels.regions.places import Span
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.stored import read_stored
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.proof.regions.figures import RegionFigures
from activessl.session import Session

ENDINGS = {"person": ("son", "sen", "ova", "ini"), "place": ("berg", "ton", "ville", "grad")}
WORDS = (
    "we",
    "saw",
    "the",
    "old",
    "house",
    "near",
    "a",
    "river",
    "and",
    "then",
    "came",
    "home",
    "with",
    "some",
    "bread",
)


def texts(folder: Path, n: int, seed: int, *, uneven: bool = False) -> dict[str, Regions]:
    """Write texts with made-up names whose endings tell their class most of the time, of 9 or of 4 to 40 words."""
    rng = np.random.default_rng(seed)
    rows, truth = [], {}
    for number in range(n):
        size = int(rng.integers(4, 41)) if uneven else 9
        words = [str(word) for word in rng.choice(WORDS, size)]
        named = {}
        for at in rng.permutation(size)[: rng.integers(0, 4)].tolist():
            kind = ("person", "place")[rng.integers(2)]
            # one in six has the ending of the other class
            ends = ENDINGS[kind if rng.random() > 1 / 6 else {"person": "place", "place": "person"}[kind]]
            stem = "".join(rng.choice(list("bdfgklmnprst"), 2)) + str(rng.choice(list("aeiou")))
            words[at], named[at] = stem.title() + str(rng.choice(ends)), kind
        starts = np.cumsum([0, *(len(word) + 1 for word in words)])
        rows.append(" ".join(words) + f" {number}")
        truth[f"texts:{number}"] = tuple(
            Region(Span(int(starts[at]), int(starts[at]) + len(words[at])), (kind,))
            for at, kind in sorted(named.items())
        )
    pq.write_table(pa.table({"text": rows}), folder / "texts.parquet")
    return truth


def project(
    seed: int, *, n: int = 400, rounds: int = 7, size: int = 20, share: float | None = None, uneven: bool = False
) -> dict[str, float | bool | None]:
    """Run one project; return its told and its true quality, and what became of overlooked regions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = texts(folder, n, seed, uneven=uneven)
        session = Session.create(
            folder / "project", folder / "texts.parquet", ["person", "place"], task="spans", query_size=size, seed=seed
        )
        config = session.project.folder / "activessl.toml"
        text = config.read_text().replace('name = "auto"', 'name = "ngrams"', 1)
        if share is not None:
            text = text.replace("random_share = 0.1 ", f"random_share = {share} ", 1)
        config.write_text(text)
        session.project.reread()
        session.encode()
        oracle = RegionOracle(truth, Hand(misses=0.08), seed=seed)
        by_round: dict[int, Counts] = {}
        for number in range(1, rounds + 1):
            session.query()
            snapshot = RegionSnapshot.of(session.project)
            if snapshot.head is not None:
                rest = [snapshot.ids[row] for row in np.flatnonzero(snapshot.free)]
                found = snapshot.predicted(rest)
                # people overlook regions everywhere: what they would have drawn is what can be measured
                drawn = {item: oracle_draws(oracle, item) for item in rest}
                counts = [
                    counted(drawn[item], some, overlap=EXACT) for item, (some, _) in zip(rest, found, strict=True)
                ]
                by_round[number] = sum(counts, Counts(0, 0, 0))
            session.push(oracle)
            session.pull(oracle)
            session.teach()
        history = session.project.history()
        figures = RegionFigures(session.project.config, history)
        quality, report = figures.quality, session.region_report()
        if quality is None or quality.all.recall is None or quality.all.precision is None:
            return {"seed": seed, "recall": None}
        weight = {number: len(pairs) for number, pairs in figures.pairs.items() if number >= quality.rounds[0]}
        right, true, predicted = (
            sum(w * getattr(by_round[r], what) / max(1, by_round[r].true) for r, w in weight.items())
            for what in ("right", "true", "predicted")
        )
        missing = {
            item for item, label in history.labels.items() if len(read_stored(label.regions or ())) < len(truth[item])
        }
        missed = [one.item for one in report.odd if one.what == "missed"]
        return {
            "seed": seed,
            "items": quality.items,
            "recall": quality.all.recall.value,
            "true recall": right / true,
            "recall held": quality.all.recall.low <= right / true <= quality.all.recall.high,
            "precision": quality.all.precision.value,
            "true precision": right / predicted,
            "precision held": quality.all.precision.low <= right / predicted <= quality.all.precision.high,
            "told as missed": len(missed),
            "of these missed": sum(item in missing for item in missed),
            "items with missed": len(missing),
        }


def oracle_draws(oracle: RegionOracle, item: str) -> Regions:
    """What the oracle draws in an item from nothing."""
    rng = np.random.default_rng([oracle.seed, *item.encode()])
    _ = rng.random(), rng.standard_normal()  # its skip and its tempo
    return tuple(one for one in oracle.truth[item] if rng.random() >= oracle.hand.misses)


def bias(seeds: Sequence[int], out: Path, *, uneven: bool, shares: Sequence[float]) -> None:
    """Run projects with networks that learn for 50 steps, and print told minus true by random share."""
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    known = {(one["share"], one["seed"]) for one in done}
    with mock.patch.object(head, "ROWS", Recipe(hidden=16, steps=50, batch_size=16)):
        for seed in seeds:
            for share in shares:
                if (share, seed) not in known:
                    done.append({"share": share, **project(seed, share=share, uneven=uneven)})
                    with out.open("a") as file:
                        file.write(json.dumps(done[-1]) + "\n")
    for share in shares:
        told = [one for one in done if one["share"] == share and one["recall"] is not None]
        print(f"random share {share:g}: {len(told)} projects of {np.mean([one['items'] for one in told]):.0f} items")
        for name in ("recall", "precision"):
            off = np.array([one[name] - one[f"true {name}"] for one in told])
            held = np.mean([one[f"{name} held"] for one in told])
            print(
                f"  {name}: told minus true {100 * off.mean():+.1f} points, standard error "
                f"{100 * off.std(ddof=1) / len(off) ** 0.5:.1f}; spread of one project {100 * off.std(ddof=1):.0f}; "
                f"its 90 % interval held the true value in {100 * held:.0f} %"
            )


def main(seeds: int) -> None:
    """Print a line for each seed, and how often the intervals held."""
    found = []
    for seed in range(seeds):
        found.append(project(seed))
        print({k: round(v, 3) if isinstance(v, float) else v for k, v in found[-1].items()}, flush=True)
    told = [one for one in found if one["recall"] is not None]
    for name in ("recall held", "precision held"):
        print(f"{name}: {sum(bool(one[name]) for one in told)} of {len(told)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", default="10", help="a number of seeds, or bias")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--shares", type=float, nargs="+", default=(0.1, 0.25, 0.5))
    parser.add_argument("--uneven", action="store_true", help="texts of 4 to 40 words instead of 9")
    parser.add_argument("--out", type=Path, default=Path("region_bias.jsonl"))
    told = parser.parse_args()
    if told.what == "bias":
        bias(range(told.first, told.first + told.seeds), told.out, uneven=told.uneven, shares=told.shares)
    else:
        main(int(told.what))
