"""The verdicts of a gate: go, no-go, or what is missing for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from activessl.errors import ConfigError, MeasureError
from activessl.ledger.schema import Check, Decided
from activessl.measuring.anytime import lower_bound, retested_bounds, upper_bound
from activessl.measuring.planning.plan import Span
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.classes import ClassQuality, Share
from activessl.project.config import StageConfig
from activessl.proof.draws import RandomDraws
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.proof.gates import DELTA, judge_stage, next_stage
from activessl.reports.wording import gate_text

NONE = np.zeros(0, dtype=np.int64)
AUDIT = Audit(0.9, 0.85, 0.94, 0.9, 1_200, 1_000.0, 0.9, 0.9)


@pytest.fixture
def evidence(tell, snapshot) -> Callable[..., Evidence]:
    """Makes a project with these measured figures."""

    def make(*events, audit: Audit | None = None, classes: tuple[ClassQuality, ...] = (), labels: int = 0) -> Evidence:
        found = Evidence(snapshot(tell.encoded(3), *events, ids=("a", "b", "c")))
        at = np.arange(labels)
        drawn = RandomDraws(at, np.full(labels, 0.1), at + 1, at < 0, NONE, np.zeros(0), NONE, NONE > 0)
        for name, value in {"audit": audit, "classes": classes, "random": drawn}.items():
            object.__setattr__(found, name, value)
        return found

    return make


def check(found: Evidence, **conditions: float) -> Check:
    (one,) = judge_stage(found, StageConfig(name="pilot", **conditions)).checks
    return one


def measured(tell, accuracy: float, items: int, **more: object) -> tuple:
    head = tell.taught(1, accuracy=accuracy, test_items=items, **more)
    return tell.asked(1, *tell.chosen("a")), tell.said("a", "cat"), head


def test_an_accuracy_passes_by_its_lower_end_and_fails_by_its_upper_end(evidence) -> None:
    low, high = lower_bound(900, 1_000, DELTA), upper_bound(900, 1_000, DELTA)
    verdicts = {bound: check(evidence(audit=AUDIT), accuracy=bound) for bound in (low - 1e-6, 0.9, high, high + 1e-6)}
    assert [one.passed for one in verdicts.values()] == [True, None, None, False]
    assert all((one.value, one.low, one.high) == (0.9, low, high) for one in verdicts.values())
    assert verdicts[0.9].sample == "1,200 random labels"


def test_draws_without_a_label_count_on_both_sides_and_are_told(evidence) -> None:
    wide = replace(AUDIT, least=0.8, most=0.95, unlabeled=60)
    found = check(evidence(audit=wide), accuracy=0.85)
    assert (found.low, found.high) == (lower_bound(800, 1_000, DELTA), upper_bound(950, 1_000, DELTA))
    assert found.sample == "1,200 random labels, 60 draws without a label"


@pytest.mark.parametrize("bound", [0.88, 0.92])
def test_an_open_gate_says_how_many_labels_settle_it_if_the_accuracy_stays(
    evidence, monkeypatch: pytest.MonkeyPatch, bound: float
) -> None:
    monkeypatch.setattr("activessl.proof.gates.askable", lambda _: 10_000)
    found = check(evidence(audit=AUDIT), accuracy=bound)
    assert found.passed is None and found.more is not None and found.more > 0
    enough, few = AUDIT.effective + found.more, AUDIT.effective + found.more - 2
    if bound < 0.9:
        assert lower_bound(0.9 * enough, enough, DELTA) >= bound > lower_bound(0.9 * few, few, DELTA)
    else:
        assert upper_bound(0.9 * enough, enough, DELTA) <= bound < upper_bound(0.9 * few, few, DELTA)


def test_no_step_is_named_for_which_the_pool_is_too_small(evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activessl.proof.gates.askable", lambda _: 10_000)
    more = check(evidence(audit=AUDIT), accuracy=0.92).more
    for left in (more, more - 1):
        monkeypatch.setattr("activessl.proof.gates.askable", lambda _, left=left: left)
        decided = judge_stage(evidence(audit=AUDIT), StageConfig(name="pilot", accuracy=0.92))
        assert (f"--size {more}" in gate_text(decided)) is (left == more)
        assert (f"{left:,} items are left to ask about" in gate_text(decided)) is (left < more)


def test_no_number_of_labels_is_named_where_none_settles_it_or_it_is_settled(evidence) -> None:
    # the accuracy is above the bound, but not if the draws without a label are wrong: more labels do not help
    doubtful = replace(AUDIT, least=0.86, unlabeled=40)
    assert check(evidence(audit=doubtful), accuracy=0.88).more is None
    hopeful = replace(AUDIT, most=0.94, unlabeled=40)  # and below it, unless these are right
    assert check(evidence(audit=hopeful), accuracy=0.92).more is None
    assert check(evidence(audit=AUDIT), accuracy=0.8).more is None
    assert check(evidence(audit=AUDIT), accuracy=0.9005).more is None  # more than ten thousand


def test_test_data_decide_an_accuracy_and_each_model_on_them_makes_it_stricter(tell, evidence) -> None:
    found = check(evidence(*measured(tell, 0.95, 2_000), audit=AUDIT), accuracy=0.9)
    assert (found.value, found.sample, found.passed) == (0.95, "2,000 test items", True)
    assert (found.low, found.high) == retested_bounds(1_900, 2_000, 1, DELTA)


def test_models_of_another_gate_do_not_make_this_one_stricter(tell, evidence) -> None:
    def decided(stage: str, model: str, turn: int) -> Decided:
        return Decided(
            stage=stage, decision="open", checks=(), model=model, fingerprint="f", digest="d", labels=1,
            annotators={}, turn=turn,
        )  # fmt: skip

    events = measured(tell, 0.95, 2_000)
    others = [decided("more", f"m{k}", k) for k in range(4)]
    ours = [decided("pilot", f"m{k // 2}", 10 + k) for k in range(4)]  # two models, each judged twice
    assert check(evidence(*events, *others), accuracy=0.9).low == retested_bounds(1_900, 2_000, 1, DELTA)[0]
    assert check(evidence(*events, *others, *ours), accuracy=0.9).low == retested_bounds(1_900, 2_000, 3, DELTA)[0]


def test_too_few_random_labels_leave_an_accuracy_open(evidence) -> None:
    found = check(evidence(), accuracy=0.5)
    assert (found.value, found.passed, found.sample) == (None, None, "too few random labels")


def quality(share: float, items: int) -> ClassQuality:
    return ClassQuality(Share(share, 0.0, 1.0, items), None)


def test_the_class_that_is_found_worst_decides_about_recall(evidence) -> None:
    classes = (quality(0.95, 400), quality(0.9, 50))
    found = check(evidence(classes=classes), recall=0.5)
    assert (found.value, found.sample, found.passed) == (0.9, "50 random labels of dog", True)
    # all classes have to reach it, so that each may use the whole probability; that one is below has two chances
    assert found.low == lower_bound(45, 50, DELTA) and found.high == upper_bound(45, 50, DELTA / 2)
    # of the same share, the class with fewer items is the less sure one
    fewer = check(evidence(classes=(quality(0.9, 30), quality(0.9, 50))), recall=0.5)
    assert fewer.sample == "30 random labels of cat"


def test_a_class_that_is_surely_below_shuts_a_gate_though_another_one_was_never_seen(evidence) -> None:
    found = check(evidence(classes=(ClassQuality(None, None), quality(0.2, 100))), recall=0.5)
    assert (found.passed, found.sample) == (False, "100 random labels of dog")
    unseen = check(evidence(classes=(ClassQuality(None, None), quality(0.9, 100))), recall=0.5)
    assert (unseen.passed, unseen.value, unseen.sample) == (None, None, "no cat among the random labels")
    assert check(evidence(), recall=0.5).sample == "too few random labels"


def test_a_class_below_is_named_even_where_a_rarer_one_has_a_lower_bound(evidence) -> None:
    found = check(evidence(classes=(quality(0.5, 4), quality(0.6, 1_000))), recall=0.7)
    assert (found.passed, found.sample) == (False, "1,000 random labels of dog")


def test_recall_on_test_items_counts_whole_items(tell, evidence) -> None:
    counts = {"cat": (300, 300, 290), "dog": (100, 100, 29)}
    events = measured(tell, 0.9, 400, per_class=counts)
    found = check(evidence(*events, classes=(quality(290 / 300, 300), quality(0.29, 100))), recall=0.2)
    assert found.low == retested_bounds(29, 100, 1, DELTA)[0]
    assert found.high == retested_bounds(29, 100, 1, DELTA / 2)[1]
    assert found.sample == "100 test items of dog"


def paced(monkeypatch: pytest.MonkeyPatch, pace: Span | None) -> None:
    class Planned:
        hours_per_point = pace

    monkeypatch.setattr(Forecast, "plan", lambda _, target: Planned() if 0 < target < 1 else None)


@pytest.mark.parametrize(
    ("pace", "passed"),
    [
        (Span(2.0, 1.0, 3.0), True),
        (Span(2.0, 1.0, 3.1), None),
        (Span(4.0, 3.1, 5.0), False),
        (Span(4.0, 3.0, 5.0), None),
        (Span(2.0, None, None), None),
        (Span(4.0, 3.1, None), False),
    ],
)
def test_a_pace_is_judged_by_both_of_its_ends(monkeypatch, evidence, pace: Span, passed: bool | None) -> None:
    paced(monkeypatch, pace)
    found = check(evidence(labels=1_234), hours_per_point=3.0)
    assert found.passed is passed
    assert (found.value, found.low, found.high) == (pace.middle, pace.low, pace.high)
    assert found.sample == "1,234 random labels"


@pytest.mark.parametrize("pace", [None, Span(None, None, None)])
def test_a_pace_without_times_is_open(monkeypatch, evidence, pace: Span | None) -> None:
    paced(monkeypatch, pace)
    found = check(evidence(), hours_per_point=3.0)
    assert (found.passed, found.value, found.sample) == (None, None, "no recorded times")


def test_a_pace_that_cannot_be_planned_says_why(monkeypatch, evidence) -> None:
    def plan(_: Forecast, target: float) -> None:
        raise MeasureError("7 random labels are too few", hint="label more")

    monkeypatch.setattr(Forecast, "plan", plan)
    assert check(evidence(), hours_per_point=3.0).sample == "7 random labels are too few"


def test_agreement_is_that_of_the_pairs_of_each_item_and_an_item_counts_once(tell, evidence) -> None:
    answers = [tell.said("a", "cat", by=who) for who in ("ann", "bob")]
    answers += [tell.said("a", "dog", by="cyd"), tell.said("b", "dog", by="ann"), tell.said("b", "dog", by="bob")]
    found = check(evidence(*answers, tell.said("c", "cat")), agreement=0.4)
    assert (found.sample, found.passed) == ("2 items that several people labeled", None)
    # one of the three pairs of "a" agrees, and the pair of "b"
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high) == pytest.approx((lower_bound(4 / 3, 2, DELTA), upper_bound(4 / 3, 2, DELTA)))
    alone = check(evidence(tell.said("c", "cat")), agreement=0.4)
    assert (alone.value, alone.passed, alone.sample) == (
        None,
        None,
        "no item labeled by two people: set annotator.overlap",
    )


def test_agreement_passes_and_fails_by_its_ends(tell, evidence) -> None:
    def found(*second: str) -> Check:
        items = [f"i{k}" for k in range(len(second))]
        answers = [tell.said(item, "cat", by="ann") for item in items]
        answers += [tell.said(item, name, by="bob") for item, name in zip(items, second, strict=True)]
        return check(evidence(*answers), agreement=0.5)

    assert found(*["cat"] * 30).passed is True
    assert found(*["dog"] * 30).passed is False


def test_the_time_to_a_first_model_runs_from_init_to_the_first_teach(tell, snapshot, evidence) -> None:
    from activessl.ledger.schema import Created

    created = Created(classes=("cat", "dog"), modality="vector", seed=0, version="0")
    asked = tell.asked(1, *tell.chosen("a"))
    # the fixture puts an encoding first: an event a minute, so that the model is there after two minutes
    found = evidence(created, asked, tell.taught(1), tell.taught(1, turn=1))
    for minutes, passed in ((2, True), (1.99, False)):
        one = check(found, hours_to_model=minutes / 60)
        assert (one.value, one.passed) == (pytest.approx(2 / 60), passed)
    assert check(evidence(created), hours_to_model=1.0).sample == "no model yet"
    assert check(evidence(asked, tell.taught(1)), hours_to_model=1.0).passed is None  # nobody knows when it began


def test_one_failed_condition_shuts_a_gate_and_one_open_one_keeps_it_open(tell, evidence) -> None:
    found = evidence(audit=AUDIT)

    def decision(**conditions: float) -> str:
        return judge_stage(found, StageConfig(name="pilot", **conditions)).decision

    assert decision(accuracy=0.8) == "go"
    assert decision(accuracy=0.8, agreement=0.5) == "open"
    assert decision(accuracy=0.99, agreement=0.5) == "no-go"
    decided = judge_stage(found, StageConfig(name="pilot", accuracy=0.8, recall=0.5, agreement=0.5, hours_to_model=1.0))
    assert [one.name for one in decided.checks] == ["accuracy", "recall of each class", "agreement", "hours to a model"]


def test_a_decision_records_who_labeled_here_and_on_which_state(tell, evidence) -> None:
    found = evidence(
        tell.said("a", "cat", by="bob"),
        tell.said("b", "cat", by="ann"),
        tell.said("a", "dog", by="ann"),
        tell.said("c", kind="skip", by="bob"),
        tell.imported("c", "cat"),
        audit=AUDIT,
    )
    decided = judge_stage(found, StageConfig(name="pilot", accuracy=0.8), note="fine")
    assert list(decided.annotators.items()) == [("ann", 2), ("bob", 1)]  # neither skips nor imports
    assert (decided.labels, decided.fingerprint, decided.turn, decided.note) == (3, "f", 6, "fine")
    assert decided.digest == found.snapshot.history.digest() and decided.model == "cold"


STAGES = tuple(StageConfig(name=name, accuracy=0.5) for name in ("one", "two"))


def test_the_next_stage_is_the_first_whose_newest_decision_is_not_go(tell) -> None:
    def after(*decisions: tuple[str, str]) -> str:
        events = [
            Decided(
                stage=stage, decision=decision, checks=(), model="m", fingerprint="f", digest="d", labels=1,
                annotators={}, turn=turn,
            )
            for turn, (stage, decision) in enumerate(decisions)
        ]  # fmt: skip
        return next_stage(STAGES, tell.history(*events)).name

    assert after() == "one"
    assert after(("one", "open"), ("one", "go")) == "two"
    assert after(("one", "go"), ("one", "no-go")) == "one"
    assert after(("two", "go")) == "one"
    with pytest.raises(ConfigError, match="all stages have passed"):
        after(("one", "go"), ("two", "go"))


def test_a_stage_can_be_named_and_one_that_is_not_there_is_refused_with_the_names(tell) -> None:
    assert next_stage(STAGES, tell.history(), "two").name == "two"
    with pytest.raises(ConfigError, match="no stage 'three'") as caught:
        next_stage(STAGES, tell.history(), "three")
    assert caught.value.hint == "choose one of one, two"
    with pytest.raises(ConfigError, match="no stages to judge"):
        next_stage((), tell.history())
