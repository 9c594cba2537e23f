"""Fuzz all parsers, or some, and go on where an earlier run ended.

    python tests/faults/fuzz --inputs 100000 --seconds 600 --out bench/faults
    python tests/faults/fuzz --parsers "labels, XML" --show 4711

With ``--out``, ``fuzz.jsonl`` there has a line a turn: parser, seed, inputs, seconds and failures. The next run with
the same folder and seed gives each parser the inputs after those. ``--show`` prints an input of a parser by its number.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz import PARSERS, Found
from fuzz.answers import label_config
from fuzz.home import home, service
from fuzz.process import in_a_process
from fuzz.running import input_of


def prepare() -> None:
    """What takes seconds is done before the first fork."""
    import label_studio_sdk  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    from label_studio_sdk.label_interface.interface import LabelInterface  # noqa: F401

    from activessl.pool.sources import load_pool  # noqa: F401

    service()
    label_config()


def merged(rows: Sequence[Found]) -> Found:
    """All turns of one parser."""
    whole = Found(rows[0].name)
    for row in rows:
        whole.inputs += row.inputs
        whole.refused += row.refused
        whole.seconds += row.seconds
        whole.grown, whole.slowest = max(whole.grown, row.grown), max(whole.slowest, row.slowest)
        whole.failures |= row.failures
    return whole


def read_turns(path: Path, seed: int) -> dict[str, list[Found]]:
    """The turns of earlier runs with this seed, by parser."""
    turns: dict[str, list[Found]] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        row = json.loads(line)
        if row.pop("seed") == seed and "life" not in row:
            turns.setdefault(row["name"], []).append(Found(**row))
    return turns


def table(results: Sequence[Found]) -> str:
    lines = [
        "| parser | inputs | refused | failures | slowest, s | memory, MB | inputs a second |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in results:
        figures = f"{one.slowest:.2f} | {one.grown / 1e6:,.0f} | {one.inputs / max(one.seconds, 1e-9):,.0f}"
        lines.append(f"| {one.name} | {one.inputs:,} | {one.refused:,} | {len(one.failures)} | {figures} |")
    total, refused = sum(one.inputs for one in results), sum(one.refused for one in results)
    wrong, spent = sum(len(one.failures) for one in results), sum(one.seconds for one in results)
    return "\n".join([*lines, f"| all | {total:,} | {refused:,} | {wrong} | | | {spent:,.0f} s in all |"])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--inputs", type=int, default=100_000, help="inputs for each parser, with earlier runs")
    arguments.add_argument("--seconds", type=float, default=60.0, help="at most so many seconds for each parser")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--parsers", nargs="+", default=list(PARSERS), choices=list(PARSERS), metavar="NAME")
    arguments.add_argument("--show", type=int, metavar="NUMBER", help="print an input of the first of the parsers")
    arguments.add_argument("--out", type=Path, help="a folder for the turns and the table")
    args = arguments.parse_args()
    if args.show is not None:
        one = PARSERS[args.parsers[0]]
        sys.stdout.buffer.write(input_of(one, list(one.seeds()), args.seed, args.show))
        return
    prepare()
    turns = {} if args.out is None else read_turns(args.out / "fuzz.jsonl", args.seed)
    failed = False
    for name in args.parsers:
        before = sum(row.inputs for row in turns.get(name, ()))
        if before >= args.inputs:
            continue
        one = in_a_process(PARSERS[name], args.inputs, args.seconds, before, seed=args.seed)
        turns.setdefault(name, []).append(one)
        rate = one.inputs / max(one.seconds, 1e-9)
        print(
            f"{name}, seed {args.seed}: {one.inputs:,} inputs, {before + one.inputs:,} in all, "
            f"{len(one.failures)} failures, {one.seconds:.0f} s, {rate:,.0f} a second",
            flush=True,
        )
        failed = failed or bool(one.failures)
        for said, content in one.failures.items():
            print(f"    {said}\n        {content[:600]}", flush=True)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
            with (args.out / "fuzz.jsonl").open("a") as file:
                print(json.dumps(one.__dict__ | {"seed": args.seed}), file=file)
            (args.out / "fuzz.md").write_text(table([merged(turns[name]) for name in PARSERS if name in turns]) + "\n")
    shutil.rmtree(home(), ignore_errors=True)
    print(table([merged(turns[name]) for name in PARSERS if name in turns]))
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
