"""Files that are deleted, and come back, between two verbs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.errors import LabelError, PoolError, QueryError
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.ledger.schema import Answered, Queried
from activessl.pool.pool import Pool
from activessl.project.config import check_config
from activessl.project.data_now import data_now
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.measured import Measured
from activessl.proof.stopping import stop_now
from activessl.reports.status import Status
from activessl.session import Session
from activessl.steps.next_step import next_step
from activessl_label_studio.worker import Worker

SIZE = 4


class Desk:
    """Takes what it is given."""

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        assert all(question.item in pool for question in asked.questions)
        return Pushed({item: item for item in asked.ids}, len(asked), len(suggestions), "desk://1", "1")

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        return [], ""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(tmp_path / "pictures" / f"{i:02}.png")
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": ["a", "b"]},
            "encoder": {"name": "pixels"},
            "query": {"size": SIZE, "strategy": "max_herding", "random_share": 0.0},
        }
    )
    session = Session(Project.create(tmp_path / "project", config, version="0"))
    session.encode()
    return session


def delete(session: Session, items: Sequence[str]) -> None:
    for item in items:
        (session.project.data / item).rename(session.project.folder / f"kept-{item}")


def bring_back(session: Session, items: Sequence[str]) -> None:
    for item in items:
        (session.project.folder / f"kept-{item}").rename(session.project.data / item)


def test_what_is_gone_is_not_pushed_and_is_pushed_when_it_is_back(session: Session) -> None:
    asked = session.query().items
    delete(session, asked[:2])
    assert set(session.push(Desk()).tasks) == set(asked[2:])
    bring_back(session, asked[:1])
    assert set(session.push(Desk()).tasks) == {asked[0], *asked[2:]}
    assert session.project.history().missing == {asked[1]}


def test_what_is_gone_is_not_asked_about(session: Session) -> None:
    gone = session.project.pool().ids[:7]
    delete(session, gone)
    asked = session.query(5).items
    assert not set(asked) & set(gone)
    with pytest.raises(QueryError):
        session.close("enough")
        session.query(6)


def test_a_round_that_waits_only_for_what_is_gone_ends(session: Session) -> None:
    first = session.query()
    session.push(Desk())
    delete(session, first.items)
    with pytest.raises(QueryError, match="are gone from the data"):
        session.push(Desk())
    second = session.query()
    assert second.number == 2 and not set(first.items) & set(second.items)
    delete(session, second.items)
    assert session.query().number == 3  # without a push in between


def test_it_is_written_down_once(session: Session) -> None:
    delete(session, session.query().items[:1])
    session.push(Desk())
    before = session.project.history().events
    session.query()
    assert session.project.history().events == before


@pytest.mark.parametrize("mounted", [False, True], ids=["the folder is gone", "the folder is empty"])
def test_a_disk_that_is_not_there_says_nothing_about_its_items_and_opens_no_round(
    session: Session, mounted: bool
) -> None:
    unplugged = session.project.folder / "unplugged"
    session.project.data.resolve().rename(unplugged)
    if mounted:
        session.project.data.mkdir()
    for verb in (session.query, lambda: session.round(Desk())):
        with pytest.raises(PoolError, match="no images in" if mounted else r"^\.\./pictures does not exist") as refused:
            verb()
        assert refused.value.hint == "restore it, or correct data.path in activessl.toml"
    history = session.project.history()
    assert not history.rounds and not history.missing
    assert next_step(history, data_now(session.project, history)).startswith("restore the data")

    if mounted:
        session.project.data.rmdir()
    unplugged.rename(session.project.folder.parent / "pictures")
    asked = session.query().items
    session.project.data.resolve().rename(unplugged)
    with pytest.raises(PoolError) as refused:
        session.push(Desk())
    assert refused.value.hint == "restore it, or correct data.path in activessl.toml"
    assert len(asked) == SIZE and not session.project.history().missing


def test_labels_that_were_there_before_the_first_round_are_not_asked_for_again(session: Session) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    before = session.project.pool().ids[:6]
    with session.project.ledger() as ledger:
        ledger.append(
            [Answered(answer=Answer(i, i, i, "label", ("ab"[k % 2],), "ann", 3.0, at)) for k, i in enumerate(before)]
        )
    assert not set(session.query(5).items) & set(before)
    assert session.teach().labels == 6


@pytest.mark.parametrize("first", ["teach", "query"])
def test_the_first_round_is_chosen_by_a_model_of_the_labels_from_before(session: Session, first: str) -> None:
    label(session, session.project.pool().ids[:6])
    if first == "teach":
        taught = session.teach()
        assert (taught.round, taught.labels, taught.when) == (0, 6, "before the first round")
        session.teach()
        assert session.project.history().before == (taught,)  # repeated: no other event
    opened = session.query(4)
    history = session.project.history()
    assert len(history.before) == 1 and history.taught == history.before[0] and not opened.taught
    assert any("the model predicts" in q.reason for q in opened.questions)
    label(session, opened.items)
    after = session.teach()
    assert (after.round, after.labels) == (1, 10) and after.change is not None  # compared with the head from before


def test_where_all_items_have_a_label_before_the_first_round_the_model_learns_them(session: Session) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with session.project.ledger() as ledger:
        ledger.append(
            [Answered(answer=Answer(i, i, i, "label", ("a",), "ann", 3.0, at)) for i in session.project.pool().ids]
        )
    items = len(session.project.pool())
    assert session.teach().labels == items
    history = session.project.history()
    assert next_step(history, data_now(session.project, history)) == "activessl report"
    text = Status(session.project.config, history, Measured(), data_now(session.project, history)).to_text()
    assert f"model: taught {items} labels before the first round" in text


def label(session: Session, items: Sequence[str]) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with session.project.ledger() as ledger:
        ledger.append(
            [Answered(answer=Answer(i, i, i, "label", ("ab"[int(i[:2]) % 2],), "ann", 3.0, at)) for i in items]
        )


def test_labels_of_items_that_left_the_pool_do_not_use_up_what_is_left(session: Session) -> None:
    first = session.query().items
    label(session, first)
    session.teach()
    delete(session, first)
    session.encode()
    with pytest.raises(LabelError, match="all 4 labels are of items that are not in the pool"):
        session.teach()
    second = session.query().items
    label(session, second)
    session.teach()
    snapshot = Snapshot.of(session.project)
    assert len(snapshot.history.labels) == 8 and len(snapshot.embeddings) == 8
    assert set(np.array(snapshot.embeddings.ids)[snapshot.free]) == set(session.project.pool().ids) - set(second)
    assert stop_now(snapshot, Evidence(snapshot)).rule != "exhausted"
    assert Worker(session, Desk())._why_stop() is None
    label(session, session.query().items)
    snapshot = Snapshot.of(session.project)
    assert stop_now(snapshot, Evidence(snapshot)).rule == "exhausted"


def test_a_round_that_only_asks_again_about_what_is_gone_ends(session: Session) -> None:
    first = session.query().items
    label(session, first)
    session.teach()
    again = tuple(Question(kind="again", items=(item,), asking=2, reason="doubted") for item in first[:2])
    with session.project.ledger() as ledger:
        ledger.append(
            [Queried(round=2, strategy="again", seed=(0, 2), fingerprint="f", seconds=0.0, questions=again)],
        )
    delete(session, first[:2])
    with pytest.raises(QueryError, match="remaining items of round 2 are gone"):
        session.push(Desk())
    closed = session.project.history().rounds[1].closed
    assert closed is not None and "gone" in closed.why


def test_labels_do_not_go_over_to_other_items_when_rows_are_taken_out(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    np.savez(tmp_path / "v.npz", vectors=vectors)
    config = check_config({"data": {"path": "../v.npz", "modality": "vector", "classes": ["a", "b"]}})
    session = Session(Project.create(tmp_path / "project", config, version="0"))
    session.encode()
    np.savez(tmp_path / "v.npz", vectors=vectors[1:])
    session.encode()  # nothing was asked yet: nothing is lost
    asked = session.query(10).items
    np.savez(tmp_path / "v.npz", vectors=vectors[2:])
    for verb in (session.encode, session.query, lambda: session.push(Desk())):
        with pytest.raises(PoolError, match="with questions changed content"):
            verb()
    np.savez(tmp_path / "v.npz", vectors=vectors[2:], ids=[f"v:{row}" for row in range(1, 29)])
    session.encode()
    assert set(session.push(Desk()).tasks) == set(asked) - {"v:0"}


def test_a_file_that_was_mended_keeps_its_label(session: Session) -> None:
    asked = session.query().items
    Image.new("L", (8, 8), 7).save(session.project.data / asked[0])
    (session.project.data / asked[1]).write_bytes((session.project.data / asked[2]).read_bytes())  # a copy
    session.encode()
    assert set(session.push(Desk()).tasks) == set(asked)
