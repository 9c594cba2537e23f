"""The command line with a thread that writes, at intervals, where the memory of its process is.

    python tests/benchmarks/serve_memory.py LOG SECONDS serve --port 9090 ...

``serve_day.py day --memory`` starts ``serve`` through it. A line of ``LOG`` is JSON: resident memory; what glibc's
``mallinfo2`` says of its arenas; and how many objects Python's garbage collector knows, in all and of each type. So

* a leak of Python objects is a count that grows;
* a leak of native code is ``used`` (``uordblks``) that grows while the objects do not;
* fragmentation is ``free`` (``fordblks``) that grows;
* maps that are not glibc's, such as memory-mapped files, are what resident memory has beyond these.

tracemalloc would change what is measured: it takes memory for each block.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Thread

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


def native() -> dict[str, float]:
    """Megabytes of glibc: of all arenas, used in them, free in them, and in maps of their own."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Mallinfo2
    said = libc.mallinfo2()
    names = {"arena": said.arena, "used": said.uordblks, "free": said.fordblks, "maps": said.hblkhd}
    return {name: value / 1e6 for name, value in names.items()}


def resident() -> dict[str, float]:
    """Megabytes in memory: all, of no file (``anon``), and of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    keys = {"rss": "VmRSS", "anon": "RssAnon", "file": "RssFile"}
    return {name: int(status[key].split()[0]) / 1024 for name, key in keys.items()}


def objects() -> tuple[int, int, dict[str, int]]:
    """Objects that the collector knows, blocks of Python's own allocator, and the types of 200 objects or more."""
    gc.collect()
    counts = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    blocks = sys.getallocatedblocks()
    return sum(counts.values()), blocks, {name: n for name, n in counts.most_common() if n >= 200}


def watch(log: Path, seconds: float) -> None:
    """Write a line now and after each interval, until the process ends."""
    begun = time.monotonic()
    while True:
        before = resident() | native()
        number, blocks, types = objects()
        row = {"seconds": time.monotonic() - begun, **before, "objects": number, "blocks": blocks, "types": types}
        with log.open("a") as file:
            print(json.dumps(row), file=file)
        time.sleep(seconds)


def table(log: Path, most: int = 12) -> str:
    """The log as a table, and the types that grew most between its second half's ends."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    names = ("rss", "anon", "file", "arena", "used", "free", "maps")
    lines = [f"| minute | {' | '.join(names)} | objects | blocks |", "|---:" * (len(names) + 3) + "|"]
    shown = rows[:: max(1, len(rows) // most)]
    for row in [*shown, *([] if shown[-1] is rows[-1] else [rows[-1]])]:
        figures = " | ".join(f"{row[name]:.1f}" for name in names)
        lines.append(f"| {row['seconds'] / 60:.1f} | {figures} | {row['objects']:,} | {row['blocks']:,} |")
    half, last = rows[len(rows) // 2], rows[-1]
    grown = {name: n - half["types"].get(name, 0) for name, n in last["types"].items()}
    most_grown = sorted(grown.items(), key=lambda pair: -pair[1])[:8]
    return "\n".join([*lines, "", f"types that grew since minute {half['seconds'] / 60:.1f}: {most_grown}"])


if __name__ == "__main__":
    Thread(target=watch, args=(Path(sys.argv[1]), float(sys.argv[2])), daemon=True).start()
    sys.argv = ["activessl", *sys.argv[3:]]
    from activessl_cli.main import main

    main()
