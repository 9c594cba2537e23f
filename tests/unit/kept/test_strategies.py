"""What every strategy chooses from pools that reach its parts, and pure functions with unusual settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from activessl.strategies import auto, base, explain, scene
from activessl.strategies.base import State
from activessl.strategies.confirmable import alike_clusters
from activessl.strategies.coverage import balls, clusters, herding, k_center, kernel
from activessl.strategies.informed import design, hybrid
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy, strategy_names
from activessl.strategies.uncertainty import power, scores

NONE = np.array([], dtype=np.int64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pool(n: int = 150, d: int = 6, k: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors around k directions, a few of them twice; classes of unequal size; a softmax of noisy distances."""
    random = rng(11)
    truth = random.choice(k, n, p=np.array([0.5, 0.25, 0.15, 0.1]))
    vectors = (1.5 * np.eye(k, d)[truth] + random.normal(size=(n, d))).astype(np.float32)
    vectors[-10:] = vectors[20:30] * 2.0
    logits = 1.2 * vectors[:, :k] + 0.3 * random.normal(size=(n, k))
    logits[-10:] = logits[20:30]
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return vectors, truth, probs


def predict(points: np.ndarray) -> np.ndarray:
    logits = 1.2 * np.asarray(points, dtype=np.float64)[:, :4]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def state(kind: str) -> State:
    vectors, truth, probs = pool()
    labeled = np.array([3, 9, 22, 31, 40, 47, 58, 66, 71, 85, 90, 101, 117])
    samples = np.clip(probs + 0.2 * rng(3).normal(size=(6, *probs.shape)), 1e-3, None)
    samples /= samples.sum(axis=2, keepdims=True)
    if kind == "start":
        return State(vectors, NONE, NONE, 4, rng(1))
    if kind == "no head":
        return State(vectors, labeled, truth[labeled], 4, rng(1), pending=np.array([5, 6]))
    if kind == "several classes":
        table = (rng(4).random((len(labeled), 4)) < 0.4).astype(int)
        one = 1 / (1 + np.exp(-(vectors[:, :4] - 0.7)))
        many = np.clip(one + 0.1 * rng(3).normal(size=(6, *one.shape)), 0.01, 0.99)
        each = State(vectors, labeled, table, 4, rng(1), probs=one, samples=many)
        return each.replace(predict=lambda points: 1 / (1 + np.exp(-(np.asarray(points)[:, :4] - 0.7))))
    known = State(vectors, labeled, truth[labeled], 4, rng(1), probs=probs, samples=samples, predict=predict)
    if kind == "weighted":
        known = known.replace(costs=rng(5).uniform(1, 9, len(vectors)), class_weights=np.array([1.0, 0.0, 4.0, 2.0]))
        return known.replace(pending=np.array([5, 6, 60]), excluded=np.arange(len(vectors)) % 17 == 0)
    return known


def chosen(name: str, kind: str, size: int = 9, **settings: Any) -> Any:
    found = get_strategy(name, **settings).query(state(kind), size)
    return [found.indices, found.scores, found.propensities, found.parts, found.neighbours]


STRATEGIES: dict[str, Callable[[], Any]] = {
    f"{name}, {kind}": lambda name=name, kind=kind: chosen(name, kind)
    for name in strategy_names()
    for kind in ("start", "no head", "labels", "weighted", "several classes")
    if kind in ("labels", "weighted", "several classes")
    or name
    in ("auto", "random", "k_center", "max_herding", "kmeans", "typiclust", "prob_cover", "dcom", "tcm", "refine")
}


def greedy(found: k_center.Greedy) -> Any:
    return [found.picks, found.gains, found.objective]


def coverage() -> Any:
    vectors, truth, probs = pool()
    free, labeled, appeal = np.arange(20, 150), np.arange(0, 20, 3), rng(2).uniform(0.5, 2, 130)
    doubt = scores.margin(probs)[20:]
    ask: dict[str, Any] = {"labels": truth[labeled], "predicted": probs.argmax(axis=1), "uncertainty": doubt}
    out = [
        *(
            balls.pure_radius(vectors, np.arange(150), k, rng=rng(), purity=p)
            for k, p in ((4, 0.95), (4, 0.3), (4, 0.6), (1, 0.6))
        ),
        balls.pure_radius(np.ones((9, 3)) + np.eye(9, 3), np.arange(9), 1, rng=rng(), sample=5),
        *(
            greedy(balls.prob_cover(vectors, labels, free, 12, radius=radius, rng=rng(), appeal=factor))
            for labels, radius, factor in ((labeled, 0.5, None), (NONE, 0.8, appeal), (labeled, 1.9, None))
        ),
        *(
            greedy(
                balls.dcom(vectors, labeled, free, 9, radius=radius, rng=rng(), pending=waiting, appeal=factor, **ask)
            )
            for radius, waiting, factor in ((0.4, None, None), (0.7, np.array([1, 4]), appeal), (1.2, None, appeal))
        ),
        greedy(balls.dcom(vectors, labeled, free, 9, radius=0.6, rng=rng(), centre=0.3, steepness=5.0, **ask)),
        [balls.competence(c, centre=0.5, steepness=7.0) for c in (0.0, 0.4, 0.6, 1.0)],
        *(
            greedy(k_center.k_center(vectors, labels, free, 10, rng=rng(), appeal=factor))
            for labels in (NONE, labeled)
            for factor in (None, appeal)
        ),
        *(
            greedy(clusters.kmeans_centroids(vectors, free, 9, rng=rng(s), weights=w))
            for s, w in ((0, None), (1, appeal))
        ),
        greedy(
            clusters.kmeans_centroids(
                np.repeat(np.eye(3), 8, axis=0) + 1e-3 * rng().normal(size=(24, 3)), np.arange(24), 6, rng=rng()
            )
        ),
        greedy(
            clusters.kmeans_centroids(
                np.repeat(np.eye(3), 8, axis=0), np.arange(24), 6, rng=rng(), weights=np.zeros(24)
            )
        ),
        *(
            greedy(clusters.typiclust(vectors, labels, free, size, rng=rng(), **more))
            for labels, size, more in (
                (NONE, 9, {}),
                (labeled, 9, {"appeal": appeal, "min_cluster": 8}),
                (labeled, 30, {"max_clusters": 6, "n_neighbours": 3}),
                (labeled, 100, {"max_clusters": 5}),
            )
        ),
    ]
    with patch.object(k_center, "_FRONT", 16):
        out.append(greedy(k_center.k_center(vectors, labeled, free, 30, rng=rng(), appeal=appeal)))
    with patch.object(balls, "_EDGES", 10), patch.object(balls, "_VERTICES", 90):
        out.append(greedy(balls.prob_cover(vectors, labeled, free, 9, radius=0.6, rng=rng(), appeal=appeal)))
    with patch.object(clusters, "_MEMBERS", 12):
        out.append(greedy(clusters.typiclust(vectors, labeled, free, 9, rng=rng())))
    return out


def herds() -> Any:
    vectors, _, _ = pool(600)
    free, labeled = np.arange(30, 600), np.arange(0, 30, 2)
    appeal, weights = rng(2).uniform(0.5, 2, 570), rng(3).random(600)
    out = []
    for labels, width in ((NONE, 0.7), (labeled, 0.5)):
        usual: dict[str, Any] = {"width": width, "weights": weights, "appeal": appeal}
        out.append(greedy(herding.herd(vectors, labels, free, 12, rng=rng(), **usual)))
        out.append(
            greedy(herding.herd(vectors, labels, free, 12, rng=rng(), width=width, evaluators=np.arange(0, 600, 3)))
        )
        small = {"_PAIRS": 4_000, "_DENSE": (120, 200), "_FOLLOWED": 90, "_SCREEN": 80, "_NEAR": 12, "_HELPED": 5}
        with patch.multiple(herding, **small):
            out.append(greedy(herding.herd(vectors, labels, free, 12, rng=rng(), **usual)))
        with patch.multiple(
            herding, **{**small, "_PAIRS": 4_000_000, "_CANDIDATES": 400, "_EVALUATORS": 150, "_FOLLOWED": 20}
        ):
            out.append(greedy(herding.herd(vectors, labels, free, 12, rng=rng(), **usual)))
            usual["width"] = 0.15  # most items help few others
            out.append(greedy(herding.herd(vectors, labels, free, 12, rng=rng(), **usual)))
    ground = kernel.Ground.of(kernel.Items.of(vectors, free[:5]), 0.6)
    items = kernel.Items.of(vectors, labeled[:3])
    rows = ground.kernel(items)
    out += [rows, ground.place(np.arange(5.0), None), ground.place(np.ones(2), np.array([1, 4]))]
    out += [ground.covered(vectors, labeled), kernel.weighted_gain(rows.copy(), np.full(5, 0.1), np.arange(5.0))]
    return out


def informed() -> Any:
    vectors, _, probs = pool()
    free, labeled, appeal = np.arange(20, 150), np.arange(0, 20, 3), rng(2).uniform(0.5, 2, 130)
    confidence, doubt = probs.max(axis=1), scores.margin(probs)[20:]
    out = [
        design.gradient_factor(probs[:3]),
        design.gradient_factor(probs[:3], independent=True),
        *(
            greedy(design.badge(vectors, probs[20:], free, size, rng=rng(), independent=each, appeal=factor))
            for size, each, factor in ((12, False, None), (12, True, appeal), (40, False, appeal))
        ),
        greedy(design.badge(np.ones((9, 3)), np.tile([0.6, 0.4], (9, 1)), np.arange(9), 4, rng=rng())),
        *(
            greedy(
                design.bait_binary(
                    vectors, confidence, labels, free, 8, rng=rng(), ridge=ridge, oversample=over, appeal=factor
                )
            )
            for labels, ridge, over, factor in (
                (NONE, 0.05, 2.0, None),
                (labeled, 0.1, 1.0, appeal),
                (labeled, 1e-2, 3.0, None),
            )
        ),
        *(
            hybrid.herding_width(vectors, rows, kind, rng=rng())
            for rows in (labeled, labeled[:1], NONE)
            for kind in ("robust", "published")
        ),
        hybrid.drop_candidates(vectors, free, predict, 2, rng=rng()),
        hybrid.drop_candidates(vectors, free, predict, 2, rng=rng(), passes=4, dropout=0.3),
        hybrid.drop_candidates(vectors, free, predict, 1, rng=rng(), independent=True),
        *(
            greedy(hybrid.cluster_margin(vectors, doubt, free, size, rng=rng(), per_item=per))
            for size, per in ((7, 10), (7, 3), (1, 10), (5, 1))
        ),
        power.power_sample(doubt + 0.01, 20, rng()),
        power.power_sample(doubt[:4] + 0.01, 4, rng()),
    ]
    with patch.object(design, "_FRONT", 24):
        out.append(greedy(design.bait_binary(vectors, confidence, labeled, free, 20, rng=rng(), ridge=0.1)))
    return out


def uncertain() -> Any:
    _, _, probs = pool()
    samples = rng().dirichlet(np.ones(4), (5, 12))
    return [
        *(
            score(probs[:6, :k] / probs[:6, :k].sum(axis=1, keepdims=True))
            for k in (1, 2, 4)
            for score in (scores.least_confidence, scores.margin, scores.entropy)
        ),
        scores.entropy(probs[:6], normalise=False),
        scores.top_two(probs[:6]),
        scores.bald(samples),
        scores.disagreement(samples),
        *(scores.multilabel(score, probs[:6]) for score in (scores.margin, scores.entropy)),
        scores.rank(np.array([1.0, 3.0, 3.0, 2.0, 3.0]), 4, rng()),
        *(
            scene.uncertainty_of(probs[:6], measure, independent=each)
            for measure in ("margin", "entropy")
            for each in (True, False)
        ),
    ]


def parts_of_auto() -> Any:
    vectors, truth, _ = pool(400)
    points = auto.centred(vectors, np.arange(400))
    follow = []
    for noise in (0.0, 0.5, 1.0):
        y = np.where(rng(1).random(60) < noise, rng(2).integers(0, 4, 60), truth[:60])
        follow.append(auto.labels_follow_geometry(State(vectors, np.arange(60), y, 4, rng())))
    few = State(vectors, np.arange(29), rng(2).integers(0, 4, 29), 4, rng())
    one = State(vectors, np.arange(60), np.zeros(60, dtype=int), 4, rng())
    out = [
        points[:4],
        auto.centred(vectors + 1e3, np.arange(4)),
        auto.centred(np.ones((5, 3)), np.arange(2)),
        auto.settle(points, np.arange(0, 70, 7), np.ones(400)),
        auto.settle(points, np.arange(0, 70, 7), rng().random(400), fixed=points[300:304], iterations=2),
        follow,
        auto.labels_follow_geometry(few),
        auto.labels_follow_geometry(one),
    ]
    small = {
        "_CANDIDATES": 60,
        "_EVALUATORS": 50,
        "_START_ROWS": 90,
        "_SEED_ROWS": 20,
        "_MEASURED": 7,
        "_MEAN_ROWS": 70,
    }
    with patch.multiple(auto, **small):
        out += [chosen("auto", kind) for kind in ("start", "no head", "labels", "weighted")]
    return out


def shares() -> Any:
    out = []
    for share, kind, size in (
        (0.3, "labels", 9),
        (0.9, "start", 9),
        (0.05, "labels", 9),
        (1.0, "no head", 5),
        (0.5, "weighted", 1),
    ):
        for name in ("k_center", "random"):
            wrapped = RandomShare(get_strategy(name), share, also=np.array([3, 9]) if kind == "labels" else None)
            found = wrapped.query(state(kind), size)
            out.append(
                [
                    found.indices,
                    found.scores,
                    found.propensities,
                    found.alike,
                    found.neighbours,
                    found.strategy,
                    found.parts,
                ]
            )
    out.append(RandomShare(get_strategy("k_center")).query(state("labels"), 20).propensities)
    return out


def scenes() -> Any:
    out: list[Any] = []
    for kind in ("labels", "weighted", "start", "several classes"):
        seen = scene.open_scene(state(kind), 5)
        part = seen.narrowed(np.arange(3, 20), 4)
        out += [
            seen.rows,
            seen.multiplicity,
            seen.groups,
            seen.appeal,
            part.rows,
            part.size,
            part.appeal,
            seen.copies(18),
        ]
        facts = explain.gather_facts(seen.state, seen.rows[:6], seen.state.candidates, rng=rng())
        out.append(asdict(facts))
    query = get_strategy("margin").query(state("labels"), 130)  # more than there are distinct items
    out += [query.indices[-4:], query.scores[-4:], query.propensities[-4:], query.parts["uncertainty"][-4:]]
    out += [question.model_dump() for question in query.questions(str)[:2]]
    with patch.multiple(explain, _SAMPLE=40, _RIVALS=5):
        out.append(asdict(explain.gather_facts(state("labels"), np.arange(20, 26), np.arange(120, 150), rng=rng())))
    candidates = base.check_state(state("weighted"), 3)
    vectors, _, probs = pool()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    groups = [
        alike_clusters(units, probs, np.arange(140), count, size, sure=sure)
        for count, size, sure in ((3, 6, 0.6), (9, 4, 0.5))
    ]
    return [*out, candidates, [[one.class_index, one.rows] for group in groups for one in group]]


EXAMPLES: dict[str, Callable[[], Any]] = STRATEGIES | {
    one.__name__: one for one in (coverage, herds, informed, uncertain, parts_of_auto, shares, scenes)
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_choices_are_those_that_were_kept(name: str, kept: Callable[[Any], None]) -> None:
    kept(EXAMPLES[name]())
