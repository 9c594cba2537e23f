"""How often the figures of trial projects hold: each figure beside the truth, and a table over many projects."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.measuring.intervals import share_interval
from activessl.measuring.savings.curves import labels_to_target
from activessl.pool.progress import OnProgress, Progress
from activessl.proof.estimates import Evidence
from activessl.trials.people import People
from activessl.trials.project import Ground, TrialProject

#: Promises of ``accept`` that are tried at the end of each project: most wrong items.
PROMISES = (0.2, 0.3)


@dataclass(frozen=True)
class Study:
    """The figures of many trial projects.

    Attributes:
        rows: One mapping for each project: ``set``, ``people`` and ``seed``, and each figure beside the truth.
    """

    rows: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {"projects": [dict(row) for row in self.rows], "people": [dict(line) for line in self._lines()]}

    def to_text(self) -> str:
        """Format a table with a row for each kind of people.

        A share is followed by its 90 % interval over the projects, because few projects show little.
        """
        lines = list(self._lines())
        wide = max(len(line["people"]) for line in lines) + 2
        head = "people".ljust(wide) + "".join(f"{name:>20}" for name in _COLUMNS)
        return "\n".join([head, *("".join([f"{line['people']:<{wide}}", *_cells(line)]) for line in lines)])

    def to_markdown(self) -> str:
        """The same table for a page."""
        lines = ["| people | " + " | ".join(_COLUMNS) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
        lines += [
            f"| {line['people']} | " + " | ".join(c.strip() for c in _cells(line)) + " |" for line in self._lines()
        ]
        return "\n".join(lines)

    def _lines(self) -> Iterator[dict[str, Any]]:
        by: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.rows:
            by[str(row["people"])].append(row)
        for name, rows in by.items():
            known = [row for row in rows if "accuracy" in row]
            saved = [row for row in rows if "saved" in row]
            promises = [row["accept"][i] for i in range(len(PROMISES)) for row in rows if "items" in row["accept"][i]]
            wide = [
                (row["high"] - row["low"]) / (row["exact"] + row["unlabeled"] / max(row["drawn"], 1)) for row in known
            ]
            yield {
                "people": name,
                "projects": len(rows),
                "accuracy": _mean([row["truth"] for row in rows]),
                "on true classes": _mean([row["true classes"] for row in rows]),
                "estimate": _mean([row["accuracy"] for row in known]),
                "accuracy holds": [row["low"] - 1e-9 <= row["truth"] <= row["high"] + 1e-9 for row in known],
                "width": float(np.median(wide)) if wide else None,
                "class figures hold": [hit for row in known for hit in row["classes"]],
                "savings hold": [row["saved holds"] for row in saved],
                "promise broken": [bool(p["items"] and p["wrong"] > p["error"]) for p in promises],
                "seconds": _mean([row["seconds"] for row in rows]),
            }


_COLUMNS = (
    "projects", "accuracy", "on true classes", "estimate", "accuracy holds", "width", "class figures hold",
    "savings hold", "promise broken",
)  # fmt: skip


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _cells(line: Mapping[str, Any]) -> list[str]:
    def cell(name: str) -> str:
        value = line[name]
        if isinstance(value, list):
            low, high = share_interval(sum(value), len(value))
            return f"{100 * np.mean(value):.0f} % ({100 * low:.0f} to {100 * high:.0f})" if value else "–"
        if value is None:
            return "–"
        return f"{value:,}" if isinstance(value, int) else f"{value:.2f}" if name == "width" else f"{100 * value:.1f} %"

    return [f"{cell(name):>20}" for name in _COLUMNS]


def study(
    grounds: Sequence[Ground],
    people: Mapping[str, People],
    *,
    projects: int,
    seed: int = 0,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Study:
    """Run trial projects, and compare their figures with the truth.

    Args:
        grounds: Data with known classes.
        people: Kinds of people, by name.
        projects: Projects of each kind of people on each data.
        seed: Seed of the first project.
        cache: File that keeps finished projects as lines of JSON, so that an interrupted study can be resumed.
        on_progress: Called after each project.
    """
    done: dict[tuple[str, str, int], dict[str, Any]] = {}
    if cache is not None and cache.exists():
        rows = (json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines() if line.endswith("}"))
        done = {(row["set"], row["people"], row["seed"]): row for row in rows}
    found = []
    tasks = [(ground, name, seed + s) for s in range(projects) for name in people for ground in grounds]
    for turn, (ground, name, root) in enumerate(tasks):
        row = done.get((ground.name, name, root))
        if row is None:
            start = process_time()
            project = TrialProject(ground, people[name], root)
            project.run()
            row = {"set": ground.name, "people": name, "seed": root, **figures(project)}
            row["seconds"] = process_time() - start
            if cache is not None:
                with cache.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(row) + "\n")
        found.append(row)
        if on_progress is not None:
            on_progress(Progress("simulate people", turn + 1, len(tasks)))
    return Study(tuple(found))


def figures(project: TrialProject) -> dict[str, Any]:
    """The figures of a project at its end, each beside the truth."""
    evidence = project.evidence()
    snapshot, there = evidence.snapshot, project.there
    if snapshot.decided is None:
        return {
            "truth": 0.0,
            "true classes": 0.0,
            "labels": 0,
            "accept": [{"error": error, "refused": "no model"} for error in PROMISES],
        }
    decided = np.array(snapshot.decided)
    rows = snapshot.training[0]
    decided[rows] = np.array(evidence.said)  # of a labeled item, as a head says that was not taught it
    odds = np.where(there[:, None], project.said_as, 0.0)
    # the accuracy that labels can measure: how often the model predicts what people say
    row: dict[str, Any] = {"truth": float(odds[np.arange(len(odds)), decided].sum() / there.sum()), "labels": len(rows)}
    row["true classes"] = float(np.mean((np.where(project.strange, -1, project.ground.y) == decided)[there]))
    row["drawn"] = len(evidence.random.at) + len(evidence.random.lost) + evidence.random.vanished
    row["unlabeled"] = int((~evidence.random.unknown).sum()) + evidence.random.vanished
    audit = evidence.audit
    if audit is not None:
        low, high = share_interval(round(audit.accuracy * audit.labels), audit.labels)
        row |= {"accuracy": audit.accuracy, "low": audit.low, "high": audit.high, "exact": high - low}
        row["classes"] = list(_classes(evidence, np.where(there, decided, -1), odds))
        row |= _savings(project, evidence, decided)
    row["accept"] = [project.promise(snapshot, error) for error in PROMISES]
    return row


def _classes(evidence: Evidence, decided: Int[np.ndarray, " n"], odds: Float[np.ndarray, "n k"]) -> Iterator[bool]:
    """Whether each interval of recall and precision holds; ``decided`` is -1, and ``odds`` 0, where an item is gone."""
    for k, quality in enumerate(evidence.classes):
        put = decided == k
        both = odds[put, k].sum()
        for share, of in ((quality.recall, odds[:, k].sum()), (quality.precision, put.sum())):
            if share is not None and of:
                yield bool(share.low - 1e-9 <= both / of <= share.high + 1e-9)


def _savings(project: TrialProject, evidence: Evidence, decided: Int[np.ndarray, " n"]) -> dict[str, Any]:
    """The labels saved beside those that random choice needs for the accuracy on the true classes."""
    live = evidence.live
    if live is None:
        return {}
    counts, curve = project.ground.random_curve
    known = ~project.strange  # as random choice, on all items: those that were deleted are easier, or harder
    reached = float(labels_to_target(counts, curve, float(np.mean((decided == project.ground.y)[known]))))
    true = 1 - live.labels / min(reached, float(counts[-1]))
    # where random choice never got there, the saving is at least this
    holds = live.high >= true - 1e-9 and (np.isinf(reached) or live.low <= true + 1e-9)
    return {"saved": true, "saved estimate": live.saved, "saved holds": bool(holds)}
