"""Write labeled items as folders that training programs read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

from activessl.errors import ConfigError
from activessl.pool.pool import Pool
from activessl.pool.portable import portable
from activessl.pool.recordings.cut import place_of
from activessl.sealed import beside, sweep

__all__ = ["Layout", "write_layout"]

#: "folders" has a folder for each class; "huggingface" is a folder that `datasets.load_dataset` reads; "coco" has the
#: images in one folder and `annotations.json` beside it, with the whole image as the box of each label.
Layout = Literal["folders", "huggingface", "coco"]

_Row = dict[str, Any]

#: Words between separators that `datasets` takes for the name of a split; digits separate, too.
_SPLIT = re.compile(
    r"(?<![^-._ 0-9])(train|training|validation|valid|dev|val|test|testing|eval|evaluation)(?![^-._ 0-9])"
)


def write_layout(
    folder: Path,
    layout: Layout,
    pool: Pool,
    rows: Sequence[_Row],
    classes: Sequence[str],
    *,
    on_item: Callable[[int, int], None] | None = None,
) -> int:
    """Write items with a class as a folder; after an error there is no folder.

    Args:
        folder: The target; must be missing or empty.
        layout: One of ``Layout``.
        pool: The items.
        rows: Rows of ``item_table``; items that are not in the pool are left out.
        classes: All classes, in their order.
        on_item: Called with the number of written items and of all items.

    Returns:
        Number of written items.

    Raises:
        ConfigError: The folder is not empty, or the layout does not exist or cannot hold such items or labels.
        PoolError: An item cannot be read.
    """
    if layout not in get_args(Layout):
        raise ConfigError(f"layout {layout!r} does not exist", hint=f"use one of {', '.join(get_args(Layout))}")
    if layout not in pool.form.layouts:
        raise ConfigError(
            f"the layout {layout!r} cannot hold {pool.modality} items", hint="export a .parquet or .csv file instead"
        )
    if layout == "folders" and any("classes" in row for row in rows):
        raise ConfigError(
            "a folder for each class cannot hold items of several classes", hint="use the layout huggingface or coco"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists and is not empty", hint="name a new folder, or empty it")
    wanted = [row for row in rows if row["id"] in pool]
    maker = {"folders": _folders, "huggingface": _huggingface, "coco": _coco}[layout]
    sweep(folder.parent, folder.name)
    part = beside(folder)
    try:
        part.mkdir(parents=True)
        maker(part, pool, wanted, classes, on_item or (lambda _done, _all: None))
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(wanted)


def _folders(
    folder: Path, pool: Pool, rows: Sequence[_Row], classes: Sequence[str], on_item: Callable[[int, int], None]
) -> None:
    names = _different([_slug(name) for name in classes])
    place = dict(zip(classes, names, strict=True))
    for name in names:
        (folder / name).mkdir()
    digest = sha256()
    for i, row in enumerate(rows):
        name = _write(folder / place[str(row["class"])], i, pool, row)
        digest.update(f"{place[str(row['class'])]}/{name}\n{_content_hash(pool, row)}\n".encode())
        on_item(i + 1, len(rows))
    # without a card, `datasets` takes a folder or a file that is called test for a split, and loads nothing else
    about = f"{len(rows):,} items of {len(classes)} classes: {', '.join(classes)}. One folder a class."
    _write_card(folder, "*/*", about, digest.hexdigest())


def _huggingface(
    folder: Path, pool: Pool, rows: Sequence[_Row], classes: Sequence[str], on_item: Callable[[int, int], None]
) -> None:
    (folder / "data").mkdir()
    lines, texts, digest = [], pool.form.shown == "text", sha256()
    for i, row in enumerate(rows):
        if texts:
            shown = {"text": str(pool.read(pool.row(row["id"])))}
        else:
            shown = {"file_name": _write(folder / "data", i, pool, row)}
        lines.append(json.dumps(shown | _said(row), ensure_ascii=False, allow_nan=False))
        digest.update(f"{lines[-1]}\n{_content_hash(pool, row)}\n".encode())
        on_item(i + 1, len(rows))
    # texts are stored in the table, not as files
    table = "train.jsonl" if texts else "metadata.jsonl"
    (folder / "data" / table).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    about = (
        f"{len(rows):,} items of {len(classes)} classes: {', '.join(classes)}.\n\n"
        "`label_source` is the source of the label (person, machine or model), `probability` the model's confidence."
    )
    _write_card(folder, "data/train.jsonl" if texts else "data/*", about, digest.hexdigest())


def _write_card(folder: Path, path: str, about: str, digest: str) -> None:
    """Write the card that `datasets` reads: all files are one split.

    `datasets` keeps a copy of what it loaded, under the name of the folder and a hash of the configs of the card:
    without the digest of the content, it would return the labels of an earlier export, or of another project.
    """
    card = [
        "---",
        "configs:",
        "- config_name: default",
        f"  description: 'SHA-256 of items and labels: {digest}'",
        "  data_files:",
        "  - split: train",
        f"    path: '{path}'",
        "---",
        "",
        about,
        "",
    ]
    (folder / "README.md").write_text("\n".join(card), encoding="utf-8")


def _content_hash(pool: Pool, row: _Row) -> str:
    return pool.items[pool.row(row["id"])].sha256


def _coco(
    folder: Path, pool: Pool, rows: Sequence[_Row], classes: Sequence[str], on_item: Callable[[int, int], None]
) -> None:
    (folder / "images").mkdir()
    number = {name: k for k, name in enumerate(classes, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, row in enumerate(rows, start=1):
        height, width = pool.items[pool.row(row["id"])].shape[:2]
        name = _write(folder / "images", i - 1, pool, row)
        images.append({"id": i, "file_name": name, "width": width, "height": height})
        for said in row.get("classes", [row["class"]]):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": number[said],
                    "bbox": [0, 0, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "attributes": _said(row),
                }
            )
        on_item(i, len(rows))
    whole = {
        "info": {"description": "labels of whole images: each box is the whole image"},
        "licenses": [],
        "categories": [{"id": k, "name": name} for name, k in number.items()],
        "images": images,
        "annotations": annotations,
    }
    (folder / "annotations.json").write_text(json.dumps(whole, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _said(row: _Row) -> dict[str, Any]:
    """Return the fields of an item besides its content."""
    return {
        "label": row.get("classes", row["class"]),
        "label_source": row["source"],
        "probability": row["probability"],
        "votes": row["votes"],
        "annotators": row["annotators"],
        "id": row["id"],
    }


def _write(folder: Path, i: int, pool: Pool, row: _Row) -> str:
    """Write one item and return its file name, made from a number and a safe part of the id: an id may be a path."""
    at = pool.row(row["id"])
    own = pool.path(at)
    if own is not None:  # unchanged: a conversion may lose information
        content, ending = pool.content(at), own.suffix.lstrip(".").lower()
    else:
        content, ending, _ = portable(pool, at)
    item = str(row["id"])
    # of a window, the place in its recording is a part of the name
    stem = Path(item).stem if place_of(item) is None else Path(item).name
    name = f"{i:06}-{_no_split(_slug(stem)[:80])}.{ending}"
    (folder / name).write_bytes(content)
    return name


def _slug(text: str) -> str:
    """Make a name that is valid on every file system.

    Example:
        >>> _slug("../über uns?"), _slug("..")
        ('.._über_uns_', '_')
    """
    safe = re.sub(r"[^\w.-]", "_", text).encode()[:200].decode(errors="ignore")  # a name has 255 bytes at most
    return safe if safe.strip(".") else "_"


def _no_split(name: str) -> str:
    """Change the words of a name that `datasets` takes for the name of a split.

    Example:
        >>> _no_split("my test 1"), _no_split("Testbed-dev")
        ('my xtest 1', 'Testbed-xdev')
    """
    return _SPLIT.sub(r"x\g<0>", name)


def _different(names: Sequence[str]) -> list[str]:
    """Make names unique by a number at the end, also on file systems that ignore case."""
    given: list[str] = []
    taken: set[str] = set()
    for name in names:
        free, n = name, 2
        while free.lower() in taken:
            free, n = f"{name}-{n}", n + 1
        taken.add(free.lower())
        given.append(free)
    return given
