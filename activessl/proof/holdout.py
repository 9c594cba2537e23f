"""The test data of a project: labeled items that are never asked about, on which each round is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activessl.encoders.embeddings import embed
from activessl.encoders.registry import load_encoder
from activessl.errors import LabelError, PoolError, ProjectError
from activessl.labels.changes import Naming
from activessl.labels.kinds import Label, LabelKind, Labels, kind_of
from activessl.pool.addresses import Place
from activessl.pool.parts import to_test
from activessl.pool.pool import Pool
from activessl.pool.recordings.cut import recording_of
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import StoredLabels, read_labels
from activessl.project.config import DataConfig
from activessl.project.folder import Project
from activessl.project.metadata import groups_of
from activessl.project.snapshot import Snapshot, embeddings_folder


@dataclass(frozen=True)
class TestData:
    """Labeled items beside the pool.

    Attributes:
        pool: The items.
        truth: (m,) class indices, or (m, k) of 0 and 1 where an item may have several classes; -1 for items whose class
            is open.
        open: (m,) whether the class of an item is open, because the class in the file was split: it measures nothing.
        why: Why it is open; empty if no class is.
    """

    __test__ = False  # not a test of pytest

    pool: Pool
    truth: Labels
    open: np.ndarray[Any, np.dtype[np.bool_]]
    why: str = ""

    def also_in(self, digests: frozenset[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return a mask of the test items with the same content as an item with one of these digests."""
        return np.array([item.sha256 in digests for item in self.pool.items], dtype=bool)

    def groups_in(
        self, ids: Sequence[str], data: DataConfig, location: Place, table: Path | None = None
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return a mask of the test items that belong to a group of which the pool has items, too.

        Args:
            ids: The items of the pool.
            data: The data section of the config.
            location: The data of the pool.
            table: The table of metadata.

        Raises:
            PoolError: The groups of the pool or of the test items are not known.
        """
        if not data.grouped:
            return np.zeros(len(self.pool), dtype=bool)
        # files of one name in two folders are two recordings
        there = set(groups_of(data, location, table, ids)) - {*ids, *map(recording_of, ids)}
        ours = groups_of(data, self.pool.source.location, table, self.pool.ids)
        return np.array([name in there for name in ours], dtype=bool)


@dataclass(frozen=True)
class HeldOut:
    """The test items that the head cannot have learned.

    Attributes:
        pool: All test items.
        ids: (m,) the ids of those that are held out.
        vectors: (m, d) by the encoder in use.
        truth: (m,) class indices, or (m, k) of 0 and 1 where an item may have several classes.
        open: Test items that were left out, because their class was split.
    """

    pool: Pool
    ids: tuple[str, ...]
    vectors: np.ndarray[Any, Any]
    truth: Labels
    open: int


def held_out(project: Project, snapshot: Snapshot) -> HeldOut:
    """Return the test data with their vectors and true classes.

    Test items that are also in the pool, byte for byte, or of a group that is also there, are left out: the head may
    have learned them. So are items of a class that was split: their classes are read like those of old answers.

    Raises:
        PoolError: The test data do not exist.
        ProjectError: The project has no test data.
        LabelError: The test data has no labels, a class that the project does not have, or only items of the pool.
    """
    config, fingerprint = project.config, snapshot.embeddings.fingerprint
    location = project.test
    if location is None:
        raise ProjectError("the project has no test data", hint="set data.test in activessl.toml to labeled items")
    if not location.exists():
        raise PoolError(f"{config.data.test} does not exist", hint="restore it, or correct data.test in activessl.toml")
    test = read_test(location, config.data, snapshot.history.naming, part=project.tests_itself)
    apart = ~test.also_in(frozenset(snapshot.embeddings.digests))
    if not apart.any():
        raise LabelError(
            f"all {len(apart):,} test items in {location} are also in the pool",
            hint="set data.test to other items, or remove it",
        )
    apart &= ~test.groups_in(snapshot.embeddings.ids, config.data, project.data, project.metadata)
    if not apart.any():
        raise LabelError(
            f"all groups of the test items in {location} are also in the pool",
            hint="set data.test to items of other groups, or correct the groups in activessl.toml",
        )
    left_out = int((apart & test.open).sum())
    apart &= ~test.open
    encoder = load_encoder(project.folder / "encoders" / fingerprint)
    vectors = embed(encoder, test.pool, embeddings_folder(project, f"{fingerprint}-test")).vectors
    ids = tuple(item for item, kept in zip(test.pool.ids, apart, strict=True) if kept)
    return HeldOut(test.pool, ids, vectors[apart], test.truth[apart], left_out)


def read_test(location: Place, data: DataConfig, naming: Naming | None = None, *, part: bool = False) -> TestData:
    """Read the test data.

    Args:
        location: File or folder of the test data.
        data: The data section of the config: form of data and classes.
        naming: The changes of the classes; the file may have the names of an earlier time.
        part: Whether the file or folder has the pool, too: the test data are what it marks as test or validation.

    Raises:
        PoolError: The test data cannot be read.
        LabelError: The test data has no labels, or a class that the project does not have.
    """
    pool = test_pool(location, data, part=part)
    return TestData(pool, *_truth(read_labels(pool), location, data.classes, data.kind, naming))


def test_pool(location: Place, data: DataConfig, *, part: bool) -> Pool:
    """Read the items of the test data, without their classes; the arguments are those of ``read_test``.

    Raises:
        PoolError: The test data cannot be read.
    """
    pool = load_pool(location, data.modality, cut=data.cut)
    return to_test(pool) if part else pool


def _truth(
    found: StoredLabels | None,
    location: Place,
    classes: tuple[str, ...],
    kind: LabelKind,
    naming: Naming | None = None,
) -> tuple[Labels, np.ndarray[Any, np.dtype[np.bool_]], str]:
    """Return the true class of each test item, as an index into the project's classes or as a row of 0 and 1; where it
    is open; and why."""
    naming = naming or Naming()
    if found is None:
        raise LabelError(f"the test data {location} has no labels", hint="add a label column, or remove data.test")
    stored = kind_of(found.labels)
    if stored.name != kind.name:
        raise LabelError(
            f"the test data has {'any number of classes' if stored.independent else 'one class'} for each item, "
            f"the project has {'any number of classes' if kind.independent else 'one class'}",
            hint="store the labels like those of the project: one class for each item or, with data.multi_label, a row "
            "of 0 and 1 or a list of classes",
        )
    used = np.unique(np.flatnonzero(found.labels.any(axis=0)) if kind.independent else found.labels).tolist()
    # numbers without names are positions among the classes that the project began with
    first = naming.steps[0].before if naming.steps and found.class_names is None else classes
    names = _names(found, used, first, kind)
    read = {k: naming.read(name) for k, name in names.items() if name not in classes}
    unknown = sorted({names[k] for k, one in read.items() if not set(one.names) <= set(classes)})
    if unknown:
        raise LabelError(
            f"the test data has a class {unknown[0]!r} that the project does not have",
            hint="add the class to data.classes in activessl.toml, or remove its items from the test data",
        )
    unclear = [k for k, one in read.items() if one.by is not None]
    open_ = found.labels[:, unclear].any(axis=1) if kind.independent else np.isin(found.labels, unclear)
    names |= {k: one.names[0] for k, one in read.items()}
    every = [names.get(k, "") for k in range(max(used, default=-1) + 1)]
    labels = [Label(tuple(dict.fromkeys(kind.named(row, every))), 1, 1, ()) for row in found.labels]
    truth = kind.numbers(labels, classes)
    truth[open_] = -1
    return truth, np.asarray(open_, dtype=bool), read[unclear[0]].why if unclear else ""


def _names(found: StoredLabels, used: list[int], classes: tuple[str, ...], kind: LabelKind) -> dict[int, str]:
    """Name the class numbers in use: by the class names of the file; else, if the project's classes are numbers, by the
    number itself; else by position among the project's classes."""
    if found.class_names is not None:
        return {k: found.class_names[k] for k in used}
    if not kind.independent and all(name.lstrip("-").isdecimal() for name in classes):
        return {k: str(k) for k in used}
    return {k: classes[k] if 0 <= k < len(classes) else str(k) for k in used}
