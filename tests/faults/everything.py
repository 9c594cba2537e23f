"""All that ``make faults`` does, part by part, with one table at the end.

python tests/faults/everything.py --out bench/faults
python tests/faults/everything.py --out bench/faults --only damage fuzz --sample 20
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def parts(out: Path, sample: int) -> dict[str, list[str]]:
    """The command of each part."""
    every = ["--every", str(sample)]
    inputs = ["--inputs", str(100_000 // sample), "--seconds", str(max(3, 600 // sample))]
    return {
        "kill": ["campaign.py", "kill", *every],
        "torn": ["campaign.py", "torn", *every],
        "full": ["campaign.py", "full", *every],
        "broken": ["campaign.py", "broken", "read-only", *every],
        "damage": ["damage.py", "files", "ledger", *every, "--cases", str(330 // sample)],
        "fuzz": ["fuzz", *inputs],
    }


def summary(out: Path) -> str:
    """Cases, failures and seconds of each class, from what the parts have written."""
    lines = ["| class | cases | failures | seconds |", "|---|---:|---:|---:|"]
    total = [0, 0, 0.0]
    for path in sorted(set(out.rglob("*.jsonl")) - set(out.rglob("fuzz.jsonl"))):
        found: dict[str, list[float]] = {}
        for line in path.read_text().splitlines():
            case = json.loads(line)
            name = f"damaged {case['moment']}s" if case["life"] == "damage" else case["fault"]
            row = found.setdefault(name, [0, 0, 0.0])
            row[0] += 1
            row[1] += bool(case["problems"])
            row[2] += case["seconds"]
        for name, (cases, wrong, seconds) in found.items():
            lines.append(f"| {name} | {cases:,.0f} | {wrong:.0f} | {seconds:,.0f} |")
            total = [total[0] + cases, total[1] + wrong, total[2] + seconds]
    fuzzed = out / "fuzz.md"
    if fuzzed.exists():
        last = re.findall(r"^\| all \| ([\d,]+) \| [\d,]+ \| (\d+) \| \| \| ([\d,]+) s", fuzzed.read_text(), re.M)
        for inputs, wrong, seconds in last:
            lines.append(f"| fuzzed inputs | {inputs} | {wrong} | {seconds} |")
            numbers = [float(part.replace(",", "")) for part in (inputs, wrong, seconds)]
            total = [a + b for a, b in zip(total, numbers, strict=True)]
    return "\n".join([*lines, f"| all | {total[0]:,.0f} | {total[1]:.0f} | {total[2]:,.0f} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[], choices=["kill", "torn", "full", "broken", "damage", "fuzz"])
    parser.add_argument("--sample", type=int, default=1, help="only every so many-th case")
    args = parser.parse_args()
    failed = []
    for name, command in parts(args.out, args.sample).items():
        if args.only and name not in args.only:
            continue
        begun = time.monotonic()
        done = subprocess.run([sys.executable, str(HERE / command[0]), *command[1:], "--out", str(args.out)])
        print(
            f"{name}: {time.monotonic() - begun:,.0f} s, {'failures' if done.returncode else 'no failure'}", flush=True
        )
        failed += [name] if done.returncode else []
    table = summary(args.out)
    (args.out / "summary.md").write_text(table + "\n")
    print(table)
    sys.exit(int(bool(failed)))


if __name__ == "__main__":
    main()
