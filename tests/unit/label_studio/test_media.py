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
from scipy.io import wavfile

from activessl.errors import ConfigError
from activessl.pool.decoders.decode import decode_image
from activessl.pool.decoders.sounds import decode_wav
from activessl.pool.pool import Item, Modality, Pool
from activessl.pool.sources import load_pool
from activessl_label_studio.media import INLINE_BYTES, place, withdrawn_address


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


def stored(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "WEBP", "JPEG2000", "PPM", "TGA", "PCX", "DDS", "AVIF"])
def test_a_format_that_browsers_do_not_draw_becomes_png(kind: str) -> None:
    content = stored(Image.fromarray(np.eye(9, dtype=np.uint8) * 200).convert("RGB"), kind)
    head, sent = opened(shown("image", decode_image(content), content))
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sent))), decode_image(content))


def test_twelve_bits_with_a_hot_pixel_are_seen() -> None:
    values = np.tile(np.linspace(100, 4_000, 60).astype(np.uint16), (60, 1))
    values[5, 5] = 65_535
    content = stored(Image.fromarray(values), "PNG")
    _, sent = opened(shown("image", decode_image(content), content))
    pixels = np.asarray(Image.open(io.BytesIO(sent)))
    assert pixels.dtype == np.uint8 and np.quantile(pixels, 0.01) < 10 and np.quantile(pixels, 0.95) > 230


def test_cmyk_is_sent_as_the_colors_that_are_read() -> None:
    content = stored(Image.new("CMYK", (9, 9), (200, 10, 90, 30)), "JPEG")
    head, sent = opened(shown("image", decode_image(content), content))
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sent))), decode_image(content))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"exif": Image.Exif()}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_usual_jpeg_is_passed_on_byte_for_byte(mode: str, options: dict[str, Any]) -> None:
    content = stored(Image.new(mode, (9, 9), 90 if mode == "L" else (90, 10, 5)), "JPEG", **options)
    assert opened(shown("image", decode_image(content), content)) == ("data:image/jpeg;base64", content)


@pytest.mark.parametrize(("dtype", "kept"), [("u1", 1), ("<i2", 1), ("<i4", 1), ("<f4", 1), ("<f8", 0), ("<i8", 0)])
def test_a_wav_that_browsers_do_not_play_is_written_anew(dtype: str, kept: int) -> None:
    out, kind = io.BytesIO(), np.dtype(dtype)
    tone = np.sin(np.arange(4_000) / 5)
    values = 128 + 127 * tone if kind.kind == "u" else tone if kind.kind == "f" else tone * (np.iinfo(kind).max // 2)
    wavfile.write(out, 8_000, values.astype(kind))
    _, sent = opened(shown("audio", decode_wav(out.getvalue()), out.getvalue()))
    assert (sent == out.getvalue()) == bool(kept)
    assert wavfile.read(io.BytesIO(sent))[0] * 0.5 == len(wavfile.read(io.BytesIO(sent))[1])  # half a second


def test_packed_sounds_are_played_at_their_speed(tmp_path: Path) -> None:
    tone = np.int16(30_000 * np.sin(np.arange(8_000) / 5))
    np.savez(tmp_path / "a.npz", data=tone, offsets=[0, 8_000], sample_rate=np.array(8_000))
    client: Any = None
    address = place(client, 1, load_pool(tmp_path / "a.npz"), [0], mode="inline", document_root=None)[0]
    rate, values = wavfile.read(io.BytesIO(opened(address)[1]))
    assert len(values) / rate == 1.0


def test_sound_becomes_a_wav_that_does_not_clip() -> None:
    head, content = opened(shown("audio", np.array([0.0, 2.0, -2.0], dtype=np.float32)))
    assert head == "data:audio/wav;base64"
    with wave.open(io.BytesIO(content)) as file:
        samples = np.frombuffer(file.readframes(3), dtype="<i2")
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
    assert samples.tolist() == [0, 32767, -32767]


def test_what_is_too_large_for_a_task_is_refused_where_it_must_be_inline() -> None:
    with pytest.raises(Exception, match="too large"):
        shown("image", np.zeros((2, 2)), b"GIF89a" + bytes(INLINE_BYTES), mode="inline")


def test_local_without_a_folder_and_unknown_modes_are_refused() -> None:
    for mode in ("local", "telepathy"):
        with pytest.raises(ConfigError):
            shown("image", np.zeros((2, 2), dtype=np.uint8), mode=mode)


class Storages:
    """The part of a server that says which folders it serves."""

    def __init__(self, *there: dict[str, Any]) -> None:
        self.rows = [{"id": i, **row} for i, row in enumerate(there)]

    def get(self, path: str, **params: Any) -> list[dict[str, Any]]:
        return list(self.rows)

    def post(self, path: str, body: dict[str, Any]) -> None:
        self.rows.append({"id": len(self.rows), **body})

    def delete(self, path: str) -> None:
        self.rows = [row for row in self.rows if not path.endswith(f"/{row['id']}")]


def written(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        Image.fromarray(np.full((4, 4), i, dtype=np.uint8)).save(folder / name)
    return folder


def served(client: Any, pool: Pool, rows: list[int], root: Path) -> list[Path]:
    """The files that the addresses of some items name."""
    said = place(client, 7, pool, rows, mode="local", document_root=root)
    return [root / address.removeprefix("/data/local-files/?d=") for address in said]


def test_the_folder_that_is_served_holds_the_pushed_items_and_nothing_else(tmp_path: Path) -> None:
    data = written(tmp_path / "data", "a.png", "b.png", "c.png")
    (data / "payroll.csv").write_text("ann,1")
    client, root, pool = Storages(), tmp_path / "data" / "studio" / "files", load_pool(data, "image")
    files = served(client, pool, [0, 2], root)
    assert [file.read_bytes() for file in files] == [(data / name).read_bytes() for name in ("a.png", "c.png")]
    assert [row["path"] for row in client.rows] == [str(files[0].parent)]
    assert sorted(p for p in root.rglob("*") if p.is_file()) == sorted(files)
    assert not any(p.is_symlink() for p in root.rglob("*"))
    assert served(client, pool, [0, 2], root) == files, "pushing again changes nothing"
    assert len(client.rows) == 1


def test_what_an_older_version_served_is_withdrawn(tmp_path: Path) -> None:
    pool = load_pool(written(tmp_path / "data", "a.png"), "image")
    client = Storages(
        {"path": str(tmp_path / "data"), "title": "activessl"}, {"path": "/somebody/elses", "title": "mine"}
    )
    (file,) = served(client, pool, [0], tmp_path / "files")
    assert [row["path"] for row in client.rows] == ["/somebody/elses", str(file.parent)]
    assert withdrawn_address("/data/local-files/?d=data/a.png", 7)
    assert withdrawn_address("/data/local-files/?d=project-77-items/a.png", 7)
    assert not withdrawn_address(f"/data/local-files/?d={file.parent.name}/{file.name}", 7)
    assert not any(withdrawn_address(other, 7) for other in ("data:image/png;base64,", "/data/upload/1/a.png", None))


def test_what_a_browser_cannot_draw_is_served_as_what_it_can(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    Image.fromarray(np.full((4, 4), 9, dtype=np.uint8)).save(data / "a.tif")
    (file,) = served(Storages(), load_pool(data, "image"), [0], tmp_path / "files")
    assert file.suffix == ".png"
    assert Image.open(file).format == "PNG"


def test_a_file_on_another_disk_is_served_as_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    data = written(tmp_path / "data", "a.png")
    (file,) = served(Storages(), load_pool(data, "image"), [0], tmp_path / "files")
    assert file.read_bytes() == (data / "a.png").read_bytes()
    assert file.stat().st_mode & 0o077 == 0
