"""Of label configs, what every annotator that is people in Label Studio keeps, on the fake server and on real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from made_up import CLASSES, PERFECT, ask, result, submit, suggest

from activessl.annotators.base import Suggestion
from activessl.errors import ConfigError
from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.labels.several_classes import SEVERAL
from activessl.pool.pool import Pool
from activessl_label_studio.adopt import adopt_tasks
from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
from activessl_label_studio.labels import HINT, build_config, read_config
from activessl_label_studio.project import find_tasks
from activessl_label_studio.scripted import ScriptedAnnotator


def test_a_class_that_joins_later_is_added_to_our_own_label_config(
    people: LabelStudioAnnotator, place: Any, pool: Pool
) -> None:
    people.push(pool, ask(pool, [0]), [], model="round-0")
    wider = LabelStudioAnnotator(LabelStudioConfig(place.url, place.token, place.title, (*CLASSES, "hat"), "text"))
    wider.push(pool, ask(pool, [1]), [], model="round-1")
    project, control = wider.project()
    assert control.classes == (*CLASSES, "hat")
    assert read_config(project["label_config"]).classes == control.classes


@pytest.mark.parametrize("kind", [ONE, SEVERAL])
def test_the_instructions_say_that_the_key_of_a_selected_class_removes_the_selection(
    place: Any, kind: LabelKind
) -> None:
    config = LabelStudioConfig(place.url, place.token, place.title, CLASSES, "text", label_kind=kind)
    project, _ = LabelStudioAnnotator(config).project()
    said = project["expert_instruction"]
    assert "press only Ctrl+Enter" in said
    assert "remove" in said.split("key", 1)[1]


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
    assert {a.item: a.classes for a in answers} == {pool.ids[0]: ("coat",), pool.ids[2]: ("coat",)}

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
    assert [(a.item, a.classes, a.suggested) for a in answers] == [
        (item, (said,), classes[1]) for item, said in kinds.items()
    ]


def test_where_an_item_may_have_several_classes_all_likely_ones_are_shown_and_an_empty_submit_says_none(
    place: Any, pool: Pool
) -> None:
    people = LabelStudioAnnotator(
        LabelStudioConfig(place.url, place.token, place.title, CLASSES, "text", label_kind=SEVERAL)
    )
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
    answers = {a.item: a for a in people.pull()[0]}
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
    config = build_config(CLASSES, "text", label_kind=SEVERAL)
    people.client.patch(f"/api/projects/{pushed.project}", {"label_config": config})
    for row, classes in enumerate(((), ("coat", "bag"), ("dress",))):
        submit(people.client, pushed.tasks[pool.ids[row]], classes)
    said = {a.item: (a.kind, a.classes) for a in people.pull()[0]}
    assert said == dict(zip(query.ids, [("skip", ()), ("unread", ()), ("label", ("dress",))], strict=True))


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
    said = {s.question: s for s in suggest(query, "bag", blind=[hidden])}
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


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ('<Header value="$camera"/>', r"\$camera"),
        ('<Header value="taken on $day"/><Text name="second" value="$other"/>', r"\$day, \$other"),
    ],
)
def test_a_config_that_shows_fields_of_other_peoples_tasks_is_refused_before_a_task_without_them_is_made(
    people: LabelStudioAnnotator, pool: Pool, more: str, named: str
) -> None:
    project, _ = people.project()
    config = str(project["label_config"])
    changed = (
        config.replace("</View>", f"{more}</View>") if config.count("</View>") == 1 else f"<View>{config}{more}</View>"
    )
    people.client.patch(f"/api/projects/{project['id']}/", {"label_config": changed})
    with pytest.raises(ConfigError, match=named) as caught:
        people.push(pool, ask(pool, [0]), [], model="round-0")
    assert "activessl adopt" in caught.value.hint
    assert find_tasks(people.client, project, [pool.ids[0]]) == {}


def test_a_config_that_shows_what_our_tasks_have_is_served(people: LabelStudioAnnotator, pool: Pool) -> None:
    project, _ = people.project()
    config = f'<View>{project["label_config"]}<Header value="$why"/><Header value="It costs $5"/></View>'
    people.client.patch(f"/api/projects/{project['id']}/", {"label_config": config})
    assert people.push(pool, ask(pool, [0]), [], model="round-0").new == 1
