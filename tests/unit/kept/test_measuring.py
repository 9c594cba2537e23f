"""Figures of ``measuring`` for inputs that reach every term of their formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from activessl.annotators.oracle import Habits
from activessl.labels.answers import Answer
from activessl.measuring import anytime
from activessl.measuring.intervals import difference, mean_interval, paired_difference, share_interval, wilson
from activessl.measuring.planning.hours import Tax, difficulty_tax, hours_saved, human_time
from activessl.measuring.planning.plan import Price, make_plan
from activessl.measuring.planning.roi import return_on_investment
from activessl.measuring.planning.stopping import Limits, apply_limits, kappa
from activessl.measuring.planning.worth import next_hour
from activessl.measuring.quality.anchoring import anchoring
from activessl.measuring.quality.audit import audit_accuracy, draw_weights
from activessl.measuring.quality.autolabel import Left, accept, accept_by_class, fewest_labels, kept
from activessl.measuring.quality.calibration import calibration_curve, calibration_error
from activessl.measuring.quality.calibration_split import calibration_half
from activessl.measuring.quality.classes import audit_classes, class_counts, mean_recall, quality_of_counts, weakest
from activessl.measuring.quality.encoders import left_out_right, recognised_share
from activessl.measuring.savings.savings import Savings
from activessl.measuring.savings.trend import Trend
from activessl.measuring.simulation.replay import arrange, replay
from activessl.measuring.simulation.simulate import simulate
from activessl.strategies.registry import get_strategy


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def intervals() -> Any:
    return [
        *(wilson(share, n, z) for share, n, z in ((0.3, 17, 1.3), (0.0, 5, 2.0), (1.0, 9, 1.0), (0.97, 400.5, 1.645))),
        *(
            share_interval(count, n, level)
            for count, n, level in ((3, 11, 0.9), (0, 4, 0.8), (4, 4, 0.95), (2.5, 7.2, 0.9))
        ),
        mean_interval(0.5 + 0.1 * rng().normal(size=(4, 3)), 0.8),
        mean_interval(np.array([[0.4, 0.9]])),
        *(paired_difference(*counts) for counts in ((12, 3, 80), (0, 0, 10), (40, 0, 41), (0, 9, 10))),
        difference(0.8, 40, 0.55, 23),
        difference(0.8, 40, 0.55, 23, 0.5),
    ]


def evidence() -> Any:
    return {
        "above": [
            anytime.evidence_above(*one)
            for one in (
                (9, 10, 0.5),
                (0, 12, 0.0),
                (3, 12, 0.0),
                (5, 10, 0.9),
                (0, 0, 0.5),
                (7.5, 8.25, 0.6),
                (0, 2000, 0.99),
            )
        ],
        "below": [anytime.evidence_below(*one) for one in ((2, 10, 0.5), (0, 12, 1.0), (5, 10, 0.2))],
        "lower": [anytime.lower_bound(*one) for one in ((9, 10, 0.05), (47, 50, 0.1), (0, 3, 0.1), (200, 200, 0.01))],
        "upper": [anytime.upper_bound(*one) for one in ((9, 10, 0.05), (2, 50, 0.1), (3, 3, 0.1))],
        "usual": [anytime.lower_bound(45, 50), anytime.upper_bound(45, 50), anytime.retested_bounds(45, 50, 3)],
        "needed": [
            anytime.observations_needed(share, bound, delta, most=5000)
            for share, bound, delta in (
                (0.9, 0.7, 0.05),
                (0.6, 0.7, 0.1),
                (0.7, 0.7, 0.1),
                (0.71, 0.7, 0.05),
                (1.0, 0.95, 0.1),
            )
        ],
        "parts": [anytime.part_of_delta(0.2, k) for k in (1, 2, 7)],
    }


def audits() -> Any:
    m, random = 40, rng(1)
    right, chance = random.random(m) < 0.8, random.uniform(0.02, 0.4, m)
    rounds = random.integers(1, 4, m)
    known = np.sort(random.uniform(0, 0.3, m)), random.random(m)
    aside, lost, seen = random.uniform(0, 0.1, m), random.random(m) < 0.15, random.random(m) < 0.3
    every = {"rounds": rounds, "known": known, "aside": aside, "unlabeled": lost, "seen": seen}
    told = [audit_accuracy(right, chance, **{name: every[name]}) for name in every]
    whole = audit_accuracy(right, chance, **every, level=0.8)
    wrong = audit_accuracy(np.zeros(m, dtype=bool), chance, seen=seen, unlabeled=lost, rounds=rounds)
    return [*told, whole, wrong, whole.to_text(), draw_weights(chance[:6], rounds[:6])]


def classes() -> Any:
    m, random = 60, rng(2)
    truth, said = random.integers(0, 3, m), random.integers(0, 3, m)
    said = np.where(random.random(m) < 0.6, truth, said)
    chance, rounds = random.uniform(0.05, 0.3, m), random.integers(1, 4, m)
    before = random.uniform(0, 0.3, (m, 3, 3))
    before[:, :, 2] = before[:, :, :2].min(axis=2) / 2
    lost = random.random(m) < 0.1
    every = {
        "rounds": rounds,
        "known": (random.uniform(0, 0.4, m), before),
        "aside": random.uniform(0, 0.1, m),
        "unlabeled": lost,
        "unknown": ~lost & (random.random(m) < 0.1),
    }
    several = random.integers(0, 2, (m, 3))
    found = audit_classes(truth, said, chance, 3, **every, level=0.8)
    counts = class_counts(truth, said, 4)
    return [
        *(
            audit_classes(truth, said, chance, 4, **{name: every[name]})
            for name in ("rounds", "aside", "unlabeled", "unknown")
        ),
        found,
        audit_classes(several, several[::-1], chance, 3),
        counts,
        class_counts(np.where(random.random((m, 3)) < 0.2, -1, several), several[::-1], 3),
        quality_of_counts(counts),
        quality_of_counts(counts, level=0.5),
        weakest(found),
        mean_recall(found),
        mean_recall(quality_of_counts(counts)),
    ]


def calibration() -> Any:
    random = rng(3)
    sure = random.uniform(0.3, 1, 97)
    curves = [calibration_curve(sure, random.random(97) < sure + shift) for shift in (-0.25, 0.0, 0.4, -0.09, 0.1)]
    few = calibration_curve(sure[:30], sure[:30] > 0.5)
    probs = random.dirichlet(np.ones(4), 50)
    return [
        *curves,
        *(curve.to_text() for curve in curves),
        few,
        calibration_error(probs, random.integers(0, 4, 50)),
        calibration_error(np.eye(3), np.arange(3), bins=4),
        calibration_half([f"item {i}" for i in range(40)], 0),
        calibration_half([f"item {i}" for i in range(40)], 7),
        asdict(anchoring([True] * 30 + [False] * 5, [True] * 8 + [False] * 6)),
        anchoring([True] * 10, [False] * 10, pace=Tax(0.8, 0.7, 0.9, 10, 10), level=0.5).to_text(),
    ]


def said(
    i: int, seconds: float | None, who: str = "ann", kind: str = "label", item: int | None = None, **more: Any
) -> Answer:
    named = ("cat",) if kind == "label" else ()
    return Answer(
        f"k{i}", f"s{i}", f"item{i if item is None else item}", kind, named, who, seconds, datetime.now(UTC), **more
    )


def times() -> Any:
    random = rng(4)
    answers = [said(i, float(s)) for i, s in enumerate(random.lognormal(1.5, 0.4, 30))]
    answers += [said(100 + i, float(s), "bob") for i, s in enumerate(random.lognormal(2.5, 0.1, 12))]
    answers += [said(200, 900.0), said(201, 400.0, "bob"), said(202, None), said(203, 1801.0), said(204, 0.0, "bob")]
    answers += [said(300 + i, 7.0 + 40 * i, "eve") for i in range(4)] + [said(310, None, "dan")]
    answers += [said(400, 3.0, kind="skip"), said(401, 5.0, item=3), said(402, 2.0, kind="delete")]
    answers += [said(403, 9.0, ground_truth=True), said(404, 1800.0, "fay"), said(405, 1.5, cluster=True)]
    chosen = [said(i, float(s)) for i, s in enumerate(random.lognormal(2.0, 0.3, 9))]
    chosen += [said(50 + i, float(s), "bob") for i, s in enumerate(random.lognormal(1.0, 0.3, 3))]
    chosen += [said(70 + i, 3.0, "eve") for i in range(2)] + [said(80, 1700.0)]
    drawn = [said(i, float(s)) for i, s in enumerate(random.lognormal(1.8, 0.3, 5))]
    drawn += [said(50 + i, float(s), "bob") for i, s in enumerate(random.lognormal(1.1, 0.3, 4))]
    drawn += [said(70 + i, 2.0, "eve") for i in range(9)]
    tax = difficulty_tax(chosen, drawn, rng=rng())
    labels = Savings(0.9, 60.0, 100.0, 0.4, 0.3, 0.5, 0.9, "measured", False, 200, 20)
    least = Savings(0.9, 60.0, None, 0.7, 0.6, None, 0.9, "at_least", False, 200, 20)
    none = Savings(0.9, None, None, None, None, None, 0.9, "undefined", False, 200, 20)
    return [
        human_time(answers, rng=rng()),
        human_time(answers, rng=rng(), level=0.5),
        human_time(answers[:20], rng=rng(1)),
        asdict(tax),
        asdict(difficulty_tax(chosen, drawn, rng=rng(), level=0.5)),
        hours_saved(
            labels, 7.0, tax=tax, evaluation_labels=30, baseline_evaluation_labels=10, per_hour=25.0, currency="EUR"
        ),
        hours_saved(least, 7.0, tax=1.3, evaluation_labels=3),
        hours_saved(none, 7.0),
    ]


def money() -> Any:
    curves = Trend(150.0, rng().normal(-1.5, 0.2, 60), rng(1).uniform(0.1, 0.5, 60), rng(2).uniform(0.01, 0.5, 60))
    time = human_time([said(i, float(s)) for i, s in enumerate(rng().lognormal(1.5, 0.4, 30))], rng=rng())
    right = (rng(3).random((3, 80)) < np.array([[0.6], [0.7], [0.8]])).astype(float)
    sizes = np.array([20.0, 40.0, 80.0])
    worth = [
        next_hour(
            doubt,
            sizes[:p],
            right[:p, :m],
            labels=labels,
            pool=900,
            seconds_per_label=12.0,
            per_hour=20.0,
            per_point=point,
        )
        for doubt, p, m, labels, point in (
            (0.2, 3, 80, 100, 9.0),
            (0.2, 3, 0, 100, 9.0),
            (0.5, 1, 80, 300, 30.0),
            (0.02, 3, 30, 400, 1.0),
            (0.2, 3, 80, 100, 0.3),
        )
    ]
    price = Price(20.0, "EUR", 10.0)
    plans = [
        make_plan(
            curves,
            target,
            labels=160,
            pool=pool,
            random_labels=70,
            time=time,
            price=price,
            worth=worth[0],
            level=level,
            rng=rng(),
        )
        for target, pool, level in ((0.85, 5_000, 0.9), (0.5, 5_000, 0.9), (0.85, 400, 0.5), (0.99, 300, 0.9))
    ]
    rounds: dict[str, Any] = {
        "hours": [0.125, 0.3, 0.5, 0.775],
        "spent_hours": 1.2,
        "per_hour": 30.0,
        "currency": "EUR",
    }
    return [
        *plans,
        make_plan(curves, 0.85, labels=160, pool=5_000, random_labels=70, rng=rng()),
        *worth,
        return_on_investment(0.4, 0.1, 0.7, **rounds),
        return_on_investment(
            0.4,
            -0.2,
            0.9999,
            **rounds,
            overhead=9.0,
            machine_hours=[0.1, 0.5, 1.0, 3.0],
            compute_per_hour=1.5,
            level=0.8,
        ),
        return_on_investment(0.3, None, None, **rounds, overhead=14.0),
        return_on_investment(
            0.5, 0.2, 0.6, **rounds, overhead=1.0, machine_hours=[0, 0, 0, 900.0], compute_per_hour=2.0
        ),
    ]


def stopping() -> Any:
    a, b = rng(5).integers(0, 4, 60), rng(6).integers(0, 4, 60)
    limits = Limits(accuracy=0.9, kappa=0.98, window=2, labels=100, hours=3.0, rounds=7)
    told = [
        apply_limits(limits, **more)
        for more in (
            {},
            {"accuracy_low": 0.9},
            {"accuracy_low": 0.8999},
            {"kappas": (0.9, 0.98, 0.98)},
            {"kappas": (0.98,)},
            {"kappas": (0.99, None, 0.97)},
            {"kappas": (0.96, 0.99)},
            {"kappas": (0.97, 0.99)},
            {"pays": False},
            {"pays": True, "left": 1, "labels": 99, "hours": 2.99, "rounds": 6},
            {"left": 0, "labels": 100},
            {"labels": 100, "hours": 3.0},
            {"hours": 3.0, "rounds": 7},
            {"rounds": 7},
        )
    ]
    return [*(asdict(one) for one in told), kappa(a, b), kappa(a, np.where(rng().random(60) < 0.5, a, b)), kappa(a, a)]


def acceptance() -> Any:
    random = rng(7)
    sure = 1 - random.beta(0.6, 5, 900)
    wrong = random.random(900) < 0.8 * (1 - sure)
    predicted = random.integers(0, 2, 900)
    known = random.permutation(900)[:220]
    rest = np.setdiff1d(np.arange(900), known)
    left = Left(1 - random.beta(0.6, 5, 60), random.random(60) < 0.1, 4)
    found = []
    for error, delta in ((0.05, 0.1), (0.1, 0.2), (0.02, 0.05), (0.2, 0.1)):
        ask = {"error": error, "delta": delta}
        found += [accept(sure[rest], sure[known], wrong[known], **ask)]
        found += [accept(sure[rest], sure[known], wrong[known], **ask, left=left, vanished=2, later=delta / 6)]
        found += [accept(sure[rest], sure[known[:40]], wrong[known[:40]], **ask, left=left, later=delta / 6)]
        found += accept_by_class(
            sure[rest],
            predicted[rest],
            sure[known],
            predicted[known],
            wrong[known],
            3,
            **ask,
            left=left,
            left_predicted=np.arange(60) % 2,
        )
    return [
        *found,
        *(found[i].to_text() for i in (0, 5, 10)),
        [fewest_labels(*one) for one in ((0.02, 0.1), (0.1, 0.05, 2), (0.3, 0.2, 5), (0.9, 0.5))],
        [
            bool(kept(w, n, 300, 0.05, 0.1, o, ow))
            for w, n, o, ow in ((0, 40, 0, 0), (1, 70, 5, 1), (1, 90, 40, 0), (0, 41, 2, 0))
        ],
        left.above(np.array([0.99, 0.9, 0.5])),
    ]


def world(n: int = 160, k: int = 3, seed: int = 8) -> tuple[np.ndarray, np.ndarray]:
    random = rng(seed)
    y = random.integers(0, k, n)
    return (1.8 * np.eye(k, 6)[y] + random.normal(size=(n, 6))).astype(np.float32), y


def comparing() -> Any:
    x, y = world()
    return [
        recognised_share(x, x + 0.5 * rng().normal(size=x.shape)),
        left_out_right(np.round(x), y, 3, 1).mean() > 0.6,
    ]


def replays() -> Any:
    x, y = world()
    several = (rng(9).random((160, 3)) < np.eye(3)[y] * 0.6 + 0.2).astype(int)
    given: dict[str, Any] = {
        "n_classes": None,
        "split": None,
        "budgets": (8, 20, 37),
        "head": "prototype",
        "seed": 3,
        "smoothing": True,
    }
    habits = Habits(mistakes=0.1, skips=0.2, seconds=3.0, spread=0.4)
    split = (np.arange(160) % 4 == 0).astype(int)
    real = np.where(rng(1).random(160) < 0.1, -1, y)
    arenas = {
        "plain": arrange(x, y, habits=None, **given),
        "habits": arrange(x, np.array(list("abc"))[y], habits=habits, **given),
        "split": arrange(x, y, habits=habits, **{**given, "split": split, "smoothing": False, "n_classes": 3}),
        "several": arrange(x, several, habits=habits, **given),
        "real": arrange(x, y, habits=None, answers=real, times=np.array([2.0, 3.0, 5.0]), **given),
    }
    out: dict[str, Any] = {}
    for name, arena in arenas.items():
        for strategy in ("random", "margin", "least_confidence") if name != "several" else ("random", "entropy"):
            track = replay(arena, get_strategy(strategy), 1)
            out[f"{name} {strategy}"] = [track.accuracy, track.human_seconds, track.cold_start]
        out[f"{name} parts"] = [rows[:12] for rows in arena.parts(2)]
    many = simulate(
        x,
        y,
        strategies=("k_center", "margin"),
        seeds=3,
        budgets=(8, 20),
        head="prototype",
        random_share=0.3,
        oracle=habits,
        seed=1,
    )
    told = many.to_dict()
    for curve in told["curves"].values():
        del curve["seconds"]  # measured
    out["simulated"] = told
    out["savings"] = many.savings("margin", target=0.6, level=0.8)
    out["text"] = many.to_text()
    return out


EXAMPLES: dict[str, Callable[[], Any]] = {
    one.__name__: one
    for one in (
        intervals,
        evidence,
        audits,
        classes,
        calibration,
        times,
        money,
        stopping,
        acceptance,
        comparing,
        replays,
    )
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_figures_are_those_that_were_kept(name: str, kept: Callable[[Any], None]) -> None:
    kept(EXAMPLES[name]())
