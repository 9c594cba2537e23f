"""Trustworthiness of maps, beside those of other packages where they are installed.

Usage: python tests/benchmarks/projection.py VECTORS.npz … [--all]

Each file has ``vectors`` (n, d). A random 1,500 of them are projected (seed 0); with ``--all``, also the first 50,000.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.manifold import TSNE, trustworthiness

from activessl.geometry.projection import project
from activessl.geometry.units import centred_rows

METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ours": lambda x: project(x).places,
    "t-SNE": lambda x: TSNE(init="pca", random_state=0, n_jobs=1).fit_transform(x),
}
try:
    import umap

    METHODS["UMAP"] = lambda x: umap.UMAP(random_state=0).fit_transform(x)
except ImportError:
    pass
try:
    import pacmap

    METHODS["PaCMAP"] = lambda x: pacmap.PaCMAP(random_state=0).fit_transform(x)
except ImportError:
    pass


def told(name: str, method: str, points: np.ndarray, probe: np.ndarray) -> None:
    """Print a line."""
    start, cpu = time.monotonic(), time.process_time()
    places = METHODS[method](points)
    took = f"{time.monotonic() - start:.1f} s, {time.process_time() - cpu:.1f} s of the processor"
    kept = [trustworthiness(points[probe], places[probe], n_neighbors=k, metric="cosine") for k in (5, 15)]
    print(f"{name:>24} {len(points):>7,} {method:>7}  {kept[0]:.3f} {kept[1]:.3f}  {took}", flush=True)


def main() -> None:
    """Run."""
    for path in (Path(arg) for arg in sys.argv[1:] if not arg.startswith("--")):
        points = centred_rows(np.load(path)["vectors"].astype(np.float32))
        few = points[np.random.default_rng(0).permutation(len(points))[:1500]]
        for method in METHODS:
            told(path.stem, method, few, np.arange(len(few)))
        if "--all" in sys.argv:
            for method in (name for name in METHODS if name != "t-SNE"):
                some = points[:50_000]
                told(path.stem, method, some, np.random.default_rng(1).choice(len(some), 1500, replace=False))


if __name__ == "__main__":
    main()
