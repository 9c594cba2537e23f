from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from activessl.errors import PoolError
from activessl.pool.decoders.decode import decode_image
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.pool import Item, Pool, Source
from activessl.pool.sources import Stamped, load_pool, open_source
from activessl.pool.stored_labels import read_labels
from activessl.project.folder import own_folders


def png(array: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", **options)
    return buffer.getvalue()


def grey(seed: int, side: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name, seed in (("b/two.png", 2), ("a/one.png", 1), ("a/.hidden.png", 3), (".git/four.png", 4)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(grey(seed)))
    (root / "notes.txt").write_text("not an image")
    return root


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


def packed(contents: list[bytes]) -> dict[str, object]:
    return {
        "data": np.frombuffer(b"".join(contents), dtype=np.uint8),
        "offsets": np.cumsum([0] + [len(c) for c in contents]),
        "format": "png",
    }


def test_a_folder_gives_its_images_in_the_order_of_their_paths_and_no_hidden_ones(folder: Path) -> None:
    pool = load_pool(folder)
    assert pool.ids == ("a/one.png", "b/two.png")
    assert pool.items[0].shape == (8, 8, 1)
    assert np.array_equal(pool.read(1)[:, :, 0], grey(2))
    assert pool.path(0) == folder / "a/one.png"
    assert pool.content(0) == png(grey(1))


def test_what_cannot_be_decoded_is_listed_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "a/broken.png").write_bytes(b"\x89PNG no")
    (folder / "a/cut.png").write_bytes(png(grey(5, 64))[:-900])
    (folder / "a/link.png").symlink_to(folder / "gone.png")
    pool = load_pool(folder)
    assert pool.ids == ("a/one.png", "b/two.png")
    assert [bad.id for bad in pool.unreadable] == ["a/broken.png", "a/cut.png", "a/link.png"]
    assert all(bad.why for bad in pool.unreadable)


def test_a_folder_of_only_broken_images_is_a_pool_error_that_counts_them(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no")
    with pytest.raises(PoolError, match="1 unreadable"):
        load_pool(tmp_path)


@pytest.mark.parametrize("name", ["missing", "empty", "x.csv", "one.png", "noending"])
def test_a_path_without_a_pool_is_an_error_with_a_hint(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.csv").write_text("a,b")
    (tmp_path / "noending").write_text("a,b")
    (tmp_path / "one.png").write_bytes(png(grey(0)))
    with pytest.raises(PoolError) as caught:
        load_pool(tmp_path / name)
    assert caught.value.hint
    assert caught.value.message[0].islower() or caught.value.message.startswith(str(tmp_path))


def test_an_unknown_modality_and_one_that_is_not_there_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PoolError, match="unknown modality"):
        open_source(folder, "smell")  # type: ignore[arg-type]
    with pytest.raises(PoolError, match="vector items cannot be read from a folder"):
        open_source(folder, "vector")
    with pytest.raises(PoolError, match="no sound files in"):
        open_source(folder, "audio")
    with pytest.raises(PoolError, match="not text"):
        open_source(npz(tmp_path / "v.npz", vectors=np.ones((3, 2))), "text")


def test_a_palette_becomes_colour_and_alpha_lies_on_white() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    decoded = decode_image(png(rgba))
    assert decoded[0, 0].tolist() == [10, 20, 30]
    assert decoded[1, 1].tolist() == [255, 255, 255]
    palette = Image.fromarray(rgba[:, :, :3]).convert("P")
    buffer = io.BytesIO()
    palette.save(buffer, format="PNG")
    assert decode_image(buffer.getvalue()).shape == (2, 2, 3)
    grey_alpha = np.full((2, 2, 2), 0, np.uint8)
    assert decode_image(png(grey_alpha)).tolist() == np.full((2, 2, 1), 255).tolist()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_stay_sixteen_bits(kind: str) -> None:
    array = np.array([[0, 300], [40_000, 65_535]], dtype=np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=kind)
    decoded = decode_image(buffer.getvalue())
    assert decoded.dtype == np.uint16
    assert np.array_equal(decoded[:, :, 0], array)


def test_one_bit_cmyk_and_animations_decode() -> None:
    for mode, kind, channels in (("1", "PNG", 1), ("CMYK", "JPEG", 3), ("P", "GIF", 3)):
        buffer = io.BytesIO()
        Image.new(mode, (4, 3)).save(buffer, format=kind)
        assert decode_image(buffer.getvalue()).shape == (3, 4, channels)


def test_a_photograph_stands_upright() -> None:
    image = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", exif=exif)
    assert decode_image(buffer.getvalue()).shape == (3, 2, 1)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PoolError, match="pixels"):
        decode_image(png(np.zeros((100, 100), np.uint8)), max_pixels=9_999)
    assert decode_image(png(np.zeros((100, 100), np.uint8)), max_pixels=10_000).shape == (100, 100, 1)


def test_images_that_other_programs_would_have_to_open_are_refused() -> None:
    with pytest.raises(PoolError, match="known format"):
        decode_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")


def test_an_npz_of_images_series_vectors_or_packed_bytes_is_a_pool(tmp_path: Path) -> None:
    images = np.stack([grey(i) for i in range(3)])
    pool = load_pool(npz(tmp_path / "im.npz", images=images))
    assert pool.ids == ("im:0", "im:1", "im:2")
    assert pool.modality == "image"
    assert np.array_equal(pool.read(2)[:, :, 0], images[2])
    assert np.array_equal(decode_image(pool.content(2)), pool.read(2))

    series = load_pool(npz(tmp_path / "s.npz", X=np.ones((4, 7), np.float16)))
    assert (series.modality, series.items[0].shape, series.read(0).dtype) == ("series", (1, 7), np.float32)
    assert load_pool(npz(tmp_path / "m.npz", X=np.ones((4, 2, 7)))).items[0].shape == (2, 7)
    assert np.load(io.BytesIO(series.content(0)), allow_pickle=False).shape == (1, 7)

    vectors = load_pool(npz(tmp_path / "v.npz", vectors=np.eye(3), ids=np.array(["x", "y", "z"])))
    assert (vectors.modality, vectors.ids) == ("vector", ("x", "y", "z"))

    contents = [png(grey(1)), b"junk", png(grey(2, 5))]
    mixed = load_pool(npz(tmp_path / "p.npz", **packed(contents)))
    assert mixed.ids == ("p:0", "p:2")
    assert mixed.unreadable[0].id == "p:1"
    assert mixed.content(1) == contents[2]

    audio = load_pool(
        npz(tmp_path / "a.npz", data=np.array([0, 16384, -32768], np.int16), offsets=[0, 2, 3], sample_rate=8000)
    )
    assert audio.modality == "audio"
    assert audio.read(0).tolist() == [[0.0, 0.5]]
    assert audio.source.sample_rate == 8000  # type: ignore[attr-defined]


def test_a_missing_value_is_allowed_in_a_series_but_not_in_a_vector(tmp_path: Path) -> None:
    values = np.ones((3, 4))
    values[0, 0] = np.nan
    values[1] = np.nan
    assert load_pool(npz(tmp_path / "s.npz", X=values)).ids == ("s:0", "s:2")
    assert load_pool(npz(tmp_path / "v.npz", vectors=values)).ids == ("v:2",)


@pytest.mark.parametrize(
    "arrays",
    [
        {"other": np.ones(3)},
        {"images": np.ones((3, 8, 8))},
        {"images": np.ones((3, 8, 8, 2), np.uint8)},
        {"vectors": np.ones(3)},
        {"vectors": np.array([{"a": 1}], dtype=object)},
        {"data": np.zeros(4, np.uint8), "offsets": np.array([0, 9]), "format": "png"},
        {"data": np.zeros(4, np.uint8), "offsets": np.array([0, 3, 2]), "format": "png"},
        {"vectors": np.eye(3), "ids": np.array(["a", "a", "b"])},
        {"vectors": np.eye(3), "ids": np.array(["a", "b"])},
    ],
)
def test_an_npz_that_does_not_fit_is_refused_with_a_hint(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(PoolError) as caught:
        load_pool(npz(tmp_path / "x.npz", **arrays))
    assert caught.value.hint


@pytest.mark.parametrize("name", ["x.npz", "x.parquet"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(PoolError, match="is not"):
        load_pool(tmp_path / name)


def test_a_parquet_of_images_keeps_its_ids_and_lists_what_is_empty(tmp_path: Path) -> None:
    contents = [png(grey(0)), None, png(grey(2))]
    plain, nested = tmp_path / "p.parquet", tmp_path / "h.parquet"
    pq.write_table(pa.table({"id": [7, 8, 9], "image": contents}), plain, row_group_size=1)
    pool = load_pool(plain)
    assert pool.ids == ("7", "9")
    assert pool.unreadable[0].why == "row is empty"
    assert np.array_equal(pool.read(1)[:, :, 0], grey(2))

    pq.write_table(pa.table({"picture": [None if c is None else {"bytes": c, "path": None} for c in contents]}), nested)
    assert load_pool(nested).ids == ("h:0", "h:2")
    assert [item.sha256 for item in load_pool(nested).items] == [item.sha256 for item in pool.items]


def test_a_parquet_of_text_is_a_pool_of_text(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["grüß dich", "  ", None], "label": [0, 1, 1]}), path)
    pool = load_pool(path)
    assert pool.ids == ("t:0",)
    assert pool.read(0) == "grüß dich"
    assert pool.content(0).decode() == "grüß dich"
    assert pool.items[0].shape == (9,)


def test_a_parquet_without_a_usable_column_or_with_double_ids_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"number": [1, 2]}), path)
    with pytest.raises(PoolError, match="number"):
        load_pool(path)
    pq.write_table(pa.table({"text": ["a", "b"], "id": ["x", "x"]}), path)
    with pytest.raises(PoolError, match="share one id"):
        load_pool(path)
    pq.write_table(pa.table({"text": ["a", "b"], "id": ["x", None]}), path)
    with pytest.raises(PoolError, match=r"1 ids in .* are empty"):
        load_pool(path)


def test_every_source_keeps_the_protocol(folder: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "t.parquet")
    for location in (folder, npz(tmp_path / "v.npz", vectors=np.eye(3)), tmp_path / "t.parquet"):
        source = open_source(location)
        assert isinstance(source, Source)
        assert isinstance(source, Stamped)
        assert len(list(source.scan())) == len(source) == len(source.stamps())
        with pytest.raises(PoolError, match="no item"):
            source.read("nobody")


def test_labels_come_from_the_file_row_by_row_of_the_pool(folder: Path, tmp_path: Path) -> None:
    path = npz(
        tmp_path / "p.npz", **packed([png(grey(1)), b"junk", png(grey(2))]), labels=[2, 1, 0], class_names=list("abc")
    )
    labels = read_labels(load_pool(path))
    assert labels is not None
    assert (labels.labels.tolist(), labels.class_names, labels.split) == ([2, 0], ("a", "b", "c"), None)
    every = read_labels(path)
    assert every is not None
    assert every.labels.tolist() == [2, 1, 0]

    of_folder = read_labels(load_pool(folder))
    assert of_folder is not None
    assert (of_folder.labels.tolist(), of_folder.class_names) == ([0, 1], ("a", "b"))
    assert read_labels(folder) is not None
    (folder / "top.png").write_bytes(png(grey(0)))
    assert read_labels(folder) is None

    table = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["no", "yes"], "split": [0, 1]}), table)
    of_table = read_labels(load_pool(table))
    assert of_table is not None
    assert of_table.class_names == ("no", "yes")
    assert of_table.split is not None
    assert of_table.split.tolist() == [0, 1]
    assert read_labels(npz(tmp_path / "v.npz", vectors=np.eye(3))) is None


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for arrays in ({"labels": [0.5, 1.0]}, {"labels": [0, -1]}, {"labels": [0, 2], "class_names": ["a", "b"]}):
        with pytest.raises(PoolError):
            read_labels(npz(tmp_path / "v.npz", vectors=np.eye(2), **arrays))
    with pytest.raises(PoolError):
        read_labels(load_pool(npz(tmp_path / "w.npz", vectors=np.eye(3), labels=[0, 1])))


def test_a_manifest_gives_the_same_pool_and_reads_only_what_changed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.png").write_bytes(b"no")
    manifest = tmp_path / "cache" / "pool.parquet"

    def load() -> Pool:
        pool = load_manifest(manifest, open_source(folder))
        save_manifest(pool, manifest)
        return pool

    first = load()
    read: list[str] = []
    from activessl.pool.sources import FolderSource

    describe = FolderSource.describe
    monkeypatch.setattr(FolderSource, "describe", lambda self, i: (read.append(i), describe(self, i))[1])
    again = load()
    assert (again.items, again.unreadable, read) == (first.items, first.unreadable, [])

    (folder / "a/one.png").write_bytes(png(grey(9, 12)))
    (folder / "b/two.png").unlink()
    (folder / "c.png").write_bytes(png(grey(6)))
    changed = load()
    assert sorted(read) == ["a/one.png", "c.png"]
    assert changed.ids == ("a/one.png", "c.png")
    assert changed.items[0].shape == (12, 12, 1)


def test_a_damaged_manifest_is_as_good_as_none(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "pool.parquet"
    pool = load_pool(folder)
    save_manifest(pool, manifest)
    for content in (b"", b"PAR1", manifest.read_bytes()[:-50]):
        manifest.write_bytes(content)
        assert load_manifest(manifest, open_source(folder)).items == pool.items
    save_manifest(pool, manifest)
    table = pq.read_table(manifest)
    forged = table.set_column(1, "sha256", pa.array(["0" * 64] * len(table)))
    pq.write_table(forged, manifest)
    assert load_manifest(manifest, open_source(folder)).items == pool.items


def test_progress_counts_to_the_end(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    load_pool(folder, on_progress=lambda step: seen.append((int(step.done), int(step.total))))
    assert seen[-1] == (2, 2)


def test_a_link_that_leaves_the_folder_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    for place in ("mine", "others"):
        (tmp_path / place).mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "mine/a.png")
    Image.fromarray(np.ones((4, 4), np.uint8)).save(tmp_path / "others/salaries.png")
    (tmp_path / "mine/inside.png").symlink_to("a.png")
    (tmp_path / "mine/outside.png").symlink_to("../others/salaries.png")
    (tmp_path / "mine/folder").symlink_to("../others")
    (tmp_path / "link").symlink_to("mine")
    for given in ("mine", "link"):  # the folder itself may be given by a link: that is what was given
        pool = load_pool(tmp_path / given)
        assert pool.ids == ("a.png", "inside.png")
        assert [bad.id for bad in pool.unreadable] == ["outside.png"]
        assert "is a link to a file outside of" in pool.unreadable[0].why
    # also where a manifest of an earlier version calls it readable
    source = open_source(tmp_path / "mine")
    known = Pool((*pool.items, Item("outside.png", "0" * 64, (4, 4, 1))), source)
    save_manifest(known, tmp_path / "pool.parquet")
    assert load_manifest(tmp_path / "pool.parquet", source).ids == ("a.png", "inside.png")


def test_a_file_that_becomes_a_link_after_the_folder_was_listed_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for path in (tmp_path / "mine/a.png", tmp_path / "other.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    pool = load_pool(tmp_path / "mine")
    (tmp_path / "mine/a.png").unlink()
    (tmp_path / "mine/a.png").symlink_to(tmp_path / "other.png")
    with pytest.raises(PoolError, match="outside of"):
        pool.content(0)


def test_what_a_project_makes_inside_its_data_is_no_data(tmp_path: Path) -> None:
    for path in ("a.png", "studio/files/project-1-items/b.png", "reports/c.png", "notes/reports/d.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / path)
    assert load_pool(tmp_path, without=own_folders(tmp_path)).ids == ("a.png", "notes/reports/d.png")
