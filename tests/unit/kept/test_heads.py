"""Probabilities of the heads, and what they are made of. The logistic head and the mixture have tests of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from activessl.heads import inputs
from activessl.heads.calibrate import fit_sharpness, softmax
from activessl.heads.folds import fold_predictions
from activessl.heads.leave_one_out import left_out_probs
from activessl.heads.mixture import mixture_weights
from activessl.heads.multilabel import MultiLabelHead
from activessl.heads.posterior import posterior
from activessl.heads.registry import make_head
from activessl.heads.similarity import NeighbourHead
from activessl.heads.softmax import fit_softmax, span


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def data(m: int = 40, d: int = 6, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    y = rng(1).choice(k, m, p=np.array([0.5, 0.3, 0.2]))
    return 1.2 * np.eye(k, d)[y] + rng(2).normal(size=(m, d)) + 0.5, y


def likeness() -> Any:
    x, y = data()
    out = []
    for name in ("prototype", "neighbours"):
        for m in (1, 2, 7, 40):
            head = make_head(name, 5).fit(x[:m], y[:m])
            out += [head.predict_proba(x[-6:]), head.sharpness_, head.left_out_[:5], head.novelty_, head.centre_]
        named = make_head(name, 3).partial_fit(x, y, classes=np.arange(4))
        out += [named.predict(x[:9]), named.seen_]
    out.append([NeighbourHead().voters(n) for n in (0, 1, 2, 6, 7, 90, 200)])
    return out


def sharpness() -> Any:
    z, y = 2 * rng(3).normal(size=(60, 4)), rng(4).integers(0, 4, 60)
    likely = np.where(rng(5).random(60) < 0.6, z.argmax(axis=1), y)
    weights = rng(6).random(60)
    return [
        *(
            fit_sharpness(scale * z[:m], targets[:m], weights[:m], prior=prior, spread=spread)
            for scale in (0.1, 1.0, 30.0)
            for targets in (y, likely, z.argmax(axis=1))
            for m, prior, spread in ((60, 1.0, 0.7), (3, 5.0, 2.0))
        ),
        fit_sharpness(z, likely, np.ones(60)),
        fit_sharpness(z, likely, np.zeros(60), prior=3.0),
        softmax(z[:3]),
    ]


def left_out() -> Any:
    x, y = data()
    alone = y.copy()
    alone[0] = 3  # the only label of its class
    return [
        *(left_out_probs(x, y, 4, penalty=penalty) for penalty in (0.05, 3.0)),
        left_out_probs(x, alone, 5, penalty=0.5),
        left_out_probs(x[:3], np.array([0, 1, 2]), 3, penalty=0.5),
        left_out_probs(x[:3], np.array([1, 1, 1]), 3),
        *(fold_predictions(x, y, head="prototype", n_classes=3, seed=seed) for seed in (0, 1)),
        mixture_weights(rng().random((30, 3)) + 0.01, np.array([0.5, 0.3, 0.2]), 5.0),
        mixture_weights(rng().random((30, 3)) + 0.01, np.array([0.5, 0.3, 0.2]), 1.0, iterations=2),
    ]


def minimum() -> Any:
    x, y = data()
    out = []
    for rows in (x, x[:4], np.hstack([x, x[:, :2]])):
        turned = span(rows)
        targets = y[: len(rows)]
        weights = np.stack([np.ones(len(rows)), rng(7).random(len(rows))], axis=1)
        found, _ = fit_softmax(turned.coords, turned.energy, targets, 3, np.array([0.2, 2.0]), weights, tolerance=1e-9)
        again, steps = fit_softmax(
            turned.coords, turned.energy, targets, 3, np.array([0.2, 2.0]), weights, start=found, tolerance=1e-5
        )
        apart = posterior(turned, found[:, 0], weights[:, 1], 0.3)
        drawn = np.stack([apart.draw(rng(s)) for s in range(200)])
        out += [
            np.einsum("rd,rpk->dpk", turned.axes, found),
            turned.energy,
            steps <= 2,
            np.abs(again - found).max() < 1e-3,
            apart.precision,
            drawn.std(axis=0) > 0,
            (rows @ drawn[0]).std(),
        ]
    return out


def several_classes() -> Any:
    x, y = data()
    table = np.stack([y == 0, y < 2, np.ones(40), np.zeros(40)], axis=1).astype(int)
    table[::5, 0] = -1
    table[:, 3] = np.where(np.arange(40) < 3, 0, -1)
    unknown = np.hstack([table, np.full((40, 1), -1)])
    out = []
    for name in ("prototype", "neighbours"):
        head = MultiLabelHead(name).fit(x, unknown)
        out += [head.predict_proba(x[:6]), head.predict(x[:6]), head.classes_]
    return out


def numbers() -> Any:
    counts = ([1, 1, 4, 0], [2, 2], [0, 0, 0, 9], [1, 1, 1, 1, 0], [3, 0], [1, 0, 0, 0, 0, 0])
    return [
        *(inputs.novelty(np.array(count)) for count in counts),
        inputs.spread(np.array([[0.2, 0.8]]), np.array([False, True, False, True]), 0.3),
        inputs.centre_of(data()[0], rng(8).random(40)),
        inputs.class_rows(np.array(["b", "c", "b"]), np.array(["c", "a", "b"])),
        inputs.numbered(np.array([4, 2, 4]), None),
    ]


EXAMPLES: dict[str, Callable[[], Any]] = {
    one.__name__: one for one in (likeness, sharpness, left_out, minimum, several_classes, numbers)
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_probabilities_are_those_that_were_kept(name: str, kept: Callable[..., None]) -> None:
    kept(EXAMPLES[name](), 1e-3)
