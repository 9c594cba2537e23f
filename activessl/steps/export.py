"""Export labels, items and the model of a project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activessl.pool.progress import OnProgress
from activessl.project.folder import Project, writing
from activessl.project.snapshot import Snapshot, no_labels
from activessl.steps.item_table import item_table
from activessl.steps.layouts import Layout, write_layout

if TYPE_CHECKING:
    from activessl.scoring.as_onnx import Exported

#: Number of items on which the two forms of an exported model are compared.
COMPARED = 256


def item_rows(project: Project, *, predictions: bool = True) -> list[dict[str, Any]]:
    """Return one row for each item: its label or, with ``predictions``, the prediction for an unlabeled item."""
    snapshot, classes = Snapshot.of(project), project.config.data.classes
    if not predictions or snapshot.history.taught is None:
        return item_table(snapshot.history, project.pool().ids, classes, None, snapshot.kind)
    return item_table(snapshot.history, snapshot.embeddings.ids, classes, snapshot.probs, snapshot.kind)


def export_items(
    project: Project,
    folder: Path,
    layout: Layout,
    *,
    predictions: bool = False,
    on_item: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Copy items into a folder that training programs read; arguments and errors as of ``Session.export_items``."""
    pool = project.pool()
    rows = [row for row in item_rows(project, predictions=predictions) if row["id"] in pool]
    if not rows:
        raise no_labels(project.history())
    with writing(folder.parent):
        write_layout(folder, layout, pool, rows, project.config.data.classes, on_item=on_item)
    return rows


def export_model(
    project: Project,
    folder: Path,
    *,
    onnx: bool | None = None,
    reference: bool = True,
    on_progress: OnProgress | None = None,
) -> Exported:
    """Write the newest model as a self-contained folder; arguments and errors as of ``Session.export_model``."""
    from activessl.scoring import as_onnx  # imports torch
    from activessl.steps.make_reference import make_reference

    snapshot, pool = Snapshot.of(project), project.pool()
    model = snapshot.model()
    if reference:
        model = replace(model, reference=make_reference(project, snapshot, on_progress))
    where = project.folder / "encoders" / model.encoder.fingerprint
    sample = pool.subset(pool.ids[:: -(-len(pool) // COMPARED)])
    return as_onnx.export_model(model, folder, encoder_folder=where, sample=sample, onnx=onnx)
