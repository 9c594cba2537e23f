"""Baselines of the encoders of time series: a supervised network, and aeon's MiniRocket.

The network is the fully convolutional one of Wang, Yan & Oates, Time Series Classification from Scratch with Deep
Neural Networks, IJCNN 2017 (arXiv:1611.06455), a quarter as wide, trained on the labels only.

    python series_peers.py IN.npz OUT.npy

runs in an environment with aeon and writes the features of MiniRocket for the array ``X`` (n, channels, time).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def supervised_accuracy(
    series: np.ndarray, labels: np.ndarray, shown: np.ndarray, others: np.ndarray, *, seed: int
) -> float:
    """Train a network on some labels, and return its accuracy on other items.

    Args:
        series: (n, c, t) standardized, 0 where a value is missing.
        labels: (n,) class indices.
        shown: Rows to train on.
        others: Rows to measure accuracy on.
        seed: Seed of the weights and the order.
    """
    import torch
    from torch import nn

    x, y = torch.from_numpy(series), torch.from_numpy(labels.astype(np.int64))
    torch.manual_seed(seed)

    def layer(before: int, after: int, width: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv1d(before, after, width, padding="same"), nn.BatchNorm1d(after), nn.ReLU())

    network = nn.Sequential(
        layer(x.shape[1], 32, 8),
        layer(32, 64, 5),
        layer(64, 32, 3),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(32, int(labels.max()) + 1),
    )
    # each label 40 times, 16 series per step, at least 200 steps
    steps = max(200, 40 * len(shown) // 16)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    rng = np.random.default_rng(seed)
    epochs = -(-16 * steps // len(shown))
    order = np.concatenate([rng.permutation(shown) for _ in range(epochs)])
    for step in range(steps):
        batch = order[16 * step : 16 * (step + 1)]
        loss = nn.functional.cross_entropy(network(x[batch]), y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    with torch.inference_mode():
        said = torch.cat([network(part).argmax(1) for part in x[others].split(256)])
    return float((said == y[others]).float().mean())


def minirocket_features(python: str, series: np.ndarray) -> tuple[np.ndarray, float]:
    """Compute the features (n, 9996) of aeon's MiniRocket and its seconds, with a Python that has aeon."""
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch, "in.npz"), Path(scratch, "out.npz")
        np.savez(given, X=series)
        subprocess.run([python, __file__, str(given), str(found)], check=True)
        with np.load(found) as out:
            return out["features"], float(out["seconds"])


def _transform(given: Path, found: Path) -> None:
    from aeon.transformations.collection.convolution_based import MiniRocket

    series = np.load(given)["X"]
    MiniRocket(random_state=0).fit_transform(series[:8])  # warm-up, which compiles
    started = time.process_time()
    features = MiniRocket(random_state=0, n_jobs=1).fit_transform(series)
    np.savez(found, features=np.asarray(features, dtype=np.float32), seconds=time.process_time() - started)


if __name__ == "__main__":
    _transform(Path(sys.argv[1]), Path(sys.argv[2]))
