"""Labels that people gave elsewhere: all of them or none, as often as one likes, and never what a model said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from activessl.annotators.oracle import Oracle
from activessl.errors import ActiveSSLError, ConfigError, LabelError
from activessl.labels.files.reading import read_rows
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.session import Session
from activessl.steps.import_labels import Imported
from activessl_cli.files import write_rows
from activessl_cli.main import app

CLASSES = ("cat", "=dog")
IDS = [f"{'=' if i == 0 else ''}item {i}" for i in range(60)]


def project(folder: Path, name: str = "p", *, classes: tuple[str, ...] = CLASSES, multi: bool = False) -> Session:
    y = np.arange(60) % 2
    x = (4 * y[:, None] + np.random.default_rng(0).normal(size=(60, 4))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=x, ids=np.array(IDS))
    data = {"path": "../pool.npz", "modality": "vector", "classes": list(classes), "multi_label": multi}
    config = check_config({"data": data, "query": {"size": 10, "random_share": 0.5}})
    session = Session(Project.create(folder / name, config, version="0"))
    session.encode()
    return session


def people() -> Oracle:
    return Oracle({item: CLASSES[i % 2] for i, item in enumerate(IDS)}, CLASSES)


def run(*arguments: str | Path) -> tuple[int, str, ActiveSSLError | None]:
    found = CliRunner().invoke(app, [str(a) for a in arguments])
    return found.exit_code, found.output, found.exception if isinstance(found.exception, ActiveSSLError) else None


@pytest.mark.parametrize("ending", [".csv", ".json", ".jsonl", ".parquet"])
def test_what_one_project_exports_another_one_learns_from(tmp_path: Path, ending: str) -> None:
    first = project(tmp_path, "first")
    first.round(people())
    rows = first.table()
    write_rows(tmp_path / f"out{ending}", rows)
    given = {row["id"]: row["class"] for row in rows if row["source"] == "person"}
    assert len(given) == 10 < len(rows)

    second = project(tmp_path, "second")
    code, told, _ = run("import", tmp_path / f"out{ending}", "-p", tmp_path / "second", "--annotator", "ann")
    assert code == 0 and "10 new labels" in told
    history = second.project.history()
    assert {item: label.classes[0] for item, label in history.labels.items()} == given
    assert {a.annotator for a in history.answers.values()} == {"ann"}
    assert (
        "0 new labels, 10 known before"
        in run("import", tmp_path / f"out{ending}", "-p", tmp_path / "second", "--annotator", "ann")[1]
    )
    assert second.project.history().events == history.events

    # they teach, are not asked again, and count for no time
    second.round(people())
    history = second.project.history()
    assert history.taught is not None and history.taught.labels == 20
    assert not given.keys() & set(history.rounds[0].items)
    time = Forecast(Evidence(Snapshot.of(second.project))).time
    assert time is not None and time.labels == 10


def test_a_later_import_replaces_what_an_earlier_one_said_also_back_again(tmp_path: Path) -> None:
    session = project(tmp_path)
    for name in ("cat", "=dog", "cat"):
        assert session.import_labels({IDS[3]: name}, annotator="ann") == Imported(1, 0, 0)
        assert session.project.history().labels[IDS[3]].classes == (name,)
    session.import_labels({IDS[3]: "=dog"}, annotator="bob")  # another person's word stands beside it
    assert len(session.project.history().answers) == 2


def test_nothing_is_written_where_a_class_is_not_known(tmp_path: Path) -> None:
    session = project(tmp_path)
    before = session.project.history().events
    with pytest.raises(LabelError, match="no class 'Cat' and 1 more"):
        session.import_labels({IDS[0]: "cat", IDS[1]: "Cat", IDS[2]: "kat"}, annotator="ann")
    with pytest.raises(LabelError, match="none of the 1 labels is of an item"):
        session.import_labels({"nothing": "cat"}, annotator="ann")
    with pytest.raises(LabelError, match="name of the annotator is empty"):
        session.import_labels({IDS[0]: "cat"}, annotator=" ")
    assert session.project.history().events == before
    assert session.import_labels({IDS[0]: "cat", "nothing": "Cat"}, annotator="ann") == Imported(1, 0, 1)


def test_several_classes_an_item_and_none(tmp_path: Path) -> None:
    session = project(tmp_path, classes=("red", "round"), multi=True)
    (tmp_path / "l.csv").write_text("id;class\nitem 1;red|round\nitem 2;(none)\nitem 3;round\nitem 4;\n")
    assert run("import", tmp_path / "l.csv", "-p", tmp_path / "p")[0] == 0
    labels = session.project.history().labels
    assert {item: label.classes for item, label in labels.items()} == {
        "item 1": ("red", "round"),
        "item 2": (),
        "item 3": ("round",),
    }  # an empty cell is no answer


@pytest.mark.parametrize(
    ("name", "content", "said", "kind"),
    [
        ("l.csv", "item,klasse\na,b\n", "found: item, klasse", LabelError),
        ("l.csv", "", "found: no rows", LabelError),
        ("l.csv", "id,class\nitem 1,cat\nitem 1,=dog\n", "has two classes by l.csv", LabelError),
        ("l.csv", "id,class\nitem 1,cat,3\n", "line 2 has 3 fields", ConfigError),
        ("l.csv", 'id,class\n"item 1,cat\n', "cannot read", ConfigError),
        ("l.json", '{"id": "item 1"}', "is not a list of rows", ConfigError),
        ("l.json", "nonsense", "cannot read", ConfigError),
        ("l.jsonl", '["item 1", "cat"]\n', "is not a list of rows", ConfigError),
        ("l.parquet", "nonsense", "cannot read", ConfigError),
        ("l.xlsx", "", "cannot read .xlsx", ConfigError),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    tmp_path: Path, name: str, content: str, said: str, kind: type[ActiveSSLError]
) -> None:
    project(tmp_path)
    (tmp_path / name).write_text(content)
    code, _, error = run("import", tmp_path / name, "-p", tmp_path / "p")
    assert code == 1 and isinstance(error, kind) and said in error.message and error.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_rows(tmp_path / "none.csv")


def test_classes_that_are_called_by_numbers(tmp_path: Path) -> None:
    session = project(tmp_path, classes=("0", "1"))
    rows = [{"id": "item 1", "label": 0}, {"id": "item 2", "label": 1}]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("import", tmp_path / "l.jsonl", "-p", tmp_path / "p")[0] == 0
    assert {i: label.classes for i, label in session.project.history().labels.items()} == {
        "item 1": ("0",),
        "item 2": ("1",),
    }
