"""The service of a project of regions: its worker, the predictions that Label Studio asks for, and the live page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from activessl.annotators.region_oracle import RegionOracle
from activessl.labels.regions.region import Regions
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.session import Session
from activessl_label_studio.live.access import Access
from activessl_label_studio.live.desk import Desk
from activessl_label_studio.live.view import Live
from activessl_label_studio.regions.extents import extent_in_pool
from activessl_label_studio.regions.layout import build_region_config
from activessl_label_studio.regions.results import read_result
from activessl_label_studio.regions.tags import read_region_config
from activessl_label_studio.service import Service
from activessl_label_studio.worker import Worker
from tests.unit.steps.regions.projects import fast, spans

CONFIG = build_region_config("spans", "text", ["person", "place"])


class Slow(RegionOracle):
    """An oracle that answers when the test says so."""

    answering = True

    def pull(self, since: str | None = None) -> tuple[list[Any], str]:
        return super().pull(since) if self.answering else ([], since or "")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Session, dict[str, Regions], Slow, Worker]:
    fast(monkeypatch)
    session, truth = spans(tmp_path, 40, query_size=10)
    oracle = Slow(truth)
    return session, truth, oracle, Worker(session, oracle, every=60.0, settle=0.01, low=2)


def asked(session: Session, items: list[str], config: str = CONFIG) -> bytes:
    pool = session.project.pool()
    tasks = [{"data": {"activessl_id": item, "text": pool.read(pool.row(item))}} for item in items if item in pool]
    return json.dumps({"tasks": [*tasks, {"data": {"text": "of somebody else"}}], "label_config": config}).encode()


def test_rounds_follow_each_other_and_the_predictions_are_those_of_the_newest_model(
    made: tuple[Session, dict[str, Regions], Slow, Worker],
) -> None:
    session, _, oracle, worker = made
    service = Service(worker, "a-secret-of-this-test")
    items = list(session.project.pool().ids)
    oracle.answering = False
    worker.step()
    status, said = service.predict(asked(session, items))  # no model yet
    assert status == 200 and len(said["results"]) == len(items) + 1 and not any(r["result"] for r in said["results"])

    oracle.answering = True
    worker.step()  # ten answers, a model, and the next round
    oracle.answering = False
    worker.step()
    history = session.project.history()
    assert (len(history.rounds), history.taught is not None, worker.state.labels) == (2, True, 10)

    status, said = service.predict(asked(session, items))
    assert status == 200 and len(said["results"]) == len(items) + 1 and said["results"][-1]["result"] == []
    snapshot, pool = RegionSnapshot.of(session.project), session.project.pool()
    control = read_region_config(CONFIG, "spans")
    blind = {question.item for r in history.rounds for question in r.questions if question.blind}
    found = dict(zip(items, snapshot.predicted(items), strict=True))
    assert blind and any(regions for regions, _ in found.values())
    for item, result in zip(items, said["results"], strict=False):
        read = read_result(result["result"], control, extent_in_pool(pool, pool.row(item))).regions
        regions, score = found[item]
        assert result["model_version"] == history.model and result["score"] == pytest.approx(score)
        assert [(r.place, r.classes) for r in read] == (
            [] if item in blind else [(r.place, r.classes) for r in snapshot.worth_showing(regions)]
        )
    # asked about again, in another order: the same
    assert service.predict(asked(session, items[::-1]))[1]["results"][-2] == said["results"][0]
    # a label config without such regions, and no tasks at all
    assert service.predict(asked(session, items, "<View><Text name='t' value='$text'/></View>"))[0] == 422
    for body in (b"[]", b"{", b'{"tasks": 3, "label_config": ""}'):
        assert service.predict(body)[0] in (400, 422)


def test_a_round_without_a_region_leads_to_another_and_the_end_is_told(
    made: tuple[Session, dict[str, Regions], Slow, Worker],
) -> None:
    session, truth, oracle, worker = made
    oracle.truth = dict.fromkeys(truth, ())
    worker.step()
    worker.step()
    assert len(session.project.history().rounds) == 2 and worker.counts["teaches"] == 0
    for _ in range(4):
        worker.step()
    assert worker.state.stopped == "every item is labeled or skipped" and len(session.project.history().labels) == 40


def test_the_live_page_has_the_quality_of_regions_and_their_report(
    made: tuple[Session, dict[str, Regions], Slow, Worker],
) -> None:
    session, _, _, worker = made
    for _ in range(3):
        worker.step()
    live = Live.of(session.project, worker, None)
    assert [name for name, _ in live.figures] == ["Quality", "Suggestions"] and live.draws
    assert "not measured yet" in live.figures[0][1] or "F1" in live.figures[0][1]
    token = "the-token-of-this-test"
    desk = Desk(worker, Access(token))
    cookie = desk.login(f"token={token}".encode(), "same-origin").headers["Set-Cookie"].split(";")[0]
    page = desk.home(cookie)
    assert page.status == 200 and "<dt>Quality</dt>" in page.body and "Accept predictions" not in page.body
    report = desk.report(cookie)
    assert report.status == 200 and "<html" in report.body
    # an order that a project of regions does not have is told, and nothing is done
    worker.order("accept")
    worker.step()
    assert any("has no `activessl accept`" in text for _, text in worker.said)
