"""The model in use is replaced only where fresh random labels show that another one is better."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.errors import LabelError, ProjectError
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.scoring.digest import model_digest
from activessl.scoring.model import Model
from activessl.steps.verify import verify
from activessl_cli.main import run


def project(folder: Path) -> tuple[Session, Oracle]:
    """Four classes, of which the first labels know two."""
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=300)
    np.savez(folder / "x.npz", vectors=(5 * np.eye(4, 6)[labels] + rng.normal(size=(300, 6))).astype(np.float32))
    data = {"path": "../x.npz", "modality": "vector", "classes": ["a", "b", "c", "d"]}
    session = Session(Project.create(folder / "p", check_config({"data": data, "query": {"size": 10}}), version="0"))
    session.encode()
    truth = {item: "abcd"[k] for item, k in zip(session.project.pool().ids, labels, strict=True)}
    first = {item: name for item, name in truth.items() if name in "ab"}
    session.import_labels(dict(list(first.items())[:20]), annotator="import")
    session.query(4, strategy="random")
    people = Oracle(truth, ("a", "b", "c", "d"))
    session.push(people)
    session.wait(people)
    session.teach()
    return session, people


def ask(session: Session, people: Oracle, size: int, strategy: str = "random") -> None:
    session.query(size, strategy=strategy)
    session.push(people)
    session.wait(people)


@pytest.mark.slow
def test_the_first_model_is_used_and_a_better_one_replaces_it(tmp_path: Path) -> None:
    session, people = project(tmp_path)
    with pytest.raises(LabelError, match="no model is in use yet"):
        session.roll_back()
    first = session.update()
    assert first.outcome == "first" and model_digest(first.folder) == first.in_use.model
    assert session.update().outcome == "unchanged"

    ask(session, people, 30, "auto")  # chosen items are no fresh random labels
    few = session.update()
    assert few.outcome == "waiting" and few.fresh < 20 and few.needed == 20 - few.fresh
    assert few.in_use.model == first.in_use.model
    # the four draws of the first round were taught to the model in use
    later = session.project.history().rounds[1:]
    assert few.fresh == sum(q.kind == "random" for r in later for q in r.questions)

    ask(session, people, 40)
    better = session.update()
    assert better.outcome == "promoted" and better.challenge is not None and better.challenge.won >= 5
    assert better.fresh == few.fresh + 40 and better.challenge.low > 0
    model = Model.load(better.folder)
    assert model.reference is not None and model_digest(better.folder) == better.in_use.model != first.in_use.model

    back = session.roll_back()
    assert back.outcome == "rolled back" and back.in_use.model == first.in_use.model
    history = session.project.history()
    assert [one.outcome for one in history.promotions] == ["first", "promoted", "rolled back"]
    assert len(history.in_use) == 1
    with pytest.raises(LabelError, match="no model was in use before"):
        session.roll_back()


def test_a_renamed_class_makes_no_error_of_the_model_in_use(tmp_path: Path) -> None:
    session, people = project(tmp_path)
    ask(session, people, 60)
    session.teach()
    session.update()
    ask(session, people, 25)
    session.classes.rename("a", "ant")
    session.classes.merge(["b", "c"], "bc")
    session.teach()
    found = session.update()
    assert found.challenge is not None and found.challenge.won <= 2
    assert found.outcome in ("open", "kept")


@pytest.mark.slow
def test_a_comparison_that_does_not_decide_is_recorded_once(tmp_path: Path) -> None:
    session, people = project(tmp_path)
    ask(session, people, 60)
    session.teach()
    session.update()
    ask(session, people, 25)
    found = session.update()
    assert found.outcome in ("open", "kept") and found.challenge is not None
    before = len(session.project.history().promotions)
    assert session.update().challenge == found.challenge  # the same labels: no further look
    assert len(session.project.history().promotions) == before
    done = session.update(anyway=True)
    assert done.outcome == "promoted" and done.challenge is None and "by hand" in done.why


def test_a_model_in_use_that_is_gone_or_changed_is_not_compared_with(tmp_path: Path) -> None:
    session, people = project(tmp_path)
    first = session.update()
    assert not [one for one in verify(session.project.folder) if one.problem]
    shutil.rmtree(first.folder)  # such as after a restore: a backup has no models
    assert [one.problem for one in verify(session.project.folder) if one.problem] == ["the model in use is missing"]
    assert session.update().folder.is_dir() and session.update().outcome == "unchanged"
    first = session.update()
    ask(session, people, 30)
    (first.folder / "model.json").write_text((first.folder / "model.json").read_text() + "\n")
    with pytest.raises(ProjectError, match="was changed"):
        session.update()
    assert [one.problem for one in verify(session.project.folder) if one.problem] == ["was changed"]
    shutil.rmtree(first.folder)
    with pytest.raises(ProjectError, match="no complete model") as refused:
        session.update()
    assert "--anyway" in str(refused.value.hint)
    assert session.update(anyway=True).outcome == "promoted"
    with pytest.raises(ProjectError):
        session.roll_back()  # to a model that is gone
    assert session.project.history().in_use[-1].outcome == "promoted"


def test_the_command_offers_a_round_of_random_items_where_they_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, people = project(tmp_path)
    where = ("--project", str(tmp_path / "p"))
    assert run("update", *where) == 0
    assert "the first model; the model in use is now" in capsys.readouterr().out
    ask(session, people, 5)
    assert run("update", *where) == 0
    out = capsys.readouterr()
    assert "5 fresh random labels, and a comparison needs 20" in out.out
    assert "next: activessl query --project" in out.err and "--strategy random --size 15" in out.err
    session.query(15, strategy="random")
    assert run("update", *where) == 0
    assert "query" not in capsys.readouterr().err  # a round is open: nobody is asked for another
    assert run("update", "--rollback", *where) == 1 and run("update", "--rollback", "--anyway", *where) == 1
    assert run("update", str(tmp_path / "more"), *where) == 1
    assert "are one file" in capsys.readouterr().err
