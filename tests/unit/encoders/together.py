"""What each process does in ``test_processes.py``: the runs that are named, killed where that is asked for.

python -m torch.distributed.run --nproc-per-node 2 together.py FOLDER RESULTS NAMES [RANK]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from activessl.encoders.compute.processes import leads, rank
from activessl.encoders.images.adapt import Adaptation, adapt
from activessl.encoders.pretrain import pretrain
from activessl.pool.progress import OnProgress, Progress
from activessl.pool.sources import load_pool

STEPS, KILLED_AT = 9, 6

#: Seven items a step, so that processes take unequal parts of it.
QUICK = {"batch_size": 7, "dim": 16, "depth": 1, "out": 6, "checkpoint_seconds": 0.0}


def train(folder: Path, results: Path, name: str, on_progress: OnProgress | None = None) -> None:
    """A run such as ``images-hybrid`` on the pool ``images.npz``; ``adapt`` goes on with another network's training."""
    if name == "adapt":
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 12)).eval()
        images = torch.from_numpy(np.load(folder / "images.npz")["images"])[:, None]
        how = Adaptation(batch_size=7, lr=1e-3)
        checkpoint = results / f"{name}.checkpoint"
        adapt(network, network, images, minutes=1, steps=STEPS, how=how, seed=0, checkpoint=checkpoint)
        if leads():
            save_file(dict(network.state_dict()), results / f"{name}.safetensors")
        return
    kind, encoder = name.split("-")
    pool = load_pool(folder / f"{kind}.npz")
    pretrain(pool, folder=results / name, encoder=encoder, steps=STEPS, seed=5, on_progress=on_progress, **QUICK)


def main(folder: str, results: str, names: str, killed: str = "") -> None:
    """All runs, one after the other."""

    def kill(step: Progress) -> None:
        if step.done == KILLED_AT and str(rank()) == killed:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in names.split(","):
        train(Path(folder), Path(results), name, kill)


if __name__ == "__main__":
    main(*sys.argv[1:])
