"""Frames of videos, through OpenCV: in one pass while they are described, else from the place before the frame."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.decoders.decode import MAX_PIXELS, encode_png
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.recordings.base import Part
from activessl.pool.recordings.cut import MOST_WINDOWS, Cut, Place, _plain

#: A time that is earlier by less than this many milliseconds is the same: containers round times to a millisecond.
_SAME = 1.0
#: How far before a frame decoding begins at least, in milliseconds; three frames where they are slower.
_BEFORE = 500.0


class Video:
    """A video of which single frames are read.

    The frame at a time is the first one that is shown at that time or later. Its time is that of the container, not a
    count of frames: many phones and cameras record at a rate that varies.

    Args:
        path: The file.

    Raises:
        PoolError: OpenCV is needed, the file is no video of these containers, or its pictures are too large.
    """

    channels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    step: float | None = None

    def __init__(self, path: Path) -> None:
        if "cv2" not in installed():
            raise needed("cv2")
        # FFmpeg would also open lists of addresses and scripts under the name of a video
        try:
            with path.open("rb") as file:
                head = file.read(16)
        except OSError as error:
            raise PoolError(f"video cannot be read: {error.strerror}", hint="check the file") from None
        if not _is_video(head):
            raise PoolError("file is no MP4, MOV, AVI, Matroska or WebM video", hint="convert it to MP4")
        self._path = path
        self._open()
        rate = float(self._video.get(5)) or 25.0
        self._before = max(_BEFORE, 3000 / rate)
        width, height = (int(self._video.get(one)) for one in (3, 4))
        if width * height > MAX_PIXELS or width < 1 or height < 1:
            self.close()
            raise PoolError(f"video has {width:,} × {height:,} pixels", hint="scale it down")

    def parts(self, cut: Cut) -> Iterator[tuple[str, Part | str]]:
        """As of ``Recording``."""
        assert cut.frames is not None  # of the form
        self._open()
        every, number = cut.frames.value, 0
        while self._grab():
            if self._at < float(number * every) * 1000 - _SAME:
                continue
            if number >= MOST_WINDOWS:
                raise PoolError(f"video has more than {MOST_WINDOWS:,} such frames", hint="set frames to a longer time")
            fragment = f"#t={_plain(number * every)}"
            picture = self._picture()
            yield fragment, picture if picture is not None else "frame cannot be decoded"
            number = max(number + 1, int((self._at + _SAME) / 1000 / float(every)) + 1)

    def part(self, place: Place) -> Part:
        """As of ``Recording``."""
        wanted = place.start * 1000 - _SAME
        # forward from here if the frame is near, as it is where frames are read in order
        if not self._at < wanted <= self._at + 10 * self._before and not self._seek(wanted - self._before):
            self._open()
        while self._grab():
            if self._at >= wanted:
                picture = self._picture()
                if picture is not None:
                    return picture
                break
        raise PoolError(
            f"{place.recording} has no frame at {place.start:g} seconds", hint="run `activessl encode`: it has changed"
        )

    def close(self) -> None:
        """Close the file."""
        self._video.release()

    def _open(self) -> None:
        # decoding is noisy on damaged files, and its messages would fall between ours
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        import cv2

        if hasattr(self, "_video"):
            self._video.release()
        self._video: Any = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        self._at, self._count = -np.inf, 0
        if not self._video.isOpened():
            raise PoolError("video cannot be decoded", hint="convert it to MP4 with H.264")

    def _seek(self, milliseconds: float) -> bool:
        """Go to a frame at a time or before; False if the container does not lead there."""
        import cv2

        if milliseconds <= 0 or not self._video.set(cv2.CAP_PROP_POS_MSEC, milliseconds):
            return False
        return self._grab() and self._at < milliseconds + self._before - _SAME

    def _grab(self) -> bool:
        import cv2

        if not self._video.grab():
            return False
        self._at = float(self._video.get(cv2.CAP_PROP_POS_MSEC))
        return True

    def _picture(self) -> Part | None:
        there, found = self._video.retrieve()
        if not there or found is None:
            return None
        pixels = np.ascontiguousarray(found[:, :, ::-1] if found.ndim == 3 else found[:, :, None])
        digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
        return Part(pixels, lambda: encode_png(pixels), digest)


def _is_video(head: bytes) -> bool:
    """Whether a file begins as one of the containers does.

    Example:
        >>> _is_video(b"RIFF....AVI LIST"), _is_video(b"#EXTM3U")
        (True, False)
    """
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return True
    return (head[:4] == b"RIFF" and head[8:12] == b"AVI ") or head[:4] == b"\x1aE\xdf\xa3"
