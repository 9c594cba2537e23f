"""Makes a small project folder with all that can happen in one, and what the version that made it says of it.

A folder made so by every version that changed a format stays here, so that later versions can show that they open it.
Run it with the code of that version:

    python tests/data/projects/make.py tests/data/projects/COMMIT

aed2e2a, the last commit of format 1, was asked the same by the same script with the names that things had then.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from activessl.annotators.base import Offer
from activessl.annotators.oracle import Habits, Oracle
from activessl.labels.answers import Answer
from activessl.labels.several_classes import SEVERAL
from activessl.ledger.schema import Offered, Tuned, Untuned
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import accept_pool, withdraw
from activessl.proof.confirmed import confirmed_count
from activessl.proof.estimates import Evidence
from activessl.proof.gates import pass_gate
from activessl.proof.promise import audit_count, promise_text
from activessl.session import Session
from activessl.steps.relabel import Doubts

CLASSES = ("ant", "bee", "cow")
N = 400


class People(Oracle):
    """One who answers with mistakes, and is slow now and then."""

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        answers, mark = super().pull(since)
        return [
            replace(a, at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=7 * i)) for i, a in enumerate(answers)
        ], mark


def vectors(of: np.ndarray) -> np.ndarray:
    return (6.0 * np.eye(3, 8)[of] + np.random.default_rng(1).normal(size=(len(of), 8))).astype(np.float32)


def single(folder: Path) -> Session:
    truth = np.random.default_rng(0).integers(3, size=N)
    folder.mkdir(parents=True)
    np.savez(folder / "pool.npz", vectors=vectors(truth))
    np.savez(folder / "test.npz", vectors=vectors(truth[:30])[:30] + 0.01, labels=truth[:30])
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES), "test": "../test.npz"},
            "query": {"size": 24, "random_share": 0.5, "confirm_audit": 0.3},
            "rates": {"per_hour": 30, "currency": "EUR"},
            "stages": [{"name": "pilot", "accuracy": 0.5}, {"name": "more", "found": 0.99}],
        }
    )
    session = Session(Project.create(folder / "p", config, version="0.1.0"))
    session.encode()
    known = {f"pool:{i}": CLASSES[k] for i, k in enumerate(truth)}
    ann = People(known, CLASSES, Habits(mistakes=0.04, skips=0.05), seed=1, name="ann")
    ben = People(known, CLASSES, Habits(mistakes=0.15, seconds=9.0), seed=2, name="ben")
    session.import_labels({"pool:1": "ant", "pool:2": "cow"}, annotator="old table")
    session.round(ann)
    session.query(again=0.0)
    for who in (ann, ben):  # two people about the same items
        session.push(who)
    for who in (ann, ben):
        session.pull(who)
    session.teach()
    session.query(again=0.4)
    session.push(ann)
    session.pull(ann)
    session.teach()
    session.query(3, confirm=True)  # clusters
    session.round(ann)
    session.query(again=0.0)  # with a share of what was confirmed so, asked alone
    session.round(ann)
    session.query(20, strategy="random")
    session.round(ann)
    accept_pool(session.project, error=0.3, delta=0.3, audit=6)
    session.push(ann)
    session.pull(ann)
    session.teach()
    pass_gate(session.project, note="looks well")
    pass_gate(session.project)
    history = session.project.history()
    offers = [Offer("project 7 of 2026", CLASSES), Offer("project 7 of 2026", (*CLASSES, "dog"))]
    with session.project.ledger() as ledger:
        for turn, offer in enumerate(offers):
            ledger.append(
                [Offered(project=offer.project, classes=offer.classes, own=CLASSES, turn=history.events + turn)]
            )
    base = history.encoded.fingerprint
    tuned = Tuned(
        outcome="replaced", base=base, fingerprint="0123456789abcdef", request="x", why="better on labels held back",
        labels=40, before=0.8, after=0.9, low=0.02, high=0.18, level=0.9, taught=("pool:3", "pool:4"), digest="d",
        steps=10, at_once=8, seconds=3.0, there=60, turn=history.events + 2,
    )  # fmt: skip
    with session.project.ledger() as ledger:
        ledger.append([tuned, Untuned(why="taken back", turn=history.events + 3)])
    session.query(again=0.0)
    session.push(ann)
    session.project.history()
    session.close("enough for today")
    session.query(8, strategy="random")  # left open
    session.push(ben)
    return session


def several(folder: Path) -> Session:
    rng = np.random.default_rng(3)
    table = (rng.random((N, 3)) < 0.4).astype(int)
    folder.mkdir(parents=True)
    points = (3.0 * table @ np.eye(3, 8) + rng.normal(size=(N, 8))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=points)
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES), "multi_label": True},
            "query": {"size": 24, "random_share": 0.5},
        }
    )
    session = Session(Project.create(folder / "p", config, version="0.1.0"))
    session.encode()
    known = {f"pool:{i}": tuple(c for c, has in zip(CLASSES, row, strict=True) if has) for i, row in enumerate(table)}
    ann = People(known, CLASSES, Habits(mistakes=0.1, skips=0.05), seed=1, name="ann", kind=SEVERAL)
    ben = People(known, CLASSES, Habits(mistakes=0.3), seed=2, name="ben", kind=SEVERAL)
    session.round(ann)
    session.query()
    for who in (ann, ben):
        session.push(who)
    for who in (ann, ben):
        session.pull(who)
    session.teach()
    session.query(again=0.5)
    session.round(ann)
    accept_pool(session.project, error=0.6, delta=0.4, audit=4)
    withdraw(session.project, "another try")
    return session


def said(session: Session) -> dict[str, Any]:
    """What this version says of a project, as JSON."""
    history = session.project.history()
    snapshot = Snapshot.of(session.project)
    evidence = Evidence(snapshot)
    clusters, looked = confirmed_count(history), audit_count(history)
    drawn, audit = evidence.random, evidence.audit
    ids = snapshot.embeddings.ids
    return {
        "events": history.events,
        "classes": list(history.classes),
        "labels": {item: list(label.classes) for item, label in sorted(history.labels.items())},
        "certainty": {i: round(x.certainty, 6) for i, x in sorted(history.labels.items()) if x.certainty is not None},
        "people": {who: [round(p.reliability, 6), p.compared] for who, p in sorted(history.people.items())},
        "skipped": sorted(history.skipped),
        "quarantined": sorted(a.source for a in history.quarantined),
        "answers": len(history.answers),
        "seconds": {
            who: round(sum(a.seconds or 0.0 for a in history.answers.values() if a.annotator == who), 6)
            for who in sorted({a.annotator for a in history.answers.values() if a.seconds is not None})
        },
        "missing": sorted(history.missing),
        "digest": history.digest(),
        "model": history.model,
        "open": None if history.open_round is None else history.open_round.number,
        "rounds": [
            {
                "number": r.number,
                "strategy": r.queried.strategy,
                "asked": len(r.items),
                "waiting": sum(len(question.items) for question in history.waiting(r)),
                "closed": r.closed is not None,
                "taught": [round(t.accuracy, 6) if t.accuracy is not None else None for t in r.taught],
            }
            for r in history.rounds
        ],
        "drawn": [
            [ids[snapshot.training[0][i]], round(float(p), 9), int(n)]
            for i, p, n in zip(drawn.at, drawn.chance, drawn.rounds, strict=True)
        ],
        "audit": None if audit is None else [round(v, 6) for v in (audit.accuracy, audit.low, audit.high)],
        "suspects": [s.item for s in Doubts(snapshot).suspects()],
        "clusters": None if clusters is None else clusters.to_text(),
        "looked_at": None if looked is None else looked.to_text(),
        "promise": promise_text(history),
        "machine": len(history.machine),
        "tried": len(history.tried),
        "decisions": [[d.stage, d.decision] for d in history.decisions],
        "tunings": [t.outcome for t in history.tunings],
        "tuned": history.tuned is not None,
    }  # fmt: skip


def main(where: Path) -> None:
    for name, make in (("single", single), ("several", several)):
        folder = where / name
        shutil.rmtree(folder, ignore_errors=True)
        session = make(folder)
        text = json.dumps(said(session))
        (folder / "said.json").write_text(text + "\n", encoding="utf-8")
        for cache in ("heads", "reports", ".lock", "embeddings"):
            path = folder / "p" / cache
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
