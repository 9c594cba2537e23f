"""A clock that is wrong for a while: the order of the ledger decides, and repeats add nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from activessl.labels.answers import Answer
from activessl.ledger import store
from activessl.ledger.schema import Answered, Offered, Pulled
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.steps import import_labels
from activessl_cli.main import app

YEARS = timedelta(days=3650)


@pytest.fixture(params=[False, True], ids=["one class", "several classes"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    rows = {"id": ["1", "2", "3", "4"], "text": [f"text {i}" for i in range(4)]}
    pd.DataFrame(rows).to_csv(tmp_path / "pool.csv", index=False)
    data = {"path": "../pool.csv", "modality": "text", "classes": ["good", "bad"], "multi_label": request.param}
    return Project.create(tmp_path / "p", check_config({"data": data}), version="0")


@contextmanager
def clock(ahead: timedelta) -> Iterator[None]:
    """The clock of this machine is wrong."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + ahead

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_labels, "datetime", Wrong)
        patch.setattr(store, "datetime", Wrong)
        yield


def run(project: Project, rows: list[dict[str, str]], *more: str) -> dict[str, Any]:
    file = project.folder.parent / "labels.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = CliRunner().invoke(app, ["import", str(file), "-p", str(project.folder), "--json", *more])
    assert found.exit_code == 0, found.output
    return dict(json.loads(found.stdout))


def labels(project: Project) -> dict[str, str]:
    return {item: "|".join(label.classes) for item, label in Project.open(project.folder).history().labels.items()}


@pytest.mark.parametrize("ahead", [YEARS, -YEARS], ids=["ten years ahead", "ten years behind"])
def test_a_correction_wins_over_a_label_that_was_imported_under_a_wrong_clock(
    project: Project, ahead: timedelta
) -> None:
    four = [{"id": str(i), "label": "good"} for i in (1, 2, 3, 4)]
    with clock(ahead):
        assert run(project, four)["new"] == 4
    corrected = [{"id": str(i), "label": "bad"} for i in (1, 2, 3, 4)]
    assert run(project, corrected)["new"] == 4
    assert labels(project) == dict.fromkeys("1234", "bad")
    events = project.history().events
    again = run(project, corrected)
    assert (again["new"], project.history().events) == (0, events)


def test_a_date_in_the_future_is_no_reason_to_leave_a_correction_out(project: Project) -> None:
    with clock(YEARS):
        date = (datetime.now(UTC) + YEARS - timedelta(days=1)).isoformat()
        run(project, [{"id": "1", "label": "good", "updated_at": date}])
    date = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert run(project, [{"id": "1", "label": "bad", "updated_at": date}])["new"] == 1
    assert labels(project) == {"1": "bad"}


def test_dates_of_files_still_order_labels_of_files(project: Project) -> None:
    run(project, [{"id": "1", "label": "good", "updated_at": "2026-01-02T00:00:00Z"}])
    assert run(project, [{"id": "1", "label": "bad", "updated_at": "2026-01-01T00:00:00Z"}])["older"] == 1
    assert labels(project) == {"1": "good"}
    # a table without dates is a correction by this machine
    assert run(project, [{"id": "1", "label": "bad"}], "--annotator", "labels.jsonl")["new"] == 1
    assert labels(project) == {"1": "bad"}


def answer(key: str, at: datetime, *classes: str, by: str = "ann", **more: Any) -> Answered:
    return Answered(
        answer=Answer(
            key=key, source=key.partition("@")[0], item="1", kind="label", classes=classes, annotator=by,
            seconds=1.0, at=at, **more,
        )
    )  # fmt: skip


def test_a_second_answer_of_a_person_wins_over_one_given_under_a_wrong_clock(project: Project) -> None:
    now = datetime.now(UTC)
    project.append(answer("a", now + YEARS, "good"), answer("b", now, "bad"))
    assert labels(project) == {"1": "bad"}


def test_of_two_ground_truths_the_later_in_the_ledger_decides(project: Project) -> None:
    now = datetime.now(UTC)
    project.append(
        answer("a", now + YEARS, "good", ground_truth=True), answer("b", now, "bad", by="bob", ground_truth=True)
    )
    assert labels(project) == {"1": "bad"}


def test_what_somebody_did_not_choose_is_known_where_the_class_was_offered_under_a_wrong_clock(tmp_path: Path) -> None:
    pd.DataFrame({"id": ["1", "2"], "text": ["a", "b"]}).to_csv(tmp_path / "pool.csv", index=False)
    data = {"path": "../pool.csv", "modality": "text", "classes": ["good", "bad"], "multi_label": True}
    project = Project.create(tmp_path / "p", check_config({"data": data}), version="0")
    own = ("good", "bad")
    with clock(YEARS):
        project.append(Offered(project="p", classes=own, own=own, turn=0))
        project.append(Offered(project="p", classes=(*own, "new"), own=own, turn=1))
    project.append(Pulled(watermark="0"))
    project.append(answer("a", datetime.now(UTC), "good"))
    label = Project.open(project.folder).history().labels["1"]
    assert (label.classes, label.unknown) == (("good",), ())


@pytest.mark.parametrize("behind", [timedelta(), -YEARS])
def test_what_was_answered_before_a_class_was_offered_says_nothing_of_it(tmp_path: Path, behind: timedelta) -> None:
    pd.DataFrame({"id": ["1", "2"], "text": ["a", "b"]}).to_csv(tmp_path / "pool.csv", index=False)
    data = {"path": "../pool.csv", "modality": "text", "classes": ["good", "bad"], "multi_label": True}
    project = Project.create(tmp_path / "p", check_config({"data": data}), version="0")
    own = ("good", "bad")
    project.append(Offered(project="p", classes=own, own=own, turn=0))
    project.append(answer("a", datetime.now(UTC), "good"))
    with clock(behind):
        project.append(Offered(project="p", classes=(*own, "new"), own=own, turn=2))
    assert Project.open(project.folder).history().labels["1"].unknown == ("new",)
