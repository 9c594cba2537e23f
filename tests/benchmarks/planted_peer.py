"""The same planted faults, as cleanvision finds them; needs an environment of its own with ``cleanvision``.

python tests/benchmarks/planted.py --data FOLDER --seed 1 --sets fashion cifar steel --keep KEPT
PEER tests/benchmarks/planted_peer.py KEPT/fashion KEPT/cifar KEPT/steel
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

#: Our kinds, and what the other package calls them.
KINDS = {
    "blank": ["low_information"],
    "dark": ["dark"],
    "bright": ["light"],
    "blurred": ["blurry"],
    "odd_size": ["odd_size", "odd_aspect_ratio"],
    "mixed_depth": ["grayscale"],
    "exact_duplicate": ["exact_duplicates"],
    "near_duplicate": ["near_duplicates"],
}


def main() -> None:
    """Print one line a kind."""
    from cleanvision import Imagelab  # type: ignore[import-not-found]

    for folder in map(Path, sys.argv[1:]):
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        readable = folder / "readable"  # it stops at a file that cannot be decoded
        readable.mkdir(exist_ok=True)
        for path in (folder / "pool").iterdir():
            if path.name not in truth["unreadable"] and not (readable / path.name).exists():
                (readable / path.name).hardlink_to(path)
        start = time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            lab = Imagelab(data_path=str(readable), verbose=False)
            lab.find_issues(n_jobs=1, verbose=False)
        print(f"{folder.name}: {time.monotonic() - start:.1f} s", flush=True)
        issues: Any = lab.issues
        for kind, names in KINDS.items():
            found: set[str] = set()
            if kind.endswith("duplicate"):  # all but the first of each set
                for alike in lab.info[names[0]].get("sets", []):
                    found |= set(sorted(Path(one).name for one in alike)[1:])
            else:
                for name in names:
                    if f"is_{name}_issue" in issues:
                        found |= {Path(one).name for one in issues.index[issues[f"is_{name}_issue"]]}
            if kind != "blank":  # that blank pictures are dark, or copies of each other, is not counted against it
                found -= set(truth["blank"])
            planted = set(truth[kind])
            right = len(found & planted)
            precision = f"{right / len(found):.3f}" if found else "–"
            print(
                f"  {kind:16} found {len(found):5} precision {precision} recall {right / len(planted):.3f}", flush=True
            )


if __name__ == "__main__":
    main()
