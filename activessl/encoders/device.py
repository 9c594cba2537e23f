"""Where networks run."""

from __future__ import annotations

import torch


def best_device() -> torch.device:
    """The GPU that is there, NVIDIA's or Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
