"""Writers of files of labels. Each returns what its own library reads: item to its classes, in the library's order."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import rmtree
from typing import Any

CLASSES = ["cat", "dog"]

#: What people said: one class, two, none given. The order of the items is not that of their names.
SAID: dict[str, list[str]] = {"two": ["dog"], "one": ["cat"], "four": [], "five": ["cat", "dog"], "six": ["cat"]}

Expected = dict[str, list[str]]


def _dataset(boxes: bool) -> Any:
    import datumaro as dm
    import numpy as np
    from datumaro.components.annotation import Bbox, Label, LabelCategories
    from datumaro.components.media import Image

    def marks(names: list[str]) -> list[Any]:
        numbers = [CLASSES.index(name) for name in names]
        return [Bbox(1, 2, 5, 4, label=n, id=i) if boxes else Label(n, id=i) for i, n in enumerate(numbers)]

    items = [
        dm.DatasetItem(
            name,
            media=Image.from_numpy(np.full((8, 12, 3), 20 * i, np.uint8)),
            annotations=marks(names),
            subset="train",
        )
        for i, (name, names) in enumerate(SAID.items(), start=1)
    ]
    categories = {dm.AnnotationType.label: LabelCategories.from_iterable(CLASSES)}
    return dm.Dataset.from_iterable(items, categories=categories)


def _datumaro(folder: Path, form: str, *, boxes: bool, media: bool, like: str | None = None) -> Expected:
    import datumaro as dm

    _dataset(boxes).export(str(folder / "out"), form, save_media=media)
    found = dm.Dataset.import_from(str(folder / "out"), like or form)
    names = [one.name for one in found.categories()[dm.AnnotationType.label]]
    read = {item.id: sorted({names[a.label] for a in item.annotations}) for item in found}
    return {name: [one for one in classes if one in CLASSES] for name, classes in read.items()}


def coco(folder: Path) -> Expected:
    """Categories of whole images, without boxes."""
    return _datumaro(folder, "coco_labels", boxes=False, media=False)


def coco_boxes(folder: Path) -> Expected:
    """Boxes."""
    return _datumaro(folder, "coco_instances", boxes=True, media=False)


def voc_lists(folder: Path) -> Expected:
    """ImageSets/Main."""
    return _datumaro(folder, "voc_classification", boxes=False, media=False)


def voc_boxes(folder: Path) -> Expected:
    """An XML file for each image."""
    return _datumaro(folder, "voc_detection", boxes=True, media=False)


def yolo(folder: Path) -> Expected:
    """A text file for each image; the library reads them only with their images."""
    return _datumaro(folder, "yolo", boxes=True, media=True)


def cvat(folder: Path) -> Expected:
    """Tags, as datumaro writes the form of CVAT; it reads them only with their images."""
    return _datumaro(folder, "cvat", boxes=False, media=True)


def folders(folder: Path) -> Expected:
    """A folder for each class, with the images."""
    return _datumaro(folder, "imagenet", boxes=False, media=True)


def labelme(folder: Path) -> Expected:
    """A JSON file with flags beside each image."""
    from labelme import LabelFile

    read: Expected = {}
    for name, classes in SAID.items():
        path = folder / f"{name}.json"
        LabelFile().save(
            filename=str(path),
            shapes=[],
            imagePath=f"{name}.png",
            imageHeight=8,
            imageWidth=12,
            imageData=None,
            flags={one: one in classes for one in CLASSES},
        )
        # the library itself opens the image, too, which is not kept here
        read[name] = [one for one, is_set in json.loads(path.read_text())["flags"].items() if is_set]
    return read


def _records() -> list[Any]:
    from uuid import UUID

    import argilla as rg
    from argilla.responses import Response

    people = [UUID(int=1), UUID(int=2)]
    said = [
        ("one", [("cat", "submitted"), ("dog", "submitted")], "completed"),
        ("two", [("dog", "submitted")], "completed"),
        ("three", [("cat", "draft")], "pending"),
        ("four", [], "pending"),
        ("five", [("dog", "discarded")], "pending"),
    ]
    records = []
    for name, answers, status in said:
        responses = [Response("label", value, who, how) for (value, how), who in zip(answers, people, strict=False)]
        record = rg.Record(id=name, fields={"text": f"text {name}"}, metadata={"page": 3}, responses=responses)
        record._model.status = status  # which a server sets
        records.append(record)
    return records


def _answers(records: list[Any]) -> dict[str, list[list[str]]]:
    return {
        record.id: [[str(one.user_id), one.value, one.status.value if one.status else ""] for one in record.responses]
        for record in records
    }


def argilla(folder: Path) -> object:
    """``to_json``, as ``dataset.records.to_json`` calls it; it has no status of an answer."""
    from argilla.records._io import JsonIO

    JsonIO.to_json(_records(), folder / "records.json")
    return _answers(JsonIO._records_from_json(folder / "records.json"))


def argilla_rows(folder: Path) -> object:
    """The flat rows of ``dataset.records.to_list(flatten=True)``, a line each."""
    from argilla.records._io import GenericIO

    rows = GenericIO.to_list(_records(), flatten=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return _answers(_records())


def fiftyone(folder: Path) -> Expected:
    """``FiftyOneImageClassificationDataset``, without the images."""
    import fiftyone as fo
    from fiftyone.utils.data.exporters import FiftyOneImageClassificationDatasetExporter

    with FiftyOneImageClassificationDatasetExporter(str(folder), classes=CLASSES, export_media=False) as exporter:
        for name, classes in SAID.items():
            label = fo.Classifications(classifications=[fo.Classification(label=one) for one in classes])
            if len(classes) < 2:
                label = fo.Classification(label=classes[0]) if classes else None
            exporter.export_sample(f"/pictures/{name}.png", label)
    # its own reader wants the images beside the labels; the numbers are what it looks up in the classes
    from fiftyone.utils.data.importers import FiftyOneImageClassificationDatasetImporter

    (folder / "data").mkdir()
    for name in SAID:
        (folder / "data" / f"{name}.png").touch()
    importer = FiftyOneImageClassificationDatasetImporter(str(folder))
    importer.setup()
    read = {}
    for path, _, label in importer:
        inside = [] if label is None else getattr(label, "classifications", None) or [label]
        read[Path(path).stem] = [one.label for one in inside]
    rmtree(folder / "data")
    return read


def _supervision(folder: Path) -> tuple[Any, Any]:
    import numpy as np
    import supervision as sv

    images, said = {}, {}
    for i, (name, classes) in enumerate(SAID.items(), start=1):
        path = str(folder / "images" / f"{name}.png")
        images[path] = np.full((8, 12, 3), 20 * i, np.uint8)
        numbers = np.array([CLASSES.index(one) for one in classes], dtype=int)
        boxes = np.tile(np.array([[1.0, 2.0, 6.0, 6.0]]), (len(classes), 1)).reshape(-1, 4)
        said[path] = sv.Detections(xyxy=boxes, class_id=numbers)
    return sv, sv.DetectionDataset(classes=CLASSES, images=images, annotations=said)


def _read_by_supervision(found: Any) -> Expected:
    return {Path(path).stem: [found.classes[n] for n in said.class_id] for path, said in found.annotations.items()}


def ultralytics(folder: Path) -> Expected:
    """YOLO with ``data.yaml``, as supervision writes it."""
    sv, dataset = _supervision(folder)
    images, labels, yaml = (str(folder / name) for name in ("images", "labels", "data.yaml"))
    dataset.as_yolo(images_directory_path=images, annotations_directory_path=labels, data_yaml_path=yaml)
    return _read_by_supervision(sv.DetectionDataset.from_yolo(images, labels, yaml))


def voc_supervision(folder: Path) -> Expected:
    """Pascal VOC, as supervision writes it."""
    sv, dataset = _supervision(folder)
    images, labels = (str(folder / name) for name in ("JPEGImages", "Annotations"))
    dataset.as_pascal_voc(images_directory_path=images, annotations_directory_path=labels)
    return _read_by_supervision(sv.DetectionDataset.from_pascal_voc(images, labels))
