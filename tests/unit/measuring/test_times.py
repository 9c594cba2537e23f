from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from activessl.labels.answers import Answer
from activessl.measuring.planning.hours import human_time
from activessl.measuring.planning.times import labeling_hours, labeling_times

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answer(item: int, seconds: float | None, who: str = "ann", kind: str = "label", **more) -> Answer:
    classes = ("cat",) if kind == "label" else ()
    return Answer(f"{who}{item}{kind}", f"{who}{item}{kind}", f"i{item}", kind, classes, who, seconds, NOW, **more)


def test_the_time_of_each_answer_adds_up_to_the_labeling_time() -> None:
    rng = np.random.default_rng(0)
    given = [answer(i, float(t), f"p{i % 3}") for i, t in enumerate(rng.lognormal(1.3, 0.7, 60))]
    given += [answer(60, None), answer(61, 900.0), answer(62, 3.0, kind="skip"), answer(63, 1.5, cluster=True)]
    times = labeling_times(given)
    assert [t.how for t in times[60:]] == ["filled", "cut", "recorded", "recorded"]
    assert labeling_hours(given) == pytest.approx(human_time(given, rng=rng).hours)
    assert [t.answer for t in times] == given


def test_what_was_imported_or_withdrawn_took_no_time() -> None:
    assert labeling_hours([answer(0, 4.0), answer(1, 9.0, imported=True), answer(2, 9.0, kind="delete")]) == 4 / 3600


def test_clusters_have_a_time_where_single_answers_have_none() -> None:
    given = [answer(0, None), answer(1, 1.0, cluster=True), answer(2, 1.0, cluster=True, kind="apart")]
    assert [(t.answer.item, t.seconds) for t in labeling_times(given)] == [("i1", 1.0), ("i2", 1.0)]
    assert labeling_hours(given) == 2 / 3600
    assert labeling_hours([answer(0, None)]) is None and labeling_times([]) == ()


def test_without_a_time_of_a_single_answer_only_clusters_with_a_time_count() -> None:
    given = [answer(0, None), answer(1, None, cluster=True), answer(2, 6.0, cluster=True), answer(3, 0.0)]
    assert [(t.answer.item, t.seconds, t.how) for t in labeling_times(given)] == [("i2", 6.0, "recorded")]
    both = labeling_times([*given, answer(4, 8.0)])
    assert [(t.seconds, t.how) for t in both] == [
        (8.0, "filled"), (0.0, "recorded"), (6.0, "recorded"), (8.0, "filled"), (8.0, "recorded")
    ]  # fmt: skip
