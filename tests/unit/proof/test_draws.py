"""Which draws measure a project, and which items they speak for."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.ledger.schema import Closed, Missing, Tuned
from activessl.measuring.quality.calibration_split import calibration_half
from activessl.proof.draws import RandomDraws, _more_than_chance, random_draws

IDS = tuple("abcdefgh")


def names(found: RandomDraws, snapshot) -> tuple[str, str]:
    """The drawn items with a class, and those without."""
    ids, rows = snapshot.embeddings.ids, snapshot.training[0]
    return "".join(ids[rows[i]] for i in found.at), "".join(ids[row] for row in found.lost)


def test_each_draw_keeps_its_own_probability_round_and_outcome(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(8),
        tell.asked(1, *tell.drawn("c", "b", chance=0.2), *tell.chosen("h")),
        tell.said("c", "cat"),
        tell.said("b", kind="skip"),
        tell.said("h", "cat"),
        Closed(round=1, why=""),
        tell.asked(2, *tell.drawn("a", chance=0.3), *tell.drawn("d", chance=0.4), *tell.drawn("e", chance=0.5)),
        tell.said("a", "dog", suggested="dog"),
        tell.said("d", "cow"),
        ids=IDS,
    )
    found = random_draws(taken, 10)
    assert names(found, taken) == ("ac", "bd")  # e may still be answered, and h was not drawn
    assert (found.chance.tolist(), found.rounds.tolist(), found.seen.tolist()) == ([0.3, 0.2], [2, 1], [True, False])
    assert (found.lost_chance.tolist(), found.lost_rounds.tolist()) == ([0.2, 0.4], [1, 2])
    assert found.unknown.tolist() == [False, True]
    assert found.told == 3 and found.items == 8 and found.newer == 0
    assert found.all_rounds.tolist() == [2, 1, 1, 2] and found.all_chances.tolist() == [0.3, 0.2, 0.2, 0.4]
    part = found.with_lost(np.array([False, True]))
    assert names(part, taken) == ("ac", "d")
    assert (part.lost_chance.tolist(), part.lost_rounds.tolist(), part.unknown.tolist()) == ([0.4], [2], [True])


def test_a_promise_rests_on_no_draw_by_weights_of_a_cluster_or_with_a_suggestion(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(8),
        tell.asked(
            1,
            *tell.drawn("a"),
            *tell.drawn("b", uniform=False),
            *tell.drawn("c"),
            *tell.drawn("d", asking=2, confirmed=True),
        ),
        tell.said("a", "cat"),
        tell.said("b", "cat"),
        tell.said("c", "cat", suggested="cat"),
        tell.said("d", "cat", asking=2, question="d#again-2"),
        ids=IDS,
    )
    assert names(random_draws(taken, 10), taken)[0] == "abcd"
    assert names(random_draws(taken, 10, uniform=True), taken)[0] == "a"


def test_a_label_that_leaves_a_class_open_neither_counts_as_known_nor_as_left_out(tell, snapshot) -> None:
    """It does so by when it was given, not by what the item is: the class was added later."""
    taken = snapshot(
        tell.encoded(8),
        tell.asked(1, *tell.drawn(*"abcd")),
        *(tell.said(item, "cat") for item in "abc"),
        tell.said("d", kind="skip"),
        ids=IDS,
        data={"multi_label": True},
    )
    object.__setattr__(taken, "training", (np.arange(3), np.array([[1, 0], [1, -1], [0, -1]])))
    assert names(random_draws(taken, 10), taken) == ("a", "d")


def test_an_item_that_was_drawn_twice_counts_once_with_its_first_draw(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(8),
        tell.asked(1, *tell.drawn("a", "b", chance=0.2)),
        tell.said("b", "cat"),
        Closed(round=1, why=""),
        tell.asked(2, *tell.drawn("a", chance=0.6)),
        tell.said("a", "dog"),
        ids=IDS,
    )
    found = random_draws(taken, 10)
    assert names(found, taken) == ("ab", "") and found.chance.tolist() == [0.2, 0.2]
    assert found.rounds.tolist() == [1, 1]


def test_what_the_encoder_was_tuned_on_does_not_measure_it_and_half_of_the_rest_stands_for_the_other_half(
    tell, snapshot
) -> None:
    skipped = [f"s{i}" for i in range(40)]
    ids = ("a", "b", *skipped)
    tuned = Tuned(
        outcome="replaced", base="f", fingerprint="f", request="", why="", labels=2, before=0.5, after=0.6, low=0.0,
        high=0.2, level=0.9, taught=("a",), digest="d", steps=1, at_once=1, seconds=1.0, turn=50,
    )  # fmt: skip
    events = [
        tell.encoded(len(ids)),
        tell.asked(1, *tell.drawn(*ids)),
        tell.said("a", "cat"),
        tell.said("b", "cat"),
        *(tell.said(item, kind="skip") for item in skipped),
    ]
    before = snapshot(*events, ids=ids)
    assert len(random_draws(before, 10).lost) == 40
    after = snapshot(*events, tuned, ids=ids)
    found = random_draws(after, 10)
    assert names(found, after)[0] == "b"
    assert {ids[row] for row in found.lost} == calibration_half(skipped, 0)
    # an encoder that was taught no drawn item leaves all draws
    other = snapshot(*events, tuned.model_copy(update={"taught": ("z",)}), ids=ids)
    assert len(random_draws(other, 10).lost) == 40 and names(random_draws(other, 10), other)[0] == "ab"


def grown(tell, snapshot):
    """Three labels drawn from eight items, then two from these and four new ones; x came later."""
    return snapshot(
        tell.encoded(8),
        tell.asked(1, *tell.drawn("a", "b", "c")),
        *(tell.said(item, "cat") for item in "abc"),
        tell.encoded(12, ("w", "x", "y", "z"), turn=5),
        tell.asked(2, *tell.drawn("d", "x")),
        *(tell.said(item, "dog") for item in "dx"),
        ids=(*IDS, *"wxyz"),
    )


def test_with_few_newer_labels_the_older_draws_measure_and_leave_the_new_items_out(tell, snapshot) -> None:
    taken = grown(tell, snapshot)
    found = random_draws(taken, 3)
    assert names(found, taken)[0] == "abcd"  # x was not in the pool at the first draws
    assert (found.until, found.newer, found.items) == (0, 4, 8)


def test_with_enough_newer_labels_they_alone_measure_and_cover_the_new_items(tell, snapshot) -> None:
    taken = grown(tell, snapshot)
    found = random_draws(taken, 2)
    assert names(found, taken)[0] == "dx"
    assert (found.until, found.newer, found.items) == (1, 0, 12)
    assert found.rounds.tolist() == [2, 2]


def test_newer_draws_without_a_label_do_not_replace_older_labels(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(4),
        tell.asked(1, *tell.drawn("a", "b")),
        *(tell.said(item, "cat") for item in "ab"),
        tell.encoded(8, tuple("efgh"), turn=4),
        tell.asked(2, *tell.drawn("e", "f", "g")),
        tell.said("e", "cat"),
        *(tell.said(item, kind="skip") for item in "fg"),
        ids=IDS,
    )
    assert names(random_draws(taken, 2), taken) == ("ab", "")
    assert names(random_draws(taken, 1), taken) == ("e", "fg")


def test_new_items_that_are_gone_again_are_not_said_to_be_uncovered(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(4),
        tell.asked(1, *tell.drawn("a")),
        tell.said("a", "cat"),
        tell.encoded(8, tuple("efgh"), turn=4),
        Missing(items=("e", "b"), turn=4),
        ids=IDS,
    )
    assert random_draws(taken, 10).newer == 3


def test_a_pool_of_new_items_only_is_no_division_by_zero(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(2), tell.asked(1, *tell.drawn("a")), tell.said("a", "cat"), tell.encoded(2, ("x", "y"), turn=3),
        ids=("x", "y"),
    )  # fmt: skip
    found = random_draws(taken, 10)
    assert (found.items, found.newer, len(found.at)) == (1, 2, 0)


def test_draws_of_a_pool_that_nobody_knows_any_more_measure_nothing(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(8),
        tell.asked(1, *tell.drawn("a", "b")),
        *(tell.said(item, "cat") for item in "ab"),
        tell.encoded(8, None, turn=4),  # the same number of items, and perhaps others
        tell.asked(2, *tell.drawn("c", "d")),
        *(tell.said(item, "cat") for item in "cd"),
        ids=IDS,
    )
    found = random_draws(taken, 10)
    assert names(found, taken)[0] == "cd" and found.until == 1


def removed(tell, snapshot, gone: str, left: int):
    """Of eight items four were drawn and labeled; then some were deleted."""
    ids = tuple(item for item in "abcdefgh" if item not in gone)
    return snapshot(
        tell.encoded(8),
        tell.asked(1, *tell.drawn(*"abcd", chance=0.5)),
        *(tell.said(item, "cat") for item in "abcd"),
        tell.encoded(left, (), turn=6),
        ids=ids,
    )


def test_a_promise_knows_of_every_drawn_item_that_was_deleted(tell, snapshot) -> None:
    taken = removed(tell, snapshot, "ab", 6)
    found = random_draws(taken, 10, uniform=True)
    assert names(found, taken)[0] == "cd" and found.vanished == 2
    assert found.vanished_chance.tolist() == [0.5, 0.5] and found.vanished_rounds.tolist() == [1, 1]
    assert found.all_rounds.tolist() == [1, 1, 1, 1]


def test_an_accuracy_counts_deleted_draws_only_beyond_what_chance_explains(tell, snapshot) -> None:
    every = random_draws(removed(tell, snapshot, "abcd", 4), 10)
    assert every.vanished == 4  # all of the drawn ones, and none of the others
    fair = random_draws(removed(tell, snapshot, "abefg", 3), 10)
    assert fair.vanished == 0  # two of four drawn ones, and three of four others


def test_drawn_items_that_are_missing_now_are_deleted_for_the_accuracy_and_still_judge_a_promise(
    tell, snapshot
) -> None:
    taken = snapshot(
        tell.encoded(8),
        tell.asked(1, *tell.drawn(*"abcd")),
        *(tell.said(item, "cat") for item in "abcd"),
        Missing(items=tuple("abc"), turn=6),
        ids=IDS,
    )
    assert names(random_draws(taken, 10), taken)[0] == "d" and random_draws(taken, 10).vanished == 3
    judging = random_draws(taken, 10, uniform=True)
    assert names(judging, taken)[0] == "abcd" and judging.vanished == 0


def test_deletions_before_the_draws_that_count_explain_nothing(tell, snapshot) -> None:
    """Else people could hide what they deleted behind an older clean-up of the folder."""
    taken = snapshot(
        tell.encoded(30),
        tell.asked(1, *tell.drawn("a")),
        tell.said("a", "cat"),
        tell.encoded(8, ("g", "h"), turn=3),  # 24 items were removed
        tell.asked(2, *tell.drawn(*"bcde")),
        *(tell.said(item, "cat") for item in "bcde"),
        Missing(items=tuple("bcde"), turn=9),
        ids=IDS,
    )
    found = random_draws(taken, 0)
    assert found.until == 1 and found.vanished == 4


@pytest.mark.parametrize(
    ("deleted", "kept", "left", "there", "more"),
    [
        (10, 90, 100, 900, 0),  # a tenth of the drawn ones, a tenth of the others
        (40, 60, 130, 870, 24),  # a tenth of the others: 10 expected, 6 more by chance
        (5, 5, 5, 995, 5),  # none of the others
        (3, 7, 3, 7, 3),  # there are no others
        (2, 98, 500, 500, 0),  # fewer than of the others
        (0, 10, 0, 90, 0),
    ],
)
def test_deleted_draws_count_as_far_as_they_exceed_what_was_deleted_of_the_others(
    deleted: int, kept: int, left: int, there: int, more: int
) -> None:
    assert _more_than_chance(deleted, kept, left, there) == more
