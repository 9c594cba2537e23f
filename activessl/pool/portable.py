"""Items as files that programs and browsers open, whatever they are stored as."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np

from activessl.pool.pool import Pool

#: Items without a sampling rate of their own are written as clips of this many samples a second.
_SAMPLE_RATE = 16_000

_BROWSER_FORMATS = {
    b"\x89PNG": ("png", "image/png"),
    b"\xff\xd8\xff": ("jpg", "image/jpeg"),
    b"GIF8": ("gif", "image/gif"),
    b"RIFF": ("wav", "audio/wav"),
}


def portable(pool: Pool, row: int) -> tuple[bytes, str, str]:
    """The content of an image or a sound, its file ending and its media type.

    What is PNG, JPEG, GIF or WAV already is passed on byte for byte; other images become PNG, other sounds WAV.
    """
    content = pool.content(row)
    for magic, (ending, kind) in _BROWSER_FORMATS.items():
        if content.startswith(magic) and (content[8:12] != b"WEBP"):
            return content, ending, kind
    media = np.asarray(pool.read(row))
    if pool.modality == "audio":
        return _wav(media), "wav", "audio/wav"
    return _png(media), "png", "image/png"


def _png(pixels: np.ndarray[Any, np.dtype[Any]]) -> bytes:
    from PIL import Image

    if pixels.dtype != np.uint8:  # 16 bits: stretched to what is there, or a screen shows black
        low, high = float(pixels.min()), float(pixels.max())
        pixels = ((pixels - low) * (255.0 / max(high - low, 1e-9))).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3 and pixels.shape[2] not in (3, 4):
        pixels = pixels[:, :, 0]
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _wav(samples: np.ndarray[Any, np.dtype[Any]]) -> bytes:
    channels = np.atleast_2d(samples)
    peak = max(float(np.abs(channels).max(initial=0.0)), 1.0)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels.shape[0])
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE)
        file.writeframes((channels.T * (32767 / peak)).astype("<i2").tobytes())
    return out.getvalue()
