"""Peak memory and time of reading one large file of series: written by this script, described and read row by row.

Run: ``python tests/benchmarks/large_files.py --gigabytes 1 --work FOLDER``. Prints a row for each form.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

VALUES = 10_000

_READ = """
import json, resource, sys, time
from pathlib import Path
from activessl.pool.sources import load_pool
begun = time.perf_counter()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pool = load_pool(Path(sys.argv[1]), "series")
described = time.perf_counter() - begun
for row in range(0, len(pool), max(1, len(pool) // 100)):
    pool.read(row)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"items": len(pool), "before": before / 1024, "peak": peak / 1024, "seconds": described}))
"""


def write(path: Path, size: int) -> None:
    """Write a file of about ``size`` bytes; the values are different in each of 97 rows."""
    rows = [[f"{((i * 7 + k) % 9973) / 997:.5f}" for i in range(VALUES)] for k in range(97)]
    lines = [",".join(row) for row in rows]
    with path.open("w", encoding="ascii") as out:
        if path.suffix == ".ts":
            out.write("@classLabel true a b\n@data\n")
        elif "wide" in path.name:
            out.write("id,label," + ",".join(f"t{i}" for i in range(VALUES)) + "\n")
        else:
            out.write("id,time,x,y\n")
        k = 0
        while out.tell() < size:
            if path.suffix == ".ts":
                out.write(f"{lines[k % 97]}:{'ab'[k % 2]}\n")
            elif "wide" in path.name:
                out.write(f"s{k},{'ab'[k % 2]},{lines[k % 97]}\n")
            else:
                row, other = rows[k % 97], rows[(k + 1) % 97]
                out.write("".join(f"s{k},{i},{a},{b}\n" for i, (a, b) in enumerate(zip(row, other, strict=True))))
            k += 1


def main() -> None:
    """Write, read and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--forms", nargs="+", default=["data.ts", "wide.csv", "long.csv"])
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    print("| file | GB | series | seconds to describe | MB before | MB at the peak |\n|---|---|---|---|---|---|")
    for name in asked.forms:
        path = asked.work / name
        write(path, round(asked.gigabytes * 1e9))
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"| {name} | failed after {time.perf_counter() - begun:.0f} s: {done.stderr.strip()[-200:]} |")
            continue
        found = json.loads(done.stdout)
        size = path.stat().st_size / 1e9
        print(
            f"| {name} | {size:.2f} | {found['items']:,} | {found['seconds']:.0f} | {found['before']:.0f} "
            f"| {found['peak']:.0f} |",
            flush=True,
        )
        path.unlink()


if __name__ == "__main__":
    main()
