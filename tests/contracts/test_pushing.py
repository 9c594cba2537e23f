"""Of pushing, what every annotator that is people in Label Studio keeps, on the fake server and on real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import CLASSES, ask, number_of, result, submit, suggest

from activessl.annotators.base import Annotator
from activessl.errors import AnnotatorError
from activessl.labels.questions import Question
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl_label_studio import push as push_module
from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
from activessl_label_studio.client import connect
from activessl_label_studio.project import find_tasks
from activessl_label_studio.scripted import ScriptedAnnotator


def test_it_is_an_annotator(people: LabelStudioAnnotator) -> None:
    assert isinstance(people, Annotator)


def test_pushing_twice_makes_no_second_task_and_no_second_prediction(people: LabelStudioAnnotator, pool: Pool) -> None:
    query = ask(pool, [5, 3, 9, 1])
    first = people.push(pool, query, suggest(query, "bag"), model="round-0")
    again = people.push(pool, query, suggest(query, "bag"), model="round-0")
    assert (first.new, again.new) == (4, 0)
    assert first.tasks == again.tasks
    assert set(first.tasks) == set(query.ids)
    for task in first.tasks.values():
        assert len(people.client.get(f"/api/tasks/{task}")["predictions"]) == 1


def test_the_server_offers_tasks_in_the_order_of_the_query(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool
) -> None:
    query = ask(pool, [30, 2, 17, 8, 39, 0])
    people.push(pool, query, [], model="round-0")
    assert person.work(6).items == query.ids


def test_a_new_round_comes_first_and_the_open_rest_of_the_old_one_after_it(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool
) -> None:
    old, new = ask(pool, [7, 6, 5, 4]), ask(pool, [20, 22, 21])
    people.push(pool, old, suggest(old, "coat"), model="round-0")
    assert person.work(1).items == old.ids[:1]
    pushed = people.push(pool, new, suggest(new, "dress"), model="round-1")
    assert person.work(10).items == (*new.ids, *old.ids[1:])
    # of the old model nothing is left on open tasks, and what it said on answered ones is the record
    versions = people.client.get(f"/api/projects/{number_of(pushed.where)}/model-versions/")
    assert versions == {"round-1": 6, "round-0": 1}


def test_a_round_of_the_same_model_can_be_reordered(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool
) -> None:
    query, turned = ask(pool, [1, 2, 3]), ask(pool, [3, 1, 2])
    people.push(pool, query, [], model="round-0")
    # asking for the next task locked the first one for us, and a locked task is offered again whatever the order says
    person.work(1)
    people.push(pool, turned, suggest(turned, "coat"), model="round-0")
    assert person.work(5).items == (pool.ids[3], pool.ids[2])


def test_a_round_of_the_same_model_comes_first_also_where_too_many_older_tasks_are_open_to_rank_them_again(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "_OLDER", 2)
    people.push(pool, ask(pool, [7, 6, 5, 4]), [], model="cold")
    assert person.work(1).items == (pool.ids[7],)
    query = ask(pool, [20, 22, 21])
    people.push(pool, query, [], model="cold")
    people.push(pool, query, [], model="cold")
    assert person.work(10).items == (*query.ids, *(pool.ids[i] for i in (6, 5, 4)))


def test_old_predictions_go_by_the_version_only_where_no_answered_task_has_one(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "_ONE_BY_ONE", 1)
    query = ask(pool, [3, 2, 1])
    people.push(pool, query, suggest(query, "bag"), model="round-0")
    pushed = people.push(pool, query, suggest(query, "coat"), model="round-1")
    person.work(1)
    people.push(pool, query, suggest(query, "dress"), model="round-2")
    versions = people.client.get(f"/api/projects/{pushed.project}/model-versions/")
    assert versions == {"round-1": 1, "round-2": 2}
    assert [a.suggested for a in people.pull()[0]] == ["coat"]


def test_a_filter_too_long_for_an_address_finds_the_same_tasks(people: LabelStudioAnnotator, pool: Pool) -> None:
    query = ask(pool, [3, 2, 1])
    pushed = people.push(pool, query, [], model="round-0")
    project, _ = people.project()
    many = [*query.ids, *(f"another {i}" for i in range(2_000))]
    found = find_tasks(people.client, project, many)
    assert {item: str(tasks[0]["id"]) for item, tasks in found.items()} == dict(pushed.tasks)


def test_an_item_that_is_asked_again_is_another_task_with_an_answer_of_its_own(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    first = people.push(pool, ask(pool, [0, 1]), [], model="round-1")
    submit(people.client, first.tasks[pool.ids[0]], ["coat"])
    question = Question(kind="again", items=(pool.ids[0],), asking=2)
    again, query = question.id, replace(ask(pool, [0, 2]), questions=(question, *ask(pool, [2]).questions))
    for _ in range(2):  # pushing it twice asks once
        second = people.push(pool, query, [], model="round-2")
    assert second.tasks[again] != first.tasks[pool.ids[0]]
    submit(people.client, second.tasks[again], ["bag"])
    answers, _ = people.pull()
    assert {(a.question, a.classes) for a in answers} == {(pool.ids[0], ("coat",)), (again, ("bag",))}
    assert {a.item for a in answers} == {pool.ids[0]}


def test_a_project_of_the_same_number_that_was_made_at_another_time_is_another(
    people: LabelStudioAnnotator, place: Any, pool: Pool
) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[0]], ["coat"])
    first, mark = people.pull()
    there = people.client.get(f"/api/projects/{pushed.project}")
    assert pushed.made == there["created_at"]
    again = replace(people.config, project=int(pushed.project), made=pushed.made)
    assert LabelStudioAnnotator(again).find()[0]["id"] == there["id"]

    # what a ledger knows from a server that was set up anew since
    before = "2020-01-01T00:00:00.000000Z"
    old = {a.source.replace(pushed.made, before): a for a in first}
    anew = replace(again, made=before, title=place.title[:40] + " anew")
    later = LabelStudioAnnotator(anew, known=lambda: old)
    with pytest.raises(AnnotatorError, match="has no project"):
        later.find()
    assert later.push(pool, ask(pool, [0]), [], model="round-0").project != pushed.project
    gone = LabelStudioAnnotator(replace(anew, project=10**6), known=lambda: old)
    assert gone.push(pool, ask(pool, [0]), [], model="round-0").new == 0

    elsewhere = LabelStudioAnnotator(again, known=lambda: old)
    answers, _ = elsewhere.pull(mark.replace(pushed.made, before))
    assert [(a.source, a.kind) for a in answers] == [(first[0].source, "label")]


def test_tasks_that_are_not_ours_are_left_alone(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    number = number_of(pushed.where)
    foreign = [{"data": {"text": "not ours"}, "annotations": [{"result": result(["bag"])}]}]
    people.client.post(f"/api/projects/{number}/import", foreign)
    assert people.pull()[0] == []


def test_a_repeated_import_by_somebody_else_is_healed(people: LabelStudioAnnotator, pool: Pool) -> None:
    query = ask(pool, [0, 1])
    pushed = people.push(pool, query, [], model="round-0")
    number = number_of(pushed.where)
    twice = [{"data": {"activessl_id": pool.ids[0], "text": "again"}}]
    people.client.post(f"/api/projects/{number}/import", twice)
    again = people.push(pool, query, [], model="round-0")
    assert again.tasks == pushed.tasks
    assert people.client.get(f"/api/projects/{number}")["task_number"] == 2


def test_a_second_task_of_an_answered_item_is_healed_by_the_next_push(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool
) -> None:
    pushed = people.push(pool, ask(pool, [0, 1]), [], model="round-0")
    person.work(1)
    number = number_of(pushed.where)
    late = [{"data": {"activessl_id": pool.ids[i], "text": "late"}} for i in (0, 1, 1)]
    people.client.post(f"/api/projects/{number}/import", late)
    people.push(pool, ask(pool, [2]), [], model="round-1")
    assert people.client.get(f"/api/projects/{number}")["task_number"] == 3
    assert person.work(9).items == (pool.ids[2], pool.ids[1])
    assert len(people.pull()[0]) == 3


def test_the_legacy_token_is_refused_with_what_to_do(place: Any) -> None:
    with pytest.raises(AnnotatorError) as caught:
        connect(place.url, "0123456789abcdef0123456789abcdef01234567")
    assert "personal access token" in caught.value.hint
    assert "0123456789abcdef" not in str(caught.value)


def test_an_access_token_that_the_server_takes_no_more_is_renewed(people: LabelStudioAnnotator) -> None:
    assert people.client.get("/api/users/")
    tokens = people.client._sdk._client_wrapper._tokens_client
    spoiled = tokens._access_token[:-8] + "AAAAAAAA"
    tokens._access_token = spoiled
    assert people.client.get("/api/users/")
    assert tokens._access_token != spoiled


def test_an_open_task_whose_file_is_not_served_any_more_gets_a_new_address(
    place: Any, tmp_path: Path, pictures: Callable[[int], dict[str, str]]
) -> None:
    pictures(3)
    drawn, root = load_pool(tmp_path / "pictures"), tmp_path / "files"
    if place.fake is None:  # a real one checks that the folder is below the one that it may serve
        root = place.served
    config = LabelStudioConfig(place.url, place.token, place.title, CLASSES, media="local", document_root=root)
    people = LabelStudioAnnotator(config)
    query = ask(drawn, [0, 1, 2])
    pushed = people.push(drawn, query, [], model="round-0")
    tasks = [people.client.get(f"/api/tasks/{pushed.tasks[i]}") for i in query.ids]
    # as an older version left it: one is answered, one is open
    for task in tasks[:2]:
        old = {**task["data"], "image": "/data/local-files/?d=pictures/00.png"}
        people.client.patch(f"/api/tasks/{task['id']}/", {"data": old})
    submit(people.client, str(tasks[0]["id"]), ["coat"])
    again = people.push(drawn, query, [], model="round-0")
    assert again.new == 0
    now = [people.client.get(f"/api/tasks/{task['id']}")["data"] for task in tasks]
    assert [data["image"] for data in now] == [task["data"]["image"] for task in tasks]
    assert [{**data, "image": ""} for data in now] == [{**task["data"], "image": ""} for task in tasks]


@pytest.mark.parametrize("gone", ["nothing", "predictions", "tasks"])
@pytest.mark.parametrize("answered", [1, 2])
def test_what_people_answer_or_delete_during_a_push_is_no_error(
    people: LabelStudioAnnotator, pool: Pool, monkeypatch: pytest.MonkeyPatch, gone: str, answered: int
) -> None:
    query = ask(pool, [3, 1])
    first = people.push(pool, query, suggest(query, "bag"), model="round-0")
    tasks, rank = [first.tasks[i] for i in query.ids], push_module._rank

    def meanwhile(*arguments: Any) -> None:
        rank(*arguments)
        for task in tasks[:answered]:
            submit(people.client, task, ["coat"])
        for task in tasks if gone == "predictions" else ():
            for prediction in people.client.get(f"/api/tasks/{task}")["predictions"]:
                people.client.delete(f"/api/predictions/{prediction['id']}/")
        for task in tasks if gone == "tasks" else ():
            people.client.delete(f"/api/tasks/{task}/")

    monkeypatch.setattr(push_module, "_rank", meanwhile)
    assert people.push(pool, query, suggest(query, "coat"), model="round-1").tasks == first.tasks
    monkeypatch.undo()
    # the next push finds what is left
    again = people.push(pool, query, suggest(query, "coat"), model="round-1")
    assert again.new == (len(query) if gone == "tasks" else 0)


def test_a_round_whose_questions_are_all_blind_or_answered_is_pushed_again(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    query = ask(pool, [3, 1])
    first = people.push(pool, query, suggest(query, "bag", blind=query.ids), model="round-0")
    assert people.push(pool, query, suggest(query, "bag", blind=query.ids), model="round-1").tasks == first.tasks
    for task in first.tasks.values():
        submit(people.client, task, ["coat"])
    assert people.push(pool, query, [], model="round-2").tasks == first.tasks
