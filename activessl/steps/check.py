"""Check the quality of the data before labeling."""

from __future__ import annotations

from dataclasses import dataclass, replace

from activessl.errors import PoolError
from activessl.geometry.alike import alike_between, alike_pairs
from activessl.geometry.duplicates import near_duplicates
from activessl.pool.checks.base import Material, Shared, seen
from activessl.pool.checks.copies import joined
from activessl.pool.checks.registry import all_checks
from activessl.pool.groups import group_names
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.pool.quality import Quality, check_pool
from activessl.pool.sources import load_pool
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot


@dataclass(frozen=True)
class Checked:
    """The result of a check.

    Attributes:
        pool: The data.
        quality: The findings.
        compared: Whether items were also compared by their vectors: this needs vectors of the present items.
        encoded: Whether the pool was ever encoded.
        untested: Why the test data were not compared with the pool; empty if they were, or if there are none.
    """

    pool: Pool
    quality: Quality
    compared: bool
    encoded: bool
    untested: str = ""


def check_data(project: Project, on_progress: OnProgress | None = None) -> Checked:
    """Check a project's data, before any label: copies, leaks, and items that are damaged, blank or unusual.

    Each item is read once. Copies are found by what items show, and by their vectors if the pool is encoded.

    Raises:
        PoolError: The data cannot be read.
        ProjectError: The vectors are gone.
    """
    snapshot, pool = Snapshot.of(project), project.pool()
    encoded = snapshot.history.encoded is not None
    compared = encoded and snapshot.embeddings.fits(pool)
    vectors = snapshot.points if compared else None
    near = None if vectors is None else near_duplicates(vectors)
    test, untested = _test(project)
    material = examined(Material(pool, vectors, near), test, project.config.data.group, on_progress)
    return Checked(pool, check_pool(material), compared, encoded, untested)


def examined(
    material: Material, test: Pool | None = None, group: str | None = None, on_progress: OnProgress | None = None
) -> Material:
    """See each item of a pool, and of its test data, once, and compare what they show.

    Args:
        material: The pool.
        test: The test data.
        group: The pattern of groups, as in ``data.group``.
        on_progress: Called with the number of items that were read.
    """
    material = seen(material, all_checks(), on_progress)
    content, survey, pool = material.pool.form.content, material.survey, material.pool
    likeness = content.likeness if content else None
    if likeness and survey and survey.prints is not None:
        material = replace(material, alike=joined(alike_pairs(survey.prints, likeness).tolist()))
    if test is None or survey is None:
        return material
    theirs = seen(Material(test), (), on_progress).survey
    shown: list[tuple[int, int]] = []
    if theirs and theirs.prints is not None and survey.prints is not None and likeness:
        shown = [(a, b) for a, b in alike_between(survey.prints, theirs.prints, likeness).tolist()]
    if theirs and theirs.words:
        said = {words: row for row, words in reversed(list(enumerate(theirs.words))) if words}
        shown += [(row, said[words]) for row, words in enumerate(survey.words) if words in said]
    groups = None if group is None else (group_names(group, pool.ids), group_names(group, test.ids))
    return replace(material, shared=Shared(test, shown, groups))


def _test(project: Project) -> tuple[Pool | None, str]:
    """The test data; else why they cannot be read, if there are any."""
    location = project.test
    if location is None:
        return None, ""
    try:
        return load_pool(location, project.config.data.modality), ""
    except PoolError as error:
        return None, error.message
