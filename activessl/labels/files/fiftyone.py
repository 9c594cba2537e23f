"""Exports of FiftyOne: ``labels.json`` of an image classification, and ``samples.json`` of a whole dataset.

``null`` is a sample that nobody labeled. Fields with a confidence are predictions of a model, and are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from activessl.errors import LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.marked import Marked, contents_of_images
from activessl.labels.files.opened import Opened, Options

_Row = Mapping[str, Any]


def has(opened: Opened) -> bool:
    """Whether the file, or the folder, is an export of FiftyOne."""
    document = _document(opened)
    return _is_labels(document) or _is_samples(document)


def _document(opened: Opened) -> _Row:
    for name in ("labels.json", "samples.json"):
        if name in opened.files:
            found = opened.json(name)
            return found if isinstance(found, Mapping) else {}
    return opened.document


def _is_labels(document: _Row) -> bool:
    return "classes" in document and isinstance(document.get("labels"), Mapping)


def _is_samples(document: _Row) -> bool:
    samples = document.get("samples")
    return isinstance(samples, list) and all(isinstance(one, Mapping) and "filepath" in one for one in samples)


def read(opened: Opened, options: Options) -> Contents:
    """Read the class of each sample.

    Raises:
        LabelError: A number has no name, no field classifies the samples, or several do.
    """
    document = _document(opened)
    return _of_labels(document, options) if _is_labels(document) else _of_samples(opened, document, options)


def _of_labels(document: _Row, options: Options) -> Contents:
    names = document["classes"]
    by_models = 0
    images = []
    # the keys are paths without an ending
    for key, value in document["labels"].items():
        listed = value if isinstance(value, list) else [value]
        if any(isinstance(one, Mapping) and "bounding_box" in one for one in listed):
            regions = tuple(_name(one.get("label"), names, key) for one in listed if isinstance(one, Mapping))
            images.append(Marked(f"sample {key}", {"key": key}, (), regions))
            continue
        predicted = [isinstance(one, Mapping) and one.get("confidence") is not None for one in listed]
        by_models += sum(predicted)
        classes = tuple(
            _name(one.get("label") if isinstance(one, Mapping) else one, names, key)
            for one, by_model in zip(listed, predicted, strict=True)
            if one is not None and not by_model
        )
        images.append(Marked(f"sample {key}", {"key": key}, classes, looked=value == []))
    notes = [f"{by_models:,} labels have a confidence: they are a model's, and left out"] if by_models else []
    return contents_of_images("export of FiftyOne", "labels", images, options, notes, stems=True)


def _name(value: Any, names: Any, key: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if not isinstance(names, list) or not 0 <= value < len(names):
            raise LabelError(
                f"sample {key!r} has the class {value}, and the file names {len(names or ()):,} classes",
                hint="export the dataset again",
            )
        return str(names[value])
    return str(value)


def _of_samples(opened: Opened, document: _Row, options: Options) -> Contents:
    samples = document["samples"]
    field = options.label or _field(samples)
    images, by_models = [], 0
    for place, sample in enumerate(samples, start=1):
        value = sample.get(field)
        inside = value if isinstance(value, Mapping) else {}
        listed = inside.get("classifications", [inside] if "label" in inside else [])
        people = [one for one in listed if one.get("confidence") is None]
        by_models += len(listed) - len(people)
        boxes = [one for name in ("detections", "polylines", "keypoints") for one in inside.get(name) or ()]
        path = str(sample["filepath"])
        images.append(
            Marked(
                where=f"sample {place}",
                shown={"filepath": path},
                classes=tuple(str(one.get("label")) for one in people),
                regions=tuple(str(one.get("label")) for one in boxes),
                looked=inside.get("classifications") == [],
                sha256=opened.hash_of(path, "data") or opened.hash_of(PurePosixPath(path).name, "data"),
            )
        )
    notes = [f"{by_models:,} labels have a confidence: they are a model's, and left out"] if by_models else []
    return contents_of_images("export of FiftyOne", field, images, options, notes)


def _field(samples: list[_Row]) -> str:
    count = Counter(
        name
        for sample in samples
        for name, value in sample.items()
        if isinstance(value, Mapping) and str(value.get("_cls", "")).startswith(("Classification", "Detections"))
    )
    if len(count) == 1:
        return next(iter(count))
    if not count:
        raise LabelError(
            f"no field of the {len(samples):,} samples has classes", hint="export a dataset with classifications"
        )
    each = ", ".join(f"{name} ({n:,})" for name, n in count.most_common())
    raise LabelError(f"{len(count)} fields have labels: {each}", hint=f"name one, such as --label {min(count)}")
