"""Tabs of the Data Manager, on the fake server and on a real one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from made_up import ask, submit

from activessl.annotators.base import Asked, Pushed
from activessl.errors import AnnotatorError
from activessl.labels.questions import Question
from activessl.pool.pool import Pool
from activessl_label_studio.annotator import LabelStudioAnnotator
from activessl_label_studio.tabs import ALL_TASKS, KEPT, Tabs


def titles(people: LabelStudioAnnotator, project: str) -> dict[str, Any]:
    return {view["data"]["title"]: view["data"] for view in people.client.get("/api/dm/views/", project=project)}


def shown(people: LabelStudioAnnotator, project: str, tab: dict[str, Any]) -> set[str]:
    """The items that a tab shows: its filters, asked of the server."""
    return set(in_order(people, project, tab))


def in_order(people: LabelStudioAnnotator, project: str, tab: dict[str, Any]) -> list[str]:
    query = json.dumps({"filters": tab["filters"], "ordering": tab["ordering"]})
    tasks = people.client.get("/api/tasks", project=project, page_size=50, query=query)["tasks"]
    return [task["data"]["activessl_id"] for task in tasks]


def opened(people: LabelStudioAnnotator, pushed: Pushed) -> dict[str, Any]:
    """The tab that a browser opens at the address of a push, as tests/browser saw it."""
    asked = parse_qs(urlsplit(pushed.where).query)
    assert asked["labeling"] == ["1"]
    views = people.client.get("/api/dm/views/", project=pushed.project)
    named = [view for view in views if asked.get("tab") == [str(view["id"])]]
    found: dict[str, Any] = (named or views)[0]["data"]
    return found


def offered(people: LabelStudioAnnotator, pushed: Pushed) -> list[str]:
    """The questions that a person is offered who opens the address of a push, and who answers them all."""
    tab, given = opened(people, pushed), []
    # what a browser sends
    body = {"ordering": tab["ordering"], "filters": tab["filters"], "selectedItems": {"all": False, "included": []}}
    for _ in range(20):
        try:
            task = people.client.post("/api/dm/actions", body, id="next_task", project=pushed.project)
        except AnnotatorError:  # "there are no tasks"
            return given
        given.append(task["data"]["activessl_id"])
        submit(people.client, str(task["id"]), ["coat"])
    return given


def test_each_round_has_a_tab_with_its_tasks_and_only_the_newest_rounds_keep_theirs(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    each = LabelStudioAnnotator(replace(people.config, tabs="round"))
    mine = {"project": 0, "data": {"title": "Round trip", "filters": {"conjunction": "and", "items": []}}}
    for number in range(1, KEPT + 3):
        query = replace(ask(pool, [2 * number, 2 * number + 1]), round=number)
        for _ in range(2):
            pushed = each.push(pool, query, [], model=f"round-{number}")
        if number == 1:
            people.client.post("/api/dm/views/", mine | {"project": int(pushed.project)})
        there = titles(each, pushed.project)
        assert shown(each, pushed.project, there[f"Round {number}"]) == set(query.ids)
    expected = {f"Round {number}" for number in range(3, KEPT + 3)}
    assert {title for title in there if title.startswith("Round ")} == {*expected, "Round trip"}


def test_each_person_has_a_tab_when_asked(people: LabelStudioAnnotator, place: Any, pool: Pool) -> None:
    each = LabelStudioAnnotator(replace(people.config, tabs="annotator"))
    query = replace(ask(pool, [0, 1, 2]), round=1)
    pushed = each.push(pool, query, [], model="round-0")
    submit(people.client, pushed.tasks[query.ids[1]], ["coat"])
    there = titles(each, pushed.project)
    assert place.email in there and "Round 1" not in there
    assert shown(each, pushed.project, there[place.email]) == {query.ids[1]}


def test_who_opens_the_address_of_a_push_is_offered_the_open_round_and_nothing_else(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    each = LabelStudioAnnotator(replace(people.config, tabs="round"))
    first = each.push(pool, replace(ask(pool, [3, 1, 2]), round=1), [], model="round-0")
    assert offered(each, first) == [pool.ids[i] for i in (3, 1, 2)]
    query = replace(ask(pool, [9, 7, 8]), round=2)
    pushed = each.push(pool, query, [], model="round-1")
    assert each.push(pool, query, [], model="round-1").where == pushed.where != first.where
    assert offered(each, pushed) == list(query.ids)


@pytest.mark.parametrize("before", ["none", "round"])
def test_a_question_that_already_has_a_task_is_in_the_tab_of_the_round_that_asks_it(
    people: LabelStudioAnnotator, pool: Pool, before: Tabs
) -> None:
    """Its round ended before it was answered, or its task was adopted, and has no round."""
    number = 1 if before == "round" else 0
    early = LabelStudioAnnotator(replace(people.config, tabs=before))
    task = early.push(pool, replace(ask(pool, [1, 2, 3]), round=number), [], model="round-0").tasks[pool.ids[3]]
    shown = people.client.get(f"/api/tasks/{task}")["data"]
    each = LabelStudioAnnotator(replace(people.config, tabs="round"))
    query = replace(ask(pool, [4, 3]), round=2)
    pushed = each.push(pool, query, [], model="round-1")
    assert (pushed.new, pushed.tasks[pool.ids[3]]) == (1, task)
    assert offered(each, pushed) == list(query.ids)
    assert people.client.get(f"/api/tasks/{task}")["data"] == {**shown, "activessl_round": "2"}


@pytest.mark.parametrize("tabs", ["none", "annotator"])
def test_without_tabs_of_rounds_the_address_shows_all_open_tasks_the_newest_round_first(
    people: LabelStudioAnnotator, pool: Pool, tabs: Tabs
) -> None:
    # the leftmost tab is one of an earlier round, as where tabs of rounds were made before
    before = LabelStudioAnnotator(replace(people.config, tabs="round"))
    old = before.push(pool, replace(ask(pool, [1, 2]), round=1), [], model="round-0")
    submit(people.client, old.tasks[pool.ids[1]], ["coat"])
    each = LabelStudioAnnotator(replace(people.config, tabs=tabs))
    query = replace(ask(pool, [9, 7, 8]), round=2)
    pushed = each.push(pool, query, [], model="round-1")
    assert each.push(pool, query, [], model="round-1").where == pushed.where
    assert offered(each, pushed) == [*query.ids, pool.ids[2]]


def test_the_address_of_a_push_of_clusters_shows_the_open_clusters(people: LabelStudioAnnotator, pool: Pool) -> None:
    people.push(pool, ask(pool, [20, 21]), [], model="round-1")
    clusters = [
        Question(id=f"cluster-2-{i}", kind="confirm", items=pool.ids[3 * i : 3 * i + 3], proposed="coat")
        for i in range(2)
    ]
    query = Asked(tuple(clusters), "max_herding", 2)
    pushed = people.push_clusters(pool, query, model="round-1")
    # somebody makes a tab of what is done
    done = {"filter": "filter:tasks:total_annotations", "operator": "greater", "type": "Number", "value": 0}
    data = {"title": "Done", "filters": {"conjunction": "and", "items": [done]}, "ordering": []}
    people.client.post("/api/dm/views/", {"project": int(pushed.project), "data": data})
    assert people.push_clusters(pool, query, model="round-1").where == pushed.where
    assert in_order(people, pushed.project, opened(people, pushed)) == list(query.ids)


def test_without_tabs_of_rounds_none_is_made_and_a_server_that_refuses_them_takes_the_round(
    people: LabelStudioAnnotator, place: Any, pool: Pool
) -> None:
    query = replace(ask(pool, [0, 1]), round=1)
    pushed = people.push(pool, query, [], model="round-0")
    assert set(titles(people, pushed.project)) == {ALL_TASKS}
    if place.fake:
        place.fake.faults.append(["/api/dm/views/", "POST", 400, 9])
        each = LabelStudioAnnotator(replace(people.config, tabs="both"))
        again = each.push(pool, query, [], model="round-0")
        assert again.tasks == pushed.tasks
        assert again.where == f"{place.url}/projects/{pushed.project}/data?labeling=1"
