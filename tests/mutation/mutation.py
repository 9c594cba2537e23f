"""Mutation testing: change the code in one place, run the tests that cover the place, and see whether one fails.

``measure`` runs the suite once, to know which test runs which line. ``run`` draws the mutants and tries each in a copy
of the tree; it can be interrupted, and continues where it was. ``again`` tries those that survived once more, after
tests were written. ``report`` writes the table.

    python tests/mutation/mutation.py measure --work bench/mutation
    python tests/mutation/mutation.py run --work bench/mutation --mutants 400 --seed 0
    python tests/mutation/mutation.py report --work bench/mutation --seed 0
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from covering import Cover
from drawing import Mutant, draw

ROOT = Path(__file__).resolve().parents[2]
#: What is mutated, by area: folders and modules.
AREAS = {
    "measuring": ("activessl/measuring",),
    "proof": ("activessl/proof",),
    "strategies": ("activessl/strategies",),
    "heads": ("activessl/heads",),
    "losses": (
        "activessl/encoders/training/contrastive.py",
        "activessl/encoders/training/hybrid.py",
        "activessl/encoders/training/masked.py",
        "activessl/encoders/training/sharing.py",
        "activessl/encoders/training/objective.py",
        "activessl/tuning/run.py",
    ),
}
#: Tests that run a module in processes of their own, where coverage does not see it.
ALSO = {"activessl/encoders/training/sharing.py": ("tests/unit/encoders/test_processes.py", 60.0)}
#: A mutant is tried with at most so many tests, of at most so many seconds together (one test always runs).
TESTS, SECONDS = 50, 20.0


def modules() -> list[Path]:
    """The modules that are mutated, relative to the root."""
    found = []
    for place in (place for places in AREAS.values() for place in places):
        inside = sorted((ROOT / place).rglob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]
        found += [m.relative_to(ROOT) for m in inside if m.name != "__init__.py"]
    return found


def area_of(path: str) -> str:
    """The area of a module."""
    return next(area for area, places in AREAS.items() if path.startswith(places))


def measure(work: Path, tests: list[str], marks: str) -> None:
    """Run the suite with coverage: which test runs which line, and how long each test takes.

    With ``tests``, only these run, and what they cover is added to what is known of the others. ``marks`` chooses by
    pytest's marks.
    """
    work.mkdir(parents=True, exist_ok=True)
    config, seconds = work / "coveragerc", work / "seconds.json"
    sources = ",".join(sorted({str((ROOT / m).parent) for m in modules()}))
    config.write_text(f"[run]\nsource = {sources}\ndata_file = {work.resolve() / 'coverage'}\n")
    known = json.loads(seconds.read_text()) if tests and seconds.exists() else {}
    # a test that its file does not have any more would make every mutant look caught
    known = {test: spent for test, spent in known.items() if not test.startswith(tuple(tests))}
    options = ["--cov", f"--cov-config={config.resolve()}", "--cov-context=test", "--cov-report="]
    chosen = ["--cov-append", *tests] if tests else ["--deselect=tests/packaging", "--deselect=tests/faults"]
    roots = [Path(__file__).parent, *(ROOT / name for name in ("", "cli", "integrations"))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots)), "DURATIONS": str(seconds.resolve())}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "durations"]
    subprocess.run([*command, *options, "-m", marks, *chosen], cwd=ROOT, env=environment, check=False)
    seconds.write_text(json.dumps(known | json.loads(seconds.read_text())))


def run(work: Path, seed: int, count: int, only: list[str], kept: str) -> None:
    """Try the mutants of a sample that were not tried yet; ``kept`` is the file of results."""
    import forking

    cover = Cover(ROOT, work / "coverage", work / "seconds.json", modules())
    sample = [m for m in draw(ROOT, modules(), count, seed) if not only or m.path.startswith(tuple(only))]
    file = work / kept
    known = {r["key"] for r in _results(file)}
    left = [m for m in sample if m.key not in known]
    forking.preload()
    with _copy(work) as tree:
        for i, mutant in enumerate(left, start=1):
            found = _try(mutant, cover, tree)
            with file.open("a") as out:
                out.write(json.dumps(found) + "\n")
            print(f"{i}/{len(left)} {found['outcome']} {mutant.key} ({found['seconds']:.0f} s)", flush=True)


def again(work: Path, seed: int) -> None:
    """Try the mutants that nothing has caught once more, after tests were written and measured."""
    import forking

    cover = Cover(ROOT, work / "coverage", work / "seconds.json", modules())
    survivors = [r for r in latest(work, seed).values() if r["outcome"] in ("survived", "not covered")]
    forking.preload()
    with _copy(work) as tree:
        for i, old in enumerate(survivors, start=1):
            mutant = Mutant(**{name: old[name] for name in Mutant.__dataclass_fields__})
            try:
                found = _try(mutant, cover, tree)
            except ValueError as edited:
                print(f"{i}/{len(survivors)} left out: {edited}")
                continue
            with (work / f"again-{seed}.jsonl").open("a") as out:
                out.write(json.dumps(found) + "\n")
            print(f"{i}/{len(survivors)} {found['outcome']} {mutant.key} ({found['seconds']:.0f} s)", flush=True)


def latest(work: Path, seed: int) -> dict[str, dict[str, Any]]:
    """The last result of each mutant of a sample."""
    rows = [*_results(work / f"mutants-{seed}.jsonl"), *_results(work / f"again-{seed}.jsonl")]
    return {row["key"]: row for row in rows}


def _results(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _try(mutant: Mutant, cover: Cover, tree: Path) -> dict[str, Any]:
    import forking

    tests, spent = [], 0.0
    for test in cover.of(mutant.path, mutant.line):
        if tests and (spent + cover.seconds[test] > SECONDS or len(tests) == TESTS):
            break
        tests.append(test)
        spent += cover.seconds[test]
    if mutant.path in ALSO:
        tests, spent = [*tests, ALSO[mutant.path][0]], spent + ALSO[mutant.path][1]
    begun, outcome, by = time.monotonic(), "not covered", ""
    if tests:
        with _changed(tree / mutant.path, mutant):
            status, by = forking.run(tree, tests, 30 + 5 * spent)
        if status and "::" not in by:  # no test failed: pytest did not come so far
            _must_pass(tree, tests, 30 + 5 * spent)
        outcome = "timeout" if status is None else "survived" if status == 0 else "caught"
    return {
        "key": mutant.key,
        **asdict(mutant),
        "outcome": outcome,
        "by": by,
        "tests": len(tests),
        "seconds": round(time.monotonic() - begun, 1),
    }


def _must_pass(tree: Path, tests: list[str], limit: float) -> None:
    """Stop where tests do not run without a change either: they would make every mutant look caught."""
    import forking

    status, by = forking.run(tree, tests, limit)
    if status != 0:
        sys.exit(f"error: {len(tests)} tests do not pass without a change: {by}\n hint: mend them, then measure again")


@contextmanager
def _changed(file: Path, mutant: Mutant) -> Iterator[None]:
    """The module with the change; its time differs, so that no compiled module is taken for it."""
    source, stat = file.read_text(encoding="utf-8"), file.stat()
    file.write_text(mutant.code(source), encoding="utf-8")
    os.utime(file, (stat.st_atime, stat.st_mtime + 100))
    try:
        yield
    finally:
        file.write_text(source, encoding="utf-8")
        os.utime(file, (stat.st_atime, stat.st_mtime))


@contextmanager
def _copy(work: Path) -> Iterator[Path]:
    """A copy of the tree as it is now, compiled."""
    tree = (work / "copy" / "tree").resolve()
    shutil.rmtree(tree.parent, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "activessl", "cli", "integrations"], cwd=tree, check=True)
    try:
        yield tree
    finally:
        shutil.rmtree(tree.parent, ignore_errors=True)


def check(work: Path, seed: int) -> None:
    """Run the tests that have caught mutants without any change: one that fails by itself has caught nothing."""
    import forking

    killers = sorted({r["by"] for r in latest(work, seed).values() if r["outcome"] == "caught" and "::" in r["by"]})
    forking.preload()
    failing = []
    with _copy(work) as tree:
        while killers:
            status, by = forking.run(tree, killers, 1800)
            if status == 0:
                break
            failing.append(by)
            killers = killers[killers.index(by) + 1 :] if by in killers else []
    print(f"{len(failing)} tests fail without a change:", *failing, sep="\n")


def report(work: Path, seed: int) -> str:
    """The table of areas, and the mutants that nothing caught."""
    first = {r["key"]: r for r in _results(work / f"mutants-{seed}.jsonl")}
    now = latest(work, seed)
    lines = ["| area | modules | mutants | caught at first | caught now |", "|---|---|---|---|---|"]
    for area in (*AREAS, "all"):
        keys = [k for k, r in first.items() if area in ("all", area_of(r["path"]))]
        if keys:
            told = [_share(Counter(rows[k]["outcome"] for k in keys), len(keys)) for rows in (first, now)]
            lines.append(f"| {area} | {len({first[k]['path'] for k in keys})} | {len(keys)} | {' | '.join(told)} |")
    outcomes = Counter(r["outcome"] for r in first.values())
    lines += ["", ", ".join(f"{count} {name}" for name, count in outcomes.most_common()) + " at first", ""]
    for row in sorted(now.values(), key=lambda r: (r["path"], r["line"])):
        if row["outcome"] in ("survived", "not covered"):
            lines.append(f"- {row['outcome']} {row['path']}:{row['line']} `{row['before']}` -> `{row['after']}`")
    return "\n".join(lines)


def _share(outcomes: Counter[str], of: int) -> str:
    caught = outcomes["caught"] + outcomes["timeout"]
    return f"{caught} ({100 * caught / of:.1f} %)"


def main() -> None:
    """One part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("measure", "run", "again", "check", "report"))
    parser.add_argument("--work", type=Path, default=Path("bench/mutation"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mutants", type=int, default=400)
    parser.add_argument("--areas", nargs="*", default=list(AREAS), choices=AREAS, help="draw from these areas only")
    parser.add_argument("--only", nargs="*", default=[], help="run: only modules whose paths begin so")
    parser.add_argument("--tests", nargs="*", default=[], help="measure: only these, added to what is known")
    parser.add_argument("--marks", default="not studio", help="measure: only tests with these marks")
    args = parser.parse_args()
    for area in AREAS.keys() - set(args.areas):
        del AREAS[area]
    if args.part == "measure":
        measure(args.work, args.tests, args.marks)
    elif args.part == "run":
        run(args.work, args.seed, args.mutants, args.only, f"mutants-{args.seed}.jsonl")
    elif args.part == "again":
        again(args.work, args.seed)
    elif args.part == "check":
        check(args.work, args.seed)
    else:
        print(report(args.work, args.seed))


if __name__ == "__main__":
    main()
