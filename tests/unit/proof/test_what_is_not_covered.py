"""What the measures say nothing of is told beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.errors import MeasureError
from activessl.measuring.quality.audit import FEWEST
from activessl.measuring.quality.autolabel import accept
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.added import left_text
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast


def project(folder: Path, share: float, rounds: int = 3) -> Session:
    """Rounds of a project, part of them drawn at random."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=240)
    np.savez(folder / "x.npz", vectors=(4 * np.eye(3, 6)[labels] + rng.normal(size=(240, 6))).astype(np.float32))
    data = {"path": "../x.npz", "modality": "vector", "classes": ["a", "b", "c"]}
    config = check_config({"data": data, "query": {"random_share": share, "size": 20}})
    session = Session(Project.create(folder / "p", config, version="0"))
    session.encode()
    truth = {item: "abc"[k] for item, k in zip(session.project.pool().ids, labels, strict=True)}
    for _ in range(rounds):
        session.round(Oracle(truth, ("a", "b", "c")))
    return session


def test_random_items_of_a_class_that_is_gone_are_counted_out_loud(tmp_path: Path) -> None:
    session = project(tmp_path, 0.5)
    assert Evidence(Snapshot.of(session.project)).newer_text == ""
    own = session.project.own
    renamed = own.model_copy(update={"data": own.data.model_copy(update={"classes": ("a", "b", "d")})})
    later = Session(Project(session.project.folder, renamed))
    later.teach()
    history = session.project.history()
    gone = sum(history.labels[item].classes == ("c",) for item in history.drawn)
    told = Evidence(Snapshot.of(later.project)).newer_text
    assert gone > 3 and told.startswith(f"{gone} random items were labeled with a class that the project does not have")


def test_too_few_random_labels_are_counted_not_denied(tmp_path: Path) -> None:
    few = Evidence(Snapshot.of(project(tmp_path, 0.1, rounds=1).project))
    assert 0 < len(few.random.at) < FEWEST
    with pytest.raises(MeasureError, match=f"{len(few.random.at)} random labels are too few"):
        Forecast(few).plan(0.95)


def test_where_no_mistake_was_seen_too_few_labels_are_the_reason() -> None:
    none = accept(np.full(5, 0.9), np.full(1, 0.9), np.zeros(1, dtype=bool), error=0.2, delta=0.05).to_text()
    assert "too small for enough random labels" in none and "error of the most confident" not in none


def shrink(session: Session, folder: Path, keep: list[str]) -> Session:
    """Remove items from the data, and encode what is left."""
    with np.load(folder / "x.npz") as stored:
        rows = {f"x:{i}": row for i, row in enumerate(stored["vectors"])} if "ids" not in stored else {}
    np.savez(folder / "x.npz", vectors=np.array([rows[item] for item in keep]), ids=np.array(keep))
    session.encode()
    return session


@pytest.mark.slow
def test_after_the_pool_has_shrunk_the_report_says_what_the_figures_speak_of(tmp_path: Path) -> None:
    session = project(tmp_path, 0.5)
    assert left_text(Evidence(Snapshot.of(session.project))) == ""
    history = session.project.history()
    drawn = sorted(history.drawn & history.labels.keys())
    # only drawn items are deleted, which chance does not explain
    shrink(session, tmp_path, [i for i in session.project.pool().ids if i not in drawn[:12]])
    found = Evidence(Snapshot.of(session.project))
    told = left_text(found)
    assert told.startswith("12 labeled items are no longer in the data") and "figures are of the items" in told
    assert f"{found.random.vanished} more random items left than chance explains" in told and found.random.vanished >= 8
    audit = found.audit
    assert audit is not None and audit.unlabeled >= found.random.vanished and audit.low < audit.least
    text = session.report().to_text()
    assert "left         12 labeled items are no longer in the data" in text
    assert session.report().to_dict()["left"] == told
