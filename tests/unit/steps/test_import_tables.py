"""Tables of labels as spreadsheets and other tools write them: what is taken is told, what contradicts is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from activessl.errors import ActiveSSLError
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl_cli.main import app

TEXTS = {str(i): f"text {i}" for i in range(1, 9)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return texts(tmp_path)


def texts(folder: Path, *, multi: bool = False) -> Project:
    pd.DataFrame({"id": list(TEXTS), "text": list(TEXTS.values())}).to_csv(folder / "pool.csv", index=False)
    data = {"path": "../pool.csv", "modality": "text", "classes": ["good", "bad"], "multi_label": multi}
    return Project.create(folder / ("m" if multi else "p"), check_config({"data": data}), version="0")


def run(project: Project, file: Path, *arguments: str) -> str:
    found = CliRunner().invoke(app, ["import", str(file), "-p", str(project.folder), *arguments])
    if isinstance(found.exception, ActiveSSLError):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.stdout


def labels(project: Project) -> dict[str, str]:
    return {item: "|".join(label.classes) for item, label in project.history().labels.items()}


def lines(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("item", "label"), [("item", "label"), ("Item_ID", "Category"), ("text", "Labels"), ("sentence", "sentiment")]
)
def test_the_names_that_other_tools_write_are_taken_and_told(
    project: Project, tmp_path: Path, item: str, label: str
) -> None:
    said = list(TEXTS.values() if item in ("text", "sentence") else TEXTS)
    pd.DataFrame({item: said[:2], label: ["good", "bad"]}).to_csv(tmp_path / "l.csv", index=False)
    told = run(project, tmp_path / "l.csv")
    assert "2 new labels" in told and f"items from the column {item}, classes from {label}" in told
    assert labels(project) == {"1": "good", "2": "bad"}


def test_rows_may_have_different_columns(project: Project, tmp_path: Path) -> None:
    file = lines(tmp_path / "l.jsonl", {"id": "1", "class": "good"}, {"id": "2", "label": "bad"}, {"id": "3"})
    told = run(project, file)
    assert "2 new labels" in told and "1 row without a label" in told
    assert labels(project) == {"1": "good", "2": "bad"}


def test_an_empty_list_is_no_label_and_none_of_the_classes_is_one(tmp_path: Path) -> None:
    rows = [
        {"text": "text 1", "label": ["good"]},
        {"text": "text 2", "label": []},
        {"text": "text 3", "label": "(none)"},
    ]
    file = lines(tmp_path / "l.jsonl", *rows)
    several = texts(tmp_path, multi=True)
    assert "2 new labels" in run(several, file) and labels(several) == {"1": "good", "3": ""}
    one = texts(tmp_path)
    told = run(one, file)
    assert labels(one) == {"1": "good"} and "1 row without a label" in told
    assert "row 3 says (none), but each item of the project has one class" in told


def test_two_people_may_differ_about_an_item_and_one_may_not(project: Project, tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["1", "1", "2"], "class": ["good", "bad", "bad"], "annotator": ["ann", "bob", "ann"]})
    table.to_csv(tmp_path / "l.csv", index=False)
    assert "2 annotators: ann, bob" in run(project, tmp_path / "l.csv")
    assert {(a.item, a.annotator, a.classes) for a in project.history().answers.values()} == {
        ("1", "ann", ("good",)),
        ("1", "bob", ("bad",)),
        ("2", "ann", ("bad",)),
    }
    table.assign(annotator="ann").to_csv(tmp_path / "l.csv", index=False)
    with pytest.raises(ActiveSSLError, match="item '1' has two classes by ann: 'good' in row 1, 'bad' in row 2"):
        run(project, tmp_path / "l.csv")


def test_a_running_number_that_contradicts_the_text_is_refused_and_the_column_to_trust_can_be_named(
    project: Project, tmp_path: Path
) -> None:
    # a tool that numbers its rows, and calls the number id
    rows = [{"id": 9 - i, "text": f"text {i}", "label": ["good"], "remark": []} for i in range(1, 4)]
    file = lines(tmp_path / "all.jsonl", *rows)
    with pytest.raises(ActiveSSLError, match="the columns of row 1 tell different items: text 'text 1' is item '1'"):
        run(project, file)
    assert project.history().labels == {}
    run(project, file, "--item", "text")
    assert labels(project) == {"1": "good", "2": "good", "3": "good"}


def test_an_id_whose_text_is_another_one_is_refused(project: Project, tmp_path: Path) -> None:
    file = lines(tmp_path / "l.jsonl", {"id": 1, "text": "other thing", "class": "good"})
    with pytest.raises(ActiveSSLError, match="row 1 has the id '1', but its text 'other thing' is not that of"):
        run(project, file)
    run(project, file, "--item", "id")
    assert labels(project) == {"1": "good"}


def test_two_columns_of_one_name_are_not_one(project: Project, tmp_path: Path) -> None:
    # doccano writes a second column `label` where the data have one
    table = pd.DataFrame([["1", "text 1", "good", "bad"], ["2", "text 2", "", "bad"]])
    table.to_csv(tmp_path / "l.csv", index=False, header=["id", "text", "label", "label"])
    with pytest.raises(ActiveSSLError, match=re.escape("row 1 has 'good' in 'label', 'bad' in 'label (column 4)'")):
        run(project, tmp_path / "l.csv")
    assert "classes from label\n1 row " in run(project, tmp_path / "l.csv", "--label", "label")
    assert labels(project) == {"1": "good"}
    (tmp_path / "l.json").write_text('[{"id": "1", "class": "good", "class": "bad"}]')
    with pytest.raises(ActiveSSLError, match="an object has 2 fields with the name 'class'"):
        run(project, tmp_path / "l.json")


def test_the_names_of_classes_go_before_their_numbers(project: Project, tmp_path: Path) -> None:
    pd.DataFrame({"id": ["1", "2"], "label": [1, 0], "label_name": ["bad", "good"]}).to_parquet(tmp_path / "l.parquet")
    assert "classes from label_name" in run(project, tmp_path / "l.parquet")
    assert labels(project) == {"1": "bad", "2": "good"}


def test_a_column_that_is_called_source_does_not_hide_rows(project: Project, tmp_path: Path) -> None:
    pd.DataFrame({"id": ["1", "2"], "class": ["good", "bad"], "source": ["web", "mail"]}).to_csv(
        tmp_path / "l.csv", index=False
    )
    run(project, tmp_path / "l.csv")
    assert labels(project) == {"1": "good", "2": "bad"}


def test_a_message_names_few_of_many_columns(project: Project, tmp_path: Path) -> None:
    pd.DataFrame({f"t{i}": [0.5] for i in range(140)}).to_csv(tmp_path / "l.csv", index=False)
    with pytest.raises(ActiveSSLError, match="found: t0, t1, t2, t3, t4, t5, t6, t7 and 132 more"):
        run(project, tmp_path / "l.csv")


def test_what_is_older_than_a_label_of_the_same_annotator_is_left_out_and_told(
    project: Project, tmp_path: Path
) -> None:
    for day, label in ((2, "good"), (1, "bad")):
        rows = {"id": "1", "class": label, "annotator": "ann", "updated_at": f"2026-01-0{day}T00:00:00Z"}
        told = run(project, lines(tmp_path / "l.jsonl", rows))
    assert "1 label older than those of the same annotator" in told
    assert labels(project) == {"1": "good"}


def test_a_column_of_numbers_is_no_column_of_items(tmp_path: Path) -> None:
    np.savez(tmp_path / "pool.npz", vectors=np.eye(4), ids=np.array(["1", "2", "3", "4"]))
    data = {"path": "../pool.npz", "modality": "vector", "classes": ["good", "bad"]}
    project = Project.create(tmp_path / "p", check_config({"data": data}), version="0")
    pd.DataFrame({"id": [1, 2], "class": ["good", "bad"], "age": [3, 4]}).to_csv(tmp_path / "l.csv", index=False)
    assert "items from the column id," in run(project, tmp_path / "l.csv")
    assert labels(project) == {"1": "good", "2": "bad"}
