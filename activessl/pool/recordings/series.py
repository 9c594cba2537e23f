"""Long series: EDF, BDF and WFDB are read from their place, other forms are decoded as a whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.clock import resampled
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.decoders.wfdb_records import signal_files
from activessl.pool.forms.base import Array, Reading
from activessl.pool.plain import read_plain, unusual
from activessl.pool.recordings.base import Part, inside, of_array, spans
from activessl.pool.recordings.cut import Cut, Place

#: The largest file of signals that is opened.
_MOST = 1 << 40


class _Series(ABC):
    """What all recordings of series have: values at one rate."""

    channels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    step: float | None = None
    count = 0

    def parts(self, cut: Cut) -> Iterator[tuple[str, Part | str]]:
        """As of ``Recording``."""
        for start, stop, fragment in spans(cut, self.count, self._rate_for(cut)):
            try:
                yield fragment, of_array(self.values(start, stop))
            except PoolError as error:
                yield fragment, error.message

    def part(self, place: Place) -> Part:
        """As of ``Recording``."""
        rate = None if place.unit == "values" or not self.step else 1 / self.step
        return of_array(self.values(*inside(place, self.count, rate)))

    def close(self) -> None:  # noqa: B027  most have nothing to close
        """Nothing is open."""

    @abstractmethod
    def values(self, start: int, stop: int) -> Array:
        """(channels, stop - start) of the recording."""

    def _rate_for(self, cut: Cut) -> float | None:
        if cut.window is None or cut.window.unit != "s":
            return None
        if not self.step:
            raise PoolError(
                "has no times, so that seconds are not known: set the window in values, such as '500 values'",
                hint="set the window in values",
            )
        return 1 / self.step


class DecodedSeries(_Series):
    """A series that was decoded as a whole.

    Args:
        found: The series (channels, time), its names and its time step.
    """

    def __init__(self, found: Reading) -> None:
        self._whole = np.asarray(found.media)
        self.channels, self.remarks, self.step = found.channels, found.remarks, found.step
        self.count = self._whole.shape[1]

    def values(self, start: int, stop: int) -> Array:
        """(channels, stop - start) of the recording."""
        return self._whole[:, start:stop]


class EdfRecording(_Series):
    """An EDF or BDF recording, through pyEDFlib; slower channels are interpolated to the rate of the fastest.

    Args:
        path: The file.

    Raises:
        PoolError: pyEDFlib is needed, or the recording is damaged.
    """

    def __init__(self, path: Path) -> None:
        if "pyedflib" not in installed():
            raise needed("pyedflib")
        import pyedflib

        try:
            self._file: Any = pyedflib.EdfReader(str(path))
        except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
            raise self._undecodable(error, path) from None
        self._path = path
        signals = int(self._file.signals_in_file)
        if not signals:
            self.close()
            raise PoolError("recording has no signals", hint="remove the file, or export it again")
        self._rates = [float(self._file.getSampleFrequency(i)) for i in range(signals)]
        self._counts = [int(n) for n in self._file.getNSamples()]
        self._fastest = max(self._rates)
        if min(self._rates) < self._fastest:
            slow = f"channels of {min(self._rates):g} to {self._fastest:g} values a second"
            self.remarks = (f"{slow} are interpolated to the fastest",)
        names = tuple(str(self._file.getLabel(i)).strip() for i in range(signals))
        self.channels, self.step = (names if all(names) else ()), 1 / self._fastest
        pairs = zip(self._counts, self._rates, strict=True)
        self.count = max(round(n * self._fastest / rate) for n, rate in pairs)

    def values(self, start: int, stop: int) -> Array:
        """(channels, stop - start) of the recording; NaN behind the end of a channel."""
        out = np.full((len(self._rates), stop - start), np.nan, dtype=np.float32)
        for i, (rate, count) in enumerate(zip(self._rates, self._counts, strict=True)):
            slower = rate / self._fastest
            first = int(start * slower)
            behind = min(count, int(np.ceil(stop * slower)) + 1)
            if behind <= first:
                continue
            try:
                signal = np.asarray(self._file.readSignal(i, first, behind - first), dtype=np.float64)[None]
            except Exception as error:  # noqa: BLE001  as above
                raise self._undecodable(error, self._path) from None
            if rate != self._fastest:
                signal = resampled(signal, 1 / rate, 1 / self._fastest)
            skip = start - round(first / slower)
            found = signal[0, skip : skip + stop - start]
            out[i, : len(found)] = found
        return out

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @staticmethod
    def _undecodable(error: Exception, path: Path) -> PoolError:
        why = (str(error).replace(f"{path}: ", "").strip().splitlines() or [type(error).__name__])[0]
        return PoolError(f"recording cannot be decoded: {why[:200]}", hint="export it again as EDF")


class WfdbRecording(_Series):
    """A WFDB record, through wfdb: each window is read from its place in the files of signals.

    Args:
        path: The header, with the files of signals beside it.

    Raises:
        PoolError: wfdb is needed, a file is missing or in another folder, or the record is damaged.
    """

    def __init__(self, path: Path) -> None:
        if "wfdb" not in installed():
            raise needed("wfdb")
        import wfdb

        self._record = str(path.with_suffix(""))
        for name in signal_files(read_plain(path, 10_000_000, name=path.name)):
            if PurePath(name).name != name or name in (".", ".."):  # the names are from the file
                raise PoolError(f"names the file {name[:100]!r} in another folder", hint="put it beside the header")
            beside = path.with_name(name)
            if beside.is_symlink() or not beside.exists() or unusual(beside.stat(), _MOST):
                raise PoolError(f"{name[:100]} is missing, or is no file", hint="put it beside the header")
        try:
            head: Any = wfdb.rdheader(self._record)
            self.count, self.step = int(head.sig_len or 0), 1 / float(head.fs)
            names = tuple(str(name) for name in head.sig_name)
            frames = [int(count or 1) for count in head.samps_per_frame or ()]
        except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
            raise self._undecodable(error) from None
        self.channels = names if len(set(names)) == len(names) else ()
        if max(frames, default=1) > 1:
            self.remarks = ("faster channels are averaged to the rate of the record",)
        if not self.count:
            self.count = len(self._read(0, None)[0])  # the header may leave it out

    def values(self, start: int, stop: int) -> Array:
        """(channels, stop - start) of the recording, in physical units."""
        return self._read(start, stop)

    def _read(self, start: int, stop: int | None) -> Array:
        import wfdb

        try:
            record: Any = wfdb.rdrecord(self._record, sampfrom=start, sampto=stop)
        except Exception as error:  # noqa: BLE001  as above
            raise self._undecodable(error) from None
        return np.ascontiguousarray(record.p_signal.T, dtype=np.float32)

    def _undecodable(self, error: Exception) -> PoolError:
        folder = str(PurePath(self._record).parent)
        why = (str(error).replace(folder, "").strip().splitlines() or [type(error).__name__])[0]
        return PoolError(f"record cannot be decoded: {why[:200]}", hint="download it again")
