"""How answers with regions become labels: who decides, which names count, and what is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activessl.labels.answers import Answer
from activessl.labels.regions.places import Span
from activessl.labels.regions.region import Region
from activessl.labels.regions.stored import read_stored, stored
from activessl.ledger.schema import Answered, Foreseen, Predicted
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.proof.regions.figures import RegionFigures
from activessl.session import Session
from activessl.steps.forget import forget

from .projects import spans


def drew(item: str, *kinds: str, by: str = "ann", at: int = 0, truth: bool = False, kind: str = "label") -> Answered:
    regions = tuple(stored(tuple(Region(Span(at, at + 2), (name,)) for name in kinds)))
    answer = Answer(
        f"{by}:{item}:{at}",
        f"{by}:{item}:{at}",
        item,
        kind,  # type: ignore[arg-type]
        tuple(dict.fromkeys(kinds)),
        by,
        5.0,
        datetime(2026, 1, 1, tzinfo=UTC),
        ground_truth=truth,
        regions=regions if kind == "label" else None,
    )
    return Answered(answer=answer)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return spans(tmp_path, 12)[0]


def start_of(session: Session, item: str) -> object:
    return (session.project.history().labels[item].regions or ({},))[0].get("start")


def test_the_newest_answer_counts_and_ground_truth_before_all(session: Session) -> None:
    session.project.append(
        drew("texts:0", "person", by="ann", at=1), drew("texts:0", "person", by="bob", at=4),
        drew("texts:1", "person", by="ann", at=1, truth=True), drew("texts:1", "person", by="bob", at=4),
        drew("texts:2", "person", by="ann", at=1), drew("texts:2", "person", by="bob", at=1),
        drew("texts:3", by="ann"), drew("texts:4", by="bob", kind="skip"),
    )  # fmt: skip
    history = session.project.history()
    assert [start_of(session, item) for item in ("texts:0", "texts:1", "texts:2")] == [4, 1, 1]
    assert [history.labels[f"texts:{i}"].votes for i in range(3)] == [1, 1, 2]
    assert history.labels["texts:3"].regions == () and history.skipped == {"texts:4"}
    # where people differ is told: their spans do not match
    assert RegionFigures(session.project.config, history).differing == ("texts:0", "texts:1")


def test_an_answer_with_an_unknown_class_is_set_aside_as_a_whole(session: Session) -> None:
    session.project.append(drew("texts:0", "person", "river"), drew("texts:1", "place"))
    history = session.project.history()
    assert history.labels.keys() == {"texts:1"} and [a.item for a in history.quarantined] == ["texts:0"]
    session.classes.add("river")
    added = session.project.history()
    assert added.labels.keys() == {"texts:0", "texts:1"}
    # the place was drawn before anybody could draw a river: that there is none is not known
    assert added.labels["texts:1"].unknown == ("river",)
    assert RegionSnapshot.of(session.project).unknown[1] == ("river",)


def test_regions_follow_renamed_and_merged_classes_and_split_ones_are_asked_about_again(session: Session) -> None:
    session.query(2, strategy="random")
    foreseen = Foreseen(item="texts:5", regions=tuple(stored((Region(Span(0, 2), ("person",), 0.5),))))
    session.project.append(
        Predicted(round=1, model="cold", items=(foreseen,)),
        drew("texts:0", "person", "place"),
        drew("texts:1", "place"),
    )
    before = session.project.history().digest()
    session.classes.rename("person", "human")
    history = session.project.history()
    assert [r.classes for r in read_stored(history.labels["texts:0"].regions or ())] == [("human",), ("place",)]
    assert history.rounds[0].foreseen["texts:5"][0]["classes"] == ["human"] and history.digest() != before
    session.classes.split("place", ["town", "river"])
    split = session.project.history()
    assert split.reopened.keys() == {"texts:0", "texts:1"} and not split.labels
    session.close("by hand")
    asked = session.query(4)
    assert {"texts:0", "texts:1"} <= set(asked.items)
    assert {q.asking for q in asked.questions if q.item in ("texts:0", "texts:1")} == {2}


def test_what_was_drawn_in_a_forgotten_item_is_forgotten(session: Session) -> None:
    session.query(2, strategy="random")
    foreseen = tuple(
        Foreseen(item=item, regions=tuple(stored((Region(Span(0, 2), ("person",)),))))
        for item in ("texts:0", "texts:1")
    )
    session.project.append(Predicted(round=1, model="cold", items=foreseen), drew("texts:0", "person"))
    new = forget(session.project, "texts:0").name
    history = session.project.history()
    assert history.labels[new].regions == () and history.rounds[0].foreseen[new] == ()
    assert len(history.rounds[0].foreseen["texts:1"]) == 1
    assert "texts:0" not in "".join(str(one.event) for one in session.project.ledger())


def test_a_moved_item_keeps_its_regions(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "data" / f"{name}.txt").write_text(f"{name} saw Oslo")
    session = Session.create(tmp_path / "project", tmp_path / "data", ["place"], task="spans")
    session.encode()
    session.project.append(drew("a.txt", "place", at=6))
    (tmp_path / "data" / "a.txt").rename(tmp_path / "data" / "z.txt")
    session.encode()
    snapshot = RegionSnapshot.of(session.project)
    assert [one.place for one in snapshot.regions_of("z.txt")] == [Span(6, 8)] and "a.txt" not in snapshot.row
