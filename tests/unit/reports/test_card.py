"""The card of a model and its data: every figure is that of the report or of the ledger, and nothing in it acts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.errors import LabelError
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_cli.main import run

CLASSES = ("a", "b|<script>", "c")


def session_in(folder: Path) -> tuple[Session, dict[str, str]]:
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = (3 * np.eye(3)[y] @ rng.normal(size=(3, 6)) + rng.normal(size=(150, 6))).astype(np.float32)
    ids = [f"i{i}" for i in range(150)]
    np.savez(folder / "pool.npz", vectors=x, ids=np.array(ids))
    config = {
        "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)},
        "query": {"size": 30, "random_share": 0.5},
        "stages": [{"name": "pilot", "accuracy": 0.5}],
    }
    session = Session(Project.create(folder / "p", check_config(config), version="0"))
    return session, {i: CLASSES[k] for i, k in zip(ids, y, strict=True)}


def test_a_card_says_what_the_ledger_knows_and_what_it_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, labels = session_in(tmp_path)
    with pytest.raises(LabelError):
        session.card()
    session.encode()
    for _ in range(2):
        session.round(Oracle(labels, CLASSES))
    others = [item for item in labels if item not in session.project.history().labels][:2]
    session.import_labels({item: labels[item] for item in others}, annotator="*mia* [x](http://y)")
    session.teach()
    assert run("gate", "pilot", "-p", str(tmp_path / "p")) in (0, 1)
    capsys.readouterr()
    assert run("export", "card", str(tmp_path / "out"), "-p", str(tmp_path / "p"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["page"] == str(tmp_path / "out" / "card.md")
    told = json.loads((tmp_path / "out" / "card.json").read_text())
    history = session.project.history()
    assert told["labels"]["by_people"] == len(history.labels)
    assert sum(told["labels"]["by_class"].values()) == len(history.labels) and told["labels"]["by_the_model"] == 0
    assert sum(one["labels"] for one in told["labels"]["annotators"]) == len(history.answers)
    assert told["data"] | {"listing_digest": ""} == {
        "form": "vector", "items": 150, "listing_digest": "", "missing_now": 0, "left_with_labels": 0, "groups": None,
        "test_data": False, "forgotten_items": 0, "forgotten_annotators": 0,
    }  # fmt: skip
    assert told["quality"]["accuracy"]["labels"] == told["choice"]["random"] == 30
    assert [row["name"] for row in told["quality"]["classes"]] and told["decisions"][0]["stage"] == "pilot"
    assert told["model"]["labels_digest"] == history.digest() and told["model"]["up_to_date"]
    assert any("test data" in one for one in told["not_measured"])

    text = (tmp_path / "out" / "card.md").read_text()
    assert "<script>" not in text and "[x]" not in text and "\\[x\\](http://y)" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "labels" not in line]
    assert len(rows) == 1 + len(CLASSES)
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows), "a class name makes no column"
    for heading in ("## Model", "## Data", "## Labels", "## Accuracy", "## Not measured", "## Decisions"):
        assert heading in text
    assert "not known" not in text and f"{len(history.labels)} items labeled by people, 2 of them imported" in text


def test_what_was_forgotten_is_counted_and_not_named(tmp_path: Path) -> None:
    session, labels = session_in(tmp_path)
    session.encode()
    session.round(Oracle(labels, CLASSES))
    session.import_labels({"i0": labels["i0"]}, annotator="mia.k@example.org")
    assert run("forget", "mia.k@example.org", "--yes", "-p", str(tmp_path / "p")) == 0
    card = Session.open(tmp_path / "p").card()
    assert card.data["forgotten_annotators"] == 1 and card.labels["by_people"] == len(session.project.history().labels)
    assert "mia" not in card.to_markdown() + json.dumps(card.to_dict())


@pytest.mark.slow
def test_a_card_tells_machines_slices_agreement_and_what_is_asked_again(tmp_path: Path) -> None:
    session, labels = session_in(tmp_path)
    toml = tmp_path / "p" / "activessl.toml"
    rows = [(item, "east" if i % 3 else "west") for i, item in enumerate(labels)]
    (tmp_path / "meta.csv").write_text("id,camera\n" + "".join(f"{item},{name}\n" for item, name in rows))
    (tmp_path / "said.csv").write_text("id,class\n" + "".join(f"{item},{name}\n" for item, name in labels.items()))
    text = toml.read_text().replace(
        "[annotator]", '[machines.old]\nkind = "table"\npath = "../said.csv"\n\n[annotator]'
    )
    toml.write_text(text.replace("[data]", '[data]\nmetadata = "../meta.csv"').replace("per_item = 1", "per_item = 2"))
    session = Session.open(tmp_path / "p")
    session.encode()
    assert run("machines", "ask", "old", "-p", str(tmp_path / "p")) == 0
    session.query()
    for who in ("ann", "bob"):
        people = Oracle(labels, CLASSES, name=who)
        session.push(people)
        session.pull(people)
    session.classes.split("c", ["c1", "c2"])
    session.teach()
    card = session.card()
    told = card.to_dict()
    again = len(session.project.history().reopened)
    assert told["labels"]["asked_again"] == again > 0 and told["labels"]["agreement"]["observed"]["share"] == 1.0
    assert told["machines"]["old"]["answered"] == 100  # of the others, no part of the split class is known
    assert [one["slice"] for one in told["quality"]["slices"]["slices"]] == ["east", "west"]
    page = card.to_markdown()
    assert "- old, kind table: 100 answers, " in page and f"- {again} items are asked about again" in page
    assert "## Slices" in page and "| camera west | 50 | " in page and "- agreement: 100 % of the pairs" in page
