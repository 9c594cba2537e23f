"""Folders that divide a data set into parts for training and testing, as many tools expect them."""

from __future__ import annotations

from collections.abc import Sequence

#: Names of such parts, in lower case, and their numbers: 0 is the pool, everything else is held out.
SPLITS = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("test", "testing"), 1),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval"), 2),
}


def split_folders(ids: Sequence[str]) -> tuple[str, ...]:
    """The first folders of the ids, if all of them are parts of a data set; none if one of them is something else.

    Example:
        >>> split_folders(["train/cat/a.png", "val/dog/b.png"]), split_folders(["train/a.png", "bus/b.png"])
        (('train', 'val'), ())
    """
    first = dict.fromkeys(item_id.split("/", 1)[0] if "/" in item_id else "" for item_id in ids)
    return tuple(first) if all(name.lower() in SPLITS for name in first) else ()


def held_out_folder(item_id: str) -> bool:
    """Whether the first folder of an id is named like a part that is held out.

    Example:
        >>> held_out_folder("Val/dog/b.png"), held_out_folder("train/dog/b.png"), held_out_folder("test.png")
        (True, False, False)
    """
    first, slash, _ = item_id.partition("/")
    return bool(slash) and SPLITS.get(first.lower(), 0) > 0
