"""The draws that judge an acceptance: what left the pool since, and how its mistakes are counted."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.ledger.schema import Missing
from activessl.proof.calibration_set import CalibrationSet, calibration_set
from activessl.proof.draws import random_draws

CAT, DOG = 0, 1


def calibrated(taken, rest: str, *, said: dict[str, int] | None = None, error: float = 0.1) -> CalibrationSet:
    """All draws judge; every item is predicted to be a cat, or what ``said`` says."""
    ids = taken.embeddings.ids
    drawn = random_draws(taken, 1_000, uniform=True)
    predicted = np.array([(said or {}).get(item, CAT) for item in ids])
    rows = np.array([ids.index(item) for item in rest], dtype=np.int64)
    return calibration_set(taken, drawn, drawn.at, rows, predicted, error)


def named(taken, rows: np.ndarray) -> str:
    return "".join(taken.embeddings.ids[row] for row in rows)


def test_a_drawn_item_is_wrong_where_people_say_another_class_none_or_one_that_is_unknown(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(6),
        tell.asked(1, *tell.drawn(*"abcd")),
        tell.said("a", "cat"),
        tell.said("b", "dog"),
        tell.said("c", kind="skip"),
        tell.said("d", "cow"),
        ids=tuple("abcdef"),
    )
    found = calibrated(taken, "ef")
    assert dict(zip(named(taken, found.rows), found.wrong.tolist(), strict=True)) == {
        "a": False, "b": True, "c": True, "d": True,
    }  # fmt: skip
    assert len(found.left) == len(found.left_wrong) == found.gone == found.vanished == 0


def test_what_left_the_pool_since_the_draws_is_told_and_wrong_only_where_this_is_known(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(20),
        tell.asked(1, *tell.chosen("o")),
        tell.said("o", "dog"),
        tell.asked(2, *tell.drawn("a", "b"), *tell.chosen("s")),
        tell.said("a", "cat"),
        tell.said("b", "cat"),
        tell.said("s", "dog"),
        tell.imported("i", "dog"),
        tell.asked(3, *tell.chosen("l", "k", "u", "r")),
        tell.said("l", "dog"),
        tell.said("k", kind="skip"),
        tell.said("u", "cow"),
        tell.said("r", "cat"),
        tell.imported("n", "dog"),
        Missing(items=("m",), turn=14),
        ids=tuple("abolskiurmnef"),
    )
    found = calibrated(taken, "ef")
    left = dict(zip(named(taken, found.left), found.left_wrong.tolist(), strict=True))
    # o had its label before the draws: it was no part of what they were drawn from
    assert left == {"l": True, "s": True, "k": False, "i": True, "u": True, "r": False, "m": False, "n": True}
    assert named(taken, found.rows) == "ab"


def test_what_left_before_the_last_draw_is_not_known_to_be_wrong(tell, snapshot) -> None:
    """Else a head could be judged by items that could not be drawn any more."""
    taken = snapshot(
        tell.encoded(20),
        tell.asked(1, *tell.drawn("a"), *tell.chosen("s")),
        tell.said("a", "cat"),
        tell.said("s", "dog"),
        tell.asked(2, *tell.drawn("b"), *tell.chosen("t")),
        tell.said("b", "cat"),
        tell.said("t", "dog"),
        ids=tuple("abstefgh"),
    )
    found = calibrated(taken, "efgh")
    assert named(taken, found.rows) == "ab"
    assert dict(zip(named(taken, found.left), found.left_wrong.tolist(), strict=True)) == {"s": False, "t": True}


def test_an_item_that_a_cluster_sent_back_was_asked_before_the_draw_of_its_round(tell, snapshot) -> None:
    (back,) = tell.chosen("s")
    (other,) = tell.chosen("r")
    taken = snapshot(
        tell.encoded(20),
        tell.asked(1, *tell.drawn("a"), back.model_copy(update={"sent_back": True}), *tell.chosen("t")),
        tell.said("a", "cat"),
        tell.said("s", "dog"),
        tell.said("t", "dog"),
        tell.asked(2, other.model_copy(update={"sent_back": True})),
        tell.said("r", "dog"),
        ids=tuple("astrefgh"),
    )
    found = calibrated(taken, "efgh")
    left = dict(zip(named(taken, found.left), found.left_wrong.tolist(), strict=True))
    assert left == {"s": False, "t": True, "r": True}  # r was sent back after the draw


def test_items_that_were_added_after_the_draws_or_may_be_accepted_did_not_leave(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(6),
        tell.asked(1, *tell.drawn("a", "b")),
        *(tell.said(item, "cat") for item in "ab"),
        tell.encoded(8, ("x", "y"), turn=4),
        tell.asked(2, *tell.chosen("x", "c")),
        *(tell.said(item, "dog") for item in "xc"),
        Missing(items=("y", "e"), turn=8),
        ids=tuple("abcdefxy"),
    )
    found = calibrated(taken, "df")
    assert named(taken, found.left) == "ce"
    assert calibrated(taken, "dfe").left.tolist() == [2]


def test_a_label_by_a_cluster_takes_an_item_out_of_what_can_be_accepted(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(6),
        tell.asked(1, *tell.drawn("a", "b")),
        *(tell.said(item, "cat") for item in "ab"),
        tell.asked(2, *tell.chosen("c")),
        tell.said("c", "dog", cluster=True),
        ids=tuple("abcdef"),
    )
    found = calibrated(taken, "df")
    assert (named(taken, found.left), found.left_wrong.tolist()) == ("c", [True])


@pytest.mark.parametrize(("between", "judges"), [("", "abc"), ("stuvw", "bc")])
def test_early_draws_count_unless_much_left_the_pool_after_them(tell, snapshot, between: str, judges: str) -> None:
    """With one draw, five items leave, then two draws: the three judge 12 items, the two only 6, and more sharply."""
    taken = snapshot(
        tell.encoded(20),
        tell.asked(1, *tell.drawn("a")),
        tell.said("a", "cat"),
        tell.asked(2, *tell.chosen(*(between or "o"))),
        *(tell.said(item, "cat") for item in between or "o"),
        tell.asked(3, *tell.drawn("b", "c")),
        *(tell.said(item, "cat") for item in "bc"),
        ids=(*"abcefgh", *(between or "o")),
    )
    assert named(taken, calibrated(taken, "efgh").rows) == judges


@pytest.mark.parametrize(("removed", "judges", "gone"), [(1, "abc", 1), (5, "bc", 0)])
def test_early_draws_count_unless_much_was_deleted_after_them(
    tell, snapshot, removed: int, judges: str, gone: int
) -> None:
    taken = snapshot(
        tell.encoded(20),
        tell.asked(1, *tell.drawn("a")),
        tell.said("a", "cat"),
        tell.encoded(20 - removed, (), turn=3),
        tell.asked(2, *tell.drawn("b", "c")),
        *(tell.said(item, "cat") for item in "bc"),
        ids=tuple("abcefgh"),
    )
    found = calibrated(taken, "efgh")
    assert (named(taken, found.rows), found.gone) == (judges, gone)


def test_drawn_items_that_were_deleted_are_told_apart_from_the_other_deleted_ones(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(20),
        tell.asked(1, *tell.drawn(*"abcd")),
        *(tell.said(item, "cat") for item in "abcd"),
        tell.encoded(15, (), turn=6),  # of the five one was drawn
        ids=tuple("abcefgh"),
    )
    found = calibrated(taken, "efgh")
    assert (found.vanished, found.gone) == (1, 4)


def test_a_pool_with_nothing_left_to_accept_is_no_logarithm_of_zero(tell, snapshot) -> None:
    taken = snapshot(tell.encoded(1), tell.asked(1, *tell.drawn("a")), tell.said("a", "cat"), ids=("a",))
    found = calibrated(taken, "")
    assert named(taken, found.rows) == "a" and len(found.left) == 0
