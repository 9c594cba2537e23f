"""Whether a project stops: by limits over figures that hold however often one looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from activessl.ledger.schema import Closed
from activessl.measuring.anytime import lower_bound
from activessl.measuring.planning.stopping import Verdict
from activessl.measuring.planning.worth import Worth
from activessl.measuring.quality.audit import Audit
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.proof.stopping import stop_now

IDS = tuple("abcdefgh")


def rounds(tell, *heads: dict | list[dict]) -> list:
    """One round for each head, or list of heads, each with one label."""
    events = [tell.encoded(8)]
    for number, (item, told) in enumerate(zip(IDS, heads, strict=False), start=1):
        events += [tell.asked(number, *tell.chosen(item)), tell.said(item, "cat" if number % 2 else "dog")]
        each = told if isinstance(told, list) else [told]
        events += [tell.taught(number, turn=turn, **one) for turn, one in enumerate(each)]
        events += [Closed(round=number, why="")]
    return events


def verdict(taken, audit: Audit | None = None) -> Verdict:
    evidence = Evidence(taken)
    object.__setattr__(evidence, "audit", audit)
    return stop_now(taken, evidence)


def test_predictions_that_stay_the_same_for_three_rounds_end_a_project_unless_it_does_not_want_this(
    tell, snapshot
) -> None:
    stable = rounds(tell, {"kappa": 0.5}, {"kappa": 1.0}, {"kappa": 1.0}, {"kappa": 1.0})
    assert verdict(snapshot(*stable, ids=IDS)).rule == "stable"
    assert not verdict(snapshot(*stable, ids=IDS, stop={"stable_kappa": False})).stop
    assert verdict(snapshot(*stable[:-4], ids=IDS)).rule == "none"  # two rounds


def test_agreement_between_heads_of_other_vectors_does_not_end_a_project(tell, snapshot) -> None:
    one = {"kappa": 1.0}
    moved = rounds(tell, {"kappa": 1.0, "fingerprint": "old"}, one, one)
    assert not verdict(snapshot(*moved, ids=IDS)).stop
    assert verdict(snapshot(*rounds(tell, one, one, one), ids=IDS)).rule == "stable"


def test_of_a_round_with_several_heads_the_last_one_counts(tell, snapshot) -> None:
    one, no = {"kappa": 1.0}, {"kappa": 0.1}
    assert verdict(snapshot(*rounds(tell, one, one, [no, one]), ids=IDS)).rule == "stable"
    assert not verdict(snapshot(*rounds(tell, one, one, [one, no]), ids=IDS)).stop


def test_limits_of_labels_and_rounds_and_an_empty_pool_end_a_project(tell, snapshot) -> None:
    two = rounds(tell, {}, {})
    assert verdict(snapshot(*two, ids=IDS, stop={"labels": 2})).rule == "labels"
    assert not verdict(snapshot(*two, ids=IDS, stop={"labels": 3})).stop
    assert verdict(snapshot(*two, ids=IDS, stop={"rounds": 2})).rule == "rounds"
    assert not verdict(snapshot(*two, ids=IDS, stop={"rounds": 3})).stop
    assert verdict(snapshot(*two, ids=("a", "b"))).rule == "exhausted"
    assert not verdict(snapshot(*two, ids=("a", "b", "c"))).stop


def test_before_it_has_vectors_a_project_does_not_stop(tell, snapshot) -> None:
    assert not verdict(snapshot(stop={"accuracy": 0.9, "hours": 1.0})).stop


@pytest.mark.parametrize(("target", "rule"), [(0.90, "target"), (0.93, "none")])
def test_a_target_is_reached_on_test_data_only_by_a_bound_that_no_number_of_heads_makes_lucky(
    tell, snapshot, target: float, rule: str
) -> None:
    head = {"accuracy": 0.95, "test_items": 200}
    once = rounds(tell, head)
    assert verdict(snapshot(*once, ids=IDS, stop={"accuracy": target})).rule == rule
    if rule == "target":
        # the same figure is the fifth look at these items, or the seventh with two heads that were not tested
        many = rounds(tell, *([{"accuracy": 0.5, "test_items": 200}] * 4), [head] * 4)
        assert not verdict(snapshot(*many, ids=IDS, stop={"accuracy": target, "stable_kappa": False})).stop
        untested = rounds(tell, *([{}] * 6), head)
        assert verdict(snapshot(*untested, ids=IDS, stop={"accuracy": target, "stable_kappa": False})).stop


def test_a_target_is_reached_on_random_labels_only_by_their_lower_bound(tell, snapshot) -> None:
    audit = Audit(0.99, 0.93, 1.0, 0.9, 250, 200.0, 0.96, 1.0, unlabeled=8)
    bound = lower_bound(0.96 * 200, 200)
    for target, rule in ((bound - 0.001, "target"), (bound + 0.001, "none")):
        taken = snapshot(*rounds(tell, {}), ids=IDS, stop={"accuracy": target})
        assert verdict(taken, audit).rule == rule
    assert not verdict(snapshot(*rounds(tell, {}), ids=IDS, stop={"accuracy": 0.01}), None).stop


def test_test_data_decide_where_there_are_any_and_not_the_better_of_two_bounds(tell, snapshot) -> None:
    audit = Audit(0.99, 0.98, 1.0, 0.9, 2_000, 2_000.0, 0.99, 1.0)
    taken = snapshot(*rounds(tell, {"accuracy": 0.8, "test_items": 200}), ids=IDS, stop={"accuracy": 0.9})
    assert not verdict(taken, audit).stop


def test_hours_count_only_where_they_are_limited(tell, snapshot) -> None:
    slow = rounds(tell, {})
    slow[2] = tell.said("a", "cat", seconds=360.0)
    assert verdict(snapshot(*slow, ids=IDS, stop={"hours": 0.09})).rule == "hours"
    assert not verdict(snapshot(*slow, ids=IDS, stop={"hours": 0.11})).stop


@pytest.mark.parametrize("pays", [True, False])
def test_a_project_ends_where_the_next_hour_is_not_worth_its_price(
    tell, snapshot, monkeypatch: pytest.MonkeyPatch, pays: bool
) -> None:
    monkeypatch.setattr(Forecast, "worth", Worth(pays, None, 1.0, 0.1, 0.3, 20))
    assert verdict(snapshot(*rounds(tell, {}), ids=IDS)).stop is not pays


def test_what_was_measured_to_decide_is_kept(tell, snapshot, tmp_path: Path) -> None:
    taken = snapshot(*rounds(tell, {}), ids=IDS, stop={"accuracy": 0.9})
    verdict(taken, Audit(0.9, 0.84, 0.94, 0.9, 100, 95.0, 0.9, 0.9))
    assert Evidence(taken)._kept["audit"]["labels"] == 100
