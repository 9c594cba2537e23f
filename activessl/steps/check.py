"""Check the quality of the data before labeling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from activessl.errors import ConfigError, PoolError
from activessl.geometry.alike import alike_between, alike_pairs
from activessl.geometry.duplicates import near_duplicates
from activessl.pool.checks.base import Material, Shared, seen
from activessl.pool.checks.copies import joined
from activessl.pool.checks.registry import CHECKS, all_checks
from activessl.pool.groups import group_names
from activessl.pool.metadata.base import Metadata
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.pool.quality import Quality, check_pool
from activessl.pool.sources import load_pool
from activessl.project.folder import Project, writing
from activessl.project.metadata import groups_of, project_metadata, told_groups_of
from activessl.project.set_aside import Aside, read_aside, write_aside
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
        test: The test data.
        aside: The items that are set aside, and why.
        metadata: What is known of the items beside their content; None if it cannot be read.
        unknown: Why the metadata, or the groups that they name, cannot be read; empty if they can.
        groups: How many groups the items are in, in words; empty without groups.
    """

    pool: Pool
    quality: Quality
    compared: bool
    encoded: bool
    untested: str = ""
    test: Pool | None = None
    aside: Mapping[str, Aside] = field(default_factory=dict)
    metadata: Metadata | None = None
    unknown: str = ""
    groups: str = ""


def check_data(project: Project, on_progress: OnProgress | None = None) -> Checked:
    """Check a project's data, before any label: copies, leaks, and items that are damaged, blank or unusual.

    Each item is read once. Copies are found by what items show, and by their vectors if the pool is encoded.

    Raises:
        PoolError: The data cannot be read.
        ProjectError: The vectors are gone.
    """
    snapshot, pool = Snapshot.of(project), project.pool()
    # a project of regions has vectors of parts: copies are found by what items show
    encoded = snapshot.history.encoded is not None and project.own.data.drawing is None
    compared = encoded and snapshot.embeddings.fits(pool)
    vectors = snapshot.points if compared else None
    near = None if vectors is None else near_duplicates(vectors)
    test, untested = _test(project)
    data, known, told, unknown = project.config.data, None, "", ""
    groups: tuple[Sequence[str], Sequence[str]] | None = None
    try:
        known = project_metadata(project, pool.ids, exif=True, source=pool.source)
        told = told_groups_of(data, project.data, project.metadata, pool.ids)
        if test is not None and data.grouped:
            sides = (project.data, pool), (test.source.location, test)
            ours, theirs = (groups_of(data, place, project.metadata, side.ids) for place, side in sides)
            groups = (ours, theirs)
    except PoolError as error:  # the rest of the check does not need them
        unknown = f"{error.message}: {error.hint}"
    material = examined(Material(pool, vectors, near), test, groups=groups, on_progress=on_progress)
    out = {item.id for item in pool.aside}
    aside = {item: one for item, one in read_aside(project.folder).items() if item in out}
    return Checked(pool, check_pool(material), compared, encoded, untested, test, aside, known, unknown, told)


def examined(
    material: Material,
    test: Pool | None = None,
    group: str | None = None,
    on_progress: OnProgress | None = None,
    *,
    groups: tuple[Sequence[str], Sequence[str]] | None = None,
) -> Material:
    """See each item of a pool, and of its test data, once, and compare what they show.

    Args:
        material: The pool.
        test: The test data.
        group: The pattern of groups, as in ``data.group``.
        on_progress: Called with the number of items that were read.
        groups: Instead of a pattern: the name of the group of each item of the pool, and of each test item.
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
    if group is not None:
        groups = (group_names(group, pool.ids), group_names(group, test.ids))
    return replace(material, shared=Shared(test, shown, groups))


def _test(project: Project) -> tuple[Pool | None, str]:
    """The test data; else why they cannot be read, if there are any."""
    location = project.test
    if location is None:
        return None, ""
    try:
        return load_pool(location, project.config.data.modality, cut=project.config.data.cut), ""
    except PoolError as error:
        return None, error.message


@dataclass(frozen=True)
class Fixed:
    """What ``set_aside`` has done.

    Attributes:
        aside: How many items were set aside, by kind.
        kept: Items that were not set aside, because they have a label, an answer or an open question.
    """

    aside: Mapping[str, int]
    kept: tuple[str, ...] = ()


def set_aside(project: Project, checked: Checked, kinds: Sequence[str] = ()) -> Fixed:
    """Set the items of findings aside: they are no longer in the pool, but nothing is deleted or moved.

    Args:
        project: The project.
        checked: The findings.
        kinds: The kinds to set aside; by default those of errors and warnings.

    Raises:
        ConfigError: A kind is unknown.
        PoolError: No item would be left.
        ProjectError: The folder cannot be written.
    """
    _known(kinds)
    quality, contents = checked.quality, {item.id: item.sha256 for item in checked.pool.items}
    history = project.history()
    used = {a.item for a in history.answers.values()} | history.labels.keys() | history.machine.keys()
    current = history.open_round
    used |= set(current.items if current else ())
    chosen: dict[str, Aside] = {}
    kept: dict[str, None] = {}
    for check, found in quality.found():
        if (check.name not in kinds) if kinds else check.severity == "note":
            continue
        for one in found:
            if one.aside and one.id in used:
                kept[one.id] = None
            elif one.aside:
                chosen.setdefault(one.id, Aside(check.name, contents.get(one.id, "")))
    if chosen and not contents.keys() - chosen.keys():
        raise PoolError(
            f"all {len(contents):,} items would be set aside", hint="name the kinds to set aside with --kind"
        )
    if chosen:
        with project.lock(), writing(project.folder):
            write_aside(project.folder, read_aside(project.folder) | chosen)
    return Fixed(Counter(one.kind for one in chosen.values()), tuple(kept))


def take_back(project: Project, kinds: Sequence[str] = ()) -> int:
    """Take items that were set aside into the pool again, all of them or those of some kinds; return how many.

    Raises:
        ConfigError: A kind is unknown.
        ProjectError: The folder cannot be written, or the list is damaged.
    """
    _known(kinds)
    with project.lock(), writing(project.folder):
        before = read_aside(project.folder)
        left = {item: one for item, one in before.items() if kinds and one.kind not in kinds}
        if len(left) < len(before):
            write_aside(project.folder, left)
    return len(before) - len(left)


def stop_if_fatal(project: Project, on_progress: OnProgress | None = None) -> None:
    """Check the data for the findings that ``check.fatal`` names.

    Raises:
        PoolError: There are some.
    """
    fatal = project.config.check.fatal
    if not fatal:
        return
    found = [(check, len(some)) for check, some in check_data(project, on_progress).quality.found()]
    bad = [(check, count) for check, count in found if check.name in fatal]
    if bad:
        counts = ", ".join(f"{count:,} item{'s are' if count > 1 else ' is'} {check.says}" for check, count in bad)
        raise PoolError(
            f"{counts}; check.fatal in activessl.toml names {', '.join(check.name for check, _ in bad)}",
            hint=f"{bad[0][0].remedy}; `activessl check` lists them",
        )


def _known(kinds: Sequence[str]) -> None:
    unknown = next((kind for kind in kinds if kind not in CHECKS), None)
    if unknown is not None:
        raise ConfigError(f"unknown kind of finding {unknown!r}", hint=f"use one of {', '.join(CHECKS.names())}")
