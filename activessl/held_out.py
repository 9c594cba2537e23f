"""A project's own test data: labeled, never asked about, measured on in every round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from activessl.encoders.embeddings import embed
from activessl.encoders.registry import load_encoder
from activessl.errors import LabelError, ProjectError
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import StoredLabels, read_labels
from activessl.project import Project
from activessl.view import View, embeddings_folder


def held_out(project: Project, view: View) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Vectors and true classes of the project's test data, by the encoder that the view uses: class indices, or (m, k)
    of 0 and 1 where an item may have several.

    Raises:
        ProjectError: The project has no test data.
        LabelError: They have no labels, or a class that the project does not have.
    """
    config, fingerprint = project.config, view.embeddings.fingerprint
    if config.data.test is None:
        raise ProjectError("the project has no test data", hint="name some as data.test in activessl.toml")
    location = project.folder / Path(config.data.test).expanduser()
    pool = load_pool(location, config.data.modality)
    truth = _truth(read_labels(pool), location, config.data.classes, multi_label=config.data.multi_label)
    encoder = load_encoder(project.folder / "encoders" / fingerprint)
    return embed(encoder, pool, embeddings_folder(project, f"{fingerprint}-test")).vectors, truth


def _truth(
    found: StoredLabels | None, location: Path, classes: tuple[str, ...], *, multi_label: bool
) -> np.ndarray[Any, Any]:
    """The true class of each test item, as an index into the project's classes, or its row of 0 and 1."""
    if found is None:
        raise LabelError(f"the test data {location} has no labels", hint="add a label column, or remove data.test")
    names = found.class_names or classes
    if (found.labels.ndim == 2) != multi_label:
        raise LabelError(
            f"the test data has {'any number of classes' if found.labels.ndim == 2 else 'one class'} for each item, "
            f"the project {'any number' if multi_label else 'one'}",
            hint="store labels like the project's: multi-label, a row of 0 and 1 for each item, or a list of classes",
        )
    used = np.flatnonzero(found.labels.any(axis=0)) if multi_label else found.labels
    unknown = sorted({str(names[k]) if k < len(names) else str(k) for k in used} - set(classes))
    if unknown:
        raise LabelError(
            f"the test data has a class {unknown[0]!r} that the project does not have",
            hint="add it to data.classes in activessl.toml, or leave its items out",
        )
    index = {name: k for k, name in enumerate(classes)}
    if multi_label:
        table = np.zeros((len(found.labels), len(classes)), dtype=np.int64)
        for k in used:
            table[:, index[names[k]]] = found.labels[:, k]
        return table
    return np.array([index[names[k]] for k in found.labels], dtype=np.int64)
