"""Invariance in closed form: scale down the directions in which views of the same item differ.

Whitening by the scatter within items gives, without training, what a linear network learns from a contrastive loss
(within-class covariance normalization, Hatch, Kajarekar & Stolcke, Interspeech 2006, with each item as its own class).
"""

from __future__ import annotations

import torch


def within_whitening(views: torch.Tensor, ridge: float = 0.3) -> torch.Tensor:
    """Compute the symmetric matrix (d, d) that whitens the scatter of views about the mean of their item.

    Args:
        views: (v, n, d) vectors of v >= 2 views of n items.
        ridge: Share of the mean variance that is added to every direction; it stabilizes the estimate from few items.

    Returns:
        The matrix, scaled so that a direction of mean scatter keeps its length.

    Example:
        >>> views = torch.tensor([[[1.0, 0.0]], [[-1.0, 0.0]]])  # views differ in the first direction only
        >>> matrix = within_whitening(views)
        >>> bool(matrix[0, 0] < matrix[1, 1])
        True
    """
    v, n, d = views.shape
    spread = (views - views.mean(0)).double().flatten(0, 1)  # (v n, d)
    scatter = spread.T @ spread / (n * (v - 1))
    scale = scatter.diagonal().mean()
    if scale <= 0:
        return torch.eye(d)
    values, directions = torch.linalg.eigh(scatter / scale + ridge * torch.eye(d, dtype=torch.float64))
    matrix: torch.Tensor = directions @ torch.diag(values.rsqrt()) @ directions.T
    return matrix.float()
