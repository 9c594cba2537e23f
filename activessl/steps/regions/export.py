"""Export regions: rows for each item, and folders that training programs read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activessl.errors import ConfigError, LabelError
from activessl.labels.regions.files.write import LAYOUTS, Labeled
from activessl.labels.regions.region import Regions
from activessl.labels.regions.stored import read_stored, stored
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.project.folder import Project, writing
from activessl.project.regions.snapshot import RegionSnapshot, drawing_of

if TYPE_CHECKING:
    from activessl.scoring.as_onnx import Exported

__all__ = ["export_region_model", "export_regions", "region_rows"]

#: Number of items on which the ONNX file is compared with the model.
_COMPARED = 64

_Row = dict[str, Any]


def region_rows(project: Project, *, predictions: bool = True) -> list[_Row]:
    """Return one row for each item: its id, the digest of its content, the source ("person" or "model") and its
    regions; an empty list of regions says that it holds none.

    Args:
        project: The project.
        predictions: Whether to add the model's regions of items without an answer.
    """
    snapshot = RegionSnapshot.of(project)
    people = {item: snapshot.regions_of(item) for item in snapshot.history.labels}
    rows = [_row(item, "person", regions) for item, regions in people.items()]
    if predictions and snapshot.history.encoded is not None and snapshot.head is not None:
        left = [item for item in snapshot.ids if item not in people]
        rows += [_row(item, "model", found) for item, (found, _) in zip(left, snapshot.predicted(left), strict=True)]
    pool = project.pool()
    order = {item: at for at, item in enumerate(pool.ids)}
    found = sorted((row for row in rows if row["id"] in order), key=lambda row: order[row["id"]])
    # `import` compares contents: a place in another picture is wrong
    return [{"id": row["id"], "sha256": pool.items[order[row["id"]]].sha256, **row} for row in found]


def _row(item: str, source: str, regions: Regions) -> _Row:
    return {"id": item, "source": source, "count": len(regions), "regions": _plain(regions)}


def _plain(regions: Regions) -> list[_Row]:
    """Regions as JSON, without what a labeling tool stored beside them."""
    return [{name: value for name, value in row.items() if name not in ("rest", "id")} for row in stored(regions)]


def export_regions(
    project: Project,
    folder: Path,
    layout: str,
    *,
    predictions: bool = False,
    on_item: Callable[[int, int], None] | None = None,
) -> list[_Row]:
    """Copy items with an answer into a folder that training programs read, those without a region, too; return its
    rows.

    Args:
        project: The project.
        folder: The target; must be missing or empty. After an error there is none.
        layout: One of the layouts of the task.
        predictions: Whether to add items without an answer, with the model's regions.
        on_item: Called with the number of written items and of all items.

    Raises:
        ConfigError: The folder is not empty, or the layout cannot hold such regions.
        LabelError: There is nothing to export yet.
        PoolError: An item cannot be read.
        ProjectError: The folder cannot be written.
    """
    drawing = drawing_of(project)
    if layout not in drawing.layouts:
        raise ConfigError(
            f"the layout {layout!r} cannot hold {drawing.name}", hint=f"use one of {', '.join(drawing.layouts)}"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists and is not empty", hint="name a new folder, or empty it")
    rows = region_rows(project, predictions=predictions)
    if not rows:
        raise LabelError("nothing to export yet", hint="label some items, then run `activessl pull`")
    pool = project.pool()
    part = folder.with_name(f".{folder.name}.part")
    with writing(folder.parent):
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            labeled = _labeled(project, pool, rows)
            LAYOUTS[layout](part, pool, labeled, project.config.data.classes, on_item or (lambda _done, _all: None))
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return rows


def export_region_model(
    project: Project, folder: Path, *, onnx: bool | None = None, on_progress: OnProgress | None = None
) -> Exported:
    """Write the newest model as a self-contained folder; arguments and errors as of ``Session.export_model``."""
    from activessl.scoring import region_onnx  # imports torch
    from activessl.steps.regions.predict import region_model

    model, pool = region_model(project, on_progress), project.pool()
    sample = pool.subset(pool.ids[:: -(-len(pool) // _COMPARED)])
    return region_onnx.export_region_model(
        model, folder, encoders=project.folder / "encoders", sample=sample, onnx=onnx
    )


def _labeled(project: Project, pool: Pool, rows: list[_Row]) -> list[Labeled]:
    place = drawing_of(project).place
    return [
        Labeled(pool.row(row["id"]), tuple(one for one in read_stored(row["regions"]) if one.kind == place))
        for row in rows
    ]
