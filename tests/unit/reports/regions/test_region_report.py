"""Status and report of a project of regions, from events that a project writes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.stored import stored
from activessl.ledger.schema import Answered, Closed, Event, Foreseen, Predicted, Pushed, Queried, Taught
from activessl.pool.sources import load_pool
from activessl.proof.regions.figures import RegionFigures
from activessl.proof.regions.odd_labels import odd_labels
from activessl.reports.regions.drawings import drawing
from activessl.session import Session
from activessl.steps.classes import Classes
from activessl.steps.forget import forget
from activessl_cli.main import run
from tests.unit.steps.regions.projects import blocks

SEEN = datetime(2026, 1, 1, tzinfo=UTC)


def answer(item: str, regions: Regions, seconds: float) -> Answered:
    names = tuple(dict.fromkeys(name for one in regions for name in one.classes))
    rows = tuple(stored(regions))
    return Answered(answer=Answer(f"k{item}", f"s{item}", item, "label", names, "ann", seconds, SEEN, regions=rows))


@pytest.fixture
def session(tmp_path: Path) -> tuple[Session, dict[str, Regions]]:
    """Three rounds of 8 random items: after the first, the model found the bright blocks, and one that is not there."""
    truth = blocks(tmp_path, 24)
    made = Session.create(
        tmp_path / "project", tmp_path / "images", ["bright", "dark"], task="boxes", title="blocks <b>"
    )
    items = list(truth)
    events: list[Event] = []
    for number in (1, 2, 3):
        mine = items[8 * (number - 1) : 8 * number]
        questions = tuple(Question(kind="random", items=(i,), propensity=0.3, uniform=True, blind=True) for i in mine)
        events.append(
            Queried(round=number, strategy="auto", seed=(0, number), fingerprint="f", questions=questions, seconds=0.1)
        )
        if number > 1:
            found = {i: tuple(r for r in truth[i] if r.classes == ("bright",)) for i in mine}
            found[mine[0]] += (Region(Box(1, 1, 3, 3), ("dark",), 0.6),)
            told = tuple(Foreseen(item=i, regions=tuple(stored(r))) for i, r in found.items())
            events.append(Predicted(round=number, model="m", items=told))
        events.append(Pushed(round=number, model="m", new=8, suggestions=0, where="here", project="1"))
        events += [answer(item, truth[item], 4.0 + 6 * len(truth[item])) for item in mine]
        events.append(
            Taught(round=number, head="dense", fingerprint="f", labels=8 * number, digest=f"d{number}", seconds=1.0)
        )
        events.append(Closed(round=number, why="done"))
    made.project.append(*events)
    return made, truth


def test_quality_is_that_of_random_items_that_the_model_had_not_seen(
    session: tuple[Session, dict[str, Regions]],
) -> None:
    made, truth = session
    figures = RegionFigures(made.project.config, made.project.history())
    quality = figures.quality
    assert quality is not None and quality.items == 16 and quality.rounds == (2, 3)
    compared = [one for item in list(truth)[8:] for one in truth[item]]
    bright = sum(one.classes == ("bright",) for one in compared)
    assert quality.classes["bright"].recall is not None and quality.classes["bright"].recall.value == 1
    assert quality.classes["dark"].recall is not None and quality.classes["dark"].recall.value == 0
    assert quality.all.recall is not None and quality.all.recall.value == pytest.approx(bright / len(compared))
    assert quality.all.precision is not None and quality.all.precision.value == pytest.approx(bright / (bright + 2))
    assert "random items of rounds 2 to 3, predicted before they were labeled" in figures.quality_text
    assert figures.effort.per_item is not None and figures.effort.regions == sum(map(len, truth.values()))
    assert isinstance(figures.correcting, str) and "too few" in figures.correcting


def test_the_page_draws_people_and_model_side_by_side_and_escapes_names(
    session: tuple[Session, dict[str, Regions]], tmp_path: Path
) -> None:
    made, _ = session
    from activessl.project.regions.snapshot import RegionSnapshot
    from activessl.reports.regions.report import region_report

    report = region_report(RegionSnapshot.of(made.project), "activessl query")
    page = report.save(tmp_path / "out").read_text(encoding="utf-8")
    assert page.count('<svg class="regions people"') == page.count('<svg class="regions model"') == 12
    shapes = re.findall(r'<path class="c[01]" d="M[\d. L]+Z"><title>(bright|dark)</title>', page)
    drawn = sum(len(b.people.shapes) + len(b.model.shapes) for b in report.beside if b.people and b.model)
    assert len(shapes) == drawn > 12 and "<b>" not in page and "blocks &lt;b&gt;" in page
    assert not re.search(r"(?:src|href)=\"https?:", page) and "style=" not in page
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["quality"]["all"]["recall"]["items"] > 0 and told["correcting"] is None
    assert "labels that look wrong: not known, the pool is not encoded yet" in report.to_text()
    assert "class: recall, precision, F1, regions" in report.to_text() and report.to_markdown().startswith("# blocks")


def test_masks_are_drawn_to_the_pixel_segments_as_bands_and_spans_as_marks(tmp_path: Path) -> None:
    blocks(tmp_path, 1)
    pictures = load_pool(tmp_path / "images")
    inside = np.zeros((40, 48), dtype=bool)
    inside[3, 5:9] = True
    made = drawing(pictures, "00.png", (Region(Mask.of(inside), ("dark",)),), ("bright", "dark"))
    assert made is not None and [(one.path, one.color) for one in made.shapes] == [("M5 3h4v1h-4Z", 1)]

    np.savez(tmp_path / "series.npz", X=np.zeros((1, 1, 100), np.float32))
    series = load_pool(tmp_path / "series.npz")
    bands = drawing(series, series.ids[0], (Region(Segment(0, 50), ("rest",)),), ("rest",))
    assert bands is not None and len(bands.strips) == 1 and bands.shapes[0].path == "M0 0h170v64h-170Z"

    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("In New York.")
    found = drawing(load_pool(tmp_path / "texts"), "a.txt", (Region(Span(3, 11), ("place",)),), ("place",))
    assert found is not None and [(one.text, one.name) for one in found.marks] == [
        ("In ", ""), ("New York", "place"), (".", "")
    ]  # fmt: skip
    assert drawing(None, "a.txt", (), ()) is None


def test_planted_mistakes_are_found_and_right_labels_are_left_alone() -> None:
    true = (Region(Box(0, 0, 20, 20), ("dent",)), Region(Box(40, 40, 20, 20), ("scratch",)))
    model = tuple(Region(one.place, one.classes, 0.9) for one in true)
    assert not list(odd_labels("a", true, model))
    assert [one.what for one in odd_labels("a", true[:1], model)] == ["missed"]
    assert [one.what for one in odd_labels("a", (true[0], Region(true[1].place, ("dent",))), model)] == ["class"]
    loose = Region(Box(0, 0, 32, 30), ("dent",))
    assert [one.what for one in odd_labels("a", (loose, true[1]), model)] == ["loose"]
    # what the model is not sure of is no mistake
    assert not list(odd_labels("a", true[:1], (model[0], Region(true[1].place, ("scratch",), 0.5))))


def test_a_forgotten_item_does_not_count_as_one_without_a_region(
    session: tuple[Session, dict[str, Regions]],
) -> None:
    made, truth = session
    item = next(name for name in list(truth)[8:] if len(truth[name]) == 2)
    was = RegionFigures(made.project.config, made.project.history())
    forget(made.project, item, what="item")
    now = RegionFigures(made.project.config, made.project.history())
    assert (now.effort.empty, now.effort.items) == (was.effort.empty, was.effort.items - 1)
    assert now.effort.seconds == was.effort.seconds  # it was spent
    assert now.effort.regions == was.effort.regions - 2 and now.random_items == was.random_items - 1


def test_renamed_classes_leave_the_number_of_suggested_regions(session: tuple[Session, dict[str, Regions]]) -> None:
    made, truth = session
    item = next(name for name in truth if len(truth[name]) == 2)
    shown = replace(
        answer(item, truth[item][:1], 5.0).answer, key="shown", source="shown", suggested="dark|bright|dark"
    )
    made.project.append(Answered(answer=shown))
    was = RegionFigures(made.project.config, made.project.history()).effort.done
    Classes(made.project).rename("dark", "black")
    assert RegionFigures(made.project.config, made.project.history()).effort.done == was
    assert made.project.history().answers["shown"].suggested == "black|bright|black"


def test_items_whose_class_was_split_are_asked_again_and_their_time_was_spent(
    session: tuple[Session, dict[str, Regions]], capsys: pytest.CaptureFixture[str]
) -> None:
    made, truth = session
    was = RegionFigures(made.project.config, made.project.history()).effort
    Classes(made.project).split("dark", ("black", "gray"))
    again = sum(any("dark" in one.classes for one in regions) for regions in truth.values())
    capsys.readouterr()
    assert run("status", "-p", str(made.project.folder)) == 0
    told = capsys.readouterr().out
    assert f"asked about again: {again} items, whose class was split" in told and "cannot be read" not in told
    now = RegionFigures(made.project.config, made.project.history()).effort
    assert now.seconds == was.seconds and now.items == was.items - again
