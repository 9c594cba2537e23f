"""What every annotator that is people in Label Studio keeps, against the fake server and against a real one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from made_up import CLASSES, PERFECT, ask, number_of, result, submit, suggest

from activessl.annotators.base import Annotator, Answer, Suggestion, again_id
from activessl.errors import AnnotatorError
from activessl.pool.pool import Pool
from activessl_label_studio import push as push_module
from activessl_label_studio.adopt import adopt_tasks
from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
from activessl_label_studio.client import connect
from activessl_label_studio.labels import HINT, build_config, read_config
from activessl_label_studio.mapping import to_result
from activessl_label_studio.project import find_tasks
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


def test_answers_come_back_with_who_when_how_long_and_what_was_suggested(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, place: Any, pool: Pool, truth: dict[str, str]
) -> None:
    query = ask(pool, [0, 1, 2])
    people.push(pool, query, suggest(query, "dress", blind=[query.ids[2]]), model="round-1")
    person.work(3)
    answers, _ = people.pull()
    assert [a.item_id for a in answers] == list(query.ids)
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
    assert [(a.item_id, a.kind, a.classes) for a in answers] == [(pool.ids[0], "skip", ())]
    assert person.work(5).items == (pool.ids[1],)


def test_an_empty_submit_counts_as_skipped_and_is_reported(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[0]], [])
    answers, _ = people.pull()
    assert [a.kind for a in answers] == ["skip"]
    assert "without a class" in people.notes[0].what


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
    assert [(a.source, a.item_id) for a in gone] == [(first[0].source, pool.ids[0])]
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
    ledger = {a.source: a.item_id for a in first}
    later = LabelStudioAnnotator(people.config, known=lambda: ledger)
    second, _ = later.pull(mark)
    assert [(a.kind, a.item_id) for a in second if a.kind == "delete"] == [("delete", pool.ids[1])]


def test_two_answers_on_one_task_are_two_answers(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    for name in ("coat", "bag"):
        submit(people.client, pushed.tasks[pool.ids[0]], [name])
    answers, _ = people.pull()
    assert [a.classes for a in answers] == [("coat",), ("bag",)]
    assert len({a.source for a in answers}) == 2


def test_an_item_that_is_asked_again_is_another_task_with_an_answer_of_its_own(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    first = people.push(pool, ask(pool, [0, 1]), [], model="round-1")
    submit(people.client, first.tasks[pool.ids[0]], ["coat"])
    again = again_id(pool.ids[0], 2)
    query = replace(ask(pool, [0, 2]), ids=(again, pool.ids[2]))
    for _ in range(2):  # pushing it twice asks once
        second = people.push(pool, query, [], model="round-2")
    assert second.tasks[again] != first.tasks[pool.ids[0]]
    submit(people.client, second.tasks[again], ["bag"])
    answers, _ = people.pull()
    assert {(a.item_id, a.classes) for a in answers} == {(pool.ids[0], ("coat",)), (again, ("bag",))}


def test_ground_truth_is_told_apart(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[0]], ["coat"], ground_truth=True)
    assert [a.ground_truth for a in people.pull()[0]] == [True]


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
    old = {a.source.replace(pushed.made, before): a.item_id for a in first}
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


def test_a_class_that_joins_later_is_added_to_our_own_label_config(
    people: LabelStudioAnnotator, place: Any, pool: Pool
) -> None:
    people.push(pool, ask(pool, [0]), [], model="round-0")
    wider = LabelStudioAnnotator(LabelStudioConfig(place.url, place.token, place.title, (*CLASSES, "hat"), "text"))
    wider.push(pool, ask(pool, [1]), [], model="round-1")
    project, control = wider.project()
    assert control.classes == (*CLASSES, "hat")
    assert read_config(project["label_config"]).classes == control.classes


def test_a_repeated_submit_is_stored_once(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    body = {"unique_id": "5f3b8a4e-0d0b-4b53-9f0a-7d6a3f1c2b9d".replace("5f3b", f"{time.time_ns() % 65536:04x}")}
    submit(people.client, pushed.tasks[pool.ids[0]], ["coat"], **body)
    with pytest.raises(AnnotatorError, match="409"):
        submit(people.client, pushed.tasks[pool.ids[0]], ["coat"], **body)
    assert len(people.pull()[0]) == 1


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


def test_a_project_that_was_there_before_is_adopted_with_its_labels(
    people: LabelStudioAnnotator, person: ScriptedAnnotator, pool: Pool, truth: dict[str, str]
) -> None:
    project, control = people.project()
    number = int(project["id"])
    texts = [pool.read(i) for i in (0, 1, 2, 2, 3)] + ["something else"]
    made = people.client.post(
        f"/api/projects/{number}/import", [{"data": {"text": t, "who": "me"}} for t in texts], return_task_ids="true"
    )["task_ids"]
    for i in (0, 3, 5):
        submit(people.client, str(made[i]), ["coat"])
    assert people.pull()[0] == []

    looked = adopt_tasks(people.client, project, control, pool, dry=True)
    told = adopt_tasks(people.client, project, control, pool)
    again = adopt_tasks(people.client, project, control, pool)
    for found, new in ((looked, 4), (told, 4), (again, 0)):
        assert (found.tasks, found.ours, found.new, found.answered) == (6, 4, new, 2)
        assert (found.unknown, found.double, found.example) == (1, 1, "something else")
    answers, _ = people.pull()
    assert {a.item_id: a.classes for a in answers} == {pool.ids[0]: ("coat",), pool.ids[2]: ("coat",)}

    # what is there is not made a second time, and keeps what else its data say
    pushed = people.push(pool, ask(pool, [3, 4, 1]), [], model="round-0")
    assert pushed.new == 1
    assert pushed.tasks[pool.ids[1]] == str(made[1])
    assert people.client.get(f"/api/tasks/{made[1]}")["data"]["who"] == "me"
    assert person.work(3).items == (pool.ids[3], pool.ids[4], pool.ids[1])
    people.client.get(f"/api/tasks/{made[2]}")  # the double is still there


def test_a_taxonomy_over_marked_up_text_is_asked_suggested_and_answered_by_its_paths(
    people: LabelStudioAnnotator, place: Any, pool: Pool
) -> None:
    classes = ("clothes / coat", "clothes / dress", "bag")
    project, _ = people.project()
    inside = '<Choice value="clothes"><Choice value="coat"/><Choice value="dress"/></Choice><Choice value="bag"/>'
    config = (
        '<View><HyperText name="shown" value="$html"/>'
        f'<Taxonomy name="kind" toName="shown" maxUsages="1">{inside}</Taxonomy></View>'
    )
    people.client.patch(f"/api/projects/{project['id']}", {"label_config": config})
    wider = LabelStudioAnnotator(replace(people.config, classes=classes))
    query = ask(pool, [0, 1])
    suggested = [Suggestion(i, (classes[1], classes[0]), (0.6, 0.3)) for i in query.ids]
    pushed = wider.push(pool, query, suggested, model="round-0")
    shown = wider.client.get(f"/api/tasks/{pushed.tasks[pool.ids[0]]}")
    assert shown["data"]["html"] == pool.read(0)
    assert shown["predictions"][0]["result"][0]["value"] == {"taxonomy": [["clothes", "dress"]]}

    kinds = dict(zip(pool.ids[:2], (classes[0], classes[2]), strict=True))
    worker = ScriptedAnnotator(place.url, place.email, place.password, int(project["id"]), kinds, habits=PERFECT)
    assert worker.work(5).items == query.ids
    worker.close()
    answers, _ = wider.pull()
    assert [(a.item_id, a.classes, a.suggested) for a in answers] == [
        (item, (said,), classes[1]) for item, said in kinds.items()
    ]


def test_where_an_item_may_have_several_classes_all_likely_ones_are_shown_and_an_empty_submit_says_none(
    place: Any, pool: Pool
) -> None:
    people = LabelStudioAnnotator(LabelStudioConfig(place.url, place.token, place.title, CLASSES, "text", multi=True))
    query = ask(pool, [4, 1, 8, 3])
    probs = {4: (0.9, 0.7, 0.2), 1: (0.4, 0.3, 0.1), 8: (0.8, 0.1, 0.0), 3: (0.8, 0.1, 0.0)}
    suggested = [Suggestion(pool.ids[row], CLASSES, said, blind=row == 3) for row, said in probs.items()]
    pushed = people.push(pool, query, suggested, model="round-1")
    tasks = {row: people.client.get(f"/api/tasks/{pushed.tasks[pool.ids[row]]}") for row in probs}
    shown = {row: task["predictions"][0]["result"] for row, task in tasks.items()}
    assert shown == {4: result(CLASSES[:2]), 1: [], 8: result(CLASSES[:1]), 3: []}
    assert pushed.suggestions == 2

    truth = {pool.ids[4]: CLASSES[:2], pool.ids[1]: (), pool.ids[8]: ("bag", "coat"), pool.ids[3]: ("dress",)}
    worker = ScriptedAnnotator(place.url, place.email, place.password, int(pushed.project), truth, habits=PERFECT)
    assert worker.work(3).items == query.ids[:3]
    worker.close()
    submit(people.client, pushed.tasks[pool.ids[3]], [], was_cancelled=True)
    answers = {a.item_id: a for a in people.pull()[0]}
    assert {i: set(a.classes) for i, a in answers.items()} == {i: set(t) for i, t in truth.items()} | {
        pool.ids[3]: set()
    }
    assert {i: a.kind for i, a in answers.items()} == dict.fromkeys(truth, "label") | {pool.ids[3]: "skip"}
    assert answers[pool.ids[4]].suggested == "coat|dress" and answers[pool.ids[8]].suggested == "coat"


def test_how_many_classes_an_answer_may_name_is_the_projects_to_say_whatever_the_label_config_allows(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    query = ask(pool, [0, 1, 2])
    pushed = people.push(pool, query, [], model="round-0")
    config = build_config(CLASSES, "text", multi=True)
    people.client.patch(f"/api/projects/{pushed.project}", {"label_config": config})
    for row, classes in enumerate(((), ("coat", "bag"), ("dress",))):
        submit(people.client, pushed.tasks[pool.ids[row]], classes)
    said = {a.item_id: (a.kind, a.classes) for a in people.pull()[0]}
    assert said == dict(zip(query.ids, [("skip", ()), ("skip", ()), ("label", ("dress",))], strict=True))


def test_a_class_taken_out_of_the_config_keeps_its_answers_and_is_not_suggested_any_more(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    query = ask(pool, [0, 1])
    pushed = people.push(pool, query, suggest(query, "bag"), model="round-0")
    submit(people.client, pushed.tasks[pool.ids[0]], ["bag"])
    project, _ = people.project()
    narrower = project["label_config"].replace('<Choice value="bag" hotkey="3"/>', '<Choice value="hat" hotkey="3"/>')
    people.client.patch(f"/api/projects/{project['id']}", {"label_config": narrower})
    answers, _ = people.pull()
    assert [(a.kind, a.classes) for a in answers] == [("label", ("bag",))]
    assert "which the label config does not have" in people.notes[0].what
    left = LabelStudioAnnotator(replace(people.config, classes=("coat", "dress", "hat")))
    left.push(pool, query, suggest(query, "bag"), model="round-1")
    (shown,) = people.client.get(f"/api/tasks/{pushed.tasks[pool.ids[1]]}")["predictions"]
    assert shown["result"][0]["value"] == {"choices": ["coat"]}


def hints(people: LabelStudioAnnotator, tasks: Mapping[str, str]) -> dict[str, list[str]]:
    """What stands above the choices of each item, by the one prediction that counts."""
    found = {}
    for item, number in tasks.items():
        (prediction,) = people.client.get(f"/api/tasks/{number}")["predictions"]
        parts = [part for part in prediction["result"] if part["from_name"] == HINT]
        found[item] = [text for part in parts for text in part["value"]["text"]]
    return found


def test_what_else_the_model_considers_is_shown_with_its_suggestion_and_changes_with_the_model(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    query = ask(pool, [0, 1, 2, 3])
    a, b, sure, hidden = query.ids
    said = {s.item_id: s for s in suggest(query, "bag", blind=[hidden])}
    said[sure] = Suggestion(sure, CLASSES, (0.97, 0.02, 0.01))
    pushed = people.push(pool, query, list(said.values()), model="round-1")
    line = ["model: bag 60 %, or coat 30 %, or dress 10 %"]
    assert hints(people, pushed.tasks) == {a: line, b: line, sure: [], hidden: []}
    # a blind item is not told from another one by its data
    data = [people.client.get(f"/api/tasks/{task}")["data"] for task in pushed.tasks.values()]
    assert len({tuple(sorted(row)) for row in data}) == 1
    assert not any(name in text for row in data for text in row.values() for name in CLASSES)

    # the browser submits what the prediction says, with the line
    (shown,) = people.client.get(f"/api/tasks/{pushed.tasks[a]}")["predictions"]
    body = {"result": shown["result"], "parent_prediction": shown["id"], "lead_time": 2.0}
    people.client.post(f"/api/tasks/{pushed.tasks[a]}/annotations/", body)
    (answer,) = people.pull()[0]
    assert (answer.kind, answer.classes, answer.suggested) == ("label", ("bag",), "bag")
    assert people.notes == []

    newer = [Suggestion(i, ("dress", "coat", "bag"), (0.55, 0.41, 0.04)) for i in (b, sure)]
    newer.append(Suggestion(hidden, ("dress", "coat", "bag"), (0.55, 0.41, 0.04), blind=True))
    rest = ask(pool, [1, 2, 3])
    people.push(pool, rest, newer, model="round-2")
    assert hints(people, {i: pushed.tasks[i] for i in rest.ids}) == {
        b: ["model: dress 55 %, or coat 41 %"],
        sure: ["model: dress 55 %, or coat 41 %"],
        hidden: [],
    }


def test_where_people_took_the_place_of_the_alternatives_away_it_stays_away(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    old, new = ask(pool, [0, 1]), ask(pool, [2, 3])
    pushed = people.push(pool, old, suggest(old, "bag"), model="round-0")
    project, _ = people.project()
    without = "\n".join(line for line in project["label_config"].split("\n") if HINT not in line)
    people.client.patch(f"/api/projects/{project['id']}", {"label_config": without})
    later = LabelStudioAnnotator(replace(people.config, classes=(*CLASSES, "hat")))
    pushed = later.push(pool, new, suggest(new, "bag"), model="round-1")
    project, control = later.project()
    assert control.hint is None and control.classes == (*CLASSES, "hat") and HINT not in project["label_config"]
    assert set(map(tuple, hints(later, pushed.tasks).values())) == {()}
    # of what was carried over from before only the class is left
    tasks = find_tasks(later.client, project, old.ids, everything=True)
    carried = [p["result"] for [task] in tasks.values() for p in task["predictions"]]
    assert [[part["value"] for part in result] for result in carried] == [[{"choices": ["bag"]}]] * 2


def test_our_own_label_config_of_before_there_were_alternatives_goes_on_without_them(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    project, _ = people.project()
    old = build_config(CLASSES, "text", hint=False)
    people.client.patch(f"/api/projects/{project['id']}", {"label_config": old})
    query = ask(pool, [0, 1])
    wider = LabelStudioAnnotator(replace(people.config, classes=(*CLASSES, "hat")))
    pushed = wider.push(pool, query, suggest(query, "bag"), model="round-0")
    project, _ = wider.project()
    assert project["label_config"] == build_config((*CLASSES, "hat"), "text", hint=False)
    assert set(map(tuple, hints(wider, pushed.tasks).values())) == {()}


def test_the_legacy_token_is_refused_with_what_to_do(place: Any) -> None:
    with pytest.raises(AnnotatorError) as caught:
        connect(place.url, "0123456789abcdef0123456789abcdef01234567")
    assert "personal access token" in caught.value.hint
    assert "0123456789abcdef" not in str(caught.value)


def test_a_result_that_we_make_is_what_a_submit_brings_back(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0]), [], model="round-0")
    _, control = people.project()
    people.client.post(f"/api/tasks/{pushed.tasks[pool.ids[0]]}/annotations/", {"result": to_result(["bag"], control)})
    assert people.pull()[0][0].classes == ("bag",)


def test_a_class_that_somebody_added_is_on_offer_and_one_that_was_taken_out_is_not_put_back(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    people.push(pool, ask(pool, [0]), [], model="round-0")
    offered = people.offer
    assert offered is not None and offered.classes == CLASSES
    project, _ = people.project()
    config = project["label_config"]

    def change(config: str) -> None:
        people.client.patch(f"/api/projects/{project['id']}", {"label_config": config})

    change(config.replace('<Choice value="bag" hotkey="3"/>', '<Choice value="hat" hotkey="3"/>'))
    # one that pulls first, and one that only knows from its ledger what was there before
    later = LabelStudioAnnotator(replace(people.config, offer=offered))
    for each in (people, later):
        if each is people:
            each.pull()
        each.push(pool, ask(pool, [1, 2]), [], model="round-1")
        assert each.offer is not None and each.offer.classes == ("coat", "dress", "hat")
        assert each.offer.project == offered.project
    # of a class that nobody offered yet it is not known that somebody does not want it
    wider = LabelStudioAnnotator(replace(people.config, classes=("coat", "dress", "bag", "scarf"), offer=offered))
    change(config.replace('    <Choice value="bag" hotkey="3"/>\n', ""))
    wider.push(pool, ask(pool, [3]), [], model="round-2")
    assert wider.offer is not None and wider.offer.classes == ("coat", "dress", "scarf")


def test_an_access_token_that_the_server_takes_no_more_is_renewed(people: LabelStudioAnnotator) -> None:
    assert people.client.get("/api/users/")
    tokens = people.client._sdk._client_wrapper._tokens_client
    spoiled = tokens._access_token[:-8] + "AAAAAAAA"
    tokens._access_token = spoiled
    assert people.client.get("/api/users/")
    assert tokens._access_token != spoiled


def test_a_draft_is_no_answer(people: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = people.push(pool, ask(pool, [0, 1]), [], model="round-0")
    submit(people.client, pushed.tasks[pool.ids[1]], ["bag"])
    task = pushed.tasks[pool.ids[0]]
    people.client.post(f"/api/tasks/{task}/drafts", {"result": result(["coat"]), "lead_time": 2.0})
    answers, mark = people.pull()
    assert [a.item_id for a in answers] == [pool.ids[1]]
    assert people.client.get(f"/api/tasks/{task}")["drafts"]
    submit(people.client, task, ["dress"])
    assert {a.item_id: a.classes for a in people.pull(mark)[0]}[pool.ids[0]] == ("dress",)
