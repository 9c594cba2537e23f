"""A folder for each class, with its items inside, as ImageNet and many trainers have it.

Items are found by their content. Above the classes there may be folders such as ``train`` and ``val``. Where items may
have several classes, a file in several folders has all of them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from activessl.arguments import listed
from activessl.errors import LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.marked import Marked, contents_of_images
from activessl.labels.files.opened import Opened, Options
from activessl.pool.split_folders import split_folders

#: Folders of items that nobody labeled, as exporters name them.
_UNLABELED = frozenset({"no_label", "unlabeled", "unlabelled"})


def has(opened: Opened) -> bool:
    """Whether there are files in folders, none of which are labels of another form."""
    inside = [name for name in opened.files if "/" in name]
    return bool(inside) and not any(name.lower().endswith((".json", ".xml", ".csv", ".jsonl")) for name in inside)


def read(opened: Opened, options: Options) -> Contents:
    """Read the class of each file from the folder that it is in.

    Raises:
        LabelError: The folders are no classes of the project, such as ``images``.
    """
    inside = [name for name in opened.files if "/" in name]
    depth = 1 if split_folders(inside) else 0
    count = Counter(PurePosixPath(name).parts[depth] for name in inside if name.count("/") > depth)
    if not set(count) & set(options.known):
        raise LabelError(
            f"none of the folders in {opened.path} is a class of the project: {listed(sorted(count))}",
            hint="give the folder that has a folder for each class",
        )
    images: dict[tuple[str, str], Marked] = {}
    for name in inside:
        parts = PurePosixPath(name).parts
        if len(parts) <= depth + 1:
            continue
        # the folder of the class is no part of the path of the item
        file, digest = PurePosixPath(*parts[depth + 1 :]).as_posix(), opened.hash_of(name)
        labeled = parts[depth] in options.known or parts[depth] not in _UNLABELED
        key = (file, digest) if options.kind.independent else (name, digest)
        before = images[key].classes if key in images else ()
        classes = (*before, parts[depth]) if labeled else before
        images[key] = Marked(where=name, shown={"file": file}, classes=classes, sha256=digest)
    beside = sum(name.count("/") <= depth for name in opened.files)
    notes = [f"{beside:,} file{'s lie' if beside > 1 else ' lies'} beside the folders of the classes"] if beside else []
    return contents_of_images("folders of classes", "the folders", list(images.values()), options, notes)
