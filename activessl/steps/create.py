"""A project folder about some data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.pool.sources import load_pool
from activessl.project.config import check_config
from activessl.project.folder import Project, own_folders
from activessl.proof.holdout import read_test


@dataclass(frozen=True)
class Created:
    """A new project.

    Attributes:
        project: The folder.
        pool: Its items.
        shared: How many of the test items are in the pool as well.
    """

    project: Project
    pool: Pool
    shared: int


def create(
    folder: Path,
    data: Path,
    classes: Sequence[str],
    *,
    multi_label: bool = False,
    modality: str | None = None,
    test: Path | None = None,
    title: str = "",
    strategy: str = "auto",
    query_size: int = 20,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Created:
    """Make a project folder, or open it again where it was made with the same arguments.

    Args:
        folder: The project's folder; made if missing.
        data: What there is to label, as ``load_pool`` reads it.
        classes: Their names, at least two.
        multi_label: Whether an item may have several classes, or none.
        modality: The form of the data, where it is not seen from the files.
        test: Labeled data of the same form that are never asked about: each round is measured on them.
        title: Of the project in Label Studio; by default after the folder.
        strategy: How items are chosen.
        query_size: Questions a round, >= 1.
        seed: All randomness comes from it.
        on_progress: Told how many items are read.

    Raises:
        ConfigError: A value cannot be used, or the folder holds another project.
        PoolError: The data, or the test data, cannot be read.
        ProjectError: The folder cannot be written.
    """
    pool = load_pool(data, modality, on_progress=on_progress, without=own_folders(folder))
    config = check_config(
        {
            "data": {
                "path": _relative(data, folder),
                "modality": pool.modality,
                "classes": list(classes),
                "multi_label": multi_label,
                **({"test": _relative(test, folder)} if test else {}),
            },
            "annotator": {"title": (title or f"activessl {folder.resolve().name}")[:50]},
            "query": {"strategy": strategy, "size": query_size},
            "seed": seed,
        },
        name="the new project",
    )
    shared = 0
    if test is not None:  # before anybody has labeled anything
        shared = int(read_test(test, config.data).also_in(frozenset(item.sha256 for item in pool.items)).sum())
    project = Project.create(folder, config, version=version("activessl"))
    project.remember(pool)
    return Created(project, pool, shared)


def _relative(path: Path, folder: Path) -> str:
    """Relative where data and project lie side by side, so that both can be moved together; else absolute."""
    target, base = path.expanduser().resolve(), folder.resolve()
    if target.is_relative_to(base.parent):
        return Path(os.path.relpath(target, base)).as_posix()
    return target.as_posix()
