"""Where networks run."""

from __future__ import annotations

import copy
from functools import cache
from typing import TypeVar

import torch
from torch import nn

from activessl.encoders.compute.processes import count, own_gpu

Network = TypeVar("Network", bound=nn.Module)


def best_device() -> torch.device:
    """The GPU that is there, NVIDIA's or Apple's, else the CPU; of several processes each has a GPU of its own.

    Raises:
        EncoderError: There are more processes on this machine than GPUs.
    """
    if count() > 1:
        gpu = own_gpu()
        return torch.device("cpu") if gpu is None else torch.device("cuda", gpu)
    if torch.cuda.is_available() and _computes():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@cache
def _computes() -> bool:
    # one that is too old for this torch, or that another program has filled, is there and cannot be used
    try:
        return bool((torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")).sum().item() == 8)
    except (AssertionError, RuntimeError):  # the first where torch was built without CUDA
        return False


def encoding_device() -> torch.device:
    """Where vectors are computed: NVIDIA's GPU, else the CPU. On Apple's nobody has compared them with a CPU's."""
    device = best_device()
    return device if device.type == "cuda" else torch.device("cpu")


def placed(network: Network, device: torch.device) -> Network:
    """A network on a device: itself where that is a processor, else a copy, so that it can still be saved and drawn."""
    return network if device.type == "cpu" else copy.deepcopy(network).to(device)
