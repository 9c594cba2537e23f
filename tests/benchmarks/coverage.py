"""Do the intervals hold what they promise? Labels saved so far, and labels accepted by machine, over simulated projects.

    ACTIVESSL_DATA=folder python tests/benchmarks/coverage.py --work FOLDER [--seeds 4] [--out FILE.json]

The folder of data holds ``*.npz`` with ``vectors`` and ``labels``. Projects are made once and kept in the work folder.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from coverage_bank import SHAPES, World, make_bank, worlds  # beside this file

from activessl.errors import MeasureError
from activessl.heads.linear import LogisticHead
from activessl.heads.registry import make_head
from activessl.measuring.audit import audit_accuracy
from activessl.measuring.autolabel import accept
from activessl.measuring.live import PUBLIC, Prior, _own_evidence
from activessl.measuring.curves import labels_to_target


def judge(world: World, project: dict[str, np.ndarray], sizes: np.ndarray, curve: np.ndarray) -> dict[str, Any] | None:
    """What the estimators say of a project, and what is true."""
    rows, chance = project["rows"], project["chance"]
    y, drawn, n = world.y[rows], np.isfinite(chance), len(rows)
    points = world.points[rows]
    rng = np.random.default_rng([5, n, len(np.flatnonzero(drawn))])
    fold, right = rng.permutation(n) % 5, np.zeros(n, dtype=bool)
    for f in range(5):
        inside = fold != f
        head = make_head("logistic", world.k).fit(points[inside], y[inside])
        right[~inside] = np.asarray(head.predict_proba(points[~inside])).argmax(axis=1) == y[~inside]

    def learn(taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
        if len(np.unique(y[taught])) < 2:
            return np.full(len(asked), y[taught[0]])
        head = LogisticHead(classes=range(world.k), calibrate=False).fit(points[taught], y[taught])
        return np.asarray(head.predict(points[asked]))

    at = np.flatnonzero(drawn)
    found: dict[str, Any] = {"set": world.name.rsplit("-", 1)[0], "n": n, "m": len(at)}
    reached = float(labels_to_target(sizes, curve, float(project["accuracy"])))
    most = float(np.log(sizes[-1] / n))
    found["truth"] = float(np.log(reached / n)) if np.isfinite(reached) else most
    found["censored"] = not np.isfinite(reached)
    found["at_first"] = reached <= sizes[0]
    try:
        audit = audit_accuracy(right[drawn], chance[drawn], rounds=project["turn"][drawn])
    except MeasureError:
        return None
    found["audit"] = [audit.low, audit.high, float(project["pool_accuracy"])]
    found["own"] = _own_evidence(learn, y, at, right[at].astype(float), n, rng)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ACTIVESSL_DATA", ".")))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=4)
    args = parser.parse_args()
    make_bank(args.data, args.work, args.seeds)
    found = []
    for world in worlds(args.data):
        with np.load(args.work / f"{world.name}-curve.npz") as curve:
            sizes, accuracy = curve["sizes"], curve["accuracy"]
        for which in range(len(SHAPES)):
            for seed in range(args.seeds):
                path = args.work / f"{world.name}-p{which}-{seed}.npz"
                if path.exists():
                    with np.load(path) as project:
                        one = judge(world, dict(project), sizes, accuracy)
                    if one is not None:
                        found.append({**one, "shape": which})
        (args.work / "judged.json").write_text(json.dumps(found))
        print(world.name, len(found), flush=True)


if __name__ == "__main__":
    main()
