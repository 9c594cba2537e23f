"""Of classes that change, what the label config shows and stores, on the fake server and on real ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up import CLASSES, ask, submit, suggest

from activessl.annotators.base import Suggestion
from activessl.errors import ConfigError
from activessl.labels.changes import Change, Naming
from activessl.pool.pool import Pool
from activessl_label_studio.annotator import LabelStudioAnnotator
from activessl_label_studio.labels import Choice, read_config
from activessl_label_studio.mapping import named_in
from activessl_label_studio.project import find_tasks

RENAME = Change("rename", {"coat": ("jacket",)}, 1, CLASSES)
MERGE = Change("merge", {"dress": ("garment",), "bag": ("garment",)}, 2)
SPLIT = Change("split", {"bag": ("purse", "satchel")}, 3)


def later(people: LabelStudioAnnotator, *steps: Change) -> LabelStudioAnnotator:
    """The same people after changes of the classes."""
    naming = Naming(steps)
    return LabelStudioAnnotator(replace(people.config, classes=naming.classes(CLASSES), naming=naming))


def choices(people: LabelStudioAnnotator) -> tuple[Choice, ...]:
    return people.find()[1].choices


def test_a_renamed_class_shows_its_new_name_and_keeps_the_old_one_in_results(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    first = people.push(pool, ask(pool, [0]), [], model="round-0")
    submit(people.client, next(iter(first.tasks.values())), ["coat"])
    renamed = later(people, RENAME)
    query = ask(pool, [1])
    suggestion = Suggestion(query.ids[0], ("jacket", "dress", "bag"), (0.9, 0.05, 0.05))
    pushed = renamed.push(pool, query, [suggestion], model="round-1")
    assert choices(renamed) == (Choice("jacket", "coat"), Choice("dress", "dress"), Choice("bag", "bag"))
    assert pushed.suggestions == 1
    project, control = renamed.find()
    assert control.classes == ("jacket", "dress", "bag") and renamed.offer is not None
    assert renamed.offer.classes == control.classes
    [task] = find_tasks(renamed.client, project, query.ids, everything=True)[query.ids[0]]
    [prediction] = [p for p in task["predictions"] if p["model_version"] == "round-1"]
    assert named_in(prediction["result"], control) == ["coat"]  # what the browser selects as "jacket"
    answers = renamed.pull()[0]
    assert [a.classes for a in answers] == [("coat",)] and not renamed.notes
    # pushed again, and taken back
    config = project["label_config"]
    renamed.push(pool, query, [suggestion], model="round-1")
    assert renamed.find()[0]["label_config"] == config
    back = later(people, RENAME, RENAME.taken_back())
    back.push(pool, ask(pool, [2]), [], model="round-2")
    assert choices(back) == tuple(Choice(name, name) for name in CLASSES)


def test_choices_of_merged_and_split_classes_are_hidden_and_come_back(people: LabelStudioAnnotator, pool: Pool) -> None:
    people.push(pool, ask(pool, [0]), [], model="round-0")
    merged = later(people, MERGE)
    pushed = merged.push(pool, ask(pool, [1]), [], model="round-1")
    hidden = (Choice("dress", "dress", hidden=True), Choice("bag", "bag", hidden=True))
    assert choices(merged) == (Choice("coat", "coat"), Choice("garment", "garment"), *hidden)
    assert merged.find()[1].classes == ("coat", "garment")
    # a page that was open still gives the old class: it is known, and kept
    submit(people.client, next(iter(pushed.tasks.values())), ["bag"])
    assert [a.classes for a in merged.pull()[0]] == [("bag",)] and not merged.notes

    back = later(people, MERGE, MERGE.taken_back())
    back.push(pool, ask(pool, [2]), [], model="round-2")
    assert {c.shown for c in choices(back) if not c.hidden} == set(CLASSES)
    assert [c.shown for c in choices(back) if c.hidden] == ["garment"]

    split = later(people, MERGE, MERGE.taken_back(), SPLIT)
    query = ask(pool, [3])
    split.push(pool, query, suggest(query, "bag"), model="round-3")
    assert split.find()[1].classes == ("coat", "dress", "purse", "satchel")


def test_a_suggestion_of_a_class_that_is_no_more_is_not_shown(people: LabelStudioAnnotator, pool: Pool) -> None:
    split = later(people, SPLIT)
    query = ask(pool, [0])
    split.push(pool, query, suggest(query, "bag"), model="round-0")
    project, control = split.find()
    [task] = find_tasks(split.client, project, query.ids, everything=True)[query.ids[0]]
    assert named_in(task["predictions"][0]["result"], control) == ["coat"]  # the next probable one that can be chosen


def test_a_class_that_was_added_and_taken_back_is_hidden(people: LabelStudioAnnotator, pool: Pool) -> None:
    add = Change("add", {}, 1, CLASSES, ("hat",))
    wider = LabelStudioAnnotator(replace(people.config, classes=(*CLASSES, "hat"), naming=Naming((add,))))
    wider.push(pool, ask(pool, [0]), [], model="round-0")
    back = LabelStudioAnnotator(replace(people.config, naming=Naming((add, add.taken_back()))))
    back.push(pool, ask(pool, [1]), [], model="round-1")
    assert back.find()[1].classes == CLASSES
    again = Change("add", {}, 2, CLASSES, ("hat",))
    naming = Naming((add, add.taken_back(), again))
    anew = LabelStudioAnnotator(replace(people.config, classes=(*CLASSES, "hat"), naming=naming))
    anew.push(pool, ask(pool, [2]), [], model="round-2")
    assert anew.find()[1].classes == (*CLASSES, "hat") and not any(c.hidden for c in choices(anew))


OWN = """<View><Text name="item" value="$text"/><Choices name="label" toName="item">
<Choice value="a coat"  alias="coat"/><Choice value="dress"/><Choice value="bag"/></Choices></View>"""


def test_the_config_of_a_team_keeps_its_words_and_lacks_what_a_split_needs(
    people: LabelStudioAnnotator, pool: Pool
) -> None:
    project, _ = people.project()
    people.client.patch(f"/api/projects/{project['id']}", {"label_config": OWN})
    renamed = later(people, RENAME)
    query = ask(pool, [0])
    renamed.push(pool, query, [Suggestion(query.ids[0], ("jacket", "bag"), (0.9, 0.1))], model="round-0")
    project, control = renamed.find()
    assert project["label_config"] == OWN and control.classes == ("jacket", "dress", "bag")
    [task] = find_tasks(renamed.client, project, query.ids, everything=True)[query.ids[0]]
    assert named_in(task["predictions"][0]["result"], control) == ["coat"]
    with pytest.raises(ConfigError, match="lacks purse, satchel"):
        later(people, SPLIT).push(pool, query, [], model="round-1")


def test_hidden_choices_are_read_from_the_style(place: Any) -> None:
    config = (
        '<View><Text name="item" value="$text"/><Choices name="label" toName="item"><Choice value="A"/>'
        '<Choice value="B" style="DISPLAY : none;"/><Choice value="C" style="color: red"/></Choices></View>'
    )
    assert read_config(config).classes == ("A", "C")
