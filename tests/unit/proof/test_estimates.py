"""The figures of a model: by heads that were not taught what measures them, and only where enough is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from activessl.errors import MeasureError, ProjectError
from activessl.labels.questions import Question
from activessl.ledger.schema import CONFIRM, Closed, Missing
from activessl.measuring.quality.audit import FEWEST, Audit
from activessl.measuring.savings.estimated import LiveSavings
from activessl.measuring.savings.live import PARTS, PUBLIC, UNKNOWN
from activessl.pool.progress import Progress
from activessl.project.snapshot import Snapshot
from activessl.proof import estimates
from activessl.proof.estimates import Evidence
from activessl.proof.measured import kept_measures

IDS = [f"i{k:02}" for k in range(60)]
AUDIT = Audit(0.9, 0.84, 0.94, 0.9, 100, 95.0, 0.9, 0.9)
LIVE = LiveSavings(100, 200.0, 0.5, 0.1, 0.7, 0.9, 20, -1.0, None, "replays")


def put(found: Evidence, **values: object) -> Evidence:
    for name, value in values.items():
        object.__setattr__(found, name, value)
    return found


@pytest.fixture
def world(tell, snapshot) -> Callable[..., Evidence]:
    """Makes a project of sixty items: 12 drawn and 8 chosen in round 1, then 8 drawn and 12 chosen in round 2."""
    names = {item: ("cat", "dog")[k % 2] for k, item in enumerate(IDS)}

    def make(*more, first: str = "auto", chosen: int = 12, skip: tuple[str, ...] = (), **config: object) -> Evidence:
        one = (*tell.drawn(*IDS[:12]), *tell.chosen(*IDS[12:20]))
        two = (*tell.drawn(*IDS[20:28], chance=0.2), *tell.chosen(*IDS[28 : 28 + chosen]))
        events = [tell.encoded(60), tell.asked(1, *one, strategy=first)]
        events += [_answer(tell, q.item, names, skip) for q in one]
        events += [tell.taught(1), Closed(round=1, why=""), tell.asked(2, *two, strategy=first)]
        events += [_answer(tell, q.item, names, skip) for q in two]
        events += [tell.taught(2, turn=1), Closed(round=2, why="")]
        rng = np.random.default_rng(0)
        vectors = 6 * np.eye(2, 6)[np.arange(60) % 2] + rng.normal(size=(60, 6))
        return Evidence(snapshot(*events, *more, ids=IDS, vectors=vectors, **config))

    return make


def _answer(tell, item: str, names: dict[str, str], skip: tuple[str, ...]):
    return tell.said(item, kind="skip") if item in skip else tell.said(item, names[item])


class Heads:
    """Notes what each head is taught and asked; it knows nothing."""

    def __init__(self, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taught: list[set[str]] = []
        self.asked: list[set[str]] = []
        self.item = {point.tobytes(): item for point, item in zip(snapshot.points, IDS, strict=True)}
        monkeypatch.setattr(Snapshot, "new_head", lambda _: self)

    def fit(self, points: np.ndarray, labels: np.ndarray) -> Heads:
        self.taught.append({self.item[point.tobytes()] for point in points})
        return self

    def predict_proba(self, points: np.ndarray) -> np.ndarray:
        self.asked.append({self.item[point.tobytes()] for point in points})
        return np.tile([0.6, 0.4], (len(points), 1))


def test_no_random_label_is_judged_by_a_head_that_was_taught_it(world, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world()
    heads = Heads(found.snapshot, monkeypatch)
    size, probs = found._answers(1.0)
    drawn = {*IDS[:12], *IDS[20:28]}
    assert len(heads.taught) == 5 and set().union(*heads.asked) == drawn
    for taught, asked in zip(heads.taught, heads.asked, strict=True):
        assert not taught & asked and taught | asked == set(IDS[:40])  # and it knows everything else
        assert len(asked) == 4
    assert size == 36 and probs.tolist() == [[0.6, 0.4]] * 20


def test_part_of_the_labels_are_those_that_came_first(world, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world()
    heads = Heads(found.snapshot, monkeypatch)
    size, _ = found._answers(0.25)
    assert size == 9
    for taught, asked in zip(heads.taught, heads.asked, strict=True):
        first = [item for item in IDS[:40] if item not in asked][:9]
        assert taught == set(first)


def test_heads_of_some_labels_are_taught_no_others(world, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world()
    heads = Heads(found.snapshot, monkeypatch)
    found._answers(1.0, np.arange(10, 40))
    assert set().union(*heads.taught) <= set(IDS[10:40]) and set(IDS[28:40]) <= set.intersection(*heads.taught)


def test_all_labels_are_learned_once_for_all_figures_and_some_of_them_apart(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world()
    heads = Heads(found.snapshot, monkeypatch)
    first, again = found._judged(1.0), found._judged(1.0)
    assert len(heads.taught) == 5 and first[0] == again[0] == 36
    assert first[1].tolist() == [k % 2 == 0 for k in (*range(12), *range(20, 28))]  # always the first class
    assert found._judged(1.0, np.arange(30))[0] < 30 and found._judged(0.5)[0] == 18
    assert len(heads.taught) == 15


def test_a_head_is_taught_at_least_two_labels(world, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world()
    heads = Heads(found.snapshot, monkeypatch)
    assert found._answers(0.001)[0] == 2
    assert all(taught <= {"i00", "i01", "i02", "i03", "i04", "i05", "i06"} for taught in heads.taught)


def test_no_head_is_taught_a_group_that_it_is_judged_by(world, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world(data={"group": "^(i.)"})  # six groups of ten
    heads = Heads(found.snapshot, monkeypatch)
    found._answers(1.0)
    for taught, asked in zip(heads.taught, heads.asked, strict=True):
        assert asked and not {item[:2] for item in taught} & {item[:2] for item in asked}


def test_where_all_taught_labels_agree_the_head_says_only_that_and_without_any_nothing(world) -> None:
    found = world()
    cats, asked = np.array([0, 2, 4]), np.array([1, 3])
    assert found._probs(cats, asked).tolist() == [[1.0, 0.0]] * 2
    assert found.learn(cats, asked).tolist() == [0, 0]
    assert found._probs(cats[:0], asked).tolist() == [[0.5, 0.5]] * 2


def test_measuring_tells_its_progress_head_by_head_and_never_more_than_all(world) -> None:
    told: list[Progress] = []
    found = world()
    object.__setattr__(found.snapshot, "on_progress", told.append)
    found._answers(1.0)
    assert [(one.done, one.total) for one in told] == [(k, estimates.USUAL_HEADS) for k in range(1, 6)]
    put(found, _heads=iter([10_000]))
    found._probs(np.arange(6), np.arange(2))
    assert told[-1].done == estimates.USUAL_HEADS


def test_labels_are_ordered_by_the_round_of_their_answer_and_then_as_they_were_asked(tell, snapshot) -> None:
    again = Question(kind="again", items=("e",), asking=2)
    events = [
        tell.encoded(6),
        tell.imported("f", "cat"),
        tell.asked(1, *tell.chosen("d", "b")),
        tell.said("b", "cat"),
        tell.asked(2, *tell.chosen("c", "a", "e"), again),
        *(tell.said(item, "dog") for item in "acde"),  # d was asked about in round 1, and answered in round 2
        tell.asked(3, Question(kind="confirm", items=("g",), id="one"), strategy=CONFIRM),
        tell.said("g", "cat", question="one", cluster=True),
    ]
    ids = tuple("abcdefg")
    found = Evidence(snapshot(*events, ids=ids))
    number, order = found.asked
    assert dict(zip(ids, number.tolist(), strict=True)) == {"a": 2, "b": 1, "c": 2, "d": 2, "e": 2, "f": 0, "g": 4}
    assert "".join(ids[i] for i in order) == "fbdcaeg"
    assert found.single.tolist() == [0, 1, 2, 3, 4, 5]


def test_without_vectors_labels_or_enough_draws_there_is_no_accuracy(world, tell, snapshot) -> None:
    assert Evidence(snapshot()).audit is None
    assert Evidence(snapshot(tell.encoded(2), ids=("a", "b"))).audit is None
    assert world().audit is not None
    few = world(skip=tuple([*IDS[:12], *IDS[20:28]][FEWEST - 1 :]))
    assert few.random.told == FEWEST - 1 and few.audit is None


def test_draws_that_ended_with_an_unknown_class_make_enough_for_an_accuracy(world, tell) -> None:
    skipped = tuple([*IDS[:12], *IDS[20:28]][FEWEST - 1 :])
    found = world(tell.said(skipped[0], "cow", at=9), skip=skipped)
    assert found.random.told == FEWEST
    audit = found.audit
    assert audit is not None and audit.unlabeled == 20 - FEWEST
    assert audit.accuracy < 1 and audit.accuracy == pytest.approx(0.9, abs=0.08)  # one draw of ten is wrong


def test_savings_are_not_estimated_without_an_accuracy_a_choice_or_with_many_imports(world, tell, monkeypatch) -> None:
    monkeypatch.setattr(estimates, "live_savings", lambda *_, **__: LIVE)
    assert world().live == LIVE
    assert put(world(), audit=None).live is None
    assert world(first="random").live is None
    assert world(*(tell.imported(item, "cat") for item in IDS[45:55])).live is None
    confirmed = world()
    put(confirmed, single=np.arange(12, 20))  # too few draws with a label of their own
    assert confirmed.live is None


def test_savings_get_single_labels_the_pool_and_what_was_spent_on_items_that_left(world, tell, monkeypatch) -> None:
    told: dict = {}

    def noted(learn, y, drawn, correct, **more) -> LiveSavings:
        told.update(more, y=y, drawn=drawn, correct=correct, learn=learn)
        return LIVE

    monkeypatch.setattr(estimates, "live_savings", noted)
    gone = [tell.asked(3, *tell.chosen("gone 1", "gone 2")), tell.said("gone 1", "cat"), tell.said("gone 2", "cat")]
    found = world(*gone)
    single = np.setdiff1d(np.arange(40), [0, 13])  # as if two labels were from clusters
    correct = np.zeros(40, dtype=bool)
    correct[28:] = True
    put(found, single=single, audit=AUDIT, correct=correct.copy())
    put(found, learn=lambda taught, asked: (taught.tolist(), asked.tolist()))
    assert found.live == LIVE
    assert (told["pool"], told["gone"], told["prior"]) == (60, 2, PUBLIC)
    assert told["y"].tolist() == (single % 2).tolist()
    drawn = {*range(12), *range(20, 28)}
    assert told["drawn"].tolist() == [i in drawn for i in single]
    # the draws are judged anew by heads of single labels, which are right; the rest stays; nothing else is changed
    assert told["correct"].tolist() == [i in drawn or i >= 28 for i in single]
    assert found.correct.tolist() == correct.tolist()
    assert told["learn"](np.array([0, 12]), np.array([37])) == ([1, 14], [39])


@pytest.mark.parametrize(
    ("first", "head", "several", "prior"),
    [
        ("auto", "logistic", False, PUBLIC),
        ("auto", "prototype", False, UNKNOWN),
        ("margin", "logistic", False, UNKNOWN),
        ("auto", "logistic", True, UNKNOWN),
    ],
)
def test_the_prior_of_savings_is_that_of_replays_only_where_projects_like_this_were_replayed(
    world, tell, snapshot, first: str, head: str, several: bool, prior
) -> None:
    events = (tell.asked(1, *tell.chosen("a"), strategy=first),)
    found = Evidence(snapshot(*events, ids=("a",), head={"name": head}, data={"multi_label": several}))
    assert found._expected() == prior


def test_labels_of_clusters_and_of_items_that_are_still_there_are_not_spent_in_vain(tell, snapshot) -> None:
    events = [
        tell.encoded(3),
        tell.asked(1, *tell.chosen("a", "gone")),
        *(tell.said(item, "cat") for item in ("a", "gone")),
        tell.asked(2, Question(kind="confirm", items=("lost", "b"), id="one"), strategy=CONFIRM),
        *(tell.said(item, "cat", question="one", cluster=True) for item in ("lost", "b")),
        tell.imported("far", "dog"),
        tell.asked(3, *tell.chosen("open")),
    ]
    assert Evidence(snapshot(*events, ids=("a", "b", "c")))._spent == 1


def test_a_curve_needs_random_labels_of_classes_of_the_project_and_says_how_many_there_are(world) -> None:
    drawn = (*IDS[:12], *IDS[20:28])
    few = world(skip=drawn[FEWEST - 1 :])
    put(few, audit=AUDIT)
    with pytest.raises(MeasureError, match=f"{FEWEST - 1} random labels are too few for a learning curve, {FEWEST}"):
        few.curve  # noqa: B018
    with pytest.raises(MeasureError, match="20 random labels"):
        put(world(), audit=None).curve  # noqa: B018
    enough = world(skip=drawn[FEWEST:])
    assert enough.curve.size > 0


def test_a_curve_goes_through_the_accuracy_on_test_data_at_the_labels_of_today(world, tell) -> None:
    outcomes = np.array([5.0, 20.0]), np.array([[0.0, 1.0] * 10, [1.0, 1.0] * 10])
    plain = put(world(), outcomes=outcomes).curve
    tested = put(world(tell.taught(2, turn=2, accuracy=0.7, test_items=10_000)), outcomes=outcomes).curve
    assert plain.size == 20.0 and tested.size == 40.0
    assert np.median(tested.error(40)) == pytest.approx(0.3, abs=0.01)


def test_the_outcomes_grow_with_the_labels_and_leave_clusters_out(world, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list = []

    def judged(self: Evidence, part: float, of: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        told.append((part, None if of is None else of.tolist()))
        return 40 * part, np.ones(20, dtype=bool)

    monkeypatch.setattr(Evidence, "_judged", judged)
    sizes, right = world().outcomes
    assert sizes.tolist() == [40 * part for part in PARTS] and right.shape == (len(PARTS), 20)
    assert told == [(part, None) for part in PARTS]
    put(world(), single=np.arange(30)).outcomes  # noqa: B018
    assert told[len(PARTS) :] == [(part, list(range(30))) for part in PARTS]


def test_a_calibration_compares_the_confidence_of_heads_that_did_not_know_the_labels_with_what_was_right(world) -> None:
    found = put(world(), audit=AUDIT)
    put(found, random=replace(found.random, at=np.arange(40)), _whole=(36.0, np.tile([0.9, 0.1], (40, 1))))
    assert found.calibration is not None
    assert (found.calibration.confidence, found.calibration.accuracy) == (0.9, 0.5)  # every other item is a dog
    assert put(world(), audit=AUDIT).calibration is None  # twenty are too few
    assert put(found.__class__(found.snapshot), audit=None).calibration is None


def test_class_figures_of_test_data_are_counted_in_the_order_of_the_classes(world, tell) -> None:
    found = world(tell.taught(2, turn=3, accuracy=0.9, test_items=30, per_class={"dog": (20, 15, 10)}))
    cat, dog = found.classes
    assert (cat.recall, cat.precision) == (None, None)
    assert dog.recall is not None and (dog.recall.share, dog.recall.items) == (0.5, 20)
    assert dog.precision is not None and dog.precision.share == pytest.approx(10 / 15)
    assert found.tested == 30
    assert put(world(), audit=None).classes == ()


def test_an_unknown_class_counts_against_the_precision_of_the_class_that_is_predicted_for_it(world, tell) -> None:
    plain = put(world(), said=np.arange(40) % 2, audit=AUDIT)
    decided = np.arange(60) % 2
    object.__setattr__(plain.snapshot, "decided", decided)
    strange = ("i00", "i02")  # drawn, predicted as cats
    other = put(world(*(tell.said(item, "cow", at=9) for item in strange), skip=strange), audit=AUDIT)
    put(other, said=np.delete(np.arange(40), [0, 2]) % 2)
    object.__setattr__(other.snapshot, "decided", decided)
    assert [one.precision.share for one in plain.classes] == [1.0, 1.0]
    cat, dog = other.classes
    assert cat.precision.share < 0.95 and dog.precision.share == 1.0
    assert cat.recall.share == dog.recall.share == 1.0  # neither is of one of these classes
    assert cat.recall.items == plain.classes[0].recall.items - 2


def test_before_the_first_head_an_unknown_class_is_no_mistake_of_the_first_class(world, tell) -> None:
    """A gate can be judged then, and nobody knows what will be predicted for these items."""
    strange = ("i01", "i12")  # a draw, and an item that was known at the draws of round 2
    found = put(world(*(tell.said(item, "cow", at=9) for item in strange), skip=strange), audit=AUDIT)
    put(found, said=np.delete(np.arange(40), [1, 12]) % 2)
    object.__setattr__(found.snapshot, "probs", None)
    assert [one.precision.share for one in found.classes] == [1.0, 1.0]
    assert [one.recall.share for one in found.classes] == [1.0, 1.0]


def test_figures_are_kept_and_read_again_without_teaching_a_head(world, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "embeddings" / "f").mkdir(parents=True)
    first = world()
    sizes, right = first.outcomes
    measured = first.measure()
    assert measured.audit is not None and measured.random_labels == 20 and (measured.newer, measured.gone) == (0, 0)

    def taught(_: Snapshot) -> None:
        raise AssertionError("a head is taught")

    monkeypatch.setattr(Snapshot, "new_head", taught)
    again = world()
    assert kept_measures(again.snapshot.project, again.snapshot.history) == measured  # as `status` reads them
    assert again.measure() == measured
    assert (again.outcomes[0] == sizes).all() and (again.outcomes[1] == right).all()


def test_what_was_kept_before_is_kept_with_what_is_measured_later(world) -> None:
    one = put(world(), audit=AUDIT)
    one.keep()
    two = put(world(), live=LIVE)
    two.keep()
    three = world()
    assert three._kept["audit"] == AUDIT.to_dict() and three._kept["live"] == LIVE.to_dict()
    nothing = put(world(), audit=None)
    nothing.keep()  # no new figure: what is there stays
    assert world()._kept["audit"] == AUDIT.to_dict()


def test_a_folder_that_cannot_be_written_costs_only_the_cache(world, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise ProjectError("no permission", hint="")

    monkeypatch.setattr(estimates, "write_kept", refused)
    put(world(), audit=AUDIT).keep()
    assert world()._kept == {}


def test_before_a_head_only_the_labels_of_items_that_are_gone_are_counted(tell, snapshot) -> None:
    events = [tell.encoded(2), tell.asked(1, *tell.chosen("a", "x")), *(tell.said(item, "cat") for item in "ax")]
    found = Evidence(snapshot(*events, ids=("a", "b"))).measure()
    assert (found.gone, found.audit, found.random_labels) == (1, None, 0)
    # without vectors, what is missing from the data is what is known
    blind = snapshot(*events, Missing(items=("x", "b"), turn=4), ids=("a", "b"))
    del blind.__dict__["embeddings"]
    assert Evidence(blind)._gone == 1


def test_items_that_the_figures_do_not_cover_are_told_only_with_figures(world, tell) -> None:
    more = tell.encoded(62, ("i58", "i59"), turn=99)
    found = put(world(more), audit=AUDIT)
    assert found._newer == 2 and found.newer_text.startswith("2 items were added after")
    without = put(world(more), audit=None)
    assert without._newer == 0 and without.newer_text == ""
