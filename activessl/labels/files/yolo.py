"""YOLO: a text file for each image with a line for each box, and the names of the classes by number.

An empty file is not a label: some tools write one for an image with nothing, others for one that nobody labeled.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from activessl.errors import ConfigError, LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.marked import Marked, contents_of_images
from activessl.labels.files.opened import Opened, Options

#: Files with a name in each line.
_LISTS = ("classes.txt", "obj.names", "classes.names")
_BESIDE = frozenset({"train.txt", "val.txt", "valid.txt", "test.txt", "notes.txt", "readme.txt", "requirements.txt"})


def has(opened: Opened) -> bool:
    """Whether the folder has names of classes as YOLO writes them, and files of boxes."""
    return bool(_names_file(opened)) and bool(_files(opened))


def unnamed(opened: Opened) -> bool:
    """Whether the folder has files of boxes, without the names of their classes."""
    files = _files(opened)
    if not files or _names_file(opened):
        return False
    lines = opened.text(files[0]).split("\n")[:3]
    return bool(lines[0].strip()) and all(_numbers(line) is not None for line in lines if line.strip())


def read(opened: Opened, options: Options) -> Contents:
    """Read the boxes of each image.

    Raises:
        LabelError: A line is no box, a number has no name, or boxes do not count.
        ConfigError: The names cannot be read.
    """
    names = _names(opened)
    images = []
    for file in _files(opened):
        regions = []
        for line, text in enumerate(opened.text(file).splitlines(), start=1):
            if not text.strip():
                continue
            values = _numbers(text)
            if values is None:
                raise LabelError(
                    f"line {line} of {file} is {text[:60]!r}",
                    hint="write the number of the class and the corners or the box, in each line",
                )
            if len(values) == 6:
                raise LabelError(
                    f"line {line} of {file} has six numbers: a box with the confidence of a model",
                    hint="export the boxes that people gave",
                )
            number = int(values[0])
            if number not in names:
                raise LabelError(
                    f"line {line} of {file} has the class {number}, and {_names_file(opened)} has {len(names):,} names",
                    hint="correct the file of names",
                )
            regions.append(names[number])
        stem = PurePosixPath(file).with_suffix("")
        parts = stem.parts
        # labels/train/a.txt is of images/train/a.png
        inside = parts[len(parts) - parts[::-1].index("labels") :] if "labels" in parts else parts
        images.append(Marked(file, {"file": "/".join(inside)}, (), tuple(regions)))
    empty = sum(not image.regions for image in images)
    notes = [f"{empty:,} empty files count as not labeled: they do not tell whether somebody looked"] if empty else []
    return contents_of_images("YOLO folder", "boxes", images, options, notes, stems=True)


def _files(opened: Opened) -> list[str]:
    beside = {*_LISTS, *_BESIDE}
    return [name for name in opened.ending(".txt") if name and PurePosixPath(name).name.lower() not in beside]


def _names_file(opened: Opened) -> str:
    files = opened.files
    listed = [name for name in files if PurePosixPath(name).name.lower() in _LISTS]
    yamls = [name for name in files if name.lower().endswith((".yaml", ".yml")) and "/" not in name]
    return next(iter((*listed, *(name for name in yamls if _yaml_names(opened, name) is not None))), "")


def _names(opened: Opened) -> dict[int, str]:
    file = _names_file(opened)
    if file.lower().endswith((".yaml", ".yml")):
        names = _yaml_names(opened, file) or {}
    else:
        # an empty line in the middle would be a class without a name: its number counts
        names = dict(enumerate(line.strip() for line in opened.text(file).rstrip().split("\n")))
    empty = [number for number, name in names.items() if not name]
    if empty:
        raise LabelError(f"{file} has no name for the class {empty[0]}", hint="write one name in each line")
    return names


def _yaml_names(opened: Opened, file: str) -> dict[int, str] | None:
    """The names in a ``data.yaml``: a list, or a mapping from numbers."""
    import yaml

    try:
        found: Any = yaml.safe_load(opened.text(file))
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot read {opened.path / file}: it is not YAML", hint="export it again") from error
    told = found.get("names") if isinstance(found, dict) else None
    if isinstance(told, list):
        return {number: str(name) for number, name in enumerate(told)}
    if isinstance(told, dict) and all(isinstance(number, int) for number in told):
        return {number: str(name) for number, name in told.items()}
    return None


def _numbers(line: str) -> list[float] | None:
    """The numbers of a line: a class and at least a box."""
    parts = line.split()
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return None
    return values if len(values) >= 5 and values[0] == int(values[0]) >= 0 else None
