"""What the data is worth, before anybody labels it."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.geometry.duplicates import near_duplicates
from activessl.pool.checks.base import Material
from activessl.pool.quality import Quality, check_pool
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot


@dataclass(frozen=True)
class Checked:
    """What was found in a project's data.

    Attributes:
        quality: The findings.
        compared: Whether near duplicates were looked for: it takes vectors of the items as they are now.
        encoded: Whether the pool was encoded at some time.
    """

    quality: Quality
    compared: bool
    encoded: bool


def check_data(project: Project) -> Checked:
    """Look at a project's data: unreadable, duplicate, blank and odd items.

    Raises:
        PoolError: The data cannot be read.
        ProjectError: The vectors are gone.
    """
    snapshot, pool = Snapshot.of(project), project.pool()
    encoded = snapshot.history.encoded is not None
    compared = encoded and snapshot.embeddings.fits(pool)
    vectors = snapshot.points if compared else None
    near = None if vectors is None else near_duplicates(vectors)
    return Checked(check_pool(Material(pool, vectors, near)), compared, encoded)
