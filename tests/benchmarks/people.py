"""Whether intervals and promises hold for people who skip, follow suggestions, leave rounds open or import late.

Usage: ``OMP_NUM_THREADS=1 python tests/benchmarks/people.py --data folder/vectors --projects 40 --out people.jsonl
[--seed N] [--people NAME ...]``

Each trial project has 1,500 items of a public set (``activessl/trials``). A run can be interrupted: projects in the
output are not run again.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

from activessl.trials.people import HABITS, people_of
from activessl.trials.project import Ground
from activessl.trials.study import study

SETS = ("cifar10", "fashion_mnist", "text_agnews", "elpv_solar")
ITEMS = 1_500


def ground(data: Path, name: str, folder: Path) -> Ground:
    """Items of a set, drawn from its pool."""
    with np.load(data / f"{name}.npz") as stored:
        pool = np.flatnonzero(stored["split"] == 0) if "split" in stored else np.arange(len(stored["labels"]))
        rows = np.sort(np.random.default_rng(0).choice(pool, min(ITEMS, len(pool)), replace=False))
        vectors, labels = stored["vectors"][rows], stored["labels"][rows].astype(int)
    (folder / name).mkdir()
    return Ground.make(name, vectors, labels, folder / name)


def main() -> None:
    """Run the projects that the output lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("people.jsonl"))
    parser.add_argument("--projects", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first project")
    parser.add_argument("--people", nargs="*", default=list(HABITS))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        grounds = [ground(args.data, name, Path(folder)) for name in args.sets]
        people = {name: people_of(name) for name in args.people}
        found = study(grounds, people, projects=args.projects, seed=args.seed, cache=args.out)
    print(found.to_markdown())
    seconds = [row["seconds"] for row in found.rows]
    print(f"\n{len(seconds):,} projects, {np.median(seconds):.1f} CPU seconds each at the median.")


if __name__ == "__main__":
    main()
