"""Tabs of the Data Manager, on the fake server and on a real one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from made_up import ask, submit

from activessl.pool.pool import Pool
from activessl_label_studio.annotator import LabelStudioAnnotator
from activessl_label_studio.tabs import KEPT


def titles(people: LabelStudioAnnotator, project: str) -> dict[str, Any]:
    return {view["data"]["title"]: view["data"] for view in people.client.get("/api/dm/views/", project=project)}


def shown(people: LabelStudioAnnotator, project: str, tab: dict[str, Any]) -> set[str]:
    """The items that a tab shows: its filters, asked of the server."""
    import json

    query = json.dumps({"filters": tab["filters"], "ordering": tab["ordering"]})
    tasks = people.client.get("/api/tasks", project=project, page_size=50, query=query)["tasks"]
    return {task["data"]["activessl_id"] for task in tasks}


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


def test_without_tabs_none_is_made_and_a_server_that_refuses_them_takes_the_round(
    people: LabelStudioAnnotator, place: Any, pool: Pool
) -> None:
    query = replace(ask(pool, [0, 1]), round=1)
    pushed = people.push(pool, query, [], model="round-0")
    assert "Round 1" not in titles(people, pushed.project)
    if place.fake:
        place.fake.faults.append(["/api/dm/views/", "POST", 400, 9])
        each = LabelStudioAnnotator(replace(people.config, tabs="both"))
        assert each.push(pool, query, [], model="round-0").tasks == pushed.tasks
