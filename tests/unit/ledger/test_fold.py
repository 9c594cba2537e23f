"""What events amount to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.labels.answers import Answer
from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.labels.questions import Question
from activessl.labels.several_classes import SEVERAL
from activessl.ledger.fold import fold
from activessl.ledger.history import History, RoundHistory
from activessl.ledger.schema import (
    CONFIRM,
    Accepted,
    Answered,
    Closed,
    Event,
    MachineLabel,
    Offered,
    Pulled,
    Pushed,
    Queried,
    Recorded,
    Taught,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES = ("cat", "dog")


def said(key: str, item: str, *classes: str, source: str = "", by: str = "ann", minute: int = 0, **kw: Any) -> Answered:
    kind = kw.pop("kind", "label")
    return Answered(
        answer=Answer(
            key=key,
            source=source or key,
            item=item,
            kind=kind,
            classes=classes,
            annotator=by,
            seconds=kw.pop("seconds", 4.0),
            at=START + timedelta(minutes=minute),
            question=kw.get("cluster", ""),
            ground_truth=kw.pop("truth", False),
            cluster=bool(kw.pop("cluster", "")),
        )
    )


def queried(number: int, *items: str | Question) -> Queried:
    return Queried(
        round=number,
        strategy="random",
        seed=(0, number),
        fingerprint="f",
        seconds=0.0,
        questions=tuple(i if isinstance(i, Question) else Question(kind="new", items=(i,)) for i in items),
    )


def waiting(history: History, of: RoundHistory | None = None) -> tuple[str, ...]:
    return tuple(question.id for question in history.waiting(of or history.rounds[-1]))


def asked_again(answered: Answered, question: str) -> Answered:
    answer = replace(answered.answer, key=f"{answered.key} again", source=f"{answered.key} again")
    return Answered(answer=replace(answer, question=question, asking=2))


def record(*events: Event) -> list[Recorded]:
    return [Recorded(seq=i + 1, at=START, event=e) for i, e in enumerate(events)]


def test_an_edit_replaces_the_answer_it_edits() -> None:
    history = fold(
        record(said("1@a", "x", "cat", source="1"), said("1@b", "x", "dog", source="1", minute=1)), classes=CLASSES
    )
    assert history.labels["x"].classes == ("dog",)
    assert len(history.answers) == 1


def test_an_edit_that_arrives_late_does_not_undo_a_newer_one() -> None:
    history = fold(
        record(said("1@b", "x", "dog", source="1", minute=1), said("1@a", "x", "cat", source="1")), classes=CLASSES
    )
    assert history.labels["x"].classes == ("dog",)


def test_a_deleted_answer_is_as_if_never_given() -> None:
    history = fold(
        record(said("1@a", "x", "cat", source="1"), said("1@d", "x", source="1", minute=1, kind="delete")),
        classes=CLASSES,
    )
    assert history.labels == {}
    assert history.answers == {}


def test_the_majority_of_annotators_decides_and_the_first_of_equals() -> None:
    votes = [
        said("1", "x", "dog", by="a"),
        said("2", "x", "cat", by="b", minute=1),
        said("3", "x", "cat", by="c", minute=2),
    ]
    history = fold(record(*votes), classes=CLASSES)
    assert (history.labels["x"].classes, history.labels["x"].votes, history.labels["x"].annotators) == (("cat",), 2, 3)
    assert fold(record(*votes[:2]), classes=CLASSES).labels["x"].classes == ("dog",)


def test_a_person_who_answers_twice_has_one_vote() -> None:
    history = fold(
        record(said("1", "x", "cat", by="a"), said("2", "x", "dog", by="a", minute=1), said("3", "x", "dog", by="b")),
        classes=CLASSES,
    )
    assert history.labels["x"].classes == ("dog",)
    assert history.labels["x"].annotators == 2


def test_a_skip_counts_only_while_nobody_labeled_the_item() -> None:
    skip = said("1", "x", kind="skip")
    assert fold(record(skip), classes=CLASSES).skipped == {"x"}
    assert fold(record(skip, said("2", "x", "cat", by="b")), classes=CLASSES).skipped == frozenset()


def test_an_unknown_class_is_set_aside_and_counts_again_when_it_comes_back() -> None:
    events = record(said("1", "x", "fox"))
    assert fold(events, classes=CLASSES).labels == {}
    assert [a.classes for a in fold(events, classes=CLASSES).quarantined] == [("fox",)]
    assert fold(events, classes=(*CLASSES, "fox")).labels["x"].classes == ("fox",)


def test_a_round_waits_for_what_nobody_labeled_or_skipped() -> None:
    history = fold(
        record(queried(1, "x", "y", "z"), said("1", "x", "cat"), said("2", "y", kind="skip")), classes=CLASSES
    )
    assert history.open_round is not None
    assert waiting(history, history.open_round) == ("z",)


def test_a_closed_round_is_no_longer_open() -> None:
    history = fold(record(queried(1, "x"), Closed(round=1, why="by hand")), classes=CLASSES)
    assert history.open_round is None
    assert len(history.rounds) == 1


def test_the_digest_names_the_labels_whatever_the_order() -> None:
    one = fold(record(said("1", "x", "cat"), said("2", "y", "dog")), classes=CLASSES)
    other = fold(record(said("2", "y", "dog"), said("1", "x", "cat")), classes=CLASSES)
    changed = fold(record(said("1", "x", "cat"), said("2", "y", "cat")), classes=CLASSES)
    assert one.digest() == other.digest() != changed.digest()


def test_the_digest_says_what_nobody_could_say_of_an_item_and_is_what_it_was_where_everything_is_said() -> None:
    from hashlib import sha256

    first = [Offered(project="1", classes=CLASSES, turn=0), said("1", "x", "cat"), said("2", "y")]
    joined = Offered(project="1", classes=(*CLASSES, "fox"), turn=3)
    start = [Recorded(seq=i, at=START, event=e) for i, e in enumerate(first)]
    later = Recorded(seq=3, at=START + timedelta(hours=1), event=joined)
    looked = Recorded(seq=4, at=START + timedelta(hours=2), event=said("3", "y", by="bob", minute=120))
    before, open_, known = (
        fold(events, classes=CLASSES, kind=SEVERAL) for events in (start, [*start, later], [*start, later, looked])
    )
    assert before.digest() == sha256(b"x\tcat\ny\t").hexdigest()[:16]
    assert open_.labels["y"].unknown == ("fox",) and known.labels["y"].unknown == ()
    assert open_.labels["y"].classes == known.labels["y"].classes == ()
    assert len({before.digest(), open_.digest(), known.digest()}) == 3


def test_another_head_or_other_vectors_are_another_model_although_the_labels_are_the_same() -> None:
    def taught(turn: int, *, head: str = "logistic", fingerprint: str = "7ab37585de955f11") -> Taught:
        return Taught(
            round=1, head=head, fingerprint=fingerprint, labels=1, digest="80d417319ee633af", seconds=0.0, turn=turn
        )

    asked = [queried(1, "x"), said("1", "x", "cat")]
    learned = [taught(2), taught(3, fingerprint="d204f1c3b2679edd"), taught(4, head="prototype"), taught(5)]
    names = [fold(record(*asked, *learned[:n]), classes=CLASSES).model for n in range(5)]
    assert names[:2] == ["cold", "round-1-80d417-logistic-7ab375"]
    assert len(set(names)) == 4 and names[4] == names[1]  # taken back, it is the same again


EVENTS = st.one_of(
    st.builds(
        lambda source, version, item, name, by, kind: said(
            f"{source}@{version}",
            item,
            *((name,) if kind == "label" else ()),
            source=source,
            by=by,
            minute=version,
            kind=kind,
        ),
        st.sampled_from("1234"),
        st.integers(0, 3),
        st.sampled_from("xyz"),
        st.sampled_from(["cat", "dog", "fox"]),
        st.sampled_from("ab"),
        st.sampled_from(["label", "skip", "delete"]),
    ),
    st.builds(lambda n: queried(n, "x", "y"), st.integers(1, 2)),
    st.builds(lambda n: Closed(round=n, why=""), st.integers(1, 2)),
    st.builds(lambda w: Pulled(watermark=w), st.sampled_from("ab")),
    st.builds(lambda n: Pushed(round=n, model="m", new=1, suggestions=0, where="w", project="p"), st.integers(1, 2)),
    st.builds(
        lambda n: Taught(round=n, head="h", fingerprint="f", labels=1, digest="d", seconds=0.0), st.integers(1, 2)
    ),
)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_folding_a_ledger_twice_over_changes_nothing(events: list[Event]) -> None:
    recorded = record(*events)
    assert fold(recorded + recorded, classes=CLASSES) == fold(recorded, classes=CLASSES)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_an_item_is_never_both_labeled_and_skipped(events: list[Event]) -> None:
    history = fold(record(*events), classes=CLASSES)
    assert not history.skipped & history.labels.keys()
    assert all(set(label.classes) <= set(CLASSES) for label in history.labels.values())


def _answer(item: str, name: str, who: str, minute: int, kind: str = "label") -> Answered:
    classes = (name,) if kind == "label" else ()
    return said(f"{item}/{who}/{minute}", item, *classes, source=f"{item}/{who}", by=who, minute=minute, kind=kind)


def _folded(*events: Event, kind: LabelKind = ONE) -> History:
    return fold([Recorded(seq=i, at=START, event=e) for i, e in enumerate(events)], classes=CLASSES, kind=kind)


def test_a_person_who_has_often_been_wrong_counts_for_less_than_one_who_has_not() -> None:
    events = []
    for i in range(12):  # three agree, one answers at random
        events += [_answer(f"i{i}", "cat" if i % 2 else "dog", who, i) for who in ("ann", "bob")]
        events.append(_answer(f"i{i}", "cat" if i % 3 else "dog", "carl", i))
    # carl was first, and ann was right wherever she can be compared
    disputed = [_answer("x", "dog", "carl", 40), _answer("x", "cat", "ann", 41)]
    history = _folded(*events, *disputed)
    assert history.labels["x"].classes == ("cat",)
    assert history.people["ann"].reliability > history.people["carl"].reliability + 0.2
    assert history.people["ann"].compared == 13
    certain = history.labels["x"].certainty
    assert certain is not None and 0.5 < certain < 1


def test_of_two_people_of_whom_nothing_is_known_the_first_is_believed() -> None:
    history = _folded(_answer("x", "dog", "ann", 1), _answer("x", "cat", "bob", 2))
    assert history.labels["x"].classes == ("dog",) and history.labels["x"].votes == 1
    assert _folded(_answer("x", "dog", "ann", 1)).labels["x"].certainty is None


def test_a_second_asking_is_about_the_same_item_and_waits_for_an_answer_of_its_own() -> None:
    second = Question(kind="again", items=("x",), asking=2)
    again, asked = second.id, queried(1, "y", second)
    first = [_answer("x", "dog", "ann", 1)]

    def history(*more: Event) -> History:
        return _folded(asked, *first, *more)

    def again_by(who: str, what: str, kind: str = "label") -> Answered:
        return asked_again(_answer("x", what, who, 2, kind), again)

    opened = history().open_round
    assert opened is not None
    assert waiting(history(), opened) == ("y", again)
    assert waiting(history(again_by("bob", "", "skip")), opened) == ("y",)
    assert "x" not in history(again_by("bob", "", "skip")).skipped  # it has a label
    told = history(again_by("bob", "cat"), again_by("eve", "cat"))
    assert waiting(told, opened) == ("y",)
    assert set(told.labels) == {"x"} and told.labels["x"].classes == ("cat",) and told.labels["x"].annotators == 3
    changed = history(again_by("ann", "cat"))  # the same person, asked again, has changed her mind
    assert changed.labels["x"].classes == ("cat",) and changed.labels["x"].annotators == 1
    assert sum(a.seconds for a in changed.answers.values()) == 8.0  # both times count


def test_a_class_that_nobody_gave_an_item_may_be_the_likeliest_and_one_that_was_given_is_still_believed() -> None:
    events, minute = [], 0
    for i in range(10):  # where eve says a and sam says c, it is b
        for name, said_by in (
            (f"x{i}", {"ann": "b", "bob": "b", "eve": "a", "sam": "c"}),
            (f"y{i}", dict.fromkeys(("ann", "bob", "eve", "sam"), "a")),
            (f"z{i}", dict.fromkeys(("ann", "bob", "eve", "sam"), "c")),
        ):
            for who, what in said_by.items():
                minute += 1
                events.append(_answer(name, what, who, minute))
    events += [_answer("q", "a", "eve", 900), _answer("q", "c", "sam", 901)]
    label = fold(record(*events), classes=("a", "b", "c")).labels["q"]
    assert label.classes in (("a",), ("c",))
    assert label.certainty is not None and label.certainty < 0.5


def test_what_was_asked_again_says_nothing_about_how_reliable_people_are() -> None:
    events: list[Event] = []
    for i in range(20):  # at first they always agree
        events += [_answer(f"i{i}", "cat" if i % 2 else "dog", who, i) for who in ("ann", "bob")]
    plain = _folded(*events)
    for i in range(15):  # and never on what is doubted
        events.append(_answer(f"j{i}", "cat" if i % 2 else "dog", "ann", 30 + i))
        events.append(asked_again(_answer(f"j{i}", "dog" if i % 2 else "cat", "bob", 60 + i), f"j{i} again"))
    doubted = _folded(*events)
    assert doubted.people == plain.people
    assert doubted.people["bob"].compared == 20
    assert doubted.labels["j0"].annotators == 2 and doubted.labels["j0"].certainty is not None


def test_an_answer_with_an_unknown_class_outranks_the_machine_too() -> None:
    machine = tuple(MachineLabel(id=i, classes=("cat",), probability=1.0) for i in ("x", "y"))
    accepted = Accepted(
        error=0.1,
        delta=0.1,
        per_class=False,
        items=machine,
        audit=(),
        calibration=9,
        wrong=0,
        fingerprint="f",
        digest="d",
        turn=0,
    )
    assert set(fold(record(accepted, said("1", "x", "fox")), classes=CLASSES).machine) == {"y"}


def test_what_was_confirmed_with_its_cluster_says_nothing_about_how_reliable_people_are() -> None:
    alone = [said(f"{by}{i}", f"i{i}", CLASSES[i % 2], by=by) for i in range(20) for by in ("ann", "bob")]
    confirmed = [
        said(f"{by} g{i}", f"g{i}", CLASSES[(i + (by == "bob")) % 2], by=by, cluster="g" if by == "ann" else "")
        for i in range(20)
        for by in ("ann", "bob")
    ]
    plain, both = fold(record(*alone), classes=CLASSES), fold(record(*alone, *confirmed), classes=CLASSES)
    assert both.people == plain.people
    assert len(both.labels) == 40
    assert not both.only_confirmed  # bob looked at each alone


def test_an_item_apart_waits_no_longer_for_its_cluster_but_for_a_question_of_its_own() -> None:
    cluster = Question(id="g", kind="confirm", items=("a", "b"), proposed="cat")
    together = queried(1, cluster).model_copy(update={"strategy": CONFIRM})
    assert waiting(fold(record(together), classes=CLASSES)) == ("g",)
    told = [together, said("1", "a", "cat", cluster="g"), said("2", "b", kind="apart", cluster="g")]
    history = fold(record(*told, Closed(round=1, why=""), queried(2, "b")), classes=CLASSES)
    assert waiting(history, history.rounds[0]) == ()
    assert waiting(history, history.rounds[1]) == ("b",)
    assert (history.apart, history.confirmed) == ({"b"}, {"a": ("cat",)})
    assert not history.skipped


def test_ground_truth_decides_against_two_others_a_later_one_and_one_of_the_same_person() -> None:
    truth = said("1", "a", "cat", by="ann", minute=1, truth=True)
    others = [said(who, "a", "dog", by=who, minute=i) for i, who in ((0, "bob"), (2, "cid"), (3, "dan"), (4, "ann"))]
    others.insert(1, truth)
    label = _folded(*others).labels["a"]
    assert (label.classes, label.votes, label.annotators, label.certainty) == (("cat",), 0, 4, None)
    newer = said("9", "a", "dog", by="eve", minute=9, truth=True)
    assert _folded(*others, newer).labels["a"].classes == ("dog",)
    # a class that the project does not have: the others must not decide in its place
    unknown = said("9", "a", "cow", by="eve", minute=9, truth=True)
    history = _folded(*others, unknown)
    assert history.labels == {} and history.set_aside == {"a"}


def test_ground_truth_decides_about_every_class_that_it_could_give() -> None:
    truth = said("1", "a", "cat", by="ann", minute=1, truth=True)
    others = [said(str(i), "a", "dog", by=who, minute=i) for i, who in ((2, "bob"), (3, "cid"))]
    assert _folded(*others, truth, kind=SEVERAL).labels["a"].classes == ("cat",)
    assert _folded(*others, said("1", "a", minute=1, truth=True), kind=SEVERAL).labels["a"].classes == ()
