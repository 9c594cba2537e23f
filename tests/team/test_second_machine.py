"""A second machine joins a project: with the encoder of the first one, or told which one to copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from clusters import Cluster, drop_connections

from activessl.annotators.oracle import Oracle
from activessl.errors import ProjectError
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session

CLASSES = ("dark", "light")


@pytest.fixture
def first(server: Cluster, tmp_path: Path, pictures: Callable[[int], dict[str, str]]) -> Session:
    truth = pictures(24)
    drop_connections()
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "encoder": {"name": "masked", "minutes": 0.02},
            "query": {"size": 6},
            "ledger": server.create(f"second {abs(hash(tmp_path))}"),
        }
    )
    session = Session(Project.create(tmp_path / "one" / "p", config, version="test"))
    shutil.move(tmp_path / "pictures", tmp_path / "one" / "pictures")
    session.encode()
    session.round(Oracle(truth, CLASSES))
    return session


def test_a_second_machine_with_the_encoder_goes_on_where_the_first_one_is(first: Session, tmp_path: Path) -> None:
    there = tmp_path / "two" / "p"
    there.mkdir(parents=True)
    shutil.copytree(tmp_path / "one" / "pictures", tmp_path / "two" / "pictures")
    shutil.copy(first.project.folder / "activessl.toml", there)
    shutil.copytree(first.project.folder / "encoders", there / "encoders")
    before = first.project.history()
    second = Session.open(there)
    second.encode()
    assert second.project.history() == before  # no event: the same vectors
    opened = second.query()  # with a head that is fitted again
    assert opened.number == 2 and first.query().items == opened.items
    assert first.project.history() == second.project.history()


def test_a_second_machine_without_it_does_not_change_the_encoder_of_all(first: Session, tmp_path: Path) -> None:
    there = tmp_path / "one" / "second"
    there.mkdir(parents=True)
    text = (first.project.folder / "activessl.toml").read_text()
    (there / "activessl.toml").write_text(text.replace("seed = 0", "seed = 1"))  # another machine, other last bits
    before = first.project.history()
    assert before.encoded is not None
    with pytest.raises(ProjectError, match=f"{before.encoded.fingerprint}, is not in this folder") as told:
        Session.open(there).encode()
    assert f"copy encoders/{before.encoded.fingerprint}" in told.value.hint
    assert first.project.history() == before
    Session.open(there).encode(minutes=0.02)  # for everybody
    assert first.project.history().encoded != before.encoded
