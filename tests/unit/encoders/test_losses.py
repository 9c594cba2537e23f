"""The losses of pretraining, against their formulas written out item by item."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from activessl.encoders.training.contrastive import ntxent


@pytest.mark.parametrize(("views", "items", "temperature"), [(2, 5, 0.2), (3, 4, 0.7), (2, 2, 1.0)])
def test_the_contrastive_loss_is_the_cross_entropy_among_the_other_views(
    views: int, items: int, temperature: float
) -> None:
    z = torch.randn(views, items, 6, generator=torch.Generator().manual_seed(0)) * 3
    rows = z.reshape(views * items, 6).numpy().astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    losses = []
    for one in range(len(rows)):
        others = [j for j in range(len(rows)) if j != one]  # a view is not its own partner
        likeness = {j: math.exp(rows[one] @ rows[j] / temperature) for j in others}
        partners = [j for j in others if j % items == one % items]
        losses += [-math.log(likeness[j] / sum(likeness.values())) for j in partners]
    assert float(ntxent(z, temperature)) == pytest.approx(np.mean(losses), rel=1e-5)
