"""Annotations with regions to answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from activessl.annotators.base import Note
from activessl.labels.answers import BETWEEN, NONE, Answer, AnswerKind, class_text
from activessl.labels.regions.overlap import iou
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.stored import stored
from activessl.pool.pool import Pool
from activessl_label_studio.mapping import item_of, marks_of, seconds_of, shown_prediction, to_time, who
from activessl_label_studio.pull import Reader
from activessl_label_studio.regions.extents import Extent, extent_in_pool, extent_of_task
from activessl_label_studio.regions.results import ORIGIN, ReadResult, read_result
from activessl_label_studio.regions.tags import RegionControl

__all__ = ["region_reader", "to_region_answer"]

#: A suggested region was left as it was if the two share this much: less than a thousandth of a pixel is missing.
_UNTOUCHED = 1 - 1e-6


def region_reader(
    control: RegionControl,
    *,
    project: str,
    people: Mapping[int, str],
    pool: Callable[[], Pool] | None = None,
) -> Reader:
    """Return what reads an annotation of a project of regions.

    Args:
        control: The tag that draws.
        project: The permanent name of the project.
        people: User numbers to names.
        pool: Returns the pool, in which the sizes of items are looked up that their tasks do not have.
    """

    @cache
    def items() -> Pool | None:
        return pool() if pool is not None else None

    def known(task: Mapping[str, Any]) -> Extent | None:
        item, there = item_of(task), items()
        if there is None or item is None or item not in there:
            return None
        return extent_in_pool(there, there.row(item))

    def read(annotation: Mapping[str, Any], task: Mapping[str, Any]) -> tuple[list[Answer], list[Note]]:
        extent = extent_of_task(task, control)
        if not extent.shape or (control.shown == "sound" and extent.rate is None):
            extent = extent_of_task(task, control, known(task))
        answer, notes = to_region_answer(annotation, task, control, extent, project=project, people=people)
        return [answer], notes

    return read


def to_region_answer(
    annotation: Mapping[str, Any],
    task: Mapping[str, Any],
    control: RegionControl,
    extent: Extent,
    *,
    project: str,
    people: Mapping[int, str],
) -> tuple[Answer, list[Note]]:
    """Return the answer of one annotation, and notes on what is unusual.

    A skip is a skip; a submit without regions says that the item holds none. If a region cannot be read, the whole
    answer is kept as unread, with the reason, and the item is asked about again. ``suggested`` has the class of each
    suggested region, and ``rest["origin"]`` of a region says what became of it:
    :func:`activessl.labels.regions.corrections.corrections` counts them.

    Args:
        annotation: The annotation, as Label Studio lists it; it may be cancelled.
        task: The task of the annotation, with ``data`` and ``predictions``; it must have a question's id.
        control: The tag that draws.
        extent: The size of the item.
        project: The permanent name of the project, from ``project_name``.
        people: User numbers to names.

    Raises:
        AnnotatorError: The annotation has no number or no time.
    """
    question, source, updated = marks_of(annotation, task, project)
    cancelled = bool(annotation.get("was_cancelled"))
    read = ReadResult(()) if cancelled else read_result(annotation.get("result"), control, extent)
    suggested = _suggested(annotation, task, control, extent)
    regions = tuple(_with_origin(region, suggested) for region in read.regions)
    kind: AnswerKind = "skip" if cancelled else "unread" if read.why else "label"
    notes = [Note(source, question, what) for what in read.notes]
    if kind == "unread":
        notes.append(Note(source, question, f"{read.why}: kept, and asked again"))
    classes = tuple(dict.fromkeys(name for region in regions for name in region.classes)) if kind == "label" else ()
    if gone := [name for name in classes if not control.knows(name)]:
        notes.append(Note(source, question, f"has {', '.join(gone)}, which the label config does not have"))
    answer = Answer(
        key=f"{source} @ {updated}",
        source=source,
        item=item_of(task) or question,
        kind=kind,
        classes=classes,
        annotator=who(annotation.get("completed_by"), people),
        seconds=seconds_of(annotation.get("lead_time")),
        at=to_time(updated),
        suggested=class_text([_named(region) for region in suggested]) if suggested else None,
        ground_truth=bool(annotation.get("ground_truth")),
        question=question,
        why=read.why if kind == "unread" else "",
        regions=tuple(stored(regions)) if kind == "label" else None,
    )
    return answer, notes


def _suggested(
    annotation: Mapping[str, Any], task: Mapping[str, Any], control: RegionControl, extent: Extent
) -> Regions:
    """Return the regions that the annotator saw in advance; none for a blind question."""
    shown = shown_prediction(annotation, task)
    return read_result(shown.get("result"), control, extent).regions if shown is not None else ()


def _named(region: Region) -> str:
    """The class of a suggested region, one for each: the separator must not be in it, because regions are counted."""
    return (region.classes or (NONE,))[0].replace(BETWEEN, "/")


def _with_origin(region: Region, suggested: Regions) -> Region:
    """Return the region with what it was: drawn, suggested, or suggested and corrected.

    The browser's own word for it is not enough: results that programs make have none.
    """
    before = next((one for one in suggested if region.id and one.id == region.id), None)
    if before is None:
        origin = str(region.rest.get(ORIGIN, "manual"))
    else:
        # a browser computes percents anew when it stores a box that nobody touched
        same = set(before.classes) == set(region.classes) and iou(before.place, region.place) > _UNTOUCHED
        origin = "prediction" if same else "prediction-changed"
    return Region(region.place, region.classes, None, region.id, {**region.rest, ORIGIN: origin})
