"""Every item that is pushed is one that Chromium draws or plays; no server is needed.

The files are those of ``tests/data/forms`` (tifffile), and what Pillow, OpenCV and SciPy write.
"""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from activessl.pool.decoders.levels import for_screen
from activessl.pool.portable import portable
from activessl.pool.sources import load_pool
from activessl_label_studio.media import place

FORMS = Path(__file__).parents[1] / "data" / "forms" / "tifffile-2026.3.3"

DRAW = """async address => {
  const image = new Image(); image.src = address;
  try { await image.decode() } catch (error) { return null }
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const sheet = canvas.getContext('2d'); sheet.drawImage(image, 0, 0);
  return [canvas.height, canvas.width, [...sheet.getImageData(0, 0, canvas.width, canvas.height).data]];
}"""

PLAY = """async address => {
  const content = Uint8Array.from(atob(address.split(',')[1]), one => one.charCodeAt(0)).buffer;
  try {
    const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(content);
    return [sound.duration, Math.max(...sound.getChannelData(0))];
  } catch (error) { return null }
}"""

Y, X = np.mgrid[:30, :40]
GREY = (np.sin(X / 9) + np.cos(Y / 7) + 2) / 4
COLOUR = np.stack([GREY, 1 - GREY, GREY**2], -1)


def write_images(folder: Path) -> None:
    eight, colour = np.asarray(255 * GREY, np.uint8), np.asarray(255 * COLOUR, np.uint8)
    for ending in ("png", "jpg", "gif", "webp", "bmp", "tif", "ppm", "jp2", "tga", "pcx", "dds", "ico"):
        Image.fromarray(colour).save(folder / f"colour.{ending}")
    Image.fromarray(colour).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(colour).save(folder / "progressive.jpg", progressive=True)
    for mode in ("1", "P", "LA", "L"):
        Image.fromarray(eight).convert(mode).save(folder / f"{mode}.png")
    for bits in (10, 12, 14, 16):
        deep = np.asarray((2**bits - 1) * GREY, np.uint16)
        deep[3, 3] = 65_535  # a hot pixel
        Image.fromarray(deep).save(folder / f"grey{bits}.png")
        cv2.imwrite(str(folder / f"colour{bits}.png"), np.asarray((2**bits - 1) * COLOUR, np.uint16))
    for path in FORMS.glob("*.tif"):
        shutil.copy(path, folder)


def test_every_image_that_can_be_read_is_drawn_with_its_whole_contrast(browser: Any, tmp_path: Path) -> None:
    write_images(tmp_path)
    pool = load_pool(tmp_path)
    assert len(pool) > 40
    page, client = browser.new_page(), None
    addresses = place(client, 1, pool, range(len(pool)), mode="inline", document_root=None)  # type: ignore[arg-type]
    for row, address in enumerate(addresses):
        seen = page.evaluate(DRAW, address)
        assert seen is not None, pool.ids[row]
        height, width, values = seen
        pixels = np.array(values, float).reshape(height, width, 4)[:, :, :3]
        assert np.ptp(pixels) > 150, pool.ids[row]
        wanted = for_screen(np.asarray(pool.read(row)))
        assert np.corrcoef(pixels.ravel(), np.broadcast_to(wanted, pixels.shape).ravel())[0, 1] > 0.9, pool.ids[row]


def test_every_sound_that_can_be_read_is_played_at_its_speed(browser: Any, tmp_path: Path) -> None:
    tone = 0.5 * np.sin(np.arange(8_000) / 5)
    for dtype in ("u1", "<i2", "<i4", "<i8", "<f4", "<f8", ">i2"):
        kind = np.dtype(dtype)
        values = 128 + 127 * tone if kind.kind == "u" else tone if kind.kind == "f" else tone * np.iinfo(kind).max
        wavfile.write(tmp_path / f"{dtype[-2:]}{dtype[0] == '>'}.wav", 8_000, values.astype(kind))
    for rate in (1_000, 44_100, 192_000):
        wavfile.write(tmp_path / f"rate{rate}.wav", rate, np.tile(np.int16(30_000 * tone[:1_000]), rate // 1_000))
    for channels in (2, 6, 40):
        wavfile.write(
            tmp_path / f"{channels}.wav", 8_000, np.repeat(np.int16(30_000 * tone)[:, None], channels, axis=1)
        )
    pool = load_pool(tmp_path)
    assert len(pool) == 13
    packed = {"data": np.int16(30_000 * tone), "offsets": [0, 4_000, 8_000], "sample_rate": np.array(4_000)}
    np.savez(tmp_path / "packed.npz", **packed)
    page = browser.new_page()
    for items in (pool, load_pool(tmp_path / "packed.npz")):
        for row in range(len(items)):
            content = base64.b64encode(portable(items, row)[0]).decode()
            seen = page.evaluate(PLAY, f"data:;base64,{content}")
            assert seen is not None, items.ids[row]
            assert seen[0] == pytest.approx(1.0, abs=0.02) and seen[1] > 0.3, items.ids[row]


def test_a_picture_that_chromium_does_not_draw_is_noticed_by_this_test(browser: Any) -> None:
    raw, out = (FORMS / "white_is_zero16.tif").read_bytes(), io.BytesIO()
    page = browser.new_page()
    assert page.evaluate(DRAW, f"data:image/tiff;base64,{base64.b64encode(raw).decode()}") is None
    Image.fromarray(np.asarray(4_000 * GREY, np.uint16)).save(out, "PNG")
    _, _, values = page.evaluate(DRAW, f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}")
    assert max(values[::4]) < 20  # what people saw of 12 bits
