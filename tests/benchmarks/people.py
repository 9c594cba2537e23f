"""Whether intervals and promises hold for people who skip, follow suggestions, leave rounds open or import late.

Usage: ``python tests/benchmarks/people.py --data folder/vectors --projects 40 --out people.jsonl [--habits NAME ...]``,
then ``python tests/benchmarks/people.py --report people.jsonl``

Each simulated project has 1,500 items of a public set and twelve rounds of twenty questions: four drawn at random, then
eight chosen, with a quarter of them drawn at random. Its rounds are chosen by the product's own steps and its events
are folded by its own ledger code; only files and servers are left out. At the end its figures are compared with the
truth, which the simulation knows of every item. A run can be interrupted: projects in the output are not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.ledger.fold import fold
from activessl.ledger.schema import (
    Accepted,
    Answered,
    Closed,
    Created,
    Encoded,
    Event,
    Missing,
    Queried,
    Recorded,
    Taught,
)
from activessl.measuring.intervals import share_interval
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import judge
from activessl.proof.estimates import Evidence
from activessl.session import Session
from activessl.steps.select import next_round

SETS = ("cifar10", "fashion_mnist", "text_agnews", "elpv_solar")
ITEMS, ROUNDS, SIZE, SHARE = 1_500, 12, 20, 0.25
#: So many rounds are drawn at random, as `accept` asks for them.
RANDOM = 4
#: Share of the pool that is none of the classes, of the habits that need it.
STRANGE = 0.15
ERROR, DELTA = 0.1, 0.1
LOOKS = (0.2, 0.3)

#: What people do, by name.
HABITS = {
    "answer everything": "answers are right and complete",
    "skip what is none of the classes": "15 % of the pool is none of the classes; people skip it",
    "name a class that is not there": "15 % of the pool is none of the classes; people name its own class",
    "follow suggestions": "people accept a wrong suggestion with probability 0.6; random items are blind",
    "follow suggestions, random items not blind": "likewise, with annotator.blind_random = false",
    "import late": "after round 5, labels of the 300 most confident items are imported",
    "close rounds unanswered": "rounds 4 and 7 are closed before anybody answered",
    "leave the hard ones open": "of each round the fifth with the lowest confidence is left open",
    "delete the easy ones": "after round 6 the 400 most confident items are deleted",
    "confirm clusters": "rounds 6 and 8 are clusters of alike items",
    "accept in between": "after round 6 predictions are accepted, at most 10 % of them wrong",
    "make mistakes": "one label in ten is wrong; accuracy is then that of predicting what people say",
}


@dataclass
class World:
    """A set, as a project on the disk whose embeddings all simulated projects share."""

    name: str
    project: Project
    y: np.ndarray
    classes: tuple[str, ...]
    base: Snapshot
    encoded: Encoded

    @classmethod
    def make(cls, data: Path, name: str, folder: Path) -> World:
        stored = np.load(data / f"{name}.npz")
        rng = np.random.default_rng(0)
        pool = np.flatnonzero(stored["split"] == 0) if "split" in stored else np.arange(len(stored["labels"]))
        rows = np.sort(rng.choice(pool, min(ITEMS, len(pool)), replace=False))
        y = stored["labels"][rows].astype(int)
        np.savez(folder / f"{name}.npz", vectors=stored["vectors"][rows].astype(np.float32))
        classes = tuple(f"class {k}" for k in range(int(y.max()) + 1))
        config = check_config(
            {
                "data": {"path": f"../{name}.npz", "modality": "vector", "classes": classes},
                "query": {"size": SIZE, "random_share": SHARE},
            }
        )
        session = Session(Project.create(folder / f"{name} project", config, version="0"))
        session.encode()
        base = Snapshot.of(session.project)
        _ = base.smoothed, base.row  # shared by all projects
        assert base.history.encoded is not None
        return cls(name, session.project, y, classes, base, base.history.encoded)


@dataclass
class Desk:
    """One simulated project."""

    world: World
    habit: str
    seed: int
    events: list[Recorded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 77])
        self.n = len(self.world.y)
        self.ids = self.world.base.embeddings.ids
        self.row = self.world.base.row
        self.strange = np.zeros(self.n, dtype=bool)
        if "none of the classes" in self.habit or "not there" in self.habit:
            self.strange = self.rng.random(self.n) < STRANGE
        told = self.world.project.own.model_dump() | {"seed": self.seed}
        told["annotator"] = told["annotator"] | {"blind_random": "not blind" not in self.habit}
        self.project = Project(self.world.project.folder, check_config(told))
        self.gone: set[str] = set()
        # what people say of each item, right or wrong: all figures are about that
        self.people = self.world.y.copy()
        if self.habit == "make mistakes":
            k = len(self.world.classes)
            wrong = self.rng.random(self.n) < 0.1
            self.people[wrong] = (self.people[wrong] + self.rng.integers(1, k, wrong.sum())) % k
        self.given = 0
        self.add(Created(classes=self.world.classes, modality="vector", seed=self.seed, version="0"))
        self.add(self.world.encoded)

    def add(self, event: Event) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=len(self.events))
        self.events.append(Recorded(seq=len(self.events) + 1, at=at, event=event))

    def snapshot(self) -> Snapshot:
        config = self.project.config.data
        history = fold(self.events, classes=config.classes, kind=config.kind)
        found = Snapshot(self.project, history)
        for name in ("embeddings", "smoothed", "row"):
            object.__setattr__(found, name, getattr(self.world.base, name))
        return found

    def answer(self, item: str, who: str, said: str | None, question: Question | None, suggested: str | None) -> None:
        self.given += 1
        source = f"{self.given}" if question is not None else f"import by {who} of {item}"
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=len(self.events))
        cluster = question is not None and question.kind == "confirm"
        kind = "label" if said is not None else "apart" if cluster else "skip"
        asked = {} if question is None else {"question": question.id, "asking": question.asking, "cluster": cluster}
        classes = () if said is None else (said,)
        self.add(
            Answered(answer=Answer(source, source, item, kind, classes, who, 4.0, at, suggested=suggested, **asked))
        )

    def said(self, item: str, suggested: str | None) -> str | None:
        row = self.row[item]
        if self.strange[row]:
            return None if self.habit.startswith("skip") else "something else"
        true = self.world.classes[self.people[row]]
        if self.habit.startswith("follow") and suggested is not None and suggested != true and self.rng.random() < 0.6:
            return suggested
        return true

    def run(self) -> None:
        for number in range(1, ROUNDS + 1):
            snapshot = self.snapshot()
            queried = self._next(snapshot, number)
            self.add(queried)
            shown = {} if queried.strategy == "clusters" else self._shown(snapshot, queried.questions)
            if self.habit == "close rounds unanswered" and number in (4, 7):
                self.add(Closed(round=number, why="nobody had time"))
                continue
            open_ = self._left_open(snapshot, queried.questions)
            for question in queried.questions:
                if question.id in open_:
                    continue
                if question.kind == "confirm":
                    for item in question.items:
                        true = self.world.classes[self.world.y[self.row[item]]]
                        same = true == question.proposed
                        self.answer(item, "ann", true if same else None, question, question.proposed)
                    continue
                suggested = shown.get(question.id)
                self.answer(question.item, "ann", self.said(question.item, suggested), question, suggested)
            if open_:
                self.add(Closed(round=number, why=""))
            self._teach(number)
            self._afterwards(number)

    def _next(self, snapshot: Snapshot, number: int) -> Queried:
        if number <= RANDOM:
            return next_round(snapshot, SIZE, strategy="random")
        if self.habit == "confirm clusters" and number in (6, 8):
            with suppress(ActiveSSLError):  # the head is not sure of enough alike items
                return next_round(snapshot, 8, confirm=True)
        return next_round(snapshot, SIZE)

    def _shown(self, snapshot: Snapshot, questions: tuple[Question, ...]) -> dict[str, str]:
        single = [q for q in questions if q.kind != "confirm"]
        return {s.question: s.classes[0] for s in snapshot.suggestions(single) if not s.blind}

    def _left_open(self, snapshot: Snapshot, questions: tuple[Question, ...]) -> set[str]:
        if self.habit != "leave the hard ones open" or snapshot.probs is None:
            return set()
        sure = snapshot.sure
        hard = sorted(questions, key=lambda q: sure[self.row[q.item]])
        return {q.id for q in hard[: len(hard) // 5]}

    def _teach(self, number: int) -> None:
        history = self.snapshot().history
        self.add(
            Taught(
                round=number, head=self.project.config.head.name, fingerprint=self.world.encoded.fingerprint,
                labels=len(history.labels), digest=history.digest(), seconds=0.1, turn=len(self.events),
            )
        )  # fmt: skip

    def _afterwards(self, number: int) -> None:
        if number == 5 and self.habit == "import late":
            snapshot = self.snapshot()
            free = np.flatnonzero(snapshot.free)
            for row in free[np.argsort(-snapshot.sure[free], kind="stable")][:300]:
                self.answer(self.ids[row], "import", self.world.classes[self.world.y[row]], None, None)
            self._teach(number)
        if number == 6 and self.habit == "delete the easy ones":
            snapshot = self.snapshot()
            free = np.flatnonzero(snapshot.free)
            self.gone = {self.ids[row] for row in free[np.argsort(-snapshot.sure[free], kind="stable")][:400]}
            self.add(Missing(items=tuple(sorted(self.gone)), turn=len(self.events)))
        if number == 6 and self.habit == "accept in between":
            snapshot = self.snapshot()
            judged = judge(snapshot, error=ERROR, delta=0.5, per_class=False, audit=0)
            if judged.items:
                self.add(
                    Accepted(
                        error=ERROR, delta=0.5, per_class=False, items=judged.items, audit=(), calibration=1, wrong=0,
                        fingerprint=self.world.encoded.fingerprint, digest=snapshot.history.digest(),
                        look=judged.look, turn=len(self.events),
                    )
                )  # fmt: skip

    def figures(self) -> dict[str, Any]:
        """The figures of the project beside the truth."""
        snapshot = self.snapshot()
        evidence = Evidence(snapshot)
        object.__setattr__(evidence, "_kept", {})
        there = np.array([item not in self.gone for item in self.ids])
        y = np.where(self.strange, -1, self.people)
        decided = np.array(snapshot.decided)
        rows = snapshot.training[0]
        decided[rows] = np.array(evidence.said)  # of a labeled item, as a head says that was not taught it
        right = decided == y
        row: dict[str, Any] = {"truth": float(right[there].mean()), "labels": len(rows)}
        audit = evidence.audit
        row["drawn"] = len(evidence.random.at) + len(evidence.random.lost)
        row["unlabeled"] = int((~evidence.random.unknown).sum())
        if audit is not None:
            exact = share_interval(round(audit.accuracy * audit.labels), audit.labels)
            row |= {"accuracy": audit.accuracy, "low": audit.low, "high": audit.high, "random": audit.labels,
                "exact": exact[1] - exact[0]}  # fmt: skip
            row["classes"] = list(self._classes(evidence, decided, y, there))
        row["accept"] = [self._accept(snapshot, error, y) for error in LOOKS]
        return row

    def _classes(self, evidence: Evidence, decided: np.ndarray, y: np.ndarray, there: np.ndarray) -> Iterator[bool]:
        for k, quality in enumerate(evidence.classes):
            has, put = there & (y == k), there & (decided == k)
            for share, of in ((quality.recall, has), (quality.precision, put)):
                if share is not None and of.any():
                    true = float((has & put).sum() / of.sum())
                    yield bool(share.low - 1e-9 <= true <= share.high + 1e-9)

    def _accept(self, snapshot: Snapshot, error: float, y: np.ndarray) -> dict[str, Any]:
        try:
            judged = judge(snapshot, error=error, delta=DELTA, per_class=False, audit=0)
        except ActiveSSLError as problem:
            return {"error": error, "refused": problem.message}
        wrong = [i.classes != (self.world.classes[y[self.row[i.id]]],) if y[self.row[i.id]] >= 0 else True
            for i in judged.items]  # fmt: skip
        share = float(np.mean(wrong)) if wrong else None
        return {"error": error, "items": len(wrong), "wrong": share, "needed": judged.results[0].needed}


def run(data: Path, out: Path, projects: int, habits: list[str], sets: list[str]) -> None:
    """Simulate the projects that the output lacks, and add a line for each."""
    done = set()
    if out.exists():
        done = {(r["set"], r["habit"], r["seed"]) for r in map(json.loads, out.read_text().splitlines())}
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, out.open("a", encoding="utf-8") as lines:
        worlds = [World.make(data, name, Path(folder)) for name in sets]
        for seed in range(projects):
            for habit in habits:
                for world in worlds:
                    if (world.name, habit, seed) in done:
                        continue
                    start = time.process_time()
                    desk = Desk(world, habit, seed)
                    desk.run()
                    row = {"set": world.name, "habit": habit, "seed": seed, **desk.figures()}
                    row["seconds"] = time.process_time() - start
                    lines.write(json.dumps(row) + "\n")
                    lines.flush()


def report(path: Path) -> str:
    """A table: a row for each habit."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by[row["habit"]].append(row)

    def interval(hits: list[bool]) -> str:
        low, high = share_interval(sum(hits), len(hits))
        return f"{100 * np.mean(hits):.0f} % ({100 * low:.0f} to {100 * high:.0f})" if hits else "–"

    table = [
        "| people | projects | accuracy, truth | estimate | interval holds | width / (exact + unanswered) "
        "| class figures hold | accepted at 20 %: broken | items | accepted at 30 %: broken | items |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for habit in [h for h in HABITS if h in by]:
        found = by[habit]
        measured = [r for r in found if "accuracy" in r]
        holds = [r["low"] - 1e-9 <= r["truth"] <= r["high"] + 1e-9 for r in measured]
        wide = [(r["high"] - r["low"]) / (r["exact"] + r["unlabeled"] / max(r["drawn"], 1)) for r in measured]
        classes = [hit for r in measured for hit in r["classes"]]
        cells = []
        for i in range(len(LOOKS)):
            tried = [r["accept"][i] for r in found if "items" in r["accept"][i]]
            broken = [bool(t["items"] and t["wrong"] > t["error"]) for t in tried]
            cells += [interval(broken), f"{np.median([t['items'] for t in tried]):.0f}" if tried else "–"]
        table.append(
            f"| {habit} | {len(found)} | {100 * np.mean([r['truth'] for r in found]):.1f} % "
            f"| {100 * np.mean([r['accuracy'] for r in measured]):.1f} % | {interval(holds)} "
            f"| {np.median(wide):.2f} | {interval(classes)} | {' | '.join(cells)} |"
        )
    seconds = np.median([r["seconds"] for r in rows])
    return "\n".join([*table, "", f"{len(rows)} projects, {seconds:.1f} CPU seconds each at the median."])


def main() -> None:
    """Run or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("people.jsonl"))
    parser.add_argument("--projects", type=int, default=40)
    parser.add_argument("--habits", nargs="*", default=list(HABITS))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--report", type=Path)
    args = parser.parse_args()
    if args.report is not None:
        print(report(args.report))
        return
    if args.data is None:
        sys.exit("error: --data is missing\n hint: --data folder/vectors")
    run(args.data, args.out, args.projects, args.habits, args.sets)
    print(report(args.out))


if __name__ == "__main__":
    main()
