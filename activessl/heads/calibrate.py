"""Calibration: scale logits so that confidence equals accuracy."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def softmax(logits: Float[np.ndarray, "... k"]) -> Float[np.ndarray, "... k"]:
    """Softmax over the last axis, safe for large logits.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
        [[0.5, 0.5]]
    """
    z = np.asarray(logits - logits.max(axis=-1, keepdims=True))
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)
    return z


def fit_sharpness(
    logits: Float[np.ndarray, "m k"],
    targets: Int[np.ndarray, " m"],
    weights: Float[np.ndarray, " m"],
    *,
    prior: float = 1.0,
    spread: float = 0.7,
) -> tuple[float, float]:
    r"""Fit the inverse temperature that maximises the likelihood of held-out labels, under a log-normal prior.

    A few labels do not determine the temperature, so the estimate starts from ``prior`` and moves with more labels. It
    is the maximum of :math:`\sum_i w_i \log \mathrm{softmax}(s z_i)_{y_i} - \frac12 (\ln(s / s_0) / \sigma)^2`,
    computed by damped Newton steps in :math:`\ln s`.

    Args:
        logits: Held-out logits.
        targets: True class indices.
        weights: Weight of each row, >= 0.
        prior: s0, the expected sharpness without labels, > 0.
        spread: sigma, the standard deviation of its logarithm, > 0.

    Returns:
        The sharpness, in [0.02, 50], and its penalised negative log-likelihood.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv 1706.04599.

    Example:
        >>> z = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.0, 4.0]] * 500)
        >>> s, _ = fit_sharpness(z, np.array([0, 0, 1, 1] * 500), np.ones(2000))
        >>> round(float(softmax(s * z)[0, 0]), 2)  # the accuracy is 3 of 4, so the confidence is 0.75
        0.75
    """
    rows = np.arange(len(targets))
    z = logits - logits.max(axis=1, keepdims=True)
    own = z[rows, targets]

    def loss(a: float) -> float:
        s = np.exp(a)
        spent = np.log(np.exp(s * z).sum(axis=1)) - s * own
        return float(weights @ spent + 0.5 * ((a - np.log(prior)) / spread) ** 2)

    a = float(np.log(prior))
    best = loss(a)
    for _ in range(25):
        s = np.exp(a)
        probs = softmax(s * z)
        mean = (probs * z).sum(axis=1)
        variance = (probs * z * z).sum(axis=1) - mean**2
        slope = s * float(weights @ (mean - own)) + (a - np.log(prior)) / spread**2
        # leave out the term that may be negative, so that every step lowers the loss
        curve = s * s * float(weights @ variance) + 1.0 / spread**2 + abs(slope) * 0.1
        step = float(np.clip(-slope / curve, -1.0, 1.0))
        while (now := loss(np.clip(a + step, -3.9, 3.9))) > best and abs(step) > 1e-4:
            step *= 0.5
        if now >= best:
            break
        a, best = float(np.clip(a + step, -3.9, 3.9)), now
        if abs(step) < 1e-4:
            break
    return float(np.exp(a)), best
