"""Which item a task shows, told by its address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activessl.errors import ConfigError
from activessl.pool.pool import Item, Modality, Pool
from activessl_label_studio.adopt import match_items


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
        ("/elsewhere/d.png", "dogs/d.png"),
        ("/elsewhere/z.png", None),
        ("data:image/png;base64,AAAA", None),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_a_picture_is_told_by_the_end_of_its_address(address: Any, item: str | None) -> None:
    assert match_items({7: address}, pool("image", *IDS)).get(7) == item


def test_a_text_is_told_by_what_it_says_if_no_other_says_the_same() -> None:
    assert match_items({1: "yes", 2: "no"}, pool("text", "yes", "maybe")) == {1: "yes"}


def test_what_has_no_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be recognized"):
        match_items({1: {}}, pool("series", "x"))
