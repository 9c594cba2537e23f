"""Clusters that are confirmed at a glance: what an annotator keeps, against the fake server and against a real one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from made_up import ask, submit

from activessl.annotators.base import Asked, Confirmer
from activessl.errors import AnnotatorError
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.pool.pool import Pool
from activessl_label_studio.annotator import LabelStudioAnnotator
from activessl_label_studio.clusters import build_cluster_config, cluster_title


def cluster(name: str, proposed: str, items: Sequence[str]) -> Question:
    return Question(id=name, kind="confirm", items=tuple(items), proposed=proposed)


def clusters_of(pool: Pool) -> Asked:
    return Asked((cluster("cluster-2-1-aa", "coat", pool.ids[:5]), cluster("cluster-2-2-bb", "bag", pool.ids[5:9])))


@pytest.fixture
def beside(people: LabelStudioAnnotator, pool: Pool) -> LabelStudioAnnotator:
    """People who have been asked about single items before, as before any clusters."""
    people.push(pool, ask(pool, [20, 21]), [], model="round-1")
    return people


def say(people: LabelStudioAnnotator, task: str, verdict: str, odd: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """What a browser submits, as tests/browser saw it."""
    said = [("odd", list(odd))] * bool(odd) + [("verdict", [verdict])] * bool(verdict)
    result = [
        {"from_name": name, "to_name": "group", "type": "choices", "value": {"choices": chosen}}
        for name, chosen in said
    ]
    body = {"result": result, "lead_time": 10.0, **more}
    made: dict[str, Any] = people.client.post(f"/api/tasks/{task}/annotations/", body)
    return made


def of(answers: Sequence[Answer]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {a.item: (a.kind, a.classes) for a in answers}


def test_a_confirmed_cluster_is_a_label_of_each_item_but_the_marked_ones(
    beside: LabelStudioAnnotator, pool: Pool
) -> None:
    clusters = clusters_of(pool)
    assert isinstance(beside, Confirmer)
    pushed = beside.push_clusters(pool, clusters, model="round-1")
    assert pushed.new == 2 and set(pushed.tasks) == set(clusters.ids)
    say(beside, pushed.tasks[clusters.ids[0]], "yes", odd=[pool.ids[1], pool.ids[3]])
    answers, _ = beside.pull()
    yes, no = ("label", ("coat",)), ("apart", ())
    assert of(answers) == dict(zip(pool.ids[:5], (yes, no, yes, no, yes), strict=True))
    assert {a.seconds for a in answers} == {2.0}  # ten seconds for five
    assert {a.question for a in answers if a.cluster} == {clusters.ids[0]}
    assert {a.suggested for a in answers} == {"coat"}
    assert len({a.source for a in answers}) == len({a.key for a in answers}) == 5


@pytest.mark.parametrize(("verdict", "more"), [("no", {}), ("", {}), ("yes", {"was_cancelled": True})])
def test_a_cluster_that_is_not_confirmed_goes_back_item_by_item(
    beside: LabelStudioAnnotator, pool: Pool, verdict: str, more: dict[str, Any]
) -> None:
    clusters = clusters_of(pool)
    pushed = beside.push_clusters(pool, clusters, model="round-1")
    say(beside, pushed.tasks[clusters.ids[1]], verdict, **more)
    answers, _ = beside.pull()
    assert of(answers) == dict.fromkeys(pool.ids[5:9], ("apart", ()))
    assert len(beside.notes) == (not verdict)


def test_pushing_groups_twice_makes_no_second_task_and_older_unanswered_ones_are_withdrawn(
    beside: LabelStudioAnnotator, pool: Pool
) -> None:
    clusters = clusters_of(pool)
    first = beside.push_clusters(pool, clusters, model="round-1")
    again = LabelStudioAnnotator(beside.config).push_clusters(pool, clusters, model="round-1")
    assert (first.tasks, first.project, again.new) == (again.tasks, again.project, 0)
    say(beside, first.tasks[clusters.ids[0]], "yes")
    newer = Asked((cluster("cluster-5-1-cc", "dress", pool.ids[9:14]),))
    later = beside.push_clusters(pool, newer, model="round-4")
    there = beside.client.get("/api/tasks", project=later.project, page_size=10)["tasks"]
    assert {t["data"]["activessl_id"] for t in there} == {clusters.ids[0], newer.ids[0]}
    assert len(beside.pull()[0]) == 5


def test_the_project_of_single_items_is_left_alone(beside: LabelStudioAnnotator, pool: Pool) -> None:
    number = beside.find()[0]["id"]
    pushed = beside.push_clusters(pool, clusters_of(pool), model="round-1")
    assert int(pushed.project) != number
    assert beside.find()[0]["id"] == number
    assert beside.client.get(f"/api/projects/{pushed.project}")["title"] == cluster_title(beside.config.title)
    assert beside.push(pool, ask(pool, [20, 21]), [], model="round-1").new == 0


def test_single_answers_and_groups_come_back_together_and_repeat_with_the_same_keys(
    beside: LabelStudioAnnotator, pool: Pool
) -> None:
    single = beside.push(pool, ask(pool, [20, 21]), [], model="round-1")
    clusters = clusters_of(pool)
    pushed = beside.push_clusters(pool, clusters, model="round-1")
    submit(beside.client, single.tasks[pool.ids[20]], ["dress"])
    say(beside, pushed.tasks[clusters.ids[0]], "yes")
    first, mark = beside.pull()
    assert len(first) == 6
    say(beside, pushed.tasks[clusters.ids[1]], "yes", odd=[pool.ids[5]])
    submit(beside.client, single.tasks[pool.ids[21]], ["bag"])
    second, after = beside.pull(mark)
    fresh = {a.item for a in second if a.key not in {b.key for b in first}}
    assert fresh == {*pool.ids[5:9], pool.ids[21]}
    assert not [a for a in second if a.kind == "delete"]
    assert json.loads(after)["groups"]["count"] == 2


def test_an_answer_to_a_cluster_is_changed_and_taken_back_item_by_item(
    beside: LabelStudioAnnotator, pool: Pool
) -> None:
    clusters = clusters_of(pool)
    pushed = beside.push_clusters(pool, clusters, model="round-1")
    made = say(beside, pushed.tasks[clusters.ids[0]], "yes")
    first, mark = beside.pull()
    result = [{"from_name": "verdict", "to_name": "group", "type": "choices", "value": {"choices": ["no"]}}]
    beside.client.patch(f"/api/annotations/{made['id']}/", {"result": result})
    second, mark = beside.pull(mark)
    assert {a.source: a.kind for a in second} == {a.source: "apart" for a in first}

    # by a process that knows the answers from its ledger only
    ledger = {a.source: a for a in second}
    project, made_at = int(pushed.project), pushed.made
    later = LabelStudioAnnotator(replace(beside.config, clusters=project, clusters_made=made_at), known=lambda: ledger)
    beside.client.delete(f"/api/annotations/{made['id']}/")
    third, mark = later.pull(mark)
    assert {(a.source, a.kind) for a in third} == {(a.source, "delete") for a in first}
    assert not [a for a in later.pull(mark)[0] if a.kind == "delete"]


def test_what_cannot_be_shown_together_is_refused_by_name() -> None:
    with pytest.raises(AnnotatorError, match="series items cannot be shown together"):
        build_cluster_config("series")


def test_what_a_class_or_a_text_says_cannot_become_markup(beside: LabelStudioAnnotator, pool: Pool) -> None:
    pushed = beside.push_clusters(pool, clusters_of(pool), model="round-1")
    task = beside.client.get(f"/api/tasks/{pushed.tasks['cluster-2-1-aa']}")
    assert task["data"]["items"][0] == {"value": pool.ids[0], "html": "sentence &lt;0&gt; &amp; more"}


def test_a_project_with_groups_that_another_process_makes_later_is_met_and_pulled(
    beside: LabelStudioAnnotator, pool: Pool
) -> None:
    known: tuple[int | None, str | None] = (None, None)
    serving = LabelStudioAnnotator(beside.config, known_clusters=lambda: known)
    assert serving.projects == ()
    assert serving.pull()[0] == []
    single = int(beside.find()[0]["id"])
    assert serving.projects == (single,)
    pushed = beside.push_clusters(pool, clusters_of(pool), model="round-1")
    assert beside.projects == (single, int(pushed.project))
    known = (int(pushed.project), pushed.made)  # as the ledger says after that push
    say(beside, pushed.tasks["cluster-2-1-aa"], "yes")
    assert of(serving.pull()[0]) == dict.fromkeys(pool.ids[:5], ("label", ("coat",)))
    assert serving.projects == (single, int(pushed.project))
