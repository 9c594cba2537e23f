"""Files of several pages, and white that is zero: by tifffile (see ``tests/data/forms``), Pillow and OpenCV."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from activessl.encoders.registry import fit_encoder
from activessl.errors import PoolError
from activessl.pool.decoders.decode import decode_image, read_picture
from activessl.pool.forms.image import portable
from activessl.pool.sources import load_pool
from activessl_cli.main import app

FORMS = Path(__file__).parents[2] / "data" / "forms" / "tifffile-2026.3.3"


def reading(name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    found = read_picture((FORMS / name).read_bytes())
    return np.asarray(found.media), found.remarks


@pytest.mark.parametrize("name", ["channels8.ome.tif", "channels16.ome.tif", "imagej.tif"])
def test_pages_that_are_channels_are_one_picture(name: str) -> None:
    media, told = reading(name)
    eight, _ = reading("planar.tif")  # the same channels in one page
    wanted = eight if name == "channels8.ome.tif" else decode_image((FORMS / "colour16.tif").read_bytes())
    values = media if media.dtype == np.uint8 else media >> 8
    assert media.shape == (24, 24, 3) and np.array_equal(values, wanted)
    assert told == ("3 pages are its channels, red, green and blue",)


def test_more_channels_than_a_picture_has_are_refused() -> None:
    with pytest.raises(PoolError, match="4 channels as pages, a picture has 1 to 3"):
        reading("four16.ome.tif")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pages.tif", "the first of 3 pages is read"),
        ("stack.ome.tif", "the first of 3 planes is read"),
        ("time.ome.tif", "the first of 3 planes is read"),
        ("pyramid.tif", None),
        ("reduced.tif", None),
        ("planar.tif", None),
        ("colour16.tif", "colors of 16 bits are read as 8 bits"),
    ],
)
def test_what_is_left_out_of_a_file_is_said(name: str, said: str | None) -> None:
    media, told = reading(name)
    assert told == (() if said is None else (said,))
    assert np.array_equal(media[:, :, 0], reading("planar.tif")[0][:, :, 0]) or name == "colour16.tif"


@pytest.mark.parametrize("bits", ["8", "16"])
def test_white_that_is_zero_is_turned_at_every_depth(bits: str) -> None:
    assert np.array_equal(reading(f"white_is_zero{bits}.tif")[0], reading(f"black_is_zero{bits}.tif")[0])


@pytest.mark.parametrize(("kind", "frames"), [("GIF", 3), ("PNG", 3), ("WEBP", 2), ("GIF", 1), ("TIFF", 2)])
def test_an_animation_says_that_its_first_frame_is_read(kind: str, frames: int) -> None:
    pictures = [Image.fromarray(np.full((20, 20, 3), 60 * i, np.uint8)) for i in range(frames)]
    out = io.BytesIO()
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:])
    found = read_picture(out.getvalue())
    word = "page" if kind == "TIFF" else "frame"
    assert found.remarks == ((f"the first of {frames} {word}s is read",) if frames > 1 else ())
    assert np.asarray(found.media).max() < 10


def test_colors_of_sixteen_bits_in_a_png_are_told(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65_536, (9, 9, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), values)
    assert read_picture((tmp_path / "a.png").read_bytes()).remarks == ("colors of 16 bits are read as 8 bits",)
    cv2.imwrite(str(tmp_path / "b.png"), values[:, :, 0])
    assert read_picture((tmp_path / "b.png").read_bytes()).remarks == ()


def test_init_says_each_remark_once_and_channels_reach_encoders_and_people(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(4):
        shutil.copy(FORMS / "channels16.ome.tif", folder / f"{i}.ome.tif")
    shutil.copy(FORMS / "stack.ome.tif", folder / "stack.tif")
    shutil.copy(FORMS / "four16.ome.tif", folder / "four.tif")
    said = CliRunner().invoke(app, ["init", str(folder), "--classes", "a,b", "-p", str(tmp_path / "p")]).output
    assert "4 items: 3 pages are its channels, red, green and blue (first: 0.ome.tif)" in said
    assert "1 item: the first of 3 planes is read (stack.tif)" in said
    assert "four.tif: image has 4 channels as pages, a picture has 1 to 3" in said
    pool = load_pool(folder)
    fitted = fit_encoder("patches", pool, folder=tmp_path / "encoders")
    assert fitted.image.channels == 3  # type: ignore[attr-defined]
    shown = Image.open(io.BytesIO(portable(pool.content(0), lambda: np.asarray(pool.read(0)))[0]))
    assert (shown.format, shown.mode) == ("PNG", "RGB")


@pytest.mark.parametrize("name", ["a.png", "a.csv", "a.wav"])
def test_where_no_file_can_be_read_init_names_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(b"x\n?\n")
    found = CliRunner().invoke(app, ["init", str(tmp_path / "data"), "--classes", "a,b", "-p", str(tmp_path / "p")])
    why = {"a.png": "file is not an image", "a.csv": "line 2: '?' is not a number", "a.wav": "sound cannot be decoded"}
    assert found.exit_code == 1 and f"(1 unreadable); {name}: {why[name]}" in str(found.exception)
