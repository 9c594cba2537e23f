"""Rounds about exactly the items of a list."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from activessl import Oracle, Session
from activessl.errors import QueryError
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.steps.listed import ids_of
from activessl_cli.main import main


@pytest.fixture
def session(tmp_path: Path) -> Session:
    truth = np.arange(60) % 2
    rows = 4 * np.eye(2, 6)[truth] + np.random.default_rng(0).normal(size=(60, 6))
    np.savez(tmp_path / "pool.npz", vectors=rows.astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": ("a", "b")}})
    made = Session(Project.create(tmp_path / "p", config, version="0"))
    made.encode()
    return made


def answered(session: Session) -> None:
    ids = Snapshot.of(session.project).embeddings.ids
    person = Oracle({item: "ab"[i % 2] for i, item in enumerate(ids)}, ("a", "b"))
    session.push(person)
    session.pull(person)
    session.teach()


def test_the_round_asks_about_these_items_in_this_order_without_a_propensity(session: Session) -> None:
    opened = session.query(items=["pool:7", "pool:3", "pool:5"])
    assert opened.items == ("pool:7", "pool:3", "pool:5") and opened.queried.strategy == "list"
    assert all(q.kind == "new" and q.propensity is None for q in opened.questions)
    answered(session)
    again = session.query(items=["pool:9", "pool:7", "pool:9"])
    assert again.items == ("pool:9",)


def test_an_unknown_item_opens_no_round(session: Session) -> None:
    with pytest.raises(QueryError, match="1 listed item is not in the pool: nowhere"):
        session.query(items=["pool:1", "nowhere"])
    assert not session.project.history().rounds
    with pytest.raises(QueryError, match="the list has no items"):
        session.query(items=[])
    session.query(items=["pool:1"])
    answered(session)
    with pytest.raises(QueryError, match="no item of the list can be asked about: 1 have a label"):
        session.query(items=["pool:1"])
    with pytest.raises(QueryError, match="excludes"):
        session.query(3, items=["pool:2"])
    with pytest.raises(QueryError, match="excludes"):
        session.query(items=["pool:2"], balance="camera")


def test_as_many_people_answer_a_listed_item_as_any_other(session: Session) -> None:
    path = session.project.folder / "activessl.toml"
    path.write_text(path.read_text().replace("per_item = 1", "per_item = 2"))
    assert [q.people for q in Session.open(session.project.folder).query(items=["pool:1", "pool:2"]).questions] == [
        2,
        2,
    ]


def test_the_command_reads_a_file_or_standard_input_and_counts_what_it_leaves_out(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*told: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["query", "--project", str(session.project.folder), *told])
        return int(ended.value.code or 0)

    session.query(items=["pool:1"])
    answered(session)
    (tmp_path / "items.txt").write_bytes(b"\xef\xbb\xbfpool:4\r\npool:1\r\n\r\npool:4\r\n")
    assert run("--items", str(tmp_path / "items.txt"), "--json") == 0
    out = capsys.readouterr()
    assert [q["items"] for q in json.loads(out.out)["questions"]] == [["pool:4"]]
    assert "not asked about: 1 have a label, 1 are listed twice" in out.err
    monkeypatch.setattr("sys.stdin", io.StringIO("pool:8\n"))
    assert run("--items", "-", "--close") == 0
    assert session.project.history().rounds[-1].items == ("pool:8",)
    capsys.readouterr()
    for wrong, error in (("nothing.txt", "cannot read"), (str(tmp_path), "cannot read")):
        assert run("--items", wrong) == 1 and error in capsys.readouterr().err
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert run("--items", str(tmp_path / "bytes")) == 1 and "no UTF-8 text" in capsys.readouterr().err
    assert run("--items", "x", "--size", "3") == 1


def test_ids_that_need_quotes_are_read_as_the_report_writes_them() -> None:
    ids = ['"q"', "a\nb", " space", "# no comment", "end ", "plain"]
    told = "\n".join(json.dumps(i) if i != "plain" else i for i in ids)
    assert ids_of(told, frozenset(ids)) == ids
    assert ids_of('"q"\n end \n', frozenset({'"q"', "end"})) == ['"q"', "end"]
