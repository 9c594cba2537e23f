"""The numeric precision of networks: bfloat16 where it was measured to be faster, float32 elsewhere.

The precision of an encoder is a part of its configuration, written when the encoder is made: every machine computes its
vectors in that precision, even if another precision is faster there (docs/decisions/0016-precision.md).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

from activessl.errors import EncoderError

Precision = Literal["float32", "bfloat16"]


def training_precision(device: torch.device) -> Precision:
    """The precision for training a small transformer: bfloat16 on GPUs that have it; it is slower on CPUs."""
    return "bfloat16" if device.type == "cuda" and has_bfloat16(device) else "float32"


def chosen(wanted: str, device: torch.device) -> Precision:
    """The precision for a network of usual size: the wanted one; "auto" is bfloat16 if the device has it.

    Raises:
        EncoderError: The precision is unknown.

    Example:
        >>> chosen("bfloat16", torch.device("cpu"))
        'bfloat16'
    """
    if wanted == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    for precision in get_args(Precision):
        if wanted == precision:
            return precision  # type: ignore[no-any-return]
    raise EncoderError(f"unknown precision {wanted!r}", hint="use auto, float32 or bfloat16")


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has bfloat16 in hardware: emulated bfloat16 is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public function for CPUs; without the private one, assume no bfloat16
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and ask is not None and bool(ask())


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which matrix products use that precision; weights and sums stay in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
