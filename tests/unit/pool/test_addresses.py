"""Data at addresses: a web server, archives, and what is refused."""

from __future__ import annotations

import csv
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address, check_address, has_secret, place, place_of, shown_address
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.matching import MediaIndex
from activessl.pool.pool import Item, Unreadable
from activessl.pool.sources import load_pool, open_source
from activessl.pool.stored_labels import read_labels
from activessl.pool.stores import store
from activessl.pool.stores.hosts import ALLOWED
from activessl.project.folder import same_place

pytest.importorskip("aiohttp")


def pictures(folder: Path, *names: str) -> None:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 9, 3), (20 * i + 5) % 250, np.uint8)).save(folder / name)


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


# what may be shown


@pytest.mark.parametrize(
    "url",
    [
        "https://somebody:word@example.com/a.png",
        "s3://AKIA:word@bucket/a.png",
        "https://example.com/a.png?X-Amz-Credential=word&X-Amz-Signature=word",
        "https://example.com/a.png?sv=2024&sig=word",
        "https://example.com/a.png?access_token=word",
        "https://example.com/a.png?id=3&Signature=word",
        "zip://a.png::https://somebody:word@example.com/a.zip?token=word",
    ],
)
def test_no_form_of_an_address_shows_a_secret(url: str) -> None:
    for text in (shown_address(url), str(Address(url)), repr(Address(url)), f"{Address(url)}"):
        assert "word" not in text and "AKIA" not in text
        assert "a.png" in text


def test_a_query_that_names_the_file_stays() -> None:
    assert shown_address("https://example.com/get?id=3&size=big") == "https://example.com/get?id=3&size=big"
    assert not has_secret("https://example.com/get?id=3&size=big")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/photos", "unknown protocol 'ftp'"),
        ("file:///etc", "unknown protocol 'file'"),
        ("https://me:word@example.com/photos", "user name or a password"),
        ("s3://key:word@bucket/photos", "user name or a password"),
        ("https://example.com/list.csv?sig=word", "signature or a key"),
        ("zip://photos", "no file of an archive"),
    ],
)
def test_an_address_that_cannot_be_kept_in_a_project_is_two_lines(url: str, why: str) -> None:
    with pytest.raises(PoolError, match=why) as error:
        place("data", url)
    assert ":word" not in str(error.value) and "=word" not in str(error.value) and error.value.hint


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "find_spec", lambda name: None)
    with pytest.raises(PoolError, match=r"needs gcsfs: `pip install 'activessl\[gs\]'`"):
        open_source(Address("gs://bucket/photos"))


# folders


def test_a_folder_on_a_web_server_is_a_pool(web: Any) -> None:
    pictures(web.folder / "photos", "cat/a.png", "cat/b 1.png", "dog/c.png")
    (web.folder / "photos" / "notes.txt").write_text("about")
    pool = load_pool(Address(f"{web.url}/photos"))
    assert pool.modality == "image" and len(pool) == 3 and pool.path(0) is None
    assert [one.replace("%20", " ") for one in pool.ids] == ["cat/a.png", "cat/b 1.png", "dog/c.png"]
    assert np.asarray(pool.read(2))[0, 0, 0] == 45
    found = read_labels(pool)
    assert found is not None and found.class_names == ("cat", "dog") and found.labels.tolist() == [0, 0, 1]


def test_only_what_has_changed_is_read_again(web: Any, tmp_path: Path) -> None:
    pictures(web.folder, "a.png", "b.png", "c.png")
    at, kept = Address(web.url), tmp_path / "pool.parquet"
    save_manifest(load_pool(at), kept)
    pictures(web.folder, "d.png", "b.png")
    web.asked.clear()
    pool = load_manifest(kept, open_source(at))
    read = {path for path in web.asked if web.asked.count(path) > 1}
    assert pool.ids == ("a.png", "b.png", "c.png", "d.png") and read == {"/b.png", "/d.png"}
    assert np.asarray(pool.read(1))[0, 0, 0] == 25


def test_an_answer_that_fails_is_asked_for_again(web: Any) -> None:
    pictures(web.folder, "a.png", "b.png")
    web.failing |= {"a.png": 3}
    assert len(load_pool(Address(web.url))) == 2 and not web.failing["a.png"]


def test_files_that_are_gone_or_denied_are_set_aside_by_name_and_tried_again_the_next_time(
    web: Any, tmp_path: Path
) -> None:
    pictures(web.folder, "a.png", "b.png", "c.png")
    source, kept = open_source(Address(web.url)), tmp_path / "pool.parquet"
    (web.folder / "b.png").unlink()
    web.denied.add("c.png")
    from activessl.pool.sources import collect

    pool = collect(source, source.scan())
    told = {one.id: one.why for one in pool.unreadable}
    assert pool.ids == ("a.png",)
    assert told == {
        "b.png": f"there is no file {web.url}/b.png",
        "c.png": f"{web.url}/c.png may not be read: access denied",
    }
    save_manifest(pool, kept)
    web.denied.clear()
    assert load_manifest(kept, open_source(Address(web.url))).ids == ("a.png", "c.png")


def test_a_store_that_does_not_answer_stops_the_reading_and_what_was_read_stays(web: Any, tmp_path: Path) -> None:
    pictures(web.folder, *(f"{i:03}.png" for i in range(300)))
    source, kept = open_source(Address(web.url)), tmp_path / "pool.parquet"
    web.failing |= {f"{i:03}.png": 10**6 for i in range(270, 300)}
    with pytest.raises(PoolUnreachable, match=r"does not answer.*503") as error:
        load_manifest(kept, source, resumable=True)
    assert "it goes on where it stopped" in error.value.hint
    web.failing.clear()
    web.asked.clear()
    assert len(load_manifest(kept, open_source(Address(web.url)), resumable=True)) == 300
    assert 30 <= sum(web.asked.count(f"/{i:03}.png") - 1 for i in range(300)) < 300  # HEAD is one of each


def test_a_closed_connection_is_two_lines(web: Any) -> None:
    pictures(web.folder, "a.png")
    web.down = True
    with pytest.raises(PoolUnreachable, match="http store does not answer"):
        open_source(Address(web.url))


def test_items_are_read_ahead_only_where_they_come_in_a_row(web: Any) -> None:
    pictures(web.folder, *(f"{i:03}.png" for i in range(200)))
    pool = load_pool(Address(web.url))
    web.asked.clear()
    pool.read(100)
    assert web.asked == ["/100.png"]
    assert all(np.asarray(pool.read(row)).shape == (8, 9, 3) for row in range(200))
    assert len(web.asked) <= 202  # each once, whoever has fetched it


def test_a_file_that_is_larger_than_told_is_cut_off_and_refused(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(web.folder, "a.png")
    opened = store.Store(Address(web.url), trusted=Address(web.url))
    with pytest.raises(PoolError, match=r"has .* bytes, more than the 10 that are read"):
        opened.read(Address(f"{web.url}/a.png"), 10)


def test_a_single_file_is_no_folder(web: Any) -> None:
    pictures(web.folder, "a.png")
    with pytest.raises(PoolError, match="is a single image file"):
        open_source(Address(f"{web.url}/a.png"))


# lists


def test_a_list_has_paths_and_addresses_in_one_column(
    web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED, web.url.removeprefix("http://"))
    pictures(web.folder, "a.png", "b.png")
    pictures(tmp_path, "near/c.png")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(tmp_path / "near/c.png", "in/d.png")
    rows = [
        {"url": f"{web.url}/a.png?Signature=word", "label": "x", "site": "north"},
        {"url": f"{web.url}/b.png", "label": "y", "site": "south"},
        {"url": "near/c.png", "label": "x", "site": "south"},
        {"url": "zip://in/d.png::more.zip", "label": "y", "site": "north"},
    ]
    pool = load_pool(table(tmp_path / "list.csv", rows))
    assert pool.ids == (f"{web.url}/a.png", f"{web.url}/b.png", "near/c.png", "zip://in/d.png::more.zip")
    assert "/a.png?Signature=word" in web.asked
    assert pool.path(2) == tmp_path / "near/c.png" and pool.path(0) is None
    found = read_labels(pool)
    assert found is not None and found.labels.tolist() == [0, 1, 0, 1]
    assert pool.source.columns["site"][pool.ids[3]] == "north"  # type: ignore[attr-defined]
    assert MediaIndex(pool).match({0: f"{web.url}/b.png", 1: "near/c.png"}).items == {0: pool.ids[1], 1: pool.ids[2]}


def test_a_list_on_a_server_is_relative_to_its_folder_there(web: Any) -> None:
    pictures(web.folder, "lists/photos/a.png", "b.png")
    table(web.folder / "lists" / "list.csv", [{"path": "photos/a.png"}, {"path": "../b.png"}, {"path": "/b.png"}])
    pool = load_pool(Address(f"{web.url}/lists/list.csv"))
    assert pool.ids == ("photos/a.png",)
    assert all("outside of the folder of the table" in one.why for one in pool.unreadable)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_a_list_cannot_point_into_the_network(host: str, web: Any, tmp_path: Path) -> None:
    pictures(web.folder, "a.png")
    port = web.url.rpartition(":")[2]
    pictures(tmp_path, "b.png")
    rows = [{"path": "b.png"}, {"path": f"http://{host}:{port}/a.png"}]
    source = open_source(table(tmp_path / "list.csv", rows))
    entries = list(source.scan())
    assert isinstance(entries[0], Item) and isinstance(entries[1], Unreadable)
    assert re.search("points inside of the network|InvalidUrl", entries[1].why)
    assert not web.asked


def test_a_page_cannot_lead_into_the_network(web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(web.folder, "a.png")
    port = int(web.url.rpartition(":")[2])
    monkeypatch.setenv(ALLOWED, f"127.0.0.1:{port}")
    web.sent["moved.png"] = (302, {"Location": f"http://127.0.0.1:{port + 1}/a.png"})
    rows = [{"path": f"{web.url}/a.png"}, {"path": f"{web.url}/moved.png"}]
    entries = list(open_source(table(tmp_path / "list.csv", rows)).scan())
    assert isinstance(entries[0], Item) and isinstance(entries[1], Unreadable)
    assert "points inside of the network, or leads there" in entries[1].why


def test_a_list_cannot_name_an_archive_outside_of_its_folder(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "lists/b.png")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
    rows = [{"path": "b.png"}, {"path": "zip://a.png::../out.zip"}, {"path": "file:///etc/passwd.png"}]
    pool = load_pool(table(tmp_path / "lists" / "list.csv", rows))
    whys = [one.why for one in pool.unreadable]
    assert "lies outside of the folder" in whys[0] and "unknown protocol 'file'" in whys[1]


# archives


def test_a_zip_is_a_folder_that_is_not_unpacked(tmp_path: Path) -> None:
    pictures(tmp_path, "x/a.png", "y/b.png")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x/a.png", "y/b.png"):
            archive.write(tmp_path / name, f"set/{name}")
    pool = load_pool(place_of("zip://set::photos.zip", tmp_path))  # type: ignore[arg-type]
    assert pool.ids == ("x/a.png", "y/b.png") and np.asarray(pool.read(1))[0, 0, 0] == 25
    assert load_pool(place_of("zip://::photos.zip", tmp_path)).ids == ("set/x/a.png", "set/y/b.png")  # type: ignore[arg-type]


def test_a_zip_on_a_server_is_read_in_parts(web: Any, tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    with zipfile.ZipFile(web.folder / "photos.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
        archive.writestr("rest.bin", bytes(20_000_000))
    pool = load_pool(Address(f"zip://::{web.url}/photos.zip"))
    assert pool.ids == ("a.png",)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_what_is_no_zip_is_two_lines(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(content)
    with pytest.raises(PoolError, match="is no zip archive"):
        open_source(place_of("zip://::photos.zip", tmp_path))  # type: ignore[arg-type]
    with pytest.raises(PoolError, match="there is no file"):
        open_source(place_of("zip://::none.zip", tmp_path))  # type: ignore[arg-type]


def test_an_address_in_the_config_keeps_an_archive_beside_the_project_relative(tmp_path: Path) -> None:
    address = place_of("zip://set::photos.zip", tmp_path)
    assert isinstance(address, Address)
    assert address.relative_to(tmp_path / "project") == "zip://set::../photos.zip"
    assert place_of("zip://set::../photos.zip", tmp_path / "project") == address
    check_address(address)


def test_an_address_with_a_slash_at_its_end_is_the_same_place(tmp_path: Path) -> None:
    """With `--test` and the same data, people type one of them with a slash."""
    pairs = [("s3://bucket/photos/", "s3://bucket/photos"), ("zip://a/::b.zip", "zip://a::b.zip")]
    assert all(same_place(Address(one), Address(other)) for one, other in pairs)
    assert not same_place(Address("s3://bucket/photos"), Address("s3://bucket/photo"))
    assert not same_place(Address("s3://bucket/photos"), tmp_path)
