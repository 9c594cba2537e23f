"""Tar archives of samples: read by offset, on the disk and on a server, whole and damaged."""

from __future__ import annotations

import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.metadata.gather import gather_metadata
from activessl.pool.sources import load_pool, open_source
from activessl.pool.stored_labels import read_labels
from activessl.pool.tars.members import members_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "activessl" / "tars"


def png(value: int, side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), value % 250, np.uint8)).save(out, "PNG")
    return out.getvalue()


def archive(path: Path, members: list[tuple[str, bytes]], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def samples(n: int, start: int = 0) -> list[tuple[str, bytes]]:
    return [
        one for i in range(start, start + n) for one in ((f"{i:04}.png", png(i)), (f"{i:04}.cls", f"{i % 2}".encode()))
    ]


def test_members_are_those_that_tarfile_reads_wherever_a_window_ends(tmp_path: Path) -> None:
    rng = random.Random(0)
    members = [(f"{'x' * rng.choice([1, 90, 200])}/ü{i}.bin", rng.randbytes(rng.choice([0, 1, 511, 512, 9000])))
               for i in range(60)]  # fmt: skip
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = archive(tmp_path / "a.tar", members, format=form)
        content = path.read_bytes()
        with tarfile.open(path) as tar:
            expected = [(one.name, one.offset_data, one.size) for one in tar]
        for window in (512, 1000, 4096, 10**7):
            found = members_of(lambda start, end, content=content: content[start:end], len(content), window)
            assert [one[:3] for one in found.members] == expected and not found.damage


def test_large_members_are_passed_over(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", [("0.png", png(1)), ("big.bin", bytes(5_000_000)), ("1.png", png(2))])
    content, read = path.read_bytes(), []

    def part(start: int, end: int) -> bytes:
        read.append(end - start)
        return content[start:end]

    assert len(members_of(part, len(content), 65_536).members) == 3 and sum(read) < 300_000


def test_a_folder_of_archives_has_labels_and_metadata(tmp_path: Path) -> None:
    told = {"site": "north", "label": "dog", "patient": 3, "boxes": [1, 2]}
    archive(tmp_path / "d" / "0.tar", [("a/1.jpg", png(3)), ("a/1.json", json.dumps(told).encode())])
    archive(tmp_path / "d" / "1.tar", [("a/2.jpg", png(4)), ("a/2.cls", b"cat"), ("a/2.txt", b"a caption")])
    (tmp_path / "d" / "README.txt").write_text("about")
    pool = load_pool(tmp_path / "d")
    assert pool.modality == "image" and pool.ids == ("0.tar/a/1.jpg", "1.tar/a/2.jpg")
    found = read_labels(pool)
    assert found is not None and found.class_names == ("cat", "dog") and found.labels.tolist() == [1, 0]
    known = gather_metadata(tmp_path / "d", pool.ids)
    assert {column.name: column.values for column in known.columns} == {"site": ("north", None), "patient": (3, None)}


def test_an_archive_alone_has_the_names_of_its_members_as_ids(tmp_path: Path) -> None:
    pool = load_pool(archive(tmp_path / "a.tar", samples(3)))
    assert pool.ids == ("0000.png", "0001.png", "0002.png") and np.asarray(pool.read(2))[0, 0, 0] == 2


def test_names_with_dots_stay_apart(tmp_path: Path) -> None:
    """To webdataset, all of these are one sample, because its name ends at the first dot."""
    members = [(f"2026.01.05_{i}.{end}", png(i) if end == "png" else b"1") for i in range(3) for end in ("png", "cls")]
    pool = load_pool(archive(tmp_path / "a.tar", members))
    assert len(pool) == 3
    found = read_labels(pool)
    assert found is not None and found.labels.tolist() == [1, 1, 1]


def test_of_several_pictures_of_a_sample_the_plain_one_is_read_and_it_is_told(tmp_path: Path) -> None:
    members = [("1.mask.png", png(9)), ("1.png", png(3)), ("1.json", b"{}")]
    pool = load_pool(archive(tmp_path / "a.tar", members))
    assert pool.ids == ("1.png",) and pool.items[0].remarks == ("of 2 images of a sample, the first is read",)


def test_sounds_with_captions_are_sounds_and_texts_are_texts(tmp_path: Path) -> None:
    wav = io.BytesIO()
    from scipy.io import wavfile

    wavfile.write(wav, 16_000, np.zeros(1600, np.int16))
    both = [(f"{i}.{end}", wav.getvalue() if end == "wav" else b"said") for i in range(2) for end in ("wav", "txt")]
    assert load_pool(archive(tmp_path / "a.tar", both)).modality == "audio"
    assert load_pool(tmp_path / "a.tar", "text").ids == ("0.txt", "1.txt")


def test_links_and_devices_are_no_items(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("0.png", tarfile.SYMTYPE), ("1.png", tarfile.LNKTYPE), ("2.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        info = tarfile.TarInfo("../../3.png")
        info.size = len(png(1))
        tar.addfile(info, io.BytesIO(png(1)))
    with pytest.raises(PoolError, match="no image items"):
        load_pool(path)
    with tarfile.open(path, "a") as tar:
        info = tarfile.TarInfo("4.png")
        info.size = len(png(1))
        tar.addfile(info, io.BytesIO(png(1)))
    pool = load_pool(path)
    assert pool.ids == ("4.png",) and [one.id for one in pool.unreadable] == ["../../3.png"]


@pytest.mark.parametrize("end", [100, 3000, 5200])
def test_a_cut_off_archive_gives_what_is_before_the_cut(end: int, tmp_path: Path) -> None:
    archive(tmp_path / "d" / "0.tar", samples(3))
    path = archive(tmp_path / "d" / "1.tar", samples(5, start=3))
    path.write_bytes(path.read_bytes()[:end])
    pool = load_pool(tmp_path / "d")
    assert pool.ids[:3] == ("0.tar/0000.png", "0.tar/0001.png", "0.tar/0002.png") and len(pool) < 8
    (bad,) = pool.unreadable
    assert bad.id == "1.tar" and ("is cut off" in bad.why or "no tar archive" in bad.why)


def test_a_damaged_header_in_the_middle_is_told(tmp_path: Path) -> None:
    archive(tmp_path / "d" / "0.tar", samples(4))
    content = bytearray((tmp_path / "d" / "0.tar").read_bytes())
    content[2048 + 10 : 2048 + 160] = bytes(range(150))
    (tmp_path / "d" / "0.tar").write_bytes(content)
    (bad,) = load_pool(tmp_path / "d").unreadable
    assert "is damaged after '0000.cls': the 2 members before are read" in bad.why


@pytest.mark.parametrize("content", [b"", b"x" * 5000])
def test_what_is_no_archive_is_two_lines(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(PoolError, match="no items in the archives"):
        load_pool(tmp_path / "a.tar")


def test_a_compressed_archive_says_what_to_do(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("0.png"))
    with pytest.raises(PoolError, match="or a compressed one") as refused:
        load_pool(tmp_path / "a.tar")
    assert refused.value.hint == "write it as .tar without compression"


def test_a_header_that_asks_for_gigabytes_is_refused() -> None:
    info, read = tarfile.TarInfo("x"), []
    info.type, info.size = tarfile.XHDTYPE, 3_000_000_000

    def part(start: int, end: int) -> bytes:
        read.append(end - start)
        return info.tobuf()[start:].ljust(end - start, b"\0")

    assert "is damaged" in members_of(part, 4_000_000_000, 65_536).damage and max(read) < 2_000_000


def test_only_the_samples_of_a_changed_archive_are_read_again(tmp_path: Path) -> None:
    archive(tmp_path / "d" / "0.tar", samples(3))
    archive(tmp_path / "d" / "1.tar", samples(3, start=3))
    save_manifest(load_pool(tmp_path / "d"), tmp_path / "pool.parquet")
    archive(tmp_path / "d" / "1.tar", samples(4, start=3))
    source = open_source(tmp_path / "d")
    read: list[str] = []
    describe = source.describe  # type: ignore[attr-defined]
    source.describe = lambda item: (read.append(item), describe(item))[1]  # type: ignore[attr-defined]
    assert len(load_manifest(tmp_path / "pool.parquet", source)) == 7
    assert all(item.startswith("1.tar/") for item in read) and len(read) == 4


def test_an_archive_that_changes_while_it_is_open_is_told(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", samples(3))
    pool = load_pool(path)
    archive(path, samples(4, start=1))
    with pytest.raises(PoolError, match="has changed since it was opened"):
        pool.read(0)


def test_the_members_are_kept_and_a_damaged_cache_is_made_again(tmp_path: Path, cache: Path) -> None:
    path = archive(tmp_path / "a.tar", samples(3))
    first = load_pool(path).items
    (kept,) = cache.glob("*.parquet")
    assert load_pool(path).items == first
    kept.write_bytes(kept.read_bytes()[:-40])
    assert load_pool(path).items == first


# on a server


def test_archives_on_a_server_are_read_in_blocks(web: Any) -> None:
    pytest.importorskip("aiohttp")
    archive(web.folder / "d" / "0.tar", samples(200))
    archive(web.folder / "d" / "1.tar", samples(200, start=200))
    pool = load_pool(Address(f"{web.url}/d"))
    assert len(pool) == 400 and len(web.asked) < 30
    labels = read_labels(pool)
    assert labels is not None and labels.labels.sum() == 200
    web.asked.clear()
    assert [np.asarray(pool.read(row))[0, 0, 0] for row in range(400)] == [i % 250 for i in range(400)]
    assert len(web.asked) < 30


def test_a_single_sample_costs_no_block(web: Any) -> None:
    pytest.importorskip("aiohttp")
    archive(web.folder / "0.tar", [*samples(100), ("x.bin", bytes(8_000_000))])
    pool = load_pool(Address(f"{web.url}/0.tar"))
    source = open_source(Address(f"{web.url}/0.tar"))
    web.asked.clear()
    source.read("0050.png")
    assert len(web.asked) <= 2 and len(pool) == 100


def test_a_list_of_archives_is_a_pool(web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    monkeypatch.setenv("ACTIVESSL_ALLOW_HOSTS", "127.0.0.1")
    archive(web.folder / "0.tar", samples(2))
    archive(tmp_path / "near.tar", samples(2, start=2))
    (tmp_path / "list.csv").write_text(f"url\n{web.url}/0.tar?sig=word\nnear.tar\n")
    pool = load_pool(tmp_path / "list.csv")
    assert [item.rpartition("/")[2] for item in pool.ids] == [f"000{i}.png" for i in range(4)]
    assert not any("word" in item for item in pool.ids)


def test_a_server_without_parts_of_files_is_told(web: Any) -> None:
    pytest.importorskip("aiohttp")
    archive(web.folder / "0.tar", samples(2))
    web.ranges = False
    with pytest.raises(PoolError, match="sends no parts of files"):
        load_pool(Address(f"{web.url}/0.tar"))


def test_a_lost_connection_stops_at_archives_too(web: Any) -> None:
    pytest.importorskip("aiohttp")
    archive(web.folder / "0.tar", samples(2))
    source = open_source(Address(f"{web.url}/0.tar"))
    web.down = True
    with pytest.raises(PoolUnreachable):
        list(source.scan())
