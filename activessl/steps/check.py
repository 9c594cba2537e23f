"""Check the quality of the data before labeling."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.geometry.duplicates import near_duplicates
from activessl.pool.checks.base import Material
from activessl.pool.pool import Pool
from activessl.pool.quality import Quality, check_pool
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot


@dataclass(frozen=True)
class Checked:
    """The result of a check.

    Attributes:
        pool: The data.
        quality: The findings.
        compared: Whether near duplicates were searched: this needs vectors of the present items.
        encoded: Whether the pool was ever encoded.
    """

    pool: Pool
    quality: Quality
    compared: bool
    encoded: bool


def check_data(project: Project) -> Checked:
    """Check a project's data for unreadable, duplicate, blank and odd items.

    Raises:
        PoolError: The data cannot be read.
        ProjectError: The vectors are gone.
    """
    snapshot, pool = Snapshot.of(project), project.pool()
    encoded = snapshot.history.encoded is not None
    compared = encoded and snapshot.embeddings.fits(pool)
    vectors = snapshot.points if compared else None
    near = None if vectors is None else near_duplicates(vectors)
    return Checked(pool, check_pool(Material(pool, vectors, near)), compared, encoded)
