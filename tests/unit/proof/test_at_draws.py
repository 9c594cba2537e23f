"""What had a label when each item was drawn: else a label would stand for items that were known already."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.proof.at_draws import AtDraws
from activessl.proof.draws import random_draws
from activessl.proof.estimates import Evidence

IDS = tuple("abcdefghij")


@pytest.fixture
def there(tell, snapshot) -> AtDraws:
    """Draws in rounds 1, 3 and 4 of ten items; new ones came after round 1, of which n was labeled and o set aside."""
    taken = snapshot(
        tell.encoded(10),
        tell.imported("j", "cat"),
        tell.asked(1, *tell.drawn("a"), *tell.chosen("b", "c")),
        tell.said("a", "cat"),
        tell.said("b", "dog"),
        tell.said("c", kind="skip"),
        tell.encoded(13, ("n", "o", "p"), turn=6),
        tell.asked(2, *tell.chosen("d", "n", "o", "p", "h")),
        tell.said("d", "cat"),
        tell.said("n", "cat"),
        tell.said("o", kind="skip"),
        tell.said("p", "cow"),
        tell.said("h", "cow"),
        tell.asked(3, *tell.drawn("e"), *tell.chosen("i")),
        tell.said("e", "cat"),
        tell.said("i", kind="skip"),
        tell.asked(4, *tell.drawn("f")),
        tell.said("f", "dog"),
        ids=(*IDS, *"nop"),
    )
    evidence = Evidence(taken)
    return AtDraws(taken, random_draws(taken, 10), evidence.asked[0])


def test_the_skipped_share_of_the_pool_is_that_before_each_draw(there: AtDraws) -> None:
    assert there.draws.rounds.tolist() == [1, 3, 4] and there.draws.items == 10
    # c before round 3, i besides before round 4; o came too late to be part of these ten items
    assert there.aside.tolist() == pytest.approx([0.0, 0.1, 0.2])


def test_what_was_labeled_before_each_draw_is_measured_by_those_labels_only(there: AtDraws) -> None:
    ids, rows = there.snapshot.embeddings.ids, there.snapshot.training[0]

    def which(labeled: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        seen.append("".join(ids[row] for row in (*rows[labeled], *unknown)))
        return np.array([len(seen), len(unknown)])

    seen: list[str] = []
    share, measured = there.before(which)
    # j was imported before the first draw; h has a class that the project lacks; n and p were added after it
    assert seen == ["j", "abdjh", "abdejh"]
    assert share.tolist() == pytest.approx([0.1, 0.5, 0.6])
    assert measured.tolist() == [[1, 0], [2, 1], [3, 1]]


def test_an_item_that_left_the_pool_was_not_set_aside_in_it(tell, snapshot) -> None:
    taken = snapshot(
        tell.encoded(4),
        tell.asked(1, *tell.chosen("x", "y")),
        tell.said("x", kind="skip"),
        tell.said("y", "cow"),
        tell.encoded(2, (), turn=4),
        tell.asked(2, *tell.drawn("a", "b")),
        *(tell.said(item, "cat") for item in "ab"),
        ids=("a", "b"),
    )
    at = AtDraws(taken, random_draws(taken, 1), Evidence(taken).asked[0])
    assert at.aside.tolist() == [0.0, 0.0]
    share, unknown = at.before(lambda rows, unknown: np.array(len(unknown)))
    assert share.tolist() == [0.0, 0.0] and unknown.tolist() == [0, 0]
