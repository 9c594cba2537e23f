"""What is said of accepted items, and when their audit breaks the promise."""

from __future__ import annotations

import pytest

from activessl.ledger.history import History
from activessl.ledger.schema import Accepted, MachineLabel, Missing
from activessl.measuring.intervals import share_interval
from activessl.proof.promise import AuditCount, audit_count, promise_text


def accepted(*items: str, audit: tuple[str, ...] = (), **more: object) -> Accepted:
    told = {"error": 0.05, "delta": 0.1, "per_class": False, "calibration": 1_080, "wrong": 1, "turn": 0}
    return Accepted(
        items=tuple(MachineLabel(id=item, classes=("cat",), probability=0.9) for item in items),
        audit=audit,
        fingerprint="f",
        digest="d",
        **(told | more),
    )


@pytest.fixture
def audited(tell) -> History:
    """Six items of an audit: two right, one wrong, one skipped, one missing from the data, one not answered yet."""
    audit = tuple("abcdef")
    return tell.history(
        tell.encoded(10),
        accepted(*"abcdefgh", audit=audit),
        tell.said("a", "cat"),
        tell.said("b", "cat"),
        tell.said("c", "dog"),
        tell.said("d", kind="skip"),
        Missing(items=("e",), turn=6),
    )


def test_an_audit_counts_what_people_said_and_waits_only_for_what_can_be_answered(audited: History) -> None:
    found = audit_count(audited)
    assert found is not None
    assert (found.looked_at, found.wrong, found.open) == (3, 1, 1)
    assert (found.low, found.high) == share_interval(1, 3)


def test_an_audit_that_shows_more_wrong_labels_than_promised_tells_how_to_withdraw_them(tell) -> None:
    def found(error: float) -> AuditCount:
        history = tell.history(
            accepted(*"abcd", audit=tuple("abcd"), error=error), *(tell.said(item, "dog") for item in "abcd")
        )
        counted = audit_count(history)
        assert counted is not None
        return counted

    low, _ = share_interval(4, 4)
    broken, kept = found(low - 0.01), found(low + 0.01)
    assert broken.broken and broken.to_text().endswith("than promised: run `activessl accept --undo`")
    assert not kept.broken and "promised" not in kept.to_text()


def test_a_label_of_several_classes_in_another_order_is_no_mistake(tell) -> None:
    event = accepted("a", audit=("a",))
    event = event.model_copy(update={"items": (MachineLabel(id="a", classes=("dog", "cat"), probability=0.9),)})
    history = tell.history(event, tell.said("a", "cat"))
    label = history.labels["a"]
    object.__setattr__(label, "classes", ("cat", "dog"))
    counted = audit_count(history)
    assert counted is not None and counted.wrong == 0


def test_an_acceptance_without_an_audit_has_no_result_of_one(tell) -> None:
    assert audit_count(tell.history(accepted("a"))) is None
    assert audit_count(tell.history()) is None
    assert promise_text(tell.history()) == ""


def test_before_the_first_answer_an_audit_is_said_to_wait_and_is_not_broken(tell) -> None:
    counted = audit_count(tell.history(accepted("a", "b", audit=("a", "b"))))
    assert counted is not None and not counted.broken
    assert (counted.low, counted.high) == (0.0, 1.0)
    assert counted.to_text() == "audit: 2 items wait for an answer"


def test_the_result_of_an_audit_names_its_interval_and_what_still_waits(audited: History) -> None:
    low, high = (100 * end for end in share_interval(1, 3))
    counted = audit_count(audited)
    assert counted is not None
    assert counted.to_text() == (
        f"audit: 1 of 3 items wrong (90 % interval {low:.1f} to {high:.1f} %), 1 items wait for an answer"
    )
    done = AuditCount(3, 0, 1, 0.1, 0.8, False).to_text()
    assert "wait" not in done


def test_the_promise_is_told_with_its_bound_its_probability_and_what_people_answered_since(tell) -> None:
    plain = promise_text(tell.history(accepted("a", "b")))
    assert (
        plain
        == "2 items: at most 5.0 % of them wrong, with 90 % probability (measured: 1 of 1,080 random labels wrong)"
    )
    fewer = promise_text(tell.history(accepted("a", "b", per_class=True, delta=0.05), tell.said("a", "dog")))
    assert fewer.startswith("2 items (1 without a label by people): at most 5.0 % of each class wrong, with 95 % prob")
    audited = promise_text(tell.history(accepted("a", "b", audit=("a",))))
    assert audited == plain + "; audit: 1 items wait for an answer"
    assert promise_text(tell.history(accepted("a"), tell.said("a", "dog"))) == ""  # people answered all of them
