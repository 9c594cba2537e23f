"""Decode EDF and BDF recordings, through pyEDFlib."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.clock import resampled
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.forms.base import Reading

#: Suffixes of the files.
SUFFIXES = (".edf", ".bdf")


def is_edf(content: bytes) -> bool:
    """Whether bytes are an EDF or a BDF file, by their version.

    Example:
        >>> is_edf(b"0       " + b" " * 248), is_edf(b"0,1,2\\n")
        (True, False)
    """
    return len(content) >= 256 and content[:8] in (b"0       ", b"\xffBIOSEMI")


def read_edf(content: bytes) -> Reading:
    """Decode all signals, without annotations, to (channels, time) in their physical units.

    Slower signals are interpolated to the rate of the fastest, never beyond their last value.

    Raises:
        PoolError: pyEDFlib is needed; or the file is damaged, or interrupted (EDF+D), or has no signals.
    """
    if "pyedflib" not in installed():
        raise needed("pyedflib")
    import pyedflib

    handle, name = tempfile.mkstemp(suffix=".bdf" if content[:1] == b"\xff" else ".edf")  # the library reads only files
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        try:
            with pyedflib.EdfReader(name) as file:
                return _signals(file)
        except PoolError:
            raise
        except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
            why = (str(error).replace(f"{name}: ", "").strip().splitlines() or [type(error).__name__])[0]
            raise PoolError(f"recording cannot be decoded: {why[:200]}", hint="export it again as EDF") from None
    finally:
        Path(name).unlink(missing_ok=True)


def _signals(file: Any) -> Reading:
    count = int(file.signals_in_file)
    if not count:
        raise PoolError("recording has no signals", hint="remove the file, or export it again")
    rates = [float(file.getSampleFrequency(i)) for i in range(count)]
    fastest = max(rates)
    signals, remarks = [], []
    for i, rate in enumerate(rates):
        signal = np.asarray(file.readSignal(i), dtype=np.float64)[None]
        signals.append(signal[0] if rate == fastest else resampled(signal, 1 / rate, 1 / fastest)[0])
    if min(rates) < fastest:
        remarks.append(f"channels of {min(rates):g} to {fastest:g} values a second are interpolated to the fastest")
    longest = max(map(len, signals))
    values = np.full((count, longest), np.nan, dtype=np.float32)
    for row, signal in zip(values, signals, strict=True):
        row[: len(signal)] = signal
    names = tuple(str(file.getLabel(i)).strip() for i in range(count))
    return Reading(values, names if all(names) else (), tuple(remarks), 1 / fastest)
