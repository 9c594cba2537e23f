"""Give memory that is free back to the system: glibc keeps what a step, such as a teaching, has used and freed."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

__all__ = ["give_back"]


def give_back() -> bool:
    """Collect what Python no longer needs, and give the free memory of glibc back; return whether there was any.

    Other C libraries have no ``malloc_trim``: there nothing happens.
    """
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # Windows cannot open the process itself
        return bool(ctypes.CDLL(None).malloc_trim(0))
    return False
