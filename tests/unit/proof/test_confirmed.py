"""What confirmed clusters amount to, and what their audit found."""

from __future__ import annotations

import pytest

from activessl.labels.questions import Question
from activessl.ledger.schema import CONFIRM, Event, Missing
from activessl.measuring.intervals import share_interval
from activessl.proof.confirmed import confirmed_count


def clusters(tell) -> list[Event]:
    """Two clusters: a, b, c, e, g are cats, d is sent back; of f people said a class that is not the project's."""
    one = Question(kind="confirm", items=tuple("abcd"), id="one")
    two = Question(kind="confirm", items=tuple("efg"), id="two")
    return [
        tell.encoded(20),
        tell.asked(1, one, two, strategy=CONFIRM),
        *(tell.said(item, "cat", question="one", cluster=True, seconds=0.5) for item in "abc"),
        tell.said("d", kind="apart", question="one", cluster=True, seconds=2.0),
        *(tell.said(item, "cat", question="two", cluster=True, seconds=1.0) for item in "eg"),
        tell.said("f", "cow", question="two", cluster=True, seconds=16.0),
    ]


def audit(tell, *items: str) -> Event:
    return tell.asked(2, *tell.drawn(*items, asking=2, confirmed=True))


def test_clusters_count_the_confirmed_items_those_sent_back_and_their_time(tell) -> None:
    found = confirmed_count(tell.history(*clusters(tell)))
    assert found is not None
    assert (found.clusters, found.confirmed, found.apart) == (2, 5, 1)
    assert found.seconds == 3 * 0.5 + 2.0 + 2 * 1.0
    assert (found.looked_at, found.open, found.wrong) == (0, 0, 0)
    assert (found.low, found.high) == (0.0, 1.0)  # nothing is known before an audit
    text = found.to_text()
    assert text == "5 items confirmed in 2 clusters, 1 sent back, 0.9 s for each item"


def test_an_audit_of_clusters_finds_the_items_that_a_second_look_calls_otherwise(tell) -> None:
    history = tell.history(
        *clusters(tell),
        audit(tell, *"abceg"),
        tell.said("a", "cat", asking=2, question="a#again-2", at=9),
        tell.said("b", "dog", asking=2, question="b#again-2", at=9),
        tell.said("c", kind="skip", asking=2, question="c#again-2", at=9),
        Missing(items=("e",), turn=12),
    )
    found = confirmed_count(history)
    assert found is not None
    # the skip of c is an answer, e is gone: only g waits
    assert (found.looked_at, found.wrong, found.open) == (2, 1, 1)
    assert (found.low, found.high) == share_interval(1, 2)
    low, high = (100 * end for end in share_interval(1, 2))
    _, audited, waits = found.to_text().split("; ")
    assert audited == f"audit: 1 of 2 items wrong (90 % interval {low:.1f} to {high:.1f} %)"
    assert waits == "1 items of the audit wait for an answer"


def test_a_second_label_that_nobody_drew_is_no_part_of_the_audit(tell) -> None:
    doubted = Question(kind="again", items=("a",), asking=2)
    history = tell.history(
        *clusters(tell),
        tell.asked(2, doubted, *tell.drawn("z")),
        tell.said("a", "dog", asking=2, question="a#again-2", at=9),
        tell.said("z", "dog", at=9),
    )
    found = confirmed_count(history)
    assert found is not None and (found.looked_at, found.open) == (0, 0)


@pytest.mark.parametrize("labeled", [False, True])
def test_without_an_answered_cluster_there_is_nothing_to_count(tell, labeled: bool) -> None:
    events = [tell.asked(1, *tell.drawn("a")), tell.said("a", "cat")] if labeled else []
    assert confirmed_count(tell.history(*events)) is None


def test_one_cluster_without_times_claims_no_pace(tell) -> None:
    one = Question(kind="confirm", items=("a", "b"), id="one")
    history = tell.history(
        tell.asked(1, one, strategy=CONFIRM),
        *(tell.said(item, "cat", question="one", cluster=True, seconds=None) for item in "ab"),
    )
    found = confirmed_count(history)
    assert found is not None and found.to_text() == "2 items confirmed in 1 cluster, 0 sent back"
