"""Of answers, what every annotator that is people in Label Studio keeps, on the fake server and on real ones."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import CLASSES, ask, result, submit, suggest
from typer.testing import CliRunner

from activessl.errors import AnnotatorError, LabelError
from activessl.labels.answers import Answer
from activessl.labels.one_class import ONE
from activessl.labels.several_classes import SEVERAL
from activessl.pool.pool import Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_cli.main import app
from activessl_label_studio.annotator import LabelStudioAnnotator
from activessl_label_studio.mapping import to_result
from activessl_label_studio.scripted import ScriptedAnnotator


def folded(answers: Sequence[Answer]) -> dict[str, Answer]:
    """What counts, by source: as a ledger folds it."""
    now: dict[str, Answer] = {}
    for answer in answers:
        if answer.kind == "delete":
            now.pop(answer.source, None)
        else:
            now[answer.source] = answer
    return now


def test_answers_come_back_with_who_when_how_long_and_what_was_suggested(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, place: Any, pool: Pool, truth: dict[str, str]
) -> None:
    query = ask(pool, [0, 1, 2])
    people.push(pool, query, suggest(query, "dress", blind=[query.ids[2]]), model="round-1")
    person.work(3)
    answers, _ = people.pull()
    assert [a.item for a in answers] == list(query.ids)
    assert [a.classes for a in answers] == [(truth[i],) for i in query.ids]
    assert [a.suggested for a in answers] == ["dress", "dress", None]
    assert {a.annotator for a in answers} == {place.email}
    assert all(a.seconds and a.seconds > 0 and a.at.tzinfo and a.kind == "label" for a in answers)


def test_a_pull_from_the_watermark_brings_only_what_is_new_and_repeats_with_the_same_keys(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool
) -> None:
    people.push(pool, ask(pool, list(range(6))), [], model="round-0")
    person.work(2)
    first, mark = people.pull()
    person.work(3)
    second, after = people.pull(mark)
    again, _ = people.pull(after)
    assert len(first) == 2
    keys = [a.key for a in first] + [a.key for a in second if a.key not in {b.key for b in first}]
    assert len(keys) == len(set(keys)) == 5
    assert {a.key for a in again} <= set(keys)
    assert json.loads(after)["at"] > json.loads(mark)["at"]


def test_before_any_answer_there_is_nothing_to_pull(people: LabelStudioAnnotator, pool: Pool) -> None:
    people.push(pool, ask(pool, [0]), [], model="round-0")
    answers, mark = people.pull()
    assert answers == []
    assert people.pull(mark)[0] == []


def test_a_skip_is_a_skip_and_is_not_offered_again(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool
) -> None:
    pushed = people.push(pool, ask(pool, [0, 1]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[0]], [], was_cancelled=True)
    answers, _ = people.pull()
    assert [(a.item, a.kind, a.classes) for a in answers] == [(pool.ids[0], "skip", ())]
    assert person.work(5).items == (pool.ids[1],)


def test_an_empty_submit_counts_as_skipped_and_is_reported(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[0]], [])
    answers, _ = people.pull()
    assert [a.kind for a in answers] == ["skip"]
    assert "without a class" in people.notes[0].what


def test_an_annotation_that_is_starred_later_decides_and_is_read_again(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    made = [submit(people.client, pushed.tasks[pool.ids[0]], [name]) for name in ("coat", "bag", "bag")]
    first, mark = people.pull()
    assert [a.ground_truth for a in first] == [False, False, False]
    people.client.patch(f"/api/annotations/{made[0]['id']}/", {"ground_truth": True})
    people.client.patch(f"/api/annotations/{made[1]['id']}/", {"result": result(["dress"])})  # a later plain one
    second, _ = people.pull(mark)
    now = {a.source: a for a in (*first, *second)}
    new = [(a.classes, a.ground_truth) for a in second if a.key not in {b.key for b in first}]
    assert new == [(("coat",), True), (("dress",), False)]
    assert ONE.merge(now.values(), CLASSES, {}).labels[pool.ids[0]].classes == ("coat",)


#: What a program may write into an annotation, and the server takes: the class, or why it cannot be read.
ODD: list[tuple[list[dict[str, Any]], tuple[str, ...] | str]] = [
    ([{**result(["bag"])[0], "value": {"choices": "bag"}}], ("bag",)),
    ([{**result(["bag"])[0], "from_name": "sort"}], "only in sort, which the label config does not have"),
    ([{**result(["bag"])[0], "value": {"choices": [{"bag": 1}]}}], "no list of choices"),
    ([{**result(["bag"])[0], "value": {"choices": {"bag": True}}}], "no list of choices"),
    (result(["coat", "bag"]), "has 2 classes (coat, bag), one is allowed"),
]


@pytest.mark.parametrize("several", [False, True])
def test_what_cannot_be_read_is_neither_a_skip_nor_none_of_the_classes_and_has_a_reason(
    people: LabelStudioAnnotator, pool: Pool, several: bool
) -> None:
    odd = ODD[: len(ODD) - several]
    people = LabelStudioAnnotator(replace(people.config, label_kind=SEVERAL if several else ONE))
    query = ask(pool, range(len(odd)))
    pushed = people.push(pool, query, [], model="round-0")
    for item, (said, _) in zip(query.ids, odd, strict=True):
        submit(people.client, pushed.tasks[item], [], result=said)
    answers, _ = people.pull()
    notes = {note.question: note.what for note in people.notes}
    for answer, (_, expected) in zip(answers, odd, strict=True):
        if isinstance(expected, tuple):
            assert (answer.kind, answer.classes, answer.why) == ("label", expected, "")
        else:
            assert (answer.kind, answer.classes) == ("unread", ())
            assert expected in answer.why and notes[answer.item] == f"{answer.why}: kept, and asked again"


def test_an_item_whose_answer_cannot_be_read_is_asked_about_again_as_a_new_task(
    people: LabelStudioAnnotator, tmp_path: Path
) -> None:
    texts = [json.dumps({"id": f"t{i}", "text": f"{('warm', 'dry')[i % 2]} coat of sort {i}"}) for i in range(12)]
    (tmp_path / "pool.jsonl").write_text("\n".join(texts))
    data = {"path": "../pool.jsonl", "modality": "text", "classes": list(people.config.classes)}
    config = {"data": data, "query": {"size": 3, "random_share": 0.0, "strategy": "random"}}
    session = Session(Project.create(tmp_path / "p", check_config(config), version="0"))
    session.encode()
    asked = session.query().items
    tasks = session.push(people).tasks
    for item in asked:
        submit(people.client, tasks[item], [], result=ODD[1][0])
    session.pull(people)
    history = session.project.history()
    assert set(history.unread) == set(asked)
    assert not history.set_aside and not history.labels
    assert history.open_round is not None and not history.waiting(history.open_round)
    with pytest.raises(LabelError, match="no labels yet: 3 answers cannot be read"):
        session.teach()
    said = CliRunner().invoke(app, ["status", "-p", str(session.project.folder)]).stdout
    assert "answers that cannot be read: 3, their items are asked about again; has no class in 'label'" in said

    again = session.query()
    repeated = [question for question in again.questions if question.item in asked]
    assert repeated and all((q.asking, q.reason) == (2, "the answer cannot be read") for q in repeated)
    pushed = session.push(people)
    assert pushed.new == 3
    for question in again.questions:
        submit(people.client, pushed.tasks[question.id], ["coat"])
    session.pull(people)
    history = session.project.history()
    assert {item: label.classes for item, label in history.labels.items()} == dict.fromkeys(again.items, ("coat",))
    # who corrects the first annotation has answered, too
    left = sorted(history.unread)[0]
    (made,) = people.client.get(f"/api/tasks/{tasks[left]}/annotations/")
    people.client.patch(f"/api/annotations/{made['id']}/", {"result": result(["bag"])})
    session.pull(people)
    assert session.project.history().labels[left].classes == ("bag",)


def test_an_edit_has_a_new_key_and_the_old_source(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    made = submit(people.client, pushed.tasks[pool.ids[0]], ["coat"])
    first, mark = people.pull()
    people.client.patch(f"/api/annotations/{made['id']}/", {"result": result(["bag"])})
    second, _ = people.pull(mark)
    assert (second[-1].source, second[-1].classes) == (first[0].source, ("bag",))
    assert second[-1].key != first[0].key


def test_a_deleted_answer_is_withdrawn_once(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0, 1]), [], model="round-0")
    made = [submit(people.client, pushed.tasks[i], ["coat"]) for i in pool.ids[:2]]
    first, mark = people.pull()
    people.client.delete(f"/api/annotations/{made[0]['id']}/")
    second, mark = people.pull(mark)
    gone = [a for a in second if a.kind == "delete"]
    assert [(a.source, a.item) for a in gone] == [(first[0].source, pool.ids[0])]
    assert list(folded([*first, *second])) == [first[1].source]
    assert not [a for a in people.pull(mark)[0] if a.kind == "delete"]


def test_answers_of_a_deleted_task_are_withdrawn_also_by_a_process_that_knows_them_only_from_its_ledger(
    people: LabelStudioAnnotator, place: Any, pool: Pool
) -> None:
    pushed = people.push(pool, ask(pool, [0, 1]), [], model="round-0")
    for item_id in pool.ids[:2]:
        submit(people.client, pushed.tasks[item_id], ["coat"])
    first, mark = people.pull()
    people.client.delete(f"/api/tasks/{pushed.tasks[pool.ids[1]]}/")
    ledger = {a.source: a for a in first}
    later = LabelStudioAnnotator(people.config, known=lambda: ledger)
    second, _ = later.pull(mark)
    assert [(a.kind, a.item) for a in second if a.kind == "delete"] == [("delete", pool.ids[1])]


def test_two_answers_on_one_task_are_two_answers(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    for name in ("coat", "bag"):
        submit(people.client, pushed.tasks[pool.ids[0]], [name])
    answers, _ = people.pull()
    assert [a.classes for a in answers] == [("coat",), ("bag",)]
    assert len({a.source for a in answers}) == 2


def test_ground_truth_is_told_apart(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[0]], ["coat"], ground_truth=True)
    assert [a.ground_truth for a in people.pull()[0]] == [True]


def test_a_repeated_submit_is_stored_once(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    body = {"unique_id": "5f3b8a4e-0d0b-4b53-9f0a-7d6a3f1c2b9d".replace("5f3b", f"{time.time_ns() % 65536:04x}")}
    submit(people.client, pushed.tasks[pool.ids[0]], ["coat"], **body)
    with pytest.raises(AnnotatorError, match="409"):
        submit(people.client, pushed.tasks[pool.ids[0]], ["coat"], **body)
    assert len(people.pull()[0]) == 1


def test_a_result_that_we_make_is_what_a_submit_brings_back(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    _, control = people.project()
    people.client.post(f"/api/tasks/{pushed.tasks[pool.ids[0]]}/annotations/", {"result": to_result(["bag"], control)})
    assert people.pull()[0][0].classes == ("bag",)


def test_a_draft_is_no_answer(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0, 1]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[1]], ["bag"])
    task = pushed.tasks[pool.ids[0]]
    people.client.post(f"/api/tasks/{task}/drafts", {"result": result(["coat"]), "lead_time": 2.0})
    answers, mark = people.pull()
    assert [a.item for a in answers] == [pool.ids[1]]
    assert people.client.get(f"/api/tasks/{task}")["drafts"]
    submit(people.client, task, ["dress"])
    assert {a.item: a.classes for a in people.pull(mark)[0]}[pool.ids[0]] == ("dress",)
