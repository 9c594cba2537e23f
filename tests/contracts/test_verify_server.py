"""``activessl verify --studio``: what differs between ledger and server is named, and mended by what it says."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl.steps.verify import Finding
from activessl_cli.main import run
from activessl_label_studio import ScriptedAnnotator
from activessl_label_studio.annotator import LabelStudioAnnotator
from activessl_label_studio.mapping import question_of
from activessl_label_studio.project import list_tasks
from activessl_label_studio.server import LabelStudio
from activessl_label_studio.verify import verify_server

pytestmark = pytest.mark.one_database

CLASSES = ("even", "odd")


@pytest.fixture
def session(tmp_path: Path, place: object) -> Session:
    (tmp_path / "texts").mkdir()
    for i in range(12):
        (tmp_path / "texts" / f"{i:02}.txt").write_text(
            f"number {i} " + ("even two four " if i % 2 == 0 else "odd three ")
        )
    config = check_config(
        {
            "data": {"path": "../texts", "modality": "text", "classes": list(CLASSES)},
            "query": {"size": 6, "strategy": "random"},
            "annotator": {"url": place.url, "title": place.title, "token_env": "ACTIVESSL_TEST_TOKEN"},  # type: ignore[attr-defined]
        }
    )
    made = Session(Project.create(tmp_path / "p", config, version="test"))
    made.encode()
    return made


@pytest.fixture
def people(session: Session, place: object) -> LabelStudioAnnotator:
    return LabelStudio(place.url, place.token).annotator(session.project)  # type: ignore[attr-defined]


def broken(session: Session, people: LabelStudioAnnotator) -> list[Finding]:
    fresh = LabelStudio(people.config.url, people.config.token).annotator(session.project)
    return [one for one in verify_server(fresh, session.project.history()) if one.problem]


def test_what_differs_between_the_ledger_and_the_server_is_named_with_what_to_do(
    session: Session, people: LabelStudioAnnotator, place: object, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    session.query()
    session.push(people)
    number = people.projects[0]
    truth = {f"{i:02}.txt": CLASSES[i % 2] for i in range(12)}
    person = ScriptedAnnotator(place.url, place.email, place.password, number, truth)  # type: ignore[attr-defined]
    tasks = {question_of(task): task for task in list_tasks(people.client, number)}
    assert broken(session, people) == []

    # answers that were not pulled
    person.work(4)
    (found,) = broken(session, people)
    assert found.problem.startswith("4 answers are not in the ledger") and "activessl pull" in found.hint
    session.pull(people)
    assert broken(session, people) == []

    # one that is changed after the pull
    rows = {question_of(t): t for t in list_tasks(people.client, number, everything=True)}
    done = [question for question, row in rows.items() if row["annotations"]]
    annotation = rows[done[0]]["annotations"][0]
    people.client.patch(f"/api/annotations/{annotation['id']}/", {"result": annotation["result"], "lead_time": 9.0})
    (found,) = broken(session, people)
    assert "1 answer is newer than in the ledger" in found.problem and str(done[0]) in found.problem
    session.pull(people)

    # one that is deleted
    gone = rows[done[1]]["annotations"][0]
    people.client.delete(f"/api/annotations/{gone['id']}/")
    (found,) = broken(session, people)
    assert "no longer there" in found.problem and str(done[1]) in found.problem and "older copy" in found.hint
    session.pull(people)
    assert broken(session, people) == []

    # an open question whose task is deleted, and a task that is there twice
    left = [question for question in tasks if question not in done]
    people.client.delete(f"/api/tasks/{tasks[left[0]]['id']}/")
    again = {"data": tasks[left[1]]["data"], "meta": tasks[left[1]].get("meta") or {}}
    people.client.post(f"/api/projects/{number}/import", [again])
    found, other = broken(session, people)
    assert "1 of 3 open questions" in found.problem and str(left[0]) in found.problem and "push" in found.hint
    assert "1 question has several tasks" in other.problem and str(left[1]) in other.problem
    twice = [task for task in list_tasks(people.client, number) if question_of(task) == left[1]]
    spare = max(int(task["id"]) for task in twice)
    assert str(spare) in other.hint
    # what it says to do mends it
    people.client.delete(f"/api/tasks/{spare}/")
    session.push(people)
    assert broken(session, people) == []

    # and the verb: by the address in the config, without being asked to
    monkeypatch.setenv("ACTIVESSL_TEST_TOKEN", place.token)  # type: ignore[attr-defined]
    capsys.readouterr()
    assert run("verify", "-p", str(session.project.folder), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told[-1]["what"].endswith(f"/projects/{number}") and "3 answers" in told[-1]["said"]
    person.work(1)
    assert run("verify", "-p", str(session.project.folder)) == 1
    assert "1 answer is not in the ledger" in capsys.readouterr().out
    assert run("verify", "-p", str(session.project.folder), "--no-studio") == 0
    person.close()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_no_damage_unless_it_was_asked_for(
    session: Session, people: LabelStudioAnnotator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session.query()
    session.push(people)
    path = session.project.folder / "activessl.toml"
    path.write_text(path.read_text().replace(people.config.url, "http://127.0.0.1:9"))
    monkeypatch.setitem(os.environ, "ACTIVESSL_TEST_TOKEN", "t" * 40)
    capsys.readouterr()
    assert run("verify", "-p", str(session.project.folder)) == 0
    assert "not compared" in capsys.readouterr().out
    assert run("verify", "-p", str(session.project.folder), "--studio") == 1
    assert capsys.readouterr().err.startswith("error: nothing answers at http://127.0.0.1:9")
