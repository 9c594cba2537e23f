"""Which item a task shows, told by its address."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from activessl.errors import ConfigError
from activessl.pool.pool import Item, Modality, Pool
from activessl.pool.sources import load_pool
from activessl_label_studio.adopt import content_of, match_items


class Names:
    location = Path("names")

    def __init__(self, modality: Modality, *ids: str) -> None:
        self.modality, self.ids = modality, ids

    def scan(self) -> list[Item]:
        return [Item(name, f"{i:064}", (1, 1, 1)) for i, name in enumerate(self.ids)]

    def read(self, item_id: str) -> Any:
        return item_id

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        return b""


def pool(modality: Modality, *ids: str) -> Pool:
    source = Names(modality, *ids)
    return Pool(tuple(source.scan()), source)


IDS = ("a.png", "cats/b.png", "dogs/b.png", "cats/sub dir/c (1).png", "dogs/d.png")


@pytest.mark.parametrize(
    ("address", "item"),
    [
        ("/data/local-files/?d=photos/cats/b.png", "cats/b.png"),
        ("/data/local-files/?d=photos%2Fdogs%2Fb.png", "dogs/b.png"),
        ("https://host/bucket/dogs/d.png?X-Amz-Signature=abc", "dogs/d.png"),
        ("s3://bucket/dogs/d.png", "dogs/d.png"),
        ("/data/upload/3/0a1b2c3d-c_1.png", "cats/sub dir/c (1).png"),
        ("/data/upload/3/0a1b2c3d-a.png", "a.png"),
        ("/data/upload/3/0a1b2c3d-b.png", None),  # of cats or of dogs
        ("/elsewhere/d.png", None),  # a file of that name in another folder is another file
        ("/data/upload/3/0a1b2c3d-d.png", "dogs/d.png"),
        ("d.png", "dogs/d.png"),
        ("/elsewhere/z.png", None),
        ("data:image/png;base64,AAAA", None),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_a_picture_is_told_by_the_end_of_its_address(address: Any, item: str | None) -> None:
    assert match_items({7: address}, pool("image", *IDS)).items.get(7) == item


def test_a_text_is_told_by_what_it_says_if_no_other_says_the_same() -> None:
    assert match_items({1: "yes", 2: "no"}, pool("text", "yes", "maybe")).items == {1: "yes"}


def test_what_has_no_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be recognized"):
        match_items({1: {}}, pool("series", "x"))


def folder(path: Path, *names: str) -> Pool:
    """A pool of different pictures in a folder."""
    for i, name in enumerate(names):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9 * i).save(path / name)
    return load_pool(path)


def test_of_two_files_of_one_name_the_one_with_the_longer_common_path_is_the_item(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "cam1", *(f"frame_{i:03}.png" for i in range(12)))
    addresses = {
        12 * camera + i: f"s3://b/cam{camera}/frame_{i:03}.png" for camera in (1, 2) for i in range(len(pictures))
    }
    assert match_items(addresses, pictures).items == {12 + i: name for i, name in enumerate(pictures.ids)}
    # without a common folder, neither is
    found = match_items({key: address.replace("cam1", "cam3") for key, address in addresses.items()}, pictures)
    assert found.items == {} and len(found.unclear) == 24
    # a single one is, and this is told
    found = match_items({1: "s3://b/cam2/frame_000.png"}, pictures)
    assert found.items == {1: "frame_000.png"} and found.named == {1}


def test_the_content_decides_where_names_do_not(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "cam1", "a.png", "b.png", "c.png")
    content = {
        "/data/upload/3/00000000-a.png": pictures.content(0),
        "/data/upload/3/11111111-a.png": b"another picture",
        "/data/upload/3/22222222-b.png": b"another picture",
        "/data/upload/3/33333333-renamed.png": pictures.content(2),
    }
    shown = dict(enumerate(content))
    found = match_items(shown, pictures, content.get)
    assert found.items == {0: "a.png", 3: "c.png"}
    assert (found.unclear, found.different, found.named) == (frozenset(), {1, 2}, frozenset())
    found = match_items(shown, pictures, content.get, by_name=True)
    assert found.items == {0: "a.png", 2: "b.png", 3: "c.png"} and found.unclear == {1}


def test_a_picture_inside_the_task_is_told_by_its_content(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "cam1", "a.png", "b.png")
    inline = f"data:image/png;base64,{b64encode(pictures.content(1)).decode()}"
    client: Any = None
    found = match_items({5: inline}, pictures, lambda address: content_of(client, address))
    assert found.items == {5: "b.png"}
