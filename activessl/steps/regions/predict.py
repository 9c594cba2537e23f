"""Predict the regions of items that were never in the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from activessl.errors import ConfigError, LabelError
from activessl.labels.regions.region import Regions
from activessl.labels.regions.stored import stored
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.project.folder import Project
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.steps.regions.encode import part_encoder

if TYPE_CHECKING:
    from activessl.scoring.regions import RegionModel

__all__ = ["coco_results", "predict_regions", "region_model", "result_rows"]


def predict_regions(project: Project, items: Pool, on_progress: OnProgress | None = None) -> list[Regions]:
    """Return the model's regions of each item, with their scores.

    Args:
        project: A project of regions with a model.
        items: Items of the form of the project.
        on_progress: Called with stage "parts".

    Raises:
        ConfigError: The items are of another form, or the pool has changed so that its encoder is another one.
        LabelError: There is no model yet.
    """
    return region_model(project, on_progress).predict(items, on_progress=on_progress)


def region_model(project: Project, on_progress: OnProgress | None = None) -> RegionModel:
    """Return the newest model of a project of regions.

    Raises:
        ConfigError: The pool has changed so that its encoder is another one.
        LabelError: There is no model yet.
    """
    from activessl.scoring.regions import RegionModel  # imports torch

    snapshot = RegionSnapshot.of(project, on_progress)
    if snapshot.history.taught is None or snapshot.head is None:
        raise LabelError("no model yet", hint="label some items, then run `activessl teach`")
    encoder = part_encoder(project, project.pool())
    if encoder.fingerprint != snapshot.fingerprint:
        raise ConfigError(
            "the data of the project changed, and with them the encoder",
            hint="run `activessl encode` and `activessl teach` first",
        )
    data = project.config.data
    return RegionModel(encoder, data.modality, snapshot.head, data.cut)


def result_rows(items: Pool, found: Sequence[Regions]) -> list[dict[str, Any]]:
    """One row for each item: its id, and its regions as JSON."""
    return [
        {"id": item, "count": len(regions), "regions": stored(regions)}
        for item, regions in zip(items.ids, found, strict=True)
    ]


def coco_results(items: Pool, found: Sequence[Regions], classes: Sequence[str]) -> dict[str, Any]:
    """The regions of pictures as a COCO document, with a score at each annotation; file names are the ids.

    Raises:
        ConfigError: The items are no pictures.
    """
    from activessl.labels.regions.files.write import coco_annotation

    if items.modality != "image":
        raise ConfigError(f"COCO holds pictures, not {items.modality}", hint="leave out --coco")
    number = {name: at for at, name in enumerate(classes, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image, (item, regions) in enumerate(zip(items.items, found, strict=True), start=1):
        height, width = item.shape[:2]
        images.append({"id": image, "file_name": item.id, "height": height, "width": width})
        for region in regions:
            for told in coco_annotation(region, height, width, number):
                annotations.append({"id": len(annotations) + 1, "image_id": image, **told})
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": at, "name": name} for name, at in number.items()],
    }
