"""Which predictions become labels without review: the promise rests on what people drew and nobody taught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from activessl.errors import LabelError, MeasureError, QueryError
from activessl.ledger.schema import AUDIT, Closed, MachineLabel, Tried
from activessl.measuring.quality.autolabel import Acceptance
from activessl.measuring.quality.calibration_split import calibration_half
from activessl.proof.acceptance import LOOKED_AT, Judged, _above, events_of, judge

KEPT = Acceptance(0.05, 0.1, 0.9, 400, 80, 1, None, class_index=0)
SHUT = Acceptance(0.05, 0.1, None, 0, 30, 2, 90, class_index=1)
HOPELESS = replace(SHUT, needed=None, obstacle="error")


def judged(*results: Acceptance, **more: object) -> Judged:
    told = {"items": (), "audit": (), "look": "l", "attempt": 1, "halved": False, "newer": 0, "left": 1_000}
    return Judged(results, **(told | more))


def test_the_labels_that_are_still_needed_are_those_of_the_class_that_needs_most() -> None:
    assert judged(SHUT).more == 60
    assert judged(SHUT, replace(SHUT, needed=200), HOPELESS).more == 170
    assert judged(replace(SHUT, needed=25)).more == 1  # enough by number, but another look needs another label
    assert judged(KEPT).more is None and judged(HOPELESS).more is None


@pytest.mark.parametrize(("left", "more"), [(60, 60), (61, 60), (59, None), (0, None)])
def test_labels_that_cannot_be_given_are_not_asked_for(left: int, more: int | None) -> None:
    found = judged(SHUT, left=left)
    assert found.more == more
    if more is None:
        assert found.to_text().startswith(f"only {left} more items can be labeled") and "--error" in found.to_text()
    else:
        assert found.to_text() == "`activessl query --strategy random --size 60` asks people to label them"


def test_what_limits_a_promise_is_told_and_nothing_where_nothing_does() -> None:
    item = (MachineLabel(id="a", classes=("cat",), probability=0.9),)
    assert judged(KEPT, items=item).to_text() == ""
    assert judged(KEPT, SHUT, items=item).to_text() == ""  # some classes are accepted
    assert judged(HOPELESS).to_text() == ""
    text = judged(KEPT, items=item, halved=True, newer=1_200, attempt=3).to_text()
    assert [part.partition(":")[0] for part in text.split("; ")] == [
        "most labels are random labels",
        "1,200 items were added after these labels were drawn and are left out",
        "attempt 3",
    ]


def test_items_are_accepted_at_or_above_the_threshold_of_their_own_class() -> None:
    predicted, sure = np.array([0, 0, 0, 1, 1, 2]), np.array([0.95, 0.9, 0.89, 0.99, 0.7, 1.0])
    rest = np.array([5, 4, 3, 2, 1])
    by_class = (KEPT, replace(SHUT, class_index=1), replace(KEPT, class_index=2, threshold=1.0))
    assert _above(by_class, rest, predicted, sure).tolist() == [5, 1]
    together = (replace(KEPT, class_index=None, threshold=0.7),)
    assert _above(together, rest, predicted, sure).tolist() == [5, 4, 3, 2, 1]
    assert _above((SHUT, HOPELESS), rest, predicted, sure).tolist() == []


PEOPLE = [f"p{i:03}" for i in range(300)]


@pytest.fixture
def world(tell, snapshot):
    """Makes a pool of two clear classes; the first items were chosen, the next ones drawn."""

    def make(chosen=40, drawn=80, *more, wrong=0, skipped=0, stop=None, uniform=True):
        rng = np.random.default_rng(0)
        y = np.arange(300) % 2
        vectors = 6 * np.eye(2, 6)[y] + rng.normal(size=(300, 6))
        ask = (*tell.chosen(*PEOPLE[:chosen]), *tell.drawn(*PEOPLE[chosen : chosen + drawn], uniform=uniform))
        truth = {item: ("cat", "dog")[k] for item, k in zip(PEOPLE, y, strict=True)}
        other = {"cat": "dog", "dog": "cat"}
        mistaken, skips = set(PEOPLE[chosen : chosen + wrong]), set(PEOPLE[chosen : chosen + skipped])
        events = [
            tell.encoded(300),
            tell.asked(1, *ask),
            *(
                tell.said(q.item, kind="skip")
                if q.item in skips
                else tell.said(q.item, other[truth[q.item]] if q.item in mistaken else truth[q.item])
                for q in ask
            ),
            Closed(round=1, why=""),
        ]
        return snapshot(*events, *more, ids=PEOPLE, vectors=vectors, stop=stop or {})

    return make


def ask(taken, *, error: float = 0.1, delta: float = 0.1, per_class: bool = False, audit: int = 0) -> Judged:
    return judge(taken, error=error, delta=delta, per_class=per_class, audit=audit)


def test_accepted_items_have_no_label_and_the_audit_is_drawn_from_them(world) -> None:
    taken = world(90, 80)
    found = ask(taken, audit=7)
    items = {one.id for one in found.items}
    assert len(items) > 100 and not items & taken.history.labels.keys()
    assert len(set(found.audit)) == 7 and items.issuperset(found.audit)
    assert list(found.audit) == sorted(found.audit)  # not by confidence
    assert len(ask(taken, audit=1_000).audit) == len(items)
    assert ask(taken).audit == () and not found.halved
    assert found.results[0].calibration <= 80  # the chosen ones do not judge
    assert {one.classes for one in found.items} == {("cat",), ("dog",)}
    assert min(one.probability for one in found.items) >= found.results[0].threshold


def test_an_item_that_people_skipped_or_that_is_missing_is_not_accepted(tell, world) -> None:
    from activessl.ledger.schema import Missing

    gone = (PEOPLE[200], PEOPLE[201], PEOPLE[202])
    taken = world(40, 80, tell.said(gone[0], kind="skip"), tell.said(gone[1], "cow"), Missing(items=gone[2:], turn=9))
    assert {one.id for one in ask(world()).items}.issuperset(gone)
    assert not {one.id for one in ask(taken).items} & set(gone)


def test_where_most_labels_are_random_half_of_them_teach_and_twice_as_many_are_needed(world) -> None:
    assert not ask(world(80, 80)).halved and ask(world(79, 80)).halved
    plain, halved = ask(world(30, 20)), ask(world(0, 40))
    assert halved.halved and halved.results[0].calibration < 30
    assert plain.results[0].needed is not None and halved.results[0].needed is not None
    assert halved.results[0].needed > 1.5 * plain.results[0].needed


def test_random_labels_with_mistakes_are_counted_and_let_fewer_items_through(world) -> None:
    found = ask(world(90, 80, wrong=20), error=0.05)
    assert found.items == () and found.results[0].wrong == 20


def test_skipped_draws_count_as_wrong_and_half_of_them_where_half_of_the_draws_judge(world) -> None:
    assert ask(world(90, 80, skipped=12)).results[0].wrong == 12
    halved = ask(world(0, 80, skipped=12))
    assert halved.halved and halved.results[0].wrong == len(calibration_half(PEOPLE[:12], 0)) not in (0, 12)


def test_a_draw_that_people_left_open_is_not_accepted_in_their_place(tell, world) -> None:
    asked = tell.asked(2, *tell.drawn(*PEOPLE[200:203]))
    taken = world(90, 80, asked, tell.said(PEOPLE[202], "cat", at=9), Closed(round=2, why=""))
    items = {one.id for one in ask(taken, error=0.2).items}
    assert {one.id for one in ask(world(90, 80)).items}.issuperset(PEOPLE[200:203])
    assert items and not items & set(PEOPLE[200:203])


def test_what_came_after_the_draws_is_not_accepted_and_is_counted(tell, world) -> None:
    taken = world(90, 80, tell.encoded(300, tuple(PEOPLE[200:210]), turn=500))
    found = ask(taken)
    assert found.newer == 10 and found.items and not {one.id for one in found.items} & set(PEOPLE[200:210])


@pytest.mark.parametrize(("wanted", "left"), [(None, 180), (150, 30), (1_000, 180), (60, 0)])
def test_how_many_items_can_still_be_labeled_is_limited_by_the_pool_and_the_config(
    world, wanted: int | None, left: int
) -> None:
    assert ask(world(stop={} if wanted is None else {"labels": wanted})).left == left


def test_the_same_look_is_the_same_attempt_and_any_other_is_the_next_one(world) -> None:
    first = ask(world())
    assert first.attempt == 1 and first == ask(world())
    others = [Tried(look="other"), Tried(look=first.look), Tried(look="third")]
    assert ask(world(40, 80, *others)).attempt == 2  # it was the second one
    later = world(40, 80, *others)
    looks = {ask(later, error=0.2).look, ask(later, delta=0.2).look, ask(later, per_class=True).look, first.look}
    assert len(looks) == 4 and ask(later, error=0.2).attempt == 4


def test_a_promise_for_each_class_tells_of_each_class_with_the_whole_probability(world) -> None:
    found = ask(world(), error=0.2, per_class=True)
    assert [one.class_index for one in found.results] == [0, 1]
    assert all(one.delta == 0.1 for one in found.results) and ask(world()).results[0].class_index is None


@pytest.mark.parametrize("error", [0.0, 1.0, -0.1])
def test_a_share_outside_its_range_is_named(world, error: float) -> None:
    with pytest.raises(MeasureError, match=f"an error of {error} is not between 0 and 1"):
        ask(world(), error=error)
    with pytest.raises(MeasureError, match=f"a delta of {error} is not between 0 and 1"):
        ask(world(), delta=error)


def test_a_promise_for_each_class_is_refused_where_an_item_may_have_several(tell, snapshot) -> None:
    events = (tell.encoded(2), tell.asked(1, *tell.drawn("a")), tell.said("a", "cat"))
    taken = snapshot(*events, ids=("a", "b"), data={"multi_label": True})
    object.__setattr__(taken, "training", (np.array([0]), np.array([[1, 0]])))
    with pytest.raises(MeasureError, match="a promise for each class needs items of one class each"):
        ask(taken, per_class=True)


def test_random_labels_drawn_by_weights_promise_nothing_and_the_hint_says_how_to_draw(world) -> None:
    with pytest.raises(LabelError, match="no random label was drawn with the same probability") as caught:
        ask(world(uniform=False))
    assert "query --strategy random" in caught.value.hint
    assert ask(world(drawn=0)).items == ()  # without any draw the number of labels is what is missing


def test_without_labels_the_next_step_is_told(snapshot, tell) -> None:
    with pytest.raises(LabelError, match="no labels yet"):
        ask(snapshot(tell.encoded(2), ids=("a", "b")))


def test_the_ledger_gets_the_promise_with_its_figures_and_a_blind_round_for_the_audit(world) -> None:
    taken = world()
    items = tuple(MachineLabel(id=item, classes=("cat",), probability=0.9) for item in PEOPLE[200:203])
    found = judged(KEPT, SHUT, replace(KEPT, calibration=20, wrong=2), items=items, audit=(PEOPLE[200],), attempt=4)
    accepted, queried = events_of(found, taken, error=0.05, delta=0.1, per_class=True)
    assert (accepted.calibration, accepted.wrong) == (100, 3)  # not those of the class that was not accepted
    assert (accepted.error, accepted.delta, accepted.per_class, accepted.look) == (0.05, 0.1, True, "l")
    assert accepted.items == items and accepted.turn == taken.history.events
    assert (queried.round, queried.strategy, queried.seed) == (2, AUDIT, (0, 4, 9))
    (question,) = queried.questions
    assert (question.kind, question.item, question.reason) == ("audit", PEOPLE[200], LOOKED_AT)
    assert question.blind and question.propensity is None  # no sample of the pool
    assert len(events_of(replace(found, audit=()), taken, error=0.05, delta=0.1, per_class=True)) == 1


def test_an_audit_opens_no_round_beside_an_open_one_and_says_what_to_do(tell, world) -> None:
    taken = world(40, 80, tell.asked(2, *tell.drawn(PEOPLE[250])))
    found = judged(KEPT, audit=(PEOPLE[200],))
    with pytest.raises(QueryError, match="round 2 is open"):
        events_of(found, taken, error=0.05, delta=0.1, per_class=False)
    assert len(events_of(replace(found, audit=()), taken, error=0.05, delta=0.1, per_class=False)) == 1
