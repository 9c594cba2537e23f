"""Import regions that people drew elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from activessl.arguments import listed
from activessl.errors import ConfigError, LabelError
from activessl.labels.answers import Answer
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.files.own import read_own
from activessl.labels.regions.files.read import read_regions
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.rows import drawn_text
from activessl.labels.regions.stored import stored
from activessl.labels.regions.tasks import Drawing
from activessl.ledger.forgetting import known_as
from activessl.ledger.history import History
from activessl.ledger.schema import Answered
from activessl.pool.pool import Pool
from activessl.project.folder import Project
from activessl.project.regions.snapshot import drawing_of
from activessl.steps.import_labels import Imported

__all__ = ["import_regions"]


def import_regions(project: Project, path: Path, *, annotator: str = "", form: str | None = None) -> Imported:
    """Import the regions of a file or folder, all or none; repeating the import changes nothing.

    Items are the same if their content is: a name alone is not enough, because a place in another picture is wrong.
    An item without a region is an answer, too: it holds none.

    Args:
        project: The project.
        path: A table of ``activessl export``, or data with regions, as
            :func:`activessl.labels.regions.files.read.read_regions` reads them.
        annotator: Who drew them; by default the name of the file or folder.
        form: Must be None: the form is known by its marks.

    Raises:
        ConfigError: The path does not exist, has no regions, or ``form`` is given.
        LabelError: Regions of another kind, a class that the project does not have, no item of the pool, or regions
            that their items cannot have.
        PoolError: The items cannot be read.
    """
    drawing = drawing_of(project)
    if form is not None:
        raise ConfigError(f"--form {form} is of projects of classes", hint="leave out --form: the form is found")
    if not path.exists():
        raise ConfigError(f"{path} does not exist", hint="name a file or a folder with regions")
    history, pool = project.history(), project.pool()
    told_by = _own(path, drawing, pool) or _other(path, drawing, pool)
    names = _now(told_by.classes, history)
    found = told_by.found
    if not found:
        raise LabelError(
            f"none of the {told_by.items:,} items is in the pool: their contents differ",
            hint="import labels of the very files that `activessl init` was given",
        )
    told: dict[str, Regions] = {}
    for item, regions in found.items():
        shape = pool.items[pool.row(item)].shape
        told[item] = tuple(
            Region(check_region(one, shape, item).place, tuple(dict.fromkeys(names[n] for n in one.classes)), id=one.id)
            for one in regions
        )
    new, known, who = _write(project, told, annotator or path.name)
    return Imported(
        new=new,
        known=known,
        elsewhere=told_by.elsewhere,
        unclear=told_by.unclear,
        annotators=(who,),
        form=told_by.form,
        item=("content",),
        label="the regions",
        notes=(*told_by.notes, f"{sum(map(len, told.values())):,} regions in {sum(map(bool, told.values())):,} items"),
    )


@dataclass(frozen=True)
class _Told:
    """What a file tells.

    Attributes:
        found: The regions by item of the pool.
        classes: The names of the classes in the file.
        items: Items in the file.
        elsewhere: Items that are not in the pool.
        unclear: Items that may be several of the pool.
        form: What the file is.
        notes: What is unusual.
    """

    found: Mapping[str, Regions]
    classes: tuple[str, ...]
    items: int
    elsewhere: int
    unclear: int
    form: str
    notes: tuple[str, ...]


def _own(path: Path, drawing: Drawing, pool: Pool) -> _Told | None:
    """What a table of ``activessl export`` tells; None for other files."""
    table = read_own(path)
    if table is None:
        return None
    if odd := table.kinds - {drawing.place}:
        raise LabelError(
            f"{path} holds regions of the kind {min(odd)}, the project asks for {drawing.name}", hint=_forms(drawing)
        )
    found, elsewhere, unclear = _matched([(item, (digest,), regions) for item, digest, regions in table.rows], pool)
    notes = (f"{table.predicted:,} rows of the model left out: they are nobody's answers",) if table.predicted else ()
    form = "a table of `activessl export`"
    return _Told(found, table.classes, len(table.rows), elsewhere, unclear, form, notes)


def _other(path: Path, drawing: Drawing, pool: Pool) -> _Told:
    """What data with regions tell."""
    data = read_regions(path, drawing.place if drawing.place in ("box", "mask") else None)
    if data is None:
        raise ConfigError(f"{path} holds no {drawing.name}", hint=_forms(drawing))
    if data.kind != drawing.place:
        raise LabelError(
            f"{path} holds regions of the kind {data.kind}, the project asks for {drawing.name}", hint=_forms(drawing)
        )
    rows = []
    for at, (item, regions) in enumerate(zip(data.pool.items, data.regions, strict=True)):
        # the same text may be a row of a table, or a file
        more = (sha256(str(data.pool.read(at)).encode()).hexdigest(),) if data.kind == "span" else ()
        rows.append((item.id, (item.sha256, *more), regions))
    found, elsewhere, unclear = _matched(rows, pool)
    form = f"data with {drawing.name}"
    return _Told(found, data.classes, len(data.pool), elsewhere, unclear, form, tuple(data.notes))


def _forms(drawing: Drawing) -> str:
    return {
        "box": "give a COCO folder (images/ and annotations.json) or a Pascal VOC folder",
        "mask": "give a COCO folder, or images/ and masks/",
        "span": "give CoNLL, or a .parquet or .jsonl with tokens and tags, or with text and spans",
        "segment": "give an .npz with X and segments",
    }[drawing.place] + "; or a table that `activessl export` wrote"


def _now(classes: Sequence[str], history: History) -> dict[str, str]:
    """The class of now for each class of the file, which may have names of an earlier time.

    Raises:
        LabelError: The project does not have a class, or it was split.
    """
    found, unknown = {}, []
    for name in classes:
        reading = history.naming.read(name)
        if name in history.classes:
            found[name] = name
        elif reading.by is not None:
            raise LabelError(f"class {name!r} is open: {reading.why}", hint="name the new classes in the file")
        elif reading.names[0] in history.classes:
            found[name] = reading.names[0]
        else:
            unknown.append(name)
    if unknown:
        raise LabelError(
            f"the project has no class {listed([repr(name) for name in unknown], 1)}",
            hint=f"correct the name, or add it: activessl classes add {unknown[0]!r}",
        )
    return found


def _matched(rows: Sequence[tuple[str, tuple[str, ...], Regions]], pool: Pool) -> tuple[dict[str, Regions], int, int]:
    """The regions by item of the pool; and how many items are not in it, or may be several.

    Args:
        rows: Name, digests of the content, and regions of each item of a file.
        pool: The pool.
    """
    by_content: dict[str, list[str]] = {}
    for item in pool.items:
        by_content.setdefault(item.sha256, []).append(item.id)
    found: dict[str, Regions] = {}
    elsewhere = unclear = 0
    for name, digests, regions in rows:
        same: list[str] = next((by_content[one] for one in digests if one in by_content), [])
        named = [one for one in same if one == name] or [one for one in same if Path(one).name == Path(name).name]
        if len(same) > 1 and len(named) == 1:
            same = named
        elsewhere += not same
        unclear += len(same) > 1
        if len(same) == 1:
            found[same[0]] = regions
    return found, elsewhere, unclear


def _write(project: Project, told: Mapping[str, Regions], annotator: str) -> tuple[int, int, str]:
    """Write the answers that are new."""
    with project.lock():
        history, now = project.history(), datetime.now(UTC)
        who = known_as(annotator, history.erased)
        earlier = {a.item: a for a in history.answers.values() if a.imported and a.annotator == who}
        new = []
        for item, regions in told.items():
            before, rows = earlier.get(item), tuple(stored(regions))
            if before is not None and before.regions is not None and _same(before.regions, rows):
                continue
            source = before.source if before is not None else f"import by {who} of {item}"
            while before is None and source in history.answers:
                source += " (anew)"  # another item had this name, and was moved
            digest = sha256(drawn_text(rows).encode()).hexdigest()[:16]
            new.append(
                Answer(
                    # returning to an earlier drawing is a new answer, so the key contains the length of the ledger
                    key=f"{source}: {digest} @ {history.events}",
                    source=source,
                    item=item,
                    kind="label",
                    classes=tuple(dict.fromkeys(name for one in regions for name in one.classes)),
                    annotator=who,
                    seconds=None,
                    at=now,
                    imported=True,
                    regions=rows,
                )
            )
        project.append(*(Answered(answer=answer) for answer in new))
    return len(new), len(told) - len(new), who


def _same(one: Sequence[Mapping[str, object]], other: Sequence[Mapping[str, object]]) -> bool:
    return drawn_text(one) == drawn_text(other)
