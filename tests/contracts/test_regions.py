"""Regions in Label Studio, tag by tag, on the fake server and on real ones: what is drawn comes back as drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from made_up_regions import CLASSES, DRAWN, STORED, ask, pool_of

from activessl.annotators.base import Drawer, RegionSuggestion
from activessl.errors import AnnotatorError, ConfigError
from activessl.labels.answers import Answer
from activessl.labels.regions.corrections import Corrections, corrections
from activessl.labels.regions.overlap import iou
from activessl.labels.regions.places import Box, Mask
from activessl.labels.regions.region import Region
from activessl.labels.regions.stored import read_stored
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig
from activessl_label_studio.client import connect
from activessl_label_studio.regions.extents import extent_of_task
from activessl_label_studio.regions.results import ENTRIES, read_result, write_result
from activessl_label_studio.regions.scripted import DrawingHabits, ScriptedDrawer
from activessl_label_studio.regions.tags import read_region_config

pytestmark = pytest.mark.one_database


def people_of(place: Any, task: str, modality: str, **more: Any) -> LabelStudioAnnotator:
    config = LabelStudioConfig(place.url, place.token, place.title, CLASSES, modality, task=task, **more)
    return LabelStudioAnnotator(config)


def said(regions: Sequence[Region]) -> list[tuple[Any, tuple[str, ...]]]:
    return sorted(((region.place, region.classes) for region in regions), key=repr)


def read(answer: Answer) -> tuple[Region, ...]:
    assert answer.regions is not None
    # as the ledger keeps them
    return read_stored(json.loads(json.dumps(answer.regions)))


@pytest.mark.parametrize("case", DRAWN)
def test_what_is_suggested_corrected_and_drawn_comes_back_exactly(place: Any, case: str) -> None:
    modality, first, second, shown = DRAWN[case]
    task = "segments" if case == "sounds" else case
    pool = pool_of(modality)
    people = people_of(place, task, modality)
    assert isinstance(people, Drawer)
    asked = ask(pool, 3)
    a, b, c = asked.ids
    suggestions = [
        RegionSuggestion(a, shown, 0.7),
        RegionSuggestion(b, second, 0.5, blind=True),
        RegionSuggestion(c, (), 0.4),
    ]
    pushed = people.push_regions(pool, asked, suggestions, model="round-1")
    assert (pushed.new, pushed.suggestions, set(pushed.tasks)) == (3, 1, {a, b, c})
    again = people.push_regions(pool, asked, suggestions, model="round-1")
    assert (again.new, again.tasks) == (0, pushed.tasks)

    truth = {a: first, b: second, c: ()}
    habits = DrawingHabits(keeps=0.95, spread=0.0)
    person = ScriptedDrawer(place.url, place.email, place.password, int(pushed.project), task, truth, habits=habits)
    drew = person.work(5)
    person.close()
    assert (drew.items, drew.answered, drew.skipped) == (asked.ids, 3, 0)
    answers, _ = people.pull()
    assert people.notes == []
    assert [(answer.item, answer.kind, answer.annotator) for answer in answers] == [
        (item, "label", place.email) for item in asked.ids
    ]
    near = {a: first, b: second, c: ()}
    for answer in answers:
        for (found, classes), (true, named) in zip(said(read(answer)), said(near[answer.item]), strict=True):
            assert classes == named
            assert found == true, (found, true)
    counted = [corrections(answer.regions or (), answer.suggested) for answer in answers]
    assert counted == [
        Corrections(kept=1, changed=1, deleted=1, drawn=1),
        Corrections(drawn=len(second)),
        Corrections(),
    ]
    assert sum(counted, Corrections()) == drew.regions
    assert [answer.suggested is None for answer in answers] == [False, True, True]
    assert [answer.seconds for answer in answers] == [2 + 6 + 2 * 2.5, 2 + 6 * len(second), 2]
    assert set(answers[0].classes) == {name for region in first for name in region.classes}


#: By default these are enough on the fake server: the pure functions are tested with all of them.
SOME = ("RectangleLabels", "BrushLabels", "Labels on Text", "Labels on Audio")


@pytest.mark.parametrize("tag", [tag if tag in SOME else pytest.param(tag, marks=pytest.mark.slow) for tag in STORED])
def test_what_a_browser_stores_is_read_exactly_and_written_as_it_was(place: Any, tag: str) -> None:
    case = STORED[tag]
    pool = pool_of(case.modality, 2)
    client = connect(place.url, place.token)
    body = {"title": place.title, "label_config": case.config, "enable_empty_annotation": True}
    project = client.post("/api/projects/", body)
    more = {"control": "draws"}
    people = people_of(place, case.task, case.modality, **more)
    asked = ask(pool, 1)
    if case.data is None:
        pushed = people.push_regions(pool, asked, [], model="round-1")
        assert pushed.project == str(project["id"])
        number = pushed.tasks[asked.ids[0]]
    else:
        # a task of other people, which `adopt` made ours
        task = {"data": {"activessl_id": asked.ids[0], case.modality: case.data}}
        number = client.post(f"/api/projects/{project['id']}/import", [task], return_task_ids="true")["task_ids"][0]
    entries = json.loads(json.dumps(list(case.entries)))
    client.post(f"/api/tasks/{number}/annotations/", {"result": entries, "lead_time": 3.5})
    (answer,), _ = people.pull()
    assert (answer.kind, answer.why, people.notes) == ("label", "", [])
    found = read(answer)
    assert [region.classes for region in found] == [classes for _, classes in case.regions]
    for region, (there, _) in zip(found, case.regions, strict=True):
        assert region.place == there or _close(region.place, there), (region.place, there)
    assert sum(len(region.rest[ENTRIES]) for region in found) == len(entries) - case.beside
    control = read_region_config(case.config, case.task, control="draws")
    task = client.get(f"/api/tasks/{number}/")
    written = write_result(found, control, extent_of_task(task, control))
    assert written == [entry for entry in entries if entry in written] and len(written) == len(entries) - case.beside


def _close(place: Any, other: Any) -> bool:
    names = getattr(place, "__dataclass_fields__", {})
    return type(place) is type(other) and all(
        getattr(place, name) == pytest.approx(getattr(other, name), abs=1e-9) for name in names
    )


def test_empty_is_an_answer_a_skip_is_a_skip_and_an_edit_and_a_deletion_are_seen(place: Any) -> None:
    pool = pool_of("image")
    people = people_of(place, "boxes", "image")
    asked = ask(pool, 3)
    pushed = people.push_regions(pool, asked, [], model="round-1")
    client = connect(place.url, place.token)

    def post(item: str, **body: Any) -> int:
        task = pushed.tasks[item]
        return int(client.post(f"/api/tasks/{task}/annotations/", {"lead_time": 1.5, "result": [], **body})["id"])

    entry = dict(STORED["RectangleLabels"].entries[0], from_name="label")
    numbers = [post(asked.ids[0]), post(asked.ids[1], was_cancelled=True), post(asked.ids[2], result=[entry])]
    answers, mark = people.pull()
    assert [(answer.kind, answer.regions is None) for answer in answers] == [
        ("label", False),
        ("skip", True),
        ("label", False),
    ]
    assert (answers[0].regions, answers[0].classes) == ((), ())

    moved = {**entry, "value": {**entry["value"], "x": 50}}
    client.patch(f"/api/annotations/{numbers[0]}/", {"result": [moved]})
    client.delete(f"/api/annotations/{numbers[2]}/")
    later, _ = people.pull(mark)
    new = {answer.source: answer for answer in later}
    assert new[answers[0].source].key != answers[0].key
    assert read(new[answers[0].source])[0].place.x == 20  # type: ignore[union-attr]
    gone = new[answers[2].source]
    assert (gone.kind, gone.regions, gone.classes) == ("delete", None, ())


def test_what_cannot_be_read_is_kept_as_unread_with_the_reason(place: Any) -> None:
    pool = pool_of("image")
    people = people_of(place, "boxes", "image")
    asked = ask(pool, 2)
    pushed = people.push_regions(pool, asked, [], model="round-1")
    client = connect(place.url, place.token)
    good = dict(STORED["RectangleLabels"].entries[0], from_name="label")
    pixels = {**good, "id": "r2", "value": {**good["value"], "x": 140, "y": 120}}
    client.post(f"/api/tasks/{pushed.tasks[asked.ids[0]]}/annotations/", {"result": [good, pixels]})
    gone = {**good, "value": {**good["value"], "rectanglelabels": ["dent", "rust"]}}
    client.post(f"/api/tasks/{pushed.tasks[asked.ids[1]]}/annotations/", {"result": [gone]})
    (unread, other), _ = people.pull()
    assert (unread.kind, unread.regions, unread.classes) == ("unread", None, ())
    assert unread.why.startswith("region 'r2' does not fit: box: the box from (56, 36)")
    assert (other.kind, other.classes) == ("label", ("dent", "rust"))
    assert [note.what.partition(":")[0] for note in people.notes] == [
        "region 'r2' does not fit",
        "has rust, which the label config does not have",
    ]


def test_two_tags_for_one_picture_are_refused_before_a_round_is_opened_and_control_names_one(place: Any) -> None:
    pool = pool_of("image")
    config = STORED["RectangleLabels"].config.replace(
        "</View>", '<PolygonLabels name="other" toName="item"><Label value="dent"/></PolygonLabels></View>'
    )
    client = connect(place.url, place.token)
    project = client.post("/api/projects/", {"title": place.title, "label_config": config})
    with pytest.raises(ConfigError, match="has 2 tags that draw: draws, other"):
        people_of(place, "boxes", "image").push_regions(pool, ask(pool, 1), [], model="round-1")
    assert client.get(f"/api/projects/{project['id']}")["task_number"] == 0
    pushed = people_of(place, "boxes", "image", control="draws").push_regions(pool, ask(pool, 1), [], model="round-1")
    assert pushed.new == 1


def test_classes_are_added_to_our_config_and_those_that_people_added_are_offered(place: Any) -> None:
    pool = pool_of("text")
    people_of(place, "spans", "text").push_regions(pool, ask(pool, 1), [], model="round-1")
    wider = LabelStudioConfig(place.url, place.token, place.title, (*CLASSES, "rust"), "text", task="spans")
    people = LabelStudioAnnotator(wider)
    people.push_regions(pool, ask(pool, 1), [], model="round-1")
    assert people.offer is not None and people.offer.classes == (*CLASSES, "rust")
    client = connect(place.url, place.token)
    project, _ = people.find()
    settings = client.get(f"/api/projects/{project['id']}")
    assert settings["enable_empty_annotation"] is True  # an item may hold none
    config = settings["label_config"]
    # a class that people removed is not added again
    fewer = "".join(line for line in config.splitlines(keepends=True) if "rust" not in line)
    client.patch(f"/api/projects/{project['id']}", {"label_config": fewer})
    people.push_regions(pool, ask(pool, 1), [], model="round-1")
    assert client.get(f"/api/projects/{project['id']}")["label_config"] == fewer
    more = config.replace('<Label value="dent"', '<Label value="hole"/><Label value="dent"')
    client.patch(f"/api/projects/{project['id']}", {"label_config": more})
    people.pull()
    offer = people.offer
    assert offer is not None and offer.classes == ("hole", *CLASSES, "rust")
    # a class between ours leaves it a config that we would make; anything else makes it theirs, which stays as it is
    theirs = more.replace("<Label value=", '<Label background="red" value=', 1)
    client.patch(f"/api/projects/{project['id']}", {"label_config": theirs})
    other = LabelStudioConfig(place.url, place.token, place.title, (*CLASSES, "new"), "text", task="spans")
    with pytest.raises(ConfigError, match="lacks new"):
        LabelStudioAnnotator(other).push_regions(pool, ask(pool, 1), [], model="round-1")


def test_the_next_round_carries_older_suggestions_that_still_fit(place: Any) -> None:
    modality, first, second, shown = DRAWN["boxes"]
    pool = pool_of(modality)
    people = people_of(place, "boxes", modality)
    both = ask(pool, 2)
    people.push_regions(pool, both, [RegionSuggestion(i, shown, 0.5) for i in both.ids], model="round-1")
    later = ask(pool, 1)
    people.push_regions(pool, later, [RegionSuggestion(later.ids[0], second, 0.9)], model="round-2")
    client = connect(place.url, place.token)
    project, _ = people.find()
    page = client.get("/api/tasks", project=project["id"], fields="all", page_size=10)
    made = {t["data"]["activessl_id"]: t["predictions"] for t in page["tasks"]}
    assert [[p["model_version"] for p in made[i]] for i in both.ids] == [["round-2"], ["round-2"]]
    assert [len(made[i][0]["result"]) for i in both.ids] == [len(second), len(shown)]
    assert first  # the truth is not needed: nobody has answered


def test_a_config_of_polygons_gets_outlines_which_come_back_as_they_were(place: Any) -> None:
    case = STORED["PolygonLabels"]
    _, _, _, shown = DRAWN["masks"]
    pool = pool_of("image")
    client = connect(place.url, place.token)
    client.post("/api/projects/", {"title": place.title, "label_config": case.config})
    people = people_of(place, "masks", "image")
    asked = ask(pool, 1)
    pushed = people.push_regions(pool, asked, [RegionSuggestion(asked.ids[0], shown, 0.5)], model="round-1")
    assert (pushed.new, pushed.suggestions) == (1, 1)
    number = pushed.tasks[asked.ids[0]]
    (said,) = client.get(f"/api/tasks/{number}/")["predictions"]
    assert [len(entry["value"]["points"]) >= 3 and entry["value"]["closed"] for entry in said["result"]] == [
        True
    ] * len(shown)
    # a person who submits them as they are keeps them
    body = {"result": said["result"], "parent_prediction": said["id"], "lead_time": 2.0}
    client.post(f"/api/tasks/{number}/annotations/", body)
    (answer,), _ = people.pull()
    assert [one.place.size for one in read(answer)] == [one.place.size for one in shown]
    assert all(iou(one.place, other.place) > 0.9 for one, other in zip(read(answer), shown, strict=True))
    assert [one.rest["origin"] for one in read(answer)] == ["prediction"] * len(shown)
    control = read_region_config(case.config, "masks", control="draws")
    extent = extent_of_task(client.get(f"/api/tasks/{number}/"), control)
    again = read_result(write_result(read(answer), control, extent), control, extent)
    assert [one.place for one in again.regions] == [one.place for one in read(answer)]


def test_a_suggestion_is_cut_at_the_edge_and_one_that_no_item_can_have_is_refused_by_name(place: Any) -> None:
    pool = pool_of("image")
    people = people_of(place, "boxes", "image")
    asked = ask(pool, 2)
    over = RegionSuggestion(
        asked.ids[0], (Region(Box(35, 25, 10, 10), ("dent",)), Region(Box(50, 2, 5, 5), ("dent",))), 0.5
    )
    project = people.push_regions(pool, asked, [over], model="round-1").project
    page = connect(place.url, place.token).get("/api/tasks", project=project, fields="all", page_size=10)
    (cut,) = [entry for task in page["tasks"] for entry in task["predictions"][0]["result"]]
    assert [cut["value"][side] for side in ("x", "width")] == [87.5, 12.5]
    masks = people_of(place, "masks", "image", project=None)
    with pytest.raises(ConfigError, match="no tag for masks but RectangleLabels"):
        masks.push_regions(pool, asked, [], model="round-1")


def test_a_mask_of_another_size_is_refused_before_anything_is_sent(place: Any) -> None:
    pool = pool_of("image")
    people = people_of(place, "masks", "image")
    asked = ask(pool, 1)
    wrong = Mask.of(np.ones((5, 5), bool))
    with pytest.raises(AnnotatorError, match="is a mask of 25 pixels, but the picture has 1,200"):
        people.push_regions(pool, asked, [RegionSuggestion(asked.ids[0], (Region(wrong, ("dent",)),), 0.5)], model="m")
    project, _ = people.find()
    assert project["task_number"] == 0
