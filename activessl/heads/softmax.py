"""Multinomial logistic regression for several penalties and folds in one minimisation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from activessl.later import later

if TYPE_CHECKING:
    from scipy import linalg, optimize
else:
    linalg, optimize = later("scipy.linalg"), later("scipy.optimize")  # not needed for predictions


@dataclass(frozen=True, eq=False)
class Span:
    """Vectors in the coordinates of their principal axes; an L2-penalised fit needs no other directions.

    With fewer labels than dimensions, the problem has only as many dimensions as labels. In these coordinates the
    curvature of the loss is nearly diagonal, so the minimisation takes few steps.

    Attributes:
        coords: (m, r) the vectors, float64.
        axes: (r, d) orthonormal; ``coords @ axes`` gives the vectors.
        energy: (r,) squared singular values, all > 0.
    """

    coords: Float[np.ndarray, "m r"]
    axes: Float[np.ndarray, "r d"]
    energy: Float[np.ndarray, " r"]


_KEPT: ContextVar[dict[bytes, Span] | None] = ContextVar("kept", default=None)


@contextmanager
def shared_span() -> Iterator[None]:
    """Share one rotation between fits on the same vectors with different labels. The context may be nested."""
    if _KEPT.get() is not None:
        yield
        return
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def span(vectors: Float[np.ndarray, "m d"]) -> Span:
    """Rotate vectors into their principal axes, with the smaller of the two Gram matrices.

    Example:
        >>> found = span(np.array([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]))
        >>> found.energy.round(6).tolist(), (found.coords @ found.axes).round(6).tolist()
        ([16.0, 9.0], [[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    """
    x = np.ascontiguousarray(vectors, dtype=np.float64)
    kept = _KEPT.get()
    if kept is None:
        return _rotated(x)
    name = blake2b(x.data, digest_size=16).digest() + repr(x.shape).encode()
    if name not in kept:
        kept[name] = _rotated(x)
    return kept[name]


def _rotated(x: Float[np.ndarray, "m d"]) -> Span:
    small = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    energy, basis = linalg.eigh(small, check_finite=False)
    # squared singular values below this limit are rounding noise
    keep = energy > max(energy[-1], 1e-300) * 1e-10
    energy, basis = (
        energy[keep][::-1].copy(),
        np.ascontiguousarray(basis[:, keep][:, ::-1]),
    )  # BLAS needs positive strides
    if len(x) <= x.shape[1]:
        scale = np.sqrt(energy)
        return Span(basis * scale, (basis.T @ x) / scale[:, None], energy)
    return Span(x @ basis, np.ascontiguousarray(basis.T), energy)


def fit_softmax(
    coords: Float[np.ndarray, "m r"],
    energy: Float[np.ndarray, " r"],
    targets: Int[np.ndarray, " m"],
    n_classes: int,
    penalties: Float[np.ndarray, " p"],
    weights: Float[np.ndarray, "m p"],
    *,
    start: Float[np.ndarray, "r p k"] | None = None,
    offset: Float[np.ndarray, "m k"] | None = None,
    tolerance: float = 1e-4,
    max_iter: int = 200,
) -> tuple[Float[np.ndarray, "r p k"], int]:
    r"""Minimise p independent problems :math:`\sum_i w_i \mathrm{CE}_i + \frac{\lambda}{2}\lVert W\rVert^2` at once.

    The problems share the vectors and differ in penalty and weights, such as regularisation paths and cross-validation
    folds, so that each step is two large matrix products. Method: L-BFGS with the analytic gradient, preconditioned by
    the curvature bound of the softmax in the principal axes (Böhning, 1992).

    Args:
        coords: Vectors in principal axes.
        energy: Squared singular values of the vectors.
        targets: Class indices.
        n_classes: k.
        penalties: The L2 penalty of each problem, > 0.
        weights: Weight of each row in each problem; 0 leaves it out.
        start: Initial weights; zero by default.
        offset: Logits that the fitted ones are added to; zero by default.
        tolerance: Stops when the largest gradient component, in preconditioned units, is below this value.
        max_iter: Largest number of steps.

    Returns:
        Weights and the number of steps.

    Example:
        >>> rows = span(np.array([[1.0], [-1.0]]))
        >>> w, _ = fit_softmax(rows.coords, rows.energy, np.array([0, 1]), 2, np.array([0.1]), np.ones((2, 1)))
        >>> (rows.coords @ w[:, 0]).argmax(axis=1).tolist()
        [0, 1]
    """
    m, r = coords.shape
    p, k = len(penalties), n_classes
    dtype = coords.dtype
    # the curvature bound 1/2 is far above the curvature at a good fit: 0.2/k halves the number of steps at k = 77
    scale = (1.0 / np.sqrt(0.2 / k * energy[:, None] + penalties[None, :])).astype(dtype)[:, :, None]
    ridge = (penalties[None, :, None] * scale * scale).astype(dtype)
    rows = np.arange(m)
    heft = weights.astype(dtype)

    def value_and_gradient(flat: Float[np.ndarray, " q"]) -> tuple[float, Float[np.ndarray, " q"]]:
        q = flat.astype(dtype, copy=False).reshape(r, p, k)
        z = (coords @ (scale * q).reshape(r, p * k)).reshape(m, p, k)
        if offset is not None:
            z += offset[:, None, :]
        z -= z.max(axis=2, keepdims=True)
        own = z[rows, :, targets]

        np.exp(z, out=z)
        total = z.sum(axis=2)
        loss = float(np.sum(heft * (np.log(total) - own), dtype=np.float64))

        z *= (heft / total)[:, :, None]
        z[rows, :, targets] -= heft
        pull = ridge * q
        loss += 0.5 * float(np.vdot(pull, q))
        gradient = scale * (coords.T @ z.reshape(m, p * k)).reshape(r, p, k) + pull
        return loss, gradient.astype(np.float64, copy=False).ravel()

    first = np.zeros(r * p * k) if start is None else (start / scale).astype(np.float64).ravel()
    found = optimize.minimize(
        value_and_gradient,
        first,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "gtol": tolerance, "ftol": tolerance * 1e-4, "maxcor": 8},
    )
    return scale * found.x.reshape(r, p, k), int(found.nit)
