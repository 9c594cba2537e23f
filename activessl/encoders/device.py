"""Where networks run."""

from __future__ import annotations

import torch

from activessl.encoders.processes import count, rank_here
from activessl.errors import EncoderError


def best_device() -> torch.device:
    """The GPU that is there, NVIDIA's or Apple's, else the CPU; of several processes each has a GPU of its own.

    Raises:
        EncoderError: There are more processes on this machine than GPUs.
    """
    if count() > 1:
        if not torch.cuda.is_available():
            return torch.device("cpu")
        if rank_here() >= torch.cuda.device_count():
            raise EncoderError(
                f"process {rank_here()} of this machine has no GPU: there are {torch.cuda.device_count()}",
                hint=f"start {torch.cuda.device_count()} processes on this machine, each has one",
            )
        return torch.device("cuda", rank_here())
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
