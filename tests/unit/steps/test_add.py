"""Items that are added: what is copied, what is compared, and what the next rounds ask about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.errors import ConfigError, MeasureError, PoolError
from activessl.ledger.fold import fold
from activessl.ledger.schema import Encoded, Moved
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.added import added_accuracy, drift_text, waiting_text
from activessl.proof.estimates import Evidence
from activessl.steps.select import new_rows
from activessl.strategies.region_share import IN_NEW_REGION


def write(folder: Path, names: list[str], level: tuple[int, int, int], seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(rng.normal(level, 20, (8, 8, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)


def open_project(folder: Path, count: int = 60, **settings: object) -> Session:
    write(folder / "data", [f"d/{i}.png" for i in range(count // 2)], (60, 60, 60), 1)
    write(folder / "data", [f"l/{i}.png" for i in range(count // 2)], (190, 190, 190), 2)
    data = {"path": "../data", "modality": "image", "classes": ["d", "l", "red"]}
    config = check_config({"data": data | settings, "encoder": {"name": "pixels"}, "query": {"size": 8}})
    session = Session(Project.create(folder / "p", config, version="0"))
    session.encode()
    return session


def truth(session: Session) -> Oracle:
    ids = session.project.pool().ids
    return Oracle({i: "red" if "red" in i else i.split("/")[-2] for i in ids}, ("d", "l", "red"))


def test_a_new_kind_of_item_is_found_asked_about_and_measured_apart(tmp_path: Path) -> None:
    session = open_project(tmp_path)
    write(tmp_path / "new", [f"red/{i}.png" for i in range(16)], (230, 30, 30), 3)
    write(tmp_path / "new", [f"d/{i}.png" for i in range(10)], (60, 60, 60), 4)
    added = session.add(tmp_path / "new")
    session.encode()
    history = session.project.history()
    [compared] = history.comparisons
    assert len(added.copied) == 26 and compared.drift and (compared.old, compared.new) == (60, 26)
    assert not history.uncompared and set(compared.added) == set(added.copied)
    region = set(compared.regions[0])
    assert len([item for item in region if "red" in item]) >= 15 and len(region) <= 20
    assert "26 added items differ from the 60 before them" in drift_text(compared)

    # half of the chosen questions, and the random ones with the propensity of any item
    opened = session.query()
    favoured = [q for q in opened.questions if q.reason.startswith(IN_NEW_REGION)]
    drawn = [q for q in opened.questions if q.kind == "random"]
    assert favoured and all(q.item in region and q.propensity is None for q in favoured)
    assert len(favoured) >= (len(opened.questions) - len(drawn)) // 2
    for question in drawn:
        assert question.uniform and question.propensity == pytest.approx(0.25 * 8 / 86)

    people = truth(session)
    session.round(people)
    session.round(people)
    session.query(16, strategy="random")
    session.round(people)
    snapshot = Snapshot.of(session.project)
    assert not len(new_rows(snapshot))  # the head knows the region by now
    there = added_accuracy(Evidence(snapshot), compared)
    draws = {q.item for r in snapshot.history.rounds for q in r.questions if q.kind == "random"}
    assert there.labels == len(draws & set(compared.added)) > 0 and there.items == 26
    assert there.low < there.right / there.labels <= there.high


def test_nothing_is_overwritten_and_equal_content_is_counted_not_copied(tmp_path: Path) -> None:
    session = open_project(tmp_path)
    write(tmp_path / "new", ["a.png", "b.png"], (120, 120, 120), 5)
    (tmp_path / "new" / "copy.png").write_bytes((tmp_path / "new" / "a.png").read_bytes())
    (tmp_path / "new" / "old.png").write_bytes((tmp_path / "data" / "d" / "0.png").read_bytes())
    (tmp_path / "new" / "cut.png").write_bytes((tmp_path / "new" / "a.png").read_bytes()[:40])
    first = session.add(tmp_path / "new")
    assert set(first.copied) == {"added/a.png", "added/b.png"} and (first.there, first.unreadable) == (2, 1)
    assert session.add(tmp_path / "new").copied == ()  # again: nothing is left to copy
    write(tmp_path / "other", ["a.png"], (10, 200, 10), 6)
    before = (tmp_path / "data" / "added" / "a.png").read_bytes()
    [name] = session.add(tmp_path / "other").copied
    assert name != "added/a.png" and name.endswith("/a.png") and (tmp_path / "data" / name).is_file()
    assert (tmp_path / "data" / "added" / "a.png").read_bytes() == before
    assert session.add(tmp_path / "other" / "a.png").there == 1  # one file


def test_few_added_items_wait_for_more_and_are_compared_together(tmp_path: Path) -> None:
    session = open_project(tmp_path)
    write(tmp_path / "few", [f"{i}.png" for i in range(12)], (60, 60, 60), 7)
    session.add(tmp_path / "few")
    session.encode()
    history = session.project.history()
    assert not history.comparisons and len(history.uncompared) == 12
    assert waiting_text(history).startswith("12 added items are not compared")
    write(tmp_path / "data" / "more", [f"{i}.png" for i in range(12)], (190, 190, 190), 8)  # by hand, without `add`
    session.encode()
    history = session.project.history()
    [compared] = history.comparisons
    assert len(compared.added) == 24 and not compared.drift and not compared.regions and waiting_text(history) == ""
    session.encode()
    assert len(session.project.history().comparisons) == 1  # a repeated call compares nothing again


def test_items_of_equal_vectors_are_encoded_without_a_comparison(tmp_path: Path) -> None:
    session = open_project(tmp_path)
    (tmp_path / "new").mkdir()
    for i in range(30):  # files that differ, and show the same
        picture = Image.new("RGB", (8, 8), (9, 9, 9))
        picture.save(tmp_path / "new" / f"{i}.png", dpi=(i + 1, i + 1))
    session.add(tmp_path / "new")
    assert len(session.encode()) == 90
    assert not session.project.history().comparisons


def test_what_cannot_be_added_is_refused_with_a_step_that_helps(tmp_path: Path) -> None:
    session = open_project(tmp_path, group=r"^(d|l|patient_\d+)/")
    write(tmp_path / "new", ["patient_1/0.png"], (120, 120, 120), 5)
    with pytest.raises(ConfigError, match="of the group patient_1") as refused:
        session.add(tmp_path / "new")
    assert "--into ." in str(refused.value.hint) and not (tmp_path / "data" / "added").exists()
    assert session.add(tmp_path / "new", into=".").copied == ("patient_1/0.png",)
    for path, into in (("data", "added"), ("", "added"), ("nowhere", "added"), ("p/activessl.toml", "added")):
        with pytest.raises(PoolError):
            session.add(tmp_path / path, into=into)
    for into in ("../out", "/out", ".hidden"):
        with pytest.raises(ConfigError, match="no subfolder"):
            session.add(tmp_path / "new", into=into)


def test_data_in_one_file_say_how_items_are_added(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", vectors=np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32))
    config = check_config({"data": {"path": "../x.npz", "modality": "vector", "classes": ["a", "b"]}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    with pytest.raises(PoolError, match="are one file") as refused:
        session.add(tmp_path)
    assert "append the items to ../x.npz" in str(refused.value.hint)


def test_moved_items_keep_their_place_in_a_comparison(tmp_path: Path) -> None:
    session = open_project(tmp_path)
    write(tmp_path / "new", [f"red/{i}.png" for i in range(24)], (230, 30, 30), 3)
    session.add(tmp_path / "new")
    session.encode()
    (tmp_path / "data" / "added" / "red").rename(tmp_path / "data" / "scarlet")
    session.encode()
    [compared] = session.project.history().comparisons
    assert all(item.startswith("scarlet/") for item in (*compared.added, *compared.regions[0]))


def test_a_first_encoding_and_an_old_ledger_have_nothing_to_compare(tmp_path: Path) -> None:
    session = open_project(tmp_path)
    with session.project.ledger() as ledger:
        events = list(ledger)
    assert fold(events, classes=("d", "l", "red")).uncompared == ()
    assert any(isinstance(one.event, Encoded) for one in events) and not any(isinstance(e.event, Moved) for e in events)


def test_groups_of_a_column_are_compared_as_wholes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "parts.csv"
    old = [f"{kind}/{i}.png" for kind in "dl" for i in range(30)]
    new = [f"d/new-{i}.png" for i in range(24)]
    rows = [f"{item},part {number // 2}" for number, item in enumerate([*old, *new])]
    table.write_text("\n".join(["item,part", *rows]) + "\n")
    session = open_project(tmp_path, metadata="../parts.csv", group_column="part")
    write(tmp_path / "data", new, (60, 60, 60), 4)
    seen = []

    def noted(*samples: np.ndarray, groups: tuple[np.ndarray, np.ndarray], **_: object) -> object:
        seen.append(groups)
        raise MeasureError("enough", hint="")

    monkeypatch.setattr("activessl.steps.compare_added.compare_samples", noted)
    session.encode()
    [(before, after)] = seen
    assert (len(before), len(set(before)), len(after), len(set(after))) == (60, 30, 24, 12)
