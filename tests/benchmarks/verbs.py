"""CPU seconds of each verb, imports included, for two checkouts.

Usage: ``python tests/benchmarks/verbs.py --base CHECKOUT --new CHECKOUT --items 504 --rounds 4 --runs 5``

Each checkout makes its own sample project from the same pictures, with an oracle in place of people, because the ledger
formats may differ. Every verb that needs no server runs in a separate process on a copy of that sample. The checkouts
take turns, so that a slow machine slows both. CPU seconds are user and system time of the process and its children;
the table shows medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("a", "b", "c")
#: A stage, so that there is a gate to judge.
STAGE = '\n[[stages]]\nname = "pilot"\naccuracy = 0.8\n'

#: Runs some rounds with an oracle; with "answered" the last round is not taught.
ROUNDS = """
import sys
from activessl import Oracle, Session
session = Session.open(sys.argv[1])
classes = tuple(sys.argv[4].split(","))
oracle = Oracle({item: classes[int(item[:6]) % len(classes)] for item in session.project.pool().ids}, classes)
for _ in range(int(sys.argv[2]) - 1):
    session.round(oracle)
session.query()
session.push(oracle)
session.pull(oracle)
if sys.argv[3] == "taught":
    session.teach()
"""


@dataclass(frozen=True)
class Checkout:
    """One version of the code, with its sample projects."""

    root: Path
    work: Path
    spent: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def run(self, *argv: str) -> tuple[float, int]:
        """Run Python with the code of this checkout; return CPU seconds and exit code."""
        roots = (self.root, self.root / "cli", self.root / "integrations")
        env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, *argv], cwd=self.work, env=env, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.__dict__["last"] = done.stderr
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode

    def verb(self, *argv: str) -> tuple[float, int]:
        """Run a verb."""
        return self.run("-m", "activessl_cli", *argv)

    def must(self, *argv: str) -> None:
        """Run a verb, and exit if it fails."""
        if self.verb(*argv)[1]:
            sys.exit(f"{self.root}: activessl {' '.join(argv)} failed:\n{self.__dict__['last']}")

    def copy(self, sample: str) -> None:
        """Copy a sample to the project folder of the verbs."""
        shutil.rmtree(self.work / "p", ignore_errors=True)
        shutil.copytree(self.work / sample, self.work / "p")

    def prepare(self, rounds: int, size: int) -> None:
        """Make the samples: a new project, one whose last round is answered, and one that is taught it."""
        self.must("init", "data", "-p", "begun", "--classes", ",".join(CLASSES), "--query-size", str(size))
        config = self.work / "begun" / "activessl.toml"
        config.write_text(config.read_text() + STAGE)
        shutil.copytree(self.work / "begun", self.work / "answered")
        self.must("encode", "-p", "answered")
        if self.run("-c", ROUNDS, "answered", str(rounds), "answered", ",".join(CLASSES))[1]:
            sys.exit(f"{self.root}: the rounds failed:\n{self.__dict__['last']}")
        shutil.copytree(self.work / "answered", self.work / "taught")
        self.must("teach", "-p", "taught")


#: Name of the row, sample, verbs before the measurement, the measured verb.
Row = tuple[str, str, tuple[tuple[str, ...], ...], tuple[str, ...]]

ROWS: tuple[Row, ...] = (
    ("help", "begun", (), ("--help",)),
    ("init", "begun", (), ("init", "data", "-p", "other", "--classes", ",".join(CLASSES))),
    ("check", "taught", (), ("check", "-p", "p")),
    ("encode", "begun", (), ("encode", "-p", "p")),
    ("query", "taught", (), ("query", "-p", "p")),
    ("teach", "answered", (), ("teach", "-p", "p")),
    ("status, after teach", "answered", (("teach", "-p", "p"),), ("status", "-p", "p")),
    ("status, again", "taught", (("status", "-p", "p"),), ("status", "-p", "p")),
    ("status, a round open", "taught", (("query", "-p", "p"),), ("status", "-p", "p")),
    ("report", "taught", (), ("report", "-p", "p")),
    ("plan", "taught", (), ("plan", "-p", "p", "--target", "0.99")),
    ("accept", "taught", (), ("accept", "-p", "p", "--error", "0.2")),
    ("gate", "taught", (), ("gate", "-p", "p")),
    ("export", "taught", (), ("export", "out.csv", "-p", "p")),
    ("predict", "taught", (), ("predict", "data", "-p", "p")),
)


def pictures(folder: Path, items: int) -> None:
    """Write small noisy pictures of three colours."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(items):
        pixels = rng.normal(110, 35, (16, 16, 3))
        pixels[..., i % len(CLASSES)] += 35
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{i:06}.png")


def measure(one: Checkout, row: Row) -> None:
    """Measure one verb once."""
    name, sample, first, verb = row
    one.copy(sample)
    shutil.rmtree(one.work / "other", ignore_errors=True)
    for argv in first:
        one.must(*argv)
    seconds, code = one.verb(*verb)
    one.spent.setdefault(name, []).append(seconds)
    one.failed[name] = code


def table(base: Checkout, new: Checkout) -> str:
    """Format the medians of both checkouts, and the ratio of new to base."""
    lines = [f"{'verb':<22}{'base':>8}{'new':>8}{'ratio':>8}"]
    for name in new.spent:
        before, after = (statistics.median(one.spent[name]) for one in (base, new))
        codes = (base.failed[name], new.failed[name])
        note = f"  exit {codes[0]}, {codes[1]}" if any(codes) else ""
        lines.append(f"{name:<22}{before:>8.2f}{after:>8.2f}{after / before:>8.2f}{note}")
    return "\n".join(lines)


def main() -> None:
    """Compare two checkouts."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--base", type=Path, required=True, help="checkout to compare with")
    parse.add_argument("--new", type=Path, required=True, help="checkout to measure")
    parse.add_argument("--items", type=int, default=504)
    parse.add_argument("--rounds", type=int, default=4)
    parse.add_argument("--size", type=int, default=30, help="items per round; a tenth of them is drawn at random")
    parse.add_argument("--runs", type=int, default=5)
    parse.add_argument("--verbs", nargs="*", help="measure only rows whose name begins with one of these")
    given = parse.parse_args()
    wanted: Callable[[str], bool] = lambda name: not given.verbs or name.startswith(tuple(given.verbs))  # noqa: E731
    rows = [row for row in ROWS if wanted(row[0])]
    with tempfile.TemporaryDirectory() as folder:
        both = []
        for name, root in (("base", given.base), ("new", given.new)):
            one = Checkout(root.resolve(), Path(folder, name))
            one.work.mkdir()
            pictures(one.work / "data", given.items)
            one.prepare(given.rounds, given.size)
            both.append(one)
        for _ in range(given.runs):
            for row in rows:
                for one in both:
                    measure(one, row)
                print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        print(f"{given.items} items, {given.rounds} rounds of {given.size}: CPU seconds, medians of {given.runs} runs")
        print(table(*both))


if __name__ == "__main__":
    main()
