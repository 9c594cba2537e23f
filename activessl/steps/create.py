"""Create a project folder for some data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from activessl.errors import ConfigError
from activessl.labels.regions.tasks import TaskName
from activessl.pool.addresses import Address, Place
from activessl.pool.manifest import load_manifest
from activessl.pool.metadata.base import Metadata
from activessl.pool.parts import to_label
from activessl.pool.plain import shown
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.pool.recordings.cut import Cut
from activessl.pool.sources import load_pool, open_source
from activessl.project.config import check_config
from activessl.project.folder import MANIFEST, Project, own_folders, same_place
from activessl.project.metadata import metadata_of, told_groups_of
from activessl.proof.holdout import read_test
from activessl.strategies.parts.registry import get_part_strategy


@dataclass(frozen=True)
class Created:
    """A new project.

    Attributes:
        project: The folder.
        pool: Its items.
        shared: Number of test items that are also in the pool, or of a group that is.
        groups: How many groups the items are in, in words; empty without groups.
        known: What is known of the items beside their content.
    """

    project: Project
    pool: Pool
    shared: int
    groups: str = ""
    known: Metadata = field(default_factory=lambda: Metadata(()))


def create(
    folder: Path,
    data: Place,
    classes: Sequence[str],
    *,
    task: TaskName = "classes",
    multi_label: bool = False,
    modality: str | None = None,
    test: Place | None = None,
    group: str | None = None,
    group_column: str | None = None,
    metadata: Path | None = None,
    window: str | None = None,
    step: str | None = None,
    frames: str | None = None,
    title: str = "",
    strategy: str = "auto",
    query_size: int = 20,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Created:
    """Create a project folder, or open it again if it was created with the same arguments.

    Args:
        folder: The project's folder; created if missing.
        data: The data to label, as ``load_pool`` reads it.
        classes: Names of the classes, at least two; of regions, at least one.
        task: What people give: "classes" of whole items; or "boxes", "masks", "spans" or "segments".
        multi_label: Whether an item may have several classes, or none.
        modality: The form of the data, if it cannot be derived from the files.
        test: Test data of the same form: each round is measured on it. If it is the data, then what they mark as test
            or validation, in a column or array ``split`` or by folders, is not in the pool.
        group: A regular expression that finds the group of an item in its id, such as its patient or video.
        group_column: The same, as a column of the metadata.
        metadata: A table with what else is known of the items.
        window: The length of the windows into which recordings are cut, such as "10 s", "500 values" or "200 words".
        step: From the beginning of a window to that of the next; by default the window.
        frames: The time from frame to frame of videos, such as "1 s".
        title: Title of the project in Label Studio; by default from the folder's name.
        strategy: Strategy of the queries.
        query_size: Questions in each round, >= 1.
        seed: Seed of all random numbers.
        on_progress: Called with the number of items read.

    Raises:
        ConfigError: A value cannot be used, or the folder holds another project.
        PoolError: The data, or the test data, cannot be read.
        PoolUnreachable: A store does not answer: the next call goes on where this one stopped.
        ProjectError: The folder cannot be written.
    """
    try:
        cut = Cut.of(window, step, frames)
    except ValueError as error:
        raise ConfigError(str(error), hint="correct --window, --step or --frames") from None
    pool = _described(folder, data, modality, cut, on_progress)
    part = test is not None and same_place(test, data)
    if part:
        pool = to_label(pool)
    config = check_config(
        {
            "data": {
                "path": _relative(data, folder),
                "modality": pool.modality,
                "task": task,
                "classes": list(classes),
                "multi_label": multi_label,
                **({"test": _relative(test, folder)} if test else {}),
                **({"group": group} if group else {}),
                **({"group_column": group_column} if group_column else {}),
                **({"metadata": _relative(metadata, folder)} if metadata else {}),
                **({} if cut is None else cut.settings()),
            },
            "annotator": {"title": (title or f"activessl {shown(folder.resolve().name)}")[:50]},
            "query": {"strategy": strategy, "size": query_size},
            "seed": seed,
        },
        name="the new project",
    )
    # read now, so that an error appears before people label
    if config.data.drawing is not None:
        get_part_strategy(strategy)
    known = metadata_of(config.data, data, metadata, pool.ids, source=pool.source)
    groups = told_groups_of(config.data, data, metadata, pool.ids)
    shared = 0
    if test is not None:
        tested = read_test(test, config.data, part=part)
        same = tested.also_in(frozenset(item.sha256 for item in pool.items))
        shared = int((same | tested.groups_in(pool.ids, config.data, data, metadata)).sum())
    project = Project.create(folder, config, version=version("activessl"))
    project.remember(pool)
    return Created(project, pool, shared, groups, known)


def _described(
    folder: Path, data: Place, modality: str | None, cut: Cut | None, on_progress: OnProgress | None
) -> Pool:
    """Read the data; of a store, what an earlier call has read before the connection was lost is not read again."""
    if isinstance(data, Path):
        return load_pool(data, modality, on_progress=on_progress, without=own_folders(folder), cut=cut)
    return load_manifest(folder / MANIFEST, open_source(data, modality, cut=cut), on_progress, resumable=True)


def _relative(path: Place, folder: Path) -> str:
    """Return a relative path if data and project lie side by side, so that both can move together; else absolute."""
    if isinstance(path, Address):
        return path.relative_to(folder)
    target, base = path.expanduser().resolve(), folder.resolve()
    if target.is_relative_to(base.parent):
        return Path(os.path.relpath(target, base)).as_posix()
    return target.as_posix()
