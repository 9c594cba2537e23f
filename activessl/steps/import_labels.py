"""Import labels from a file, such as a spreadsheet, or an export of another project or tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from activessl.arguments import listed
from activessl.errors import LabelError
from activessl.labels.answers import BETWEEN, Answer, class_text
from activessl.labels.changes import Naming
from activessl.labels.files.given import Given
from activessl.labels.files.opened import Options, open_labels
from activessl.labels.files.read import find_items
from activessl.labels.files.registry import form_of
from activessl.labels.windows import spread_over_windows
from activessl.ledger.forgetting import known_as
from activessl.ledger.schema import Answered
from activessl.project.folder import Project


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Attributes:
        new: Labels that were written.
        known: Labels that were imported before with the same classes.
        elsewhere: Labels of items that are not in the pool, left out.
        skipped: Skips that were written.
        unlabeled: Rows that nobody labeled, left out.
        unclear: Labels that may be of several items, left out.
        unread: Answers that cannot be read, left out: where, and why.
        older: Labels with an older date than that of the label that the same annotator gave the item before, left out.
        annotators: Who gave the labels.
        form: The form of the file, for people; empty if there was no file.
        item: The columns that told the items.
        label: The column, or the control, with the classes.
        notes: What people should know about the reading, as sentences.
    """

    new: int
    known: int
    elsewhere: int
    skipped: int = 0
    unlabeled: int = 0
    unclear: int = 0
    unread: tuple[str, ...] = ()
    older: int = 0
    annotators: tuple[str, ...] = ()
    form: str = ""
    item: tuple[str, ...] = ()
    label: str = ""
    notes: tuple[str, ...] = ()


def import_file(
    project: Project,
    path: Path,
    *,
    annotator: str = "",
    item: str | None = None,
    label: str | None = None,
    form: str | None = None,
    boxes_as_classes: bool = False,
) -> Imported:
    """Import the labels of a file or folder, all or none of those that can be read; repeating it changes nothing.

    Args:
        project: The project.
        path: A file or folder of one of the forms in ``labels.files.registry.FORMS``: a table, or an export of
            a labeling tool.
        annotator: Who gave the labels that the file gives no annotator; by default the name of the file.
        item: The column that tells the item; None to find it.
        label: The column, or the control of the labeling tool, with the classes; None to find it.
        form: The name of the form; None to know it by its marks.
        boxes_as_classes: Whether the classes of boxes and masks count as classes of the whole image.

    Raises:
        ConfigError: The file cannot be read.
        LabelError: A class that the project does not have, no label of an item of the pool, columns that contradict
            each other, or boxes and masks that shall not count.
        PoolError: The pool cannot be read.
    """
    data, pool = project.config.data, project.pool()
    opened = open_labels(path)
    naming = project.history().naming
    names = (*data.classes, *(name for name in naming.earlier if name not in data.classes))
    contents = form_of(opened, form).read(opened, Options(data.kind, names, label, boxes_as_classes))
    given = [_now(one, naming, data.classes) for one in contents.given]
    timed: tuple[str, ...] = ()
    if data.cut is not None:
        spread = spread_over_windows(given, pool.ids, data.kind)
        given, timed = list(spread.given), spread.notes
    readable = [one for one in given if one.kind != "unread"]
    unread = tuple(f"{one.where} {one.why}" for one in given if one.kind == "unread")
    if not readable:
        why = f"; {len(unread):,} cannot be read: {unread[0]}" if unread else ""
        raise LabelError(
            f"the file has no labels: nobody labeled {contents.unlabeled:,} rows{why}",
            hint="label some items, then export them again",
        )
    unknown = sorted({name for one in readable for name in one.classes} - set(data.classes))
    if unknown:
        raise _unknown(unknown)
    found = find_items(replace(contents, given=tuple(readable)), pool, item)
    here = [(which, one) for which, one in zip(found.items, readable, strict=True) if which is not None]
    if not here:
        raise LabelError(
            f"none of the {len(readable):,} labels is of an item of the pool, such as {found.example!r}",
            hint=f"use the ids of the pool, such as {pool.ids[0]!r}, or name the column with --item",
        )
    notes = [*contents.notes, *timed]
    if found.by_name:
        notes.append(
            f"{found.by_name:,} label{'s are' if found.by_name > 1 else ' is'} matched by the name of the file alone: "
            "check that the files are the same"
        )
    if found.changed:
        notes.append(
            f"{found.changed:,} files beside the labels have another content than the items of their names: check that "
            "they show the same"
        )
    return replace(
        _write(project, here, annotator or path.name),
        elsewhere=len(readable) - len(here) - found.unclear,
        unlabeled=contents.unlabeled,
        unclear=found.unclear,
        unread=unread,
        form=contents.form,
        item=found.columns,
        label=contents.column,
        notes=tuple(notes),
    )


def import_labels(project: Project, labels: Mapping[str, str], *, annotator: str) -> Imported:
    """Import labels that people gave elsewhere, all or none; repeating the import changes nothing.

    They teach the model like all labels. They do not count for the labeling time, and they are not random labels. A
    later import by the same annotator replaces the earlier label of an item.

    Args:
        project: The project.
        labels: Item id to class; with ``data.multi_label`` several joined by "|", and "(none)" or "" for no class.
        annotator: Name of the person who gave the labels.

    Raises:
        LabelError: A class that the project does not have, no label of an item of the pool, or no annotator.
        PoolError: The pool cannot be read.
    """
    if not annotator.strip():
        raise LabelError("the name of the annotator is empty", hint="name the person who gave the labels")
    data, ids = project.config.data, frozenset(project.pool().ids)
    naming = project.history().naming
    parsed = {item: data.kind.parse(text) for item, text in labels.items() if item in ids}
    said = [(i, Given(f"item {i!r}", {}, "label", classes)) for i, classes in parsed.items()]
    given = [(item, _now(one, naming, data.classes)) for item, one in said]
    wanted = [(item, one) for item, one in given if one.kind == "label"]
    unread = tuple(f"{one.where} {one.why}" for _, one in given if one.kind == "unread")
    unknown = sorted({name for _, one in wanted for name in one.classes} - set(data.classes))
    if unknown:
        raise _unknown(unknown)
    if unread and not wanted:
        raise LabelError(f"none of the labels can be read: {unread[0]}", hint="give each item a class of now")
    if not wanted:
        raise LabelError(
            f"none of the {len(labels):,} labels is of an item of the pool",
            hint=f"use the ids of the pool, such as {min(ids)!r}",
        )
    elsewhere = len(labels) - len(parsed)
    return replace(_write(project, wanted, annotator), elsewhere=elsewhere, unread=unread, annotators=())


def _now(one: Given, naming: Naming, classes: Sequence[str]) -> Given:
    """A label in the names of now: a file may have the names of an earlier time. One of a split class is not read."""
    if one.kind != "label" or all(name in classes for name in one.classes):
        return one
    read = [naming.read(name) for name in one.classes]
    unclear = next((r for name, r in zip(one.classes, read, strict=True) if r.by and name not in classes), None)
    if unclear is not None:
        return replace(one, kind="unread", classes=(), why=f"has a class that is open: {unclear.why}")
    names = (name if name in classes else r.names[0] for name, r in zip(one.classes, read, strict=True))
    return replace(one, classes=tuple(dict.fromkeys(names)))


def _unknown(names: Sequence[str]) -> LabelError:
    return LabelError(
        f"the project has no class {listed([repr(name) for name in names], 1)}",
        hint="correct the name, or add it to data.classes",
    )


def _write(project: Project, given: Sequence[tuple[str, Given]], annotator: str) -> Imported:
    """Write the answers that are new. Of several by one annotator about one item, the newest counts."""
    last: dict[tuple[str, str], Given] = {}
    erased = project.history().erased
    for item, one in given:
        who = known_as(one.annotator or annotator, erased)
        before = last.get((who, item))
        if before is None or (before.at and one.at and one.at > before.at):
            last[who, item] = one
        elif (before.kind, before.classes) != (one.kind, one.classes) and not (before.at and one.at):
            raise LabelError(
                f"item {item!r} has two classes by {who}: {_said(before)} in {before.where}, {_said(one)} in "
                f"{one.where}",
                hint="keep one of the two, or add a column `annotator`",
            )
    with project.lock():
        history, now = project.history(), datetime.now(UTC)
        earlier = {(a.annotator, a.item): a for a in history.answers.values() if a.imported}
        new: list[Answer] = []
        older = 0
        for (who, item), one in last.items():
            before_it = earlier.get((who, item))
            source = before_it.source if before_it is not None else f"import by {who} of {item}"
            while before_it is None and source in history.answers:
                source += " (anew)"  # another item had this name, and was moved
            at = min(one.at or now, now)
            starred = one.ground_truth and before_it is not None and not before_it.ground_truth
            same = before_it is not None and (before_it.kind, before_it.classes) == (one.kind, one.classes)
            if same and not starred:
                continue
            # dates of files order labels of files; a date in the future is of a clock that was wrong
            if one.at is not None and before_it is not None and before_it.dated and one.at < before_it.at <= now:
                older += 1
                continue
            # returning to an earlier label is a new answer, so the key contains the length of the ledger
            key = f"{source}: {BETWEEN.join(one.classes)} @ {history.events}"
            new.append(
                Answer(
                    key,
                    source,
                    item,
                    "label" if one.kind == "label" else "skip",
                    one.classes,
                    who,
                    one.seconds,
                    at,
                    ground_truth=one.ground_truth,
                    imported=True,
                    dated=one.at is not None,
                )
            )
        project.append(*(Answered(answer=answer) for answer in new))
    skips = sum(answer.kind == "skip" for answer in new)
    people = tuple(sorted({who for who, _ in last}))
    return Imported(len(new) - skips, len(last) - len(new) - older, 0, skipped=skips, older=older, annotators=people)


def _said(one: Given) -> str:
    return repr(class_text(one.classes)) if one.kind == "label" else "a skip"
