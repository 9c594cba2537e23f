"""The metadata of a project, and the groups of its items."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from activessl.errors import PoolError
from activessl.pool.groups import group_names, groups_text, told_groups
from activessl.project.config import DataConfig

if TYPE_CHECKING:
    from activessl.pool.addresses import Place
    from activessl.pool.metadata.base import Metadata
    from activessl.pool.pool import Source
    from activessl.project.folder import Project

# the readers of tables are imported where there is something to read: `status` needs none of them


def project_metadata(
    project: Project, ids: Sequence[str], *, exif: bool = False, source: Source | None = None
) -> Metadata:
    """Read what is known of items of a project beside their content.

    Args:
        project: The project.
        ids: The items, in the order of the values.
        exif: Whether images are opened for their camera and date, 0.2 ms each.
        source: The data, where they are open already.

    Raises:
        PoolError: The data or the table of metadata cannot be read, or contradict themselves.
    """
    # a column with the names of before a change of the classes is a label, too
    names = tuple(dict.fromkeys((*project.config.data.classes, *project.history().naming.earlier)))
    data = project.config.data.model_copy(update={"classes": names})
    return metadata_of(data, project.data, project.metadata, ids, exif=exif, source=source)


def metadata_of(
    data: DataConfig,
    location: Place,
    table: Path | None,
    ids: Sequence[str],
    *,
    exif: bool = False,
    source: Source | None = None,
) -> Metadata:
    """Read the metadata of items at a place, such as those of the test data; errors as above."""
    from activessl.pool.metadata.gather import gather_metadata

    return gather_metadata(location, ids, data.modality, table=table, classes=data.classes, exif=exif, source=source)


def groups_of(data: DataConfig, location: Place, table: Path | None, ids: Sequence[str]) -> list[str]:
    """The name of the group of each item at a place: of the pool, or of the test data.

    An item without a group is one of its own, named by its id. Of a column that is in the data, the table of metadata
    is not asked, because it may be only about the pool.

    Raises:
        PoolError: ``data.group_column`` is no column of the metadata, they cannot be read, or no item has a value in
            it: then nothing is known of the groups.
    """
    if data.group_column is None:
        return group_names(data.group, ids)
    from activessl.pool.metadata.base import column_groups

    found = metadata_of(data, location, None, ids)
    if table is not None and data.group_column not in found.names:
        found = metadata_of(data, location, table, ids)
    column = found.column(data.group_column)
    if not column.known:
        raise PoolError(
            f"no item of {location.name} has a value in {data.group_column!r}, the column of groups",
            hint=f"fill the column {data.group_column!r}, or correct data.group_column in activessl.toml",
        )
    return column_groups(column, ids)


def told_groups_of(data: DataConfig, location: Place, table: Path | None, ids: Sequence[str]) -> str:
    """How many groups items are in, in words; empty without groups.

    Raises:
        PoolError: As of ``groups_of``.
    """
    if data.group_column is None:
        return groups_text(data.group, ids)
    return told_groups(groups_of(data, location, table, ids), ids, f"has no {data.group_column}")


def groups_stamp(project: Project) -> str:
    """A text that changes when the groups of the items may have changed; empty where their ids say all."""
    if project.own.data.group_column is None:
        return ""
    return metadata_stamp(project, project.own.data.group_column)


def metadata_stamp(project: Project, *more: object) -> str:
    """A text that changes when the data file or the table of metadata has changed; ``more`` is part of it."""
    told: list[object] = list(more)
    for path in (project.data, project.metadata):
        try:
            status = None if not isinstance(path, Path) or path.is_dir() else path.stat()
        except OSError:
            status = None
        told.append(None if status is None else (status.st_size, status.st_mtime_ns))
    return sha256(repr(told).encode()).hexdigest()[:16]
