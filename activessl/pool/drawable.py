"""Which stored files a browser shows as they are, told from their first bytes; the others are converted.

Tried with Chromium 156: it draws PNG of 16 bits with the lower 8 bits cut off, so that 12-bit images are black, and
plays no WAV of 64 bits, of another codec than PCM and the two telephone laws, or of more than 8 channels.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

#: Markers of the JPEG frames that browsers draw (baseline, extended, progressive), and of all frames.
_DRAWN, _FRAMES = (0xC0, 0xC1, 0xC2), {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

#: Codecs of WAV that browsers play, with the bits of a sample: PCM, floating point, A-law, µ-law.
_PLAYED = {1: (8, 16, 24, 32), 3: (32,), 6: (8,), 7: (8,)}
_EXTENSIBLE = 0xFFFE
_MOST_CHANNELS = 8
#: Samples a second that browsers play.
_RATES = (3_000, 384_000)


def drawn(content: bytes) -> tuple[str, str] | None:
    """The suffix and media type of an image file that browsers draw as it is; None if it has to be converted.

    Example:
        >>> drawn(b"GIF89a"), drawn(b"II*")
        (('gif', 'image/gif'), None)
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[24:25] <= b"\x08":  # bits of a channel
        return "png", "image/png"
    if content.startswith(b"\xff\xd8\xff") and _is_usual_jpeg(content):
        return "jpg", "image/jpeg"
    if content.startswith(b"GIF8"):
        return "gif", "image/gif"
    return None


def _is_usual_jpeg(content: bytes) -> bool:
    """Whether a JPEG has 8 bits, gray or three colors, and a coding that browsers know."""
    at = 2
    while at + 10 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
        elif marker in _FRAMES:
            return marker in _DRAWN and content[at + 4] == 8 and content[at + 9] in (1, 3)
        elif 0xD0 <= marker <= 0xD9 or marker == 0x01:  # without a length
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return False


def played(content: bytes) -> tuple[str, str] | None:
    """The suffix and media type of a sound file that browsers play as it is; None if it has to be converted.

    Example:
        >>> played(b"fLaC"), played(b"RIFF")
        (('flac', 'audio/flac'), None)
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        codec, channels, rate, bits = next(_formats(content), (0, 0, 0, 0))
        usual = bits in _PLAYED.get(codec, ()) and 1 <= channels <= _MOST_CHANNELS
        return ("wav", "audio/wav") if usual and _RATES[0] <= rate <= _RATES[1] else None
    if content[:4] == b"fLaC":
        return "flac", "audio/flac"
    if content[:4] == b"OggS":
        return "ogg", "audio/ogg"
    if content[:3] == b"ID3" or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE6 == 0xE2):
        return "mp3", "audio/mpeg"
    return None


def _formats(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Codec, channels, samples a second and bits of each format chunk of a WAV file."""
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"fmt " and size >= 16 and at + 24 <= len(content):
            codec, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content, at + 8)
            if codec == _EXTENSIBLE and at + 34 <= len(content):
                (codec,) = struct.unpack_from("<H", content, at + 32)
            yield codec, channels, rate, bits
        at += 8 + size + size % 2
