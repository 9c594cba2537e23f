"""Where networks run."""

from __future__ import annotations

import torch

from activessl.encoders.processes import count, own_gpu


def best_device() -> torch.device:
    """The GPU that is there, NVIDIA's or Apple's, else the CPU; of several processes each has a GPU of its own.

    Raises:
        EncoderError: There are more processes on this machine than GPUs.
    """
    if count() > 1:
        gpu = own_gpu()
        return torch.device("cpu") if gpu is None else torch.device("cuda", gpu)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
