"""What a browser is given to show, for each kind of item."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.errors import ConfigError
from activessl.pool.pool import Item, Modality, Pool
from activessl_label_studio.media import INLINE_BYTES, place


class Source:
    """One item of any kind, from memory."""

    location = Path("memory")

    def __init__(self, modality: Modality, value: Any, stored: bytes = b"") -> None:
        self.modality, self.value, self.stored = modality, value, stored

    def scan(self) -> list[Item]:
        return [Item("one", "0" * 64, tuple(np.shape(self.value)) or (len(self.value),))]

    def read(self, item_id: str) -> Any:
        return self.value

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        return self.stored


def shown(modality: Modality, value: Any, stored: bytes = b"", **more: Any) -> Any:
    source = Source(modality, value, stored)
    pool = Pool(tuple(source.scan()), source)
    client: Any = None  # nothing is asked of the server
    return place(client, 1, pool, [0], **{"mode": "auto", "document_root": None, **more})[0]


def opened(address: str) -> tuple[str, bytes]:
    head, _, body = address.partition(",")
    return head, base64.b64decode(body)


def test_a_text_is_itself() -> None:
    assert shown("text", "a <b> & c") == "a <b> & c"


def test_a_series_is_columns_without_what_json_does_not_know() -> None:
    said = shown("series", np.array([[1.0, np.nan, 3.0], [np.inf, 1 / 3, 0.0]]))
    assert said == {
        "time": [0.0, 1.0, 2.0],
        "channel_0": [1.0, None, 3.0],
        "channel_1": [None, 0.333333, 0.0],
    }


def test_a_stored_png_is_passed_on_byte_for_byte() -> None:
    out = io.BytesIO()
    Image.fromarray(np.eye(4, dtype=np.uint8)).save(out, "PNG")
    assert opened(shown("image", np.eye(4, dtype=np.uint8), out.getvalue())) == (
        "data:image/png;base64",
        out.getvalue(),
    )


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4), (4, 5, 7)])
def test_any_pixels_become_a_picture_of_the_same_size(shape: tuple[int, ...]) -> None:
    head, content = opened(shown("image", np.zeros(shape, dtype=np.uint8)))
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(content)).size == (5, 4)


def test_sixteen_bits_are_stretched_to_what_a_screen_shows() -> None:
    _, content = opened(shown("image", np.array([[1000, 1100], [1050, 1000]], dtype=np.uint16)))
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    assert pixels.min() == 0
    assert pixels.max() >= 254


def test_sound_becomes_a_wav_that_does_not_clip() -> None:
    head, content = opened(shown("audio", np.array([0.0, 2.0, -2.0], dtype=np.float32)))
    assert head == "data:audio/wav;base64"
    with wave.open(io.BytesIO(content)) as file:
        samples = np.frombuffer(file.readframes(3), dtype="<i2")
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
    assert samples.tolist() == [0, 32767, -32767]


def test_what_is_too_large_for_a_task_is_refused_where_it_must_be_inline() -> None:
    with pytest.raises(Exception, match="too large"):
        shown("image", np.zeros((2, 2)), b"\x89PNG" + bytes(INLINE_BYTES), mode="inline")


def test_local_without_a_folder_and_unknown_modes_are_refused() -> None:
    for mode in ("local", "telepathy"):
        with pytest.raises(ConfigError):
            shown("image", np.zeros((2, 2), dtype=np.uint8), mode=mode)
