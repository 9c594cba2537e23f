"""Decode WFDB records of PhysioNet: a header ``.hea`` with files of signals beside it, through the package wfdb."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.decoders.bundles import unbundle
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.forms.base import Reading

#: The suffix of the header, which is the item.
SUFFIX = ".hea"


def signal_files(content: bytes) -> tuple[str, ...]:
    """The files of signals that a header names.

    Raises:
        PoolError: The record has several segments, or no signals.

    Example:
        >>> signal_files(b"# a note\\na 2 360 100\\na.dat 16 200\\na.dat 16 200\\n")
        ('a.dat',)
    """
    lines = [line for line in content.decode("latin-1").splitlines() if line.strip() and not line.startswith("#")]
    head = lines[0].split() if lines else []
    count = int(head[1]) if len(head) > 1 and head[1].isdecimal() else 0
    if head and "/" in head[0]:
        raise PoolError("record has several segments", hint="give the folder of the segments without that header")
    if not count or len(lines) <= count:
        raise PoolError(
            "record has no signals, or its header is cut off", hint="remove the header, or download it again"
        )
    return tuple(dict.fromkeys(line.split()[0] for line in lines[1 : count + 1]))


def read_record(content: bytes) -> Reading:
    """Decode a header and its files, put together, to (channels, time) in physical units; NaN where a value is missing.

    Raises:
        PoolError: wfdb is needed, or the record is damaged.
    """
    if "wfdb" not in installed():
        raise needed("wfdb")
    import wfdb

    files = unbundle(content)
    header = next(iter(files))
    with tempfile.TemporaryDirectory() as folder:  # the library reads only files
        for name, inside in files.items():
            (Path(folder) / name).write_bytes(inside)
        try:
            record: Any = wfdb.rdrecord(str(Path(folder) / Path(header).stem))  # its types are not those of one record
        except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
            why = (str(error).replace(folder, "").strip().splitlines() or [type(error).__name__])[0]
            raise PoolError(f"record cannot be decoded: {why[:200]}", hint="download it again") from None
    if record.p_signal is None or not record.p_signal.size:
        raise PoolError("record has no signals", hint="remove the header")
    values = np.ascontiguousarray(record.p_signal.T, dtype=np.float32)
    frames = [int(count or 1) for count in record.samps_per_frame or ()]
    remarks = ("faster channels are averaged to the rate of the record",) if max(frames, default=1) > 1 else ()
    names = tuple(str(name) for name in record.sig_name)
    return Reading(values, names if len(set(names)) == len(names) else (), remarks, 1 / float(record.fs))
