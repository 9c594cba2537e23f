"""Classes that change in the middle of a project: labels, draws, test data, acceptance and settings move along."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.annotators.base import Asked, Offer, Pushed, Suggestion
from activessl.errors import LabelError, ProjectError
from activessl.labels.answers import Answer
from activessl.labels.questions import REOPENED
from activessl.ledger.draws import draws_of
from activessl.ledger.schema import Accepted, MachineLabel, Offered
from activessl.pool.pool import Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.session import Session
from activessl.steps.classes import Classes
from activessl_cli.main import run

CLASSES = ("cat", "dog", "bird")
N = 36


class Desk:
    """People who answer each question from a table, with the names that they know."""

    def __init__(self, truth: Mapping[str, str]) -> None:
        self.truth = dict(truth)
        self.questions: list[str] = []
        self.items: dict[str, str] = {}
        self.given: list[Answer] = []
        self.done: set[str] = set()
        self.offer: Offer | None = None
        self.reasons: list[str] = []

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        self.items |= {question.id: question.item for question in asked.questions}
        self.questions = list(asked.ids)
        self.reasons = [question.reason for question in asked.questions]
        return Pushed({q: q for q in asked.ids}, len(asked), 0, "desk://1", "1")

    def answer(self, most: int | None = None, by: str = "ann", at: datetime | None = None) -> None:
        for question in [q for q in self.questions if q not in self.done][:most]:
            self.done.add(question)
            self.say(question, self.truth[self.items[question]], by=by, at=at)

    def say(self, question: str, *classes: str, by: str = "ann", at: datetime | None = None) -> None:
        key = f"{question} by {by} {len(self.given)}"
        when = at or datetime.now(UTC)
        self.given.append(
            Answer(key, key, self.items.get(question, question), "label", classes, by, 3.0, when, question=question)
        )

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        return list(self.given), str(len(self.given))


def project_of(folder: Path, *, multi: bool = False, size: int = 8, encoded: bool = False, **more: Any) -> Session:
    rng = np.random.default_rng(0)
    y = np.arange(N) % 3
    vectors = rng.normal(size=(3, 6))[y] * 3 + rng.normal(size=(N, 6))
    np.savez(folder / "pool.npz", vectors=vectors, ids=np.array([f"i{i:02}" for i in range(N)]))
    config = {
        "data": {
            "path": "../pool.npz",
            "modality": "vector",
            "classes": list(CLASSES),
            "multi_label": multi,
            **({"test": "../test.npz"} if "test" in more else {}),
        },
        "query": {"size": size, "random_share": 0.5, "strategy": "random"},
    }
    session = Session(Project.create(folder / "p", check_config(config), version="0"))
    if encoded:
        session.encode()
    return session


def truth() -> dict[str, str]:
    return {f"i{i:02}": CLASSES[i % 3] for i in range(N)}


def labels(session: Session) -> dict[str, str]:
    return {item: "|".join(label.classes) for item, label in session.project.history().labels.items()}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return project_of(tmp_path)


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Desk]:
    folder, desk = tmp_path_factory.mktemp("two"), Desk(truth())
    session = project_of(folder, encoded=True)
    for _ in range(2):
        session.query()
        session.push(desk)
        desk.answer()
        session.pull(desk)
        session.teach()
    return folder, desk


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    project_of(folder).import_labels({"i00": "cat", "i01": "dog", "i02": "dog"}, annotator="ann")
    return folder


@pytest.fixture
def taught(two_rounds: tuple[Path, Desk], tmp_path: Path) -> tuple[Session, Desk]:
    shutil.copytree(two_rounds[0], tmp_path / "copy")
    return Session.open(tmp_path / "copy" / "p"), deepcopy(two_rounds[1])


@pytest.fixture
def asked(taught: tuple[Session, Desk]) -> tuple[Session, Desk]:
    session, desk = taught
    session.query()
    session.push(desk)
    return session, desk


def of(session: Session) -> Classes:
    return Classes(session.project)


def test_a_renamed_class_takes_its_labels_along_and_its_old_name_is_still_read(taught: tuple[Session, Desk]) -> None:
    session, desk = taught
    before, digest = labels(session), session.project.history().digest()
    done = of(session).rename("dog", "hound")

    assert done.classes == ("cat", "hound", "bird") == session.project.config.data.classes
    assert done.moved == sum(name == "dog" for name in before.values()) > 0 and done.again == 0
    now = labels(session)
    assert now == {item: {"dog": "hound"}.get(name, name) for item, name in before.items()}
    assert session.project.history().untaught  # the columns of the head have other names
    session.teach()
    # people still answer with the old name: the label config keeps it
    session.query()
    session.push(desk)
    desk.answer()
    session.pull(desk)
    assert set(labels(session).values()) <= {"cat", "hound", "bird"} and len(labels(session)) > len(before)
    session.teach()
    assert session.table()[0].keys() and {row["class"] for row in session.table()} <= {"cat", "hound", "bird"}

    of(session).undo()
    assert {item: labels(session)[item] for item in before} == before
    assert session.project.config.data.classes == CLASSES and digest in {
        t.digest for r in session.project.history().rounds for t in r.taught
    }


def test_merged_classes_are_one_and_apart_again_after_undo(taught: tuple[Session, Desk]) -> None:
    session, desk = taught
    before = labels(session)
    done = of(session).merge(["cat", "dog"], "pet")
    assert done.classes == ("pet", "bird") and set(labels(session).values()) == {"pet", "bird"}
    desk.truth = {item: {"bird": "bird"}.get(name, "pet") for item, name in truth().items()}
    asked = session.query().items
    session.push(desk)
    desk.answer()
    session.pull(desk)
    session.teach()

    undone = of(session).undo()
    assert undone.classes == CLASSES
    assert {item: name for item, name in labels(session).items() if item in before} == before
    # nobody said which pet these are
    pets = {item for item in asked if desk.truth[item] == "pet"}
    assert pets and session.project.history().reopened.keys() == pets == set(session.project.history().unread)
    assert undone.again == len(pets)
    told = [entry["text"] for entry in session.report().to_dict()["diary"]]
    assert "classes 'cat' and 'dog' were merged into 'pet'" in told
    assert "merging 'cat' and 'dog' into 'pet' was taken back" in told
    whys = {answer.why for answer in session.project.history().unread.values()}
    undo = "merging 'cat' and 'dog' into 'pet' was taken back: it may be 'cat' or 'dog'"
    assert whys == {f"labeled pet before; {undo}"}
    questions = [q for q in session.query().questions if q.reason == REOPENED]  # drawn: asked blind
    assert {q.item for q in questions} <= pets
    assert len(questions) == min(4, len(pets))  # at most half of a round; a strategy may choose others of them


def test_a_split_is_taken_back_also_after_answers_with_a_slow_clock(taught: tuple[Session, Desk]) -> None:
    session, desk = taught
    before = labels(session)
    of(session).split("dog", ["pup", "grown"])
    desk.truth = {item: "pup" if name == "dog" else name for item, name in desk.truth.items()}
    session.query()
    session.push(desk)
    desk.answer(at=datetime.now(UTC) - timedelta(hours=1))  # by that clock, before the split
    session.pull(desk)
    assert "pup" in labels(session).values()
    of(session).undo()
    after = labels(session)
    assert set(after.values()) <= set(CLASSES)
    assert {item: after[item] for item in before} == before and len(after) > len(before)


def test_a_column_with_the_names_of_before_is_no_slice(tmp_path: Path) -> None:
    session = project_of(tmp_path, encoded=True)
    (tmp_path / "meta.csv").write_text("id,kind\n" + "".join(f"{item},{name}\n" for item, name in truth().items()))
    path = session.project.folder / "activessl.toml"
    path.write_text(path.read_text().replace("[data]\n", '[data]\nmetadata = "../meta.csv"\n', 1))
    session = Session.open(session.project.folder)
    of(session).rename("dog", "hound")
    of(session).merge(["cat", "bird"], "other")
    assert "classes" in Snapshot.of(session.project).metadata.column("kind").note  # else slices would tell the labels


def test_no_reason_names_a_class_by_its_name_of_before(taught: tuple[Session, Desk]) -> None:
    session, desk = taught
    session.query(strategy="margin")
    assert any("dog" in q.reason for q in session.project.history().rounds[-1].questions)
    of(session).rename("dog", "hound")
    session.push(desk)
    assert any(desk.reasons) and not any("dog" in reason or "hound" in reason for reason in desk.reasons)
    of(session).split("hound", ["pup", "grown"])
    session.close("test")
    session.query(strategy="margin")
    session.push(desk)
    assert REOPENED in desk.reasons and not any("dog" in reason or "hound" in reason for reason in desk.reasons)


def test_items_of_a_split_class_are_asked_about_first_and_only_these(taught: tuple[Session, Desk]) -> None:
    session, desk = taught
    before = labels(session)
    dogs = {item for item, name in before.items() if name == "dog"}
    done = of(session).split("dog", ["pup", "hound"])
    history = session.project.history()

    assert done.classes == ("cat", "pup", "hound", "bird") and done.again == len(dogs) and done.moved == 0
    assert labels(session) == {item: name for item, name in before.items() if item not in dogs}
    assert set(history.unread) == dogs == history.reopened.keys()
    # what was drawn has no answer now: it is open, neither right nor wrong
    drawn = {draw.item: draw.ended for draw in draws_of(history)}
    assert {drawn[item] for item in dogs if item in drawn} == {"open"} and "class" in drawn.values()

    desk.truth |= {item: "pup" if int(item[1:]) % 2 else "hound" for item in truth() if truth()[item] == "dog"}
    asked = []
    for _ in range(3):
        r = session.query()
        asked.append([question.item for question in r.questions if question.item in dogs])
        # a drawn item is asked blind again: its label measures
        assert all(q.blind for q in r.questions if q.item in dogs & set(drawn))
        session.push(desk)
        desk.answer()
        session.pull(desk)
        session.teach()
        if not session.project.history().reopened:
            break
    assert sorted(item for part in asked for item in part) == sorted(dogs) and len(asked[0]) >= min(len(dogs), 4)
    now, history = labels(session), session.project.history()
    assert not history.reopened and not history.unread
    assert {item: now[item] for item in dogs} == {item: desk.truth[item] for item in dogs}
    assert {d.ended for d in draws_of(history) if d.item in dogs} == {"class"}
    of(session).undo()  # what was said since is a dog, too
    assert {labels(session)[item] for item in dogs} == {"dog"}


def test_a_label_that_somebody_gave_after_the_change_wins(taught: tuple[Session, Desk]) -> None:
    session, _ = taught
    item = next(item for item, name in labels(session).items() if name == "dog")
    of(session).split("dog", ["pup", "hound"])
    session.import_labels({item: "pup"}, annotator="bea")
    assert labels(session)[item] == "pup" and item not in session.project.history().unread


def test_a_less_reliable_second_opinion_does_not_become_the_label_of_a_split_item(
    asked: tuple[Session, Desk],
) -> None:
    session, desk = asked
    items = session.project.history().rounds[-1].items
    desk.answer()
    for i, item in enumerate(items):  # bea says another class about most: her answers are worth less
        desk.say(item, "cat" if i % 4 else desk.truth[item], by="bea")
        desk.say(item, desk.truth[item], by="cem")
    session.pull(desk)
    assert {item: labels(session)[item] for item in items} == {item: desk.truth[item] for item in items}
    dogs = {item for item in items if desk.truth[item] == "dog"}
    of(session).split("dog", ["pup", "hound"])
    assert dogs and dogs <= session.project.history().reopened.keys() and not dogs & labels(session).keys()


def test_answers_of_several_classes_follow_each_of_theirs(tmp_path: Path) -> None:
    session = project_of(tmp_path, multi=True)
    session.import_labels({"i00": "cat|dog", "i01": "dog", "i02": "bird", "i03": "(none)"}, annotator="ann")
    of(session).merge(["cat", "dog"], "cat")
    assert labels(session) == {"i00": "cat", "i01": "cat", "i02": "bird", "i03": ""}
    of(session).undo()
    of(session).split("dog", ["pup", "hound"])
    assert labels(session) == {"i02": "bird", "i03": ""}
    assert session.project.history().reopened.keys() == {"i00", "i01"}
    with pytest.raises(LabelError, match="reserved"):
        of(session).rename("cat", "a|b")


def test_a_class_that_is_added_was_not_offered_to_the_answers_before(tmp_path: Path) -> None:
    session = project_of(tmp_path, multi=True)
    session.import_labels({"i00": "cat", "i01": "(none)"}, annotator="ann")
    assert of(session).add("wing").classes == (*CLASSES, "wing")
    assert session.project.history().labels["i00"].unknown == ("wing",)
    session.import_labels({"i02": "wing"}, annotator="ann")
    for refused in (lambda: of(session).add("cat"), lambda: of(session).rename("wing", "cat")):
        with pytest.raises(LabelError, match="there is a class 'cat' already"):
            refused()
    assert of(session).undo().classes == CLASSES
    assert labels(session)["i02"] == ""  # kept, and counted when it is back
    of(session).add("wing")
    assert labels(session)["i02"] == "wing"


@pytest.mark.slow
def test_test_data_keep_their_names_and_are_read_by_the_changes(tmp_path: Path) -> None:
    rng, y = np.random.default_rng(1), np.arange(30) % 3
    centers = np.random.default_rng(0).normal(size=(3, 6)) * 3
    np.savez(
        tmp_path / "test.npz",
        vectors=centers[y] + rng.normal(size=(30, 6)),
        labels=y,
        class_names=np.array(CLASSES),
    )
    session, desk = project_of(tmp_path, test=True, size=18, encoded=True), Desk(truth())
    session.query()
    session.push(desk)
    desk.answer()
    session.pull(desk)
    first = session.teach()
    assert first.test_items == 30 and set(first.per_class or ()) == set(CLASSES)
    of(session).rename("dog", "hound")
    kept = session.project.history().taught
    counts = dict(first.per_class or {})
    counts["hound"] = counts.pop("dog")
    assert kept is not None and kept.per_class == counts and kept.accuracy == first.accuracy
    assert session.teach().per_class == counts

    of(session).merge(["cat", "hound"], "pet")
    kept = session.project.history().taught
    assert kept is not None and kept.accuracy is None and kept.per_class is None  # it was measured on other classes
    merged = session.teach()
    assert merged.test_items == 30 and (merged.per_class or {})["pet"][0] == 20
    assert merged.accuracy is not None and first.accuracy is not None and merged.accuracy >= first.accuracy
    of(session).undo()
    of(session).split("hound", ["pup", "whippet"])
    split = session.teach()
    assert (split.test_items, split.test_open) == (20, 10)
    assert run("status", "-p", str(session.project.folder)) == 0


def test_numbers_without_names_in_test_data_are_positions_among_the_first_classes(tmp_path: Path) -> None:
    y = np.arange(30) % 3
    np.savez(tmp_path / "test.npz", vectors=np.random.default_rng(0).normal(size=(30, 6)), labels=y)
    from activessl.proof.holdout import read_test

    session = project_of(tmp_path, test=True)
    of(session).merge(["cat", "dog"], "pet")
    found = read_test(tmp_path / "test.npz", session.project.config.data, session.project.history().naming)
    assert found.truth.tolist() == [{0: 0, 1: 0, 2: 1}[k] for k in y.tolist()]


def test_accepted_predictions_of_a_merged_class_stay_and_those_of_a_split_one_do_not(
    taught: tuple[Session, Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = taught
    history, ids = session.project.history(), Snapshot.of(session.project).embeddings.ids
    free = [item for item in ids if item not in history.labels][:3]
    items = tuple(MachineLabel(id=i, classes=(name,), probability=0.9) for i, name in zip(free, CLASSES, strict=True))
    session.project.append(
        Accepted(
            error=0.1, delta=0.1, per_class=False, items=items, audit=(free[1],), calibration=20, wrong=0,
            fingerprint="f", digest="d", turn=history.events,
        )
    )  # fmt: skip
    of(session).rename("cat", "tom")
    assert [one.classes for one in session.project.history().machine.values()] == [("tom",), ("dog",), ("bird",)]
    assert run("classes", "split", "dog", "--into", "pup", "hound", "-p", str(session.project.folder)) == 0
    assert "1 accepted prediction no longer counts; the bound" in capsys.readouterr().out
    history = session.project.history()
    assert history.machine.keys() == {free[0], free[2]} and history.accepted is not None
    assert history.accepted.audit == () and history.unaccepted == 1
    assert run("status", "-p", str(session.project.folder)) == 0
    assert "1 prediction more of a class that was split later no longer count" in capsys.readouterr().out


def test_imports_of_old_names_are_read_like_old_answers(session: Session, tmp_path: Path) -> None:
    of(session).rename("cat", "tom")
    of(session).split("dog", ["pup", "hound"])
    (tmp_path / "old.csv").write_text("id,label\ni00,cat\ni01,dog\ni02,pup\ni03,bird\n")
    done = session.import_file(tmp_path / "old.csv")
    assert labels(session) == {"i00": "tom", "i02": "pup", "i03": "bird"} and done.new == 3
    assert len(done.unread) == 1 and "'pup' or 'hound'" in done.unread[0]
    assert session.import_file(tmp_path / "old.csv").new == 0
    with pytest.raises(LabelError, match="none of the labels can be read"):
        session.import_labels({"i05": "dog"}, annotator="ann")
    with pytest.raises(LabelError, match="no class 'cow'"):
        session.import_labels({"i05": "cow"}, annotator="ann")


def test_the_labeling_tool_may_offer_old_names_without_a_class_going_or_joining(session: Session) -> None:
    session.project.append(Offered(project="q", classes=CLASSES, own=CLASSES, turn=3))
    of(session).rename("cat", "tom")
    of(session).merge(["dog", "bird"], "other")
    for turn, offered in enumerate((CLASSES, ("tom", "other", "dog"), ("tom", "other")), 10):
        session.project.append(Offered(project="q", classes=offered, own=("tom", "other"), turn=turn))
        history = session.project.history()
        assert history.classes == ("tom", "other") and history.choice.joined == ()
    # a class that people add there is still one
    session.project.append(Offered(project="q", classes=("tom", "other", "cow"), own=("tom", "other"), turn=20))
    assert session.project.history().classes == ("tom", "other", "cow")
    of(session).rename("cow", "ox")
    assert session.project.history().classes == ("tom", "other", "ox")
    assert Project.open(session.project.folder).own.data.classes == ("tom", "other", "ox")


def test_an_answer_of_before_that_is_read_after_an_undo_is_not_taken_for_the_narrower_class(
    asked: tuple[Session, Desk],
) -> None:
    session, desk = asked
    items, before = session.project.history().rounds[-1].items, labels(session)
    of(session).merge(["cat", "dog"], "cat")
    between = datetime.now(UTC)
    of(session).undo()
    desk.say(items[0], "cat", at=between)  # given while it meant both, read now
    desk.say(items[1], "cat", at=between - timedelta(hours=1))
    desk.say(items[2], "cat", at=datetime.now(UTC) + timedelta(hours=1))
    desk.say(items[3], "dog", at=between)
    session.pull(desk)
    assert labels(session) == {**before, items[1]: "cat", items[2]: "cat", items[3]: "dog"}
    assert session.project.history().reopened.keys() == {items[0]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rename", "cow", "ox"), "the project has no class 'cow'"),
        (("rename", "cat", "dog"), "there is a class 'dog' already"),
        (("rename", "cat", "cat"), "class 'cat' has that name already"),
        (("rename", "cat", " x "), "has spaces around it"),
        (("rename", "cat", "x\x07"), "has a control character"),
        (("merge", "cat", "--into", "dog"), "one class cannot be merged"),
        (("merge", "cat", "dog", "--into", "bird"), "class 'bird' exists, and is not among those to merge"),
        (("merge", "cat", "dog", "bird", "--into", "x"), "one class would be left"),
        (("split", "cat", "--into", "x"), "is to be split into 1 class"),
        (("split", "cat", "--into", "cat", "x"), "there is a class 'cat' already"),
        (("add", "cat"), "there is a class 'cat' already"),
        (("undo",), "no change of the classes to take back"),
    ],
)
def test_what_cannot_be_done_is_refused_in_two_lines_and_changes_nothing(
    session: Session, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text, events = (session.project.folder / "activessl.toml").read_text(), session.project.history().events
    assert run("classes", *arguments, "-p", str(session.project.folder)) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith("error: ") and said in err[0] and err[1].startswith(" hint: ") and len(err) == 2
    assert (session.project.folder / "activessl.toml").read_text() == text
    assert session.project.history().events == events


def test_an_old_name_is_not_given_to_another_class(session: Session) -> None:
    of(session).rename("cat", "tom")
    with pytest.raises(LabelError, match="'cat' was the name of what is 'tom' now"):
        of(session).rename("dog", "cat")
    with pytest.raises(LabelError, match="'cat' was the name"):
        of(session).add("cat")
    with pytest.raises(LabelError, match="no class 'cat': it is 'tom' now"):
        of(session).split("cat", ["a", "b"])
    assert of(session).rename("tom", "cat").classes == CLASSES


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("rename", "cat", "tom"),
        ("merge", "cat", "dog", "--into", "cat"),
        ("merge", "cat", "dog", "--into", "pet"),
        ("split", "dog", "--into", "pup", "hound"),
        ("add", "cow"),
        ("undo",),
    ],
)
def test_a_kill_between_ledger_and_file_loses_nothing_and_the_next_call_ends_it(
    imported: Path, tmp_path: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(name: str) -> Session:
        shutil.copytree(imported, tmp_path / name)
        made = Session.open(tmp_path / name / "p")
        if arguments == ("undo",):
            of(made).rename("bird", "owl")
        return made

    session = copy("whole")
    folder, whole = session.project.folder, Project.append
    assert run("classes", *arguments, "-p", str(folder)) == 0
    wanted = (
        Project.open(folder).own.data.classes,
        labels(Session.open(folder)),
        Project.open(folder).history().events,
    )

    for killed in ("write_atomic", "append"):
        there = copy(killed).project.folder

        def die(*_: Any, **__: Any) -> None:
            raise ProjectError("killed", hint="")

        with monkeypatch.context() as patch:
            patch.setattr(
                *(("activessl.steps.classes.write_atomic",) if killed != "append" else (Project, "append")), die
            )
            assert run("classes", *arguments, "-p", str(there)) == 1
        monkeypatch.setattr(Project, "append", whole)
        mid = Session.open(there)
        assert len(labels(mid)) == 3 or arguments[0] == "split"
        if killed == "append" or arguments[0] != "undo":
            assert run("classes", *arguments, "-p", str(there)) == 0
        now = Session.open(there)
        # an undo that was killed after its event is done: the file is edited by the next change
        if not (killed == "write_atomic" and arguments == ("undo",)):
            assert Project.open(there).own.data.classes == wanted[0]
        assert set(now.project.config.data.classes) == set(wanted[0]) and labels(now) == wanted[1]
        assert now.project.history().events == wanted[2]


def test_a_repeated_call_changes_nothing(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(session.project.folder)
    for arguments in (("rename", "cat", "tom"), ("merge", "tom", "dog", "--into", "tom"), ("add", "cow")):
        assert run("classes", *arguments, "-p", folder, "--json") == 0
        first, events = json.loads(capsys.readouterr().out), session.project.history().events
        assert run("classes", *arguments, "-p", folder, "--json") == 0
        again = json.loads(capsys.readouterr().out)
        assert first["changed"] and not again["changed"] and again["classes"] == first["classes"]
        assert session.project.history().events == events


def test_the_list_counts_labels_and_tells_old_names(
    imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(imported, tmp_path / "copy")
    session = Session.open(tmp_path / "copy" / "p")
    of(session).rename("dog", "hound")
    capsys.readouterr()
    assert run("classes", "list", "-p", str(session.project.folder)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "cat    1 label",
        "hound  2 labels; before: dog",
        "bird   0 labels",
        "last change: class 'dog' was renamed to 'hound'",
    ]
    assert run("classes", "list", "-p", str(session.project.folder), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["classes"][1] == {"name": "hound", "labels": 2, "accepted": 0, "before": ["dog"]}


def test_an_open_round_that_was_pushed_is_to_be_pushed_again(
    asked: tuple[Session, Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    session, desk = asked
    session.project.append(Offered(project="q", classes=CLASSES, own=CLASSES, turn=3))
    assert run("classes", "split", "dog", "--into", "pup", "hound", "-p", str(session.project.folder)) == 0
    told = capsys.readouterr().err  # a push needs the server
    assert "next: activessl studio start" in told and "then activessl push" in told and "see the new classes" in told
    desk.answer(3)
    session.pull(desk)
    said = {a.item: a.kind for a in session.project.history().answers.values()}
    assert {said[i] for i in said if desk.truth[i] == "dog"} <= {"unread"}


COMMENTED = """# of our team
format = 2
[data]
path = "../pool.npz"  # the scans
modality = "vector"
classes = [
  "cat",  # tame
  "dog",  # loud
  "bird",
]

[query]
size = 8  # a short round
"""


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (("rename", "dog", "hound"), ['"cat",  # tame', '"hound",  # loud', '"bird",']),
        (("add", "cow"), ['"cat",  # tame', '"dog",  # loud', '"bird",', '"cow",']),
        (("merge", "cat", "bird", "--into", "cat"), ['"cat", # tame', '"dog", # loud']),
        (("split", "bird", "--into", "owl", "wren"), ['"cat", # tame', '"dog", # loud', '"owl",', '"wren",']),
    ],
)
def test_comments_of_the_file_stay(session: Session, change: tuple[str, ...], lines: list[str]) -> None:
    path = session.project.folder / "activessl.toml"
    path.write_text(COMMENTED)
    assert run("classes", *change, "-p", str(session.project.folder)) == 0
    text = path.read_text()
    head, _, rest = text.partition("classes = [")
    listed, _, tail = rest.partition("]")
    assert [line.strip() for line in listed.strip().splitlines()] == lines
    assert "# of our team" in head and "# the scans" in head and "# a short round" in tail
