from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def quadrants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 96 pictures: the direction of the stripes in one corner is the class, two others are chance.

    Three principal components of patches hardly show the class; four do.
    """
    rng = np.random.default_rng(0)
    other, (down, right) = rng.integers(2, size=(96, 2)), np.mgrid[:16, :16] * 0.9
    pictures = []
    for i in range(96):
        picture = np.zeros((16, 16))
        for part, way in (((), other[i, 0]), (np.s_[:, 8:], other[i, 1]), (np.s_[9:, 9:], i % 2)):
            wave = np.sin((down if way else right) + rng.uniform(0, 6))
            picture[part] = wave[part]
        pictures.append(picture)
    noise = rng.normal(0, 20, (96, 16, 16))
    folder = tmp_path_factory.mktemp("quadrants")
    np.savez(folder / "pool.npz", images=np.clip(127 + 60 * np.array(pictures) + noise, 0, 255).astype(np.uint8))
    return folder
