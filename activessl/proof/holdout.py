"""A project's own test data: labeled, never asked about, measured on in every round."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activessl.encoders.embeddings import embed
from activessl.encoders.registry import load_encoder
from activessl.errors import LabelError, ProjectError
from activessl.labels.kinds import Label, LabelKind, Labels, kind_of
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import StoredLabels, read_labels
from activessl.project.config import DataConfig
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot, embeddings_folder


@dataclass(frozen=True)
class TestData:
    """Labeled items beside the pool.

    Attributes:
        pool: The items.
        truth: (m,) class indices, or (m, k) of 0 and 1 where an item may have several.
    """

    __test__ = False  # it is no test, whatever its name begins with

    pool: Pool
    truth: Labels

    def also_in(self, digests: frozenset[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of them have the same content as an item with one of these digests."""
        return np.array([item.sha256 in digests for item in self.pool.items], dtype=bool)


def held_out(project: Project, snapshot: Snapshot) -> tuple[np.ndarray[Any, Any], Labels]:
    """Vectors and true classes of the project's test data, by the encoder in use: class indices, or (m, k) of 0 and 1
    where an item may have several. What is in the pool as well, byte for byte, is left out: the head may have
    learned it.

    Raises:
        ProjectError: The project has no test data.
        LabelError: They have no labels, or a class that the project does not have, or all of them are in the pool.
    """
    config, fingerprint = project.config, snapshot.embeddings.fingerprint
    location = project.test
    if location is None:
        raise ProjectError("the project has no test data", hint="name some as data.test in activessl.toml")
    test = read_test(location, config.data)
    apart = ~test.also_in(frozenset(snapshot.embeddings.digests))
    if not apart.any():
        raise LabelError(
            f"all {len(apart):,} test items in {location} are items of the pool",
            hint="give data.test other items, or remove it",
        )
    encoder = load_encoder(project.folder / "encoders" / fingerprint)
    vectors = embed(encoder, test.pool, embeddings_folder(project, f"{fingerprint}-test")).vectors
    return vectors[apart], test.truth[apart]


def read_test(location: Path, data: DataConfig) -> TestData:
    """Read labeled items beside the pool.

    Args:
        location: Where they are.
        data: The project's data: what kind of items, which classes.

    Raises:
        PoolError: They cannot be read.
        LabelError: They have no labels, or a class that the project does not have.
    """
    pool = load_pool(location, data.modality)
    return TestData(pool, _truth(read_labels(pool), location, data.classes, data.kind))


def _truth(found: StoredLabels | None, location: Path, classes: tuple[str, ...], kind: LabelKind) -> Labels:
    """The true class of each test item, as an index into the project's classes, or its row of 0 and 1."""
    if found is None:
        raise LabelError(f"the test data {location} has no labels", hint="add a label column, or remove data.test")
    stored = kind_of(found.labels)
    if stored.name != kind.name:
        raise LabelError(
            f"the test data has {'any number of classes' if stored.independent else 'one class'} for each item, "
            f"the project {'any number' if kind.independent else 'one'}",
            hint="store labels like the project's: multi-label, a row of 0 and 1 for each item, or a list of classes",
        )
    used = np.unique(np.flatnonzero(found.labels.any(axis=0)) if kind.independent else found.labels).tolist()
    names = _names(found, used, classes, kind)
    unknown = sorted(set(names.values()) - set(classes))
    if unknown:
        raise LabelError(
            f"the test data has a class {unknown[0]!r} that the project does not have",
            hint="add it to data.classes in activessl.toml, or leave its items out",
        )
    every = [names.get(k, "") for k in range(max(used, default=-1) + 1)]
    return kind.numbers([Label(kind.named(row, every), 1, 1, ()) for row in found.labels], classes)


def _names(found: StoredLabels, used: list[int], classes: tuple[str, ...], kind: LabelKind) -> dict[int, str]:
    """What the numbers in use are called: as the file says; else, where the project's classes are called by numbers,
    each by itself; else by their place among the project's classes."""
    if found.class_names is not None:
        return {k: found.class_names[k] for k in used}
    if not kind.independent and all(name.lstrip("-").isdecimal() for name in classes):
        return {k: str(k) for k in used}
    return {k: classes[k] if 0 <= k < len(classes) else str(k) for k in used}
