"""The devices on which networks run."""

from __future__ import annotations

import copy
from functools import cache
from typing import TypeVar

import torch
from torch import nn

from activessl.encoders.compute.processes import count, own_gpu

Network = TypeVar("Network", bound=nn.Module)


def best_device() -> torch.device:
    """Return the GPU, NVIDIA's or Apple's, else the CPU; with several processes, each has its own GPU.

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
    # a GPU that is too old for this torch, or whose memory is full, is listed but cannot be used
    try:
        return bool((torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")).sum().item() == 8)
    except (AssertionError, RuntimeError):  # AssertionError: torch was built without CUDA
        return False


def encoding_device() -> torch.device:
    """The device for computing vectors: an NVIDIA GPU, else the CPU. Vectors of Apple GPUs have not been validated."""
    device = best_device()
    return device if device.type == "cuda" else torch.device("cpu")


def placed(network: Network, device: torch.device) -> Network:
    """Return a network on a device: for the CPU the network itself, else a copy; the original stays on the CPU."""
    return network if device.type == "cpu" else copy.deepcopy(network).to(device)
