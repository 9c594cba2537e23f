"""In which numbers networks compute: bfloat16 where it was found to pay, float32 elsewhere.

Which of them an encoder computes its vectors in is a part of it, written down when it is made: another machine computes
them in the same, whatever it could do faster (docs/decisions/0016-precision.md).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

from activessl.errors import EncoderError

Precision = Literal["float32", "bfloat16"]


def training_precision(device: torch.device) -> Precision:
    """For training a small transformer: bfloat16 on GPUs that have it; on processors it takes longer."""
    return "bfloat16" if device.type == "cuda" and has_bfloat16(device) else "float32"


def chosen(wanted: str, device: torch.device) -> Precision:
    """For a network of usual size: what is asked for, and of "auto" bfloat16 where the device has it.

    Raises:
        EncoderError: No such precision.

    Example:
        >>> chosen("bfloat16", torch.device("cpu"))
        'bfloat16'
    """
    if wanted == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    for precision in get_args(Precision):
        if wanted == precision:
            return precision  # type: ignore[no-any-return]
    raise EncoderError(f"a precision of {wanted!r}", hint="use auto, float32 or bfloat16")


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies in bfloat16 by itself: where it is only imitated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public question for processors; one that cannot be asked is taken for one that has it not
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and ask is not None and bool(ask())


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Within it, matrix products are computed in that precision; weights and sums stay in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
