"""How long `init`, `check`, `encode` and `push`'s reading take from S3 and from tar archives, against the disk.

    python tests/benchmarks/addresses.py --bucket s3://bench/run --work bench/addresses --pictures 10000
    python tests/benchmarks/addresses.py --memory 2 --work bench/addresses

The store is the one that the environment names (AWS_ENDPOINT_URL and credentials); pictures are uploaded to --bucket.
Each verb is a process of its own; the ways take turns, and the median of the runs counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

VERBS = ("init", "check", "encode")


def pictures(folder: Path, n: int, side: int) -> None:
    """PNG pictures of three classes, of about 6 KB at 64 pixels."""
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / "abc"[i % 3] / f"{i:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 40, (side, side, 3), dtype=np.uint8)
        pixels[:, :, i % 3] += 120
        Image.fromarray(pixels).save(path)


def archives(folder: Path, to: Path, most: int = 1_000) -> None:
    """The same pictures as tar archives of samples."""
    to.mkdir(parents=True)
    files = sorted(folder.rglob("*.png"))
    for start in range(0, len(files), most):
        with tarfile.open(to / f"{start // most:04}.tar", "w") as tar:
            for path in files[start : start + most]:
                tar.add(path, f"{path.parent.name}/{path.name}")


class Cost(NamedTuple):
    """What a command costs: seconds, seconds of computing, and the largest memory in MB."""

    wall: float
    cpu: float
    memory: float


def run(*arguments: str) -> Cost:
    """Run a command of activessl in a process of its own."""
    begun = time.perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "activessl_cli.main", *arguments],
        dict(os.environ),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"error: activessl {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def speed(bucket: str, work: Path, n: int, side: int, repeats: int, verbs: Sequence[str], minutes: str) -> None:
    """Time the verbs from the disk and from the store."""
    import s3fs

    data, tars = work / "pictures", work / "tars"
    if not data.exists():
        pictures(data, n, side)
        archives(data, tars)
    files = s3fs.S3FileSystem()
    name = bucket.removeprefix("s3://")
    if not files.exists(f"{name}/tars"):
        files.makedirs(name.partition("/")[0], exist_ok=True)
        files.put(str(data), f"{name}/pictures", recursive=True)
        files.put(str(tars), f"{name}/tars", recursive=True)
    ways = {"disk": str(data), "S3": f"{bucket}/pictures", "tar on the disk": str(tars), "tar in S3": f"{bucket}/tars"}
    costs: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(repeats):
        for way, place in ways.items():
            project = work / "project"
            shutil.rmtree(project, ignore_errors=True)
            os.environ["XDG_CACHE_HOME"] = str(work / "cache")
            shutil.rmtree(work / "cache", ignore_errors=True)
            for verb in verbs:
                more = (place, "--classes", "a,b,c") if verb == "init" else ()
                more = ("--minutes", minutes) if verb == "encode" and minutes else more
                cost = run(verb, *more, "--project", str(project))
                costs.setdefault((way, verb), []).append(cost)
                print(f"{way}, {verb}: {cost.wall:.1f} s, {cost.cpu:.1f} s CPU", file=sys.stderr, flush=True)
    heads = [f"{verb}, {what}" for verb in verbs for what in ("s", "CPU s")]
    print(f"| {n:,} pictures of {side} × {side} | " + " | ".join([*heads, "together, s"]) + " |")
    print("|---|" + "---|" * (len(heads) + 1))
    for way in ways:
        wall = [statistics.median(one.wall for one in costs[way, verb]) for verb in verbs]
        cpu = [statistics.median(one.cpu for one in costs[way, verb]) for verb in verbs]
        cells = [f"{one:.1f}" for pair in zip(wall, cpu, strict=True) for one in pair]
        print(f"| {way} | " + " | ".join([*cells, f"{sum(wall):.1f}"]) + " |")


def memory(gigabytes: float, work: Path) -> None:
    """The largest memory of the verbs over an archive of a size."""
    path = work / "large.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        with tarfile.open(path, "w") as tar:
            out, i = io.BytesIO(), 0
            Image.fromarray(rng.integers(0, 255, (600, 800, 3), dtype=np.uint8)).save(out, "PNG")
            while path.stat().st_size < gigabytes * 1e9:
                content = out.getvalue() + i.to_bytes(4, "big")
                info = tarfile.TarInfo(f"{i:06}.png")
                info.size, i = len(content), i + 1
                tar.addfile(info, io.BytesIO(content))
    project = work / "memory"
    shutil.rmtree(project, ignore_errors=True)
    for verb in VERBS:
        more = (str(path), "--classes", "a,b") if verb == "init" else ()
        cost = run(verb, *more, "--project", str(project))
        size = path.stat().st_size / 1e9
        print(f"{verb}: {cost.wall:.1f} s, {cost.memory:,.0f} MB at most, of an archive of {size:.1f} GB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bucket", default="")
    parser.add_argument("--work", type=Path, default=Path("bench/addresses"))
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--verbs", nargs="+", default=list(VERBS), choices=VERBS)
    parser.add_argument("--minutes", default="", help="of encode")
    parser.add_argument("--memory", type=float, default=0)
    given = parser.parse_args()
    if given.bucket:
        speed(given.bucket, given.work, given.pictures, given.side, given.repeats, given.verbs, given.minutes)
    if given.memory:
        memory(given.memory, given.work)
