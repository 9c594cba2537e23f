"""A whole project of regions with Label Studio, on the fake server and on real ones: two rounds, then the figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activessl.heads.dense import head
from activessl.labels.regions.region import Regions
from activessl.labels.regions.stored import read_stored
from activessl.proof.regions.figures import RegionFigures
from activessl.session import Session
from activessl_label_studio import LabelStudio
from activessl_label_studio.client import connect
from activessl_label_studio.regions.scripted import DrawingHabits, ScriptedDrawer
from tests.unit.steps.regions.projects import blocks, courses, fast, set_, spans

pytestmark = pytest.mark.one_database


def project(task: str, folder: Path) -> tuple[Session, dict[str, Regions]]:
    if task == "spans":
        return spans(folder, 30, query_size=8)
    if task == "segments":
        truth = courses(folder)
        session = Session.create(folder / "project", folder / "series.npz", ["fast", "slow"], task=task, query_size=8)
        session.encode()
        return session, truth
    truth = blocks(folder, 18, masks=task == "masks")
    session = Session.create(folder / "project", folder / "images", ["bright", "dark"], task=task, query_size=8)
    set_(session, 'name = "auto"', 'name = "patches"')
    session.encode()
    return session, truth


SLOW = [pytest.param(task, marks=pytest.mark.slow) for task in ("boxes", "masks", "segments", "polygons")]
POLYGONS = """<View><Image name="item" value="$image"/><PolygonLabels name="label" toName="item">
<Label value="bright"/><Label value="dark"/></PolygonLabels></View>"""


@pytest.mark.parametrize("task", ["spans", *SLOW])
def test_two_rounds_teach_what_people_drew_and_the_second_shows_the_model(
    place: Any, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast(monkeypatch)
    monkeypatch.setattr(head, "PICTURES", replace(head.PICTURES, steps=100))
    polygons, task = task == "polygons", "masks" if task == "polygons" else task
    session, truth = project(task, tmp_path)
    set_(session, 'title = "activessl', f'title = "{place.title[-20:]} {task}')
    server = LabelStudio(place.url, place.token)
    if polygons:  # people made the project
        connect(place.url, place.token).post(
            "/api/projects/", {"title": session.project.config.annotator.title, "label_config": POLYGONS}
        )
    drew = []
    for number in (1, 2):
        opened = session.query()
        pushed = session.push(server)
        assert pushed.new == len(opened.questions) and session.push(server).new == 0
        person = ScriptedDrawer(
            place.url, place.email, place.password, int(pushed.project), task, truth, habits=DrawingHabits(spread=0.0)
        )
        drew.append(person.work(50))
        person.close()
        assert session.pull(server) == len(opened.questions)
        taught = session.teach()
        assert taught.round == number and taught.labels == sum(one.answered for one in drew)
    history = session.project.history()
    assert history.open_round is None and not history.quarantined and not history.unread
    for item, label in history.labels.items():
        found = sorted(((one.place, one.classes) for one in read_stored(label.regions or ())), key=repr)
        wanted = sorted(((one.place, one.classes) for one in truth[item]), key=repr)
        assert [classes for _, classes in found] == [classes for _, classes in wanted]
        if label.answers[-1].suggested is None:  # drawn from nothing: exactly what was drawn
            assert found == wanted
    second = history.rounds[1]
    assert second.pushed[0].suggestions > 0 and set(second.foreseen) == {
        q.item for q in second.questions if q.kind == "random"
    }
    figures = RegionFigures(session.project.config, history)
    assert figures.effort.items == len(history.labels) and figures.effort.per_item is not None
    # what the person did with suggestions is what the figures say
    did, said = drew[1].regions, figures.effort.done
    assert (said.kept, said.changed, said.deleted) == (did.kept, did.changed, did.deleted)
    assert said.kept + said.changed + said.deleted > 0
    assert history.classes == session.project.own.data.classes
