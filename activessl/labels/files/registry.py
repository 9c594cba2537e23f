"""The forms of files of labels: how each is known, and how it is read.

To add a form, add a module in this folder with ``has`` and ``read``, and a line in ``FORMS``. A form is known by marks
that no other form has, never by the name of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from activessl.arguments import listed
from activessl.errors import ActiveSSLError, LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.label_studio import has_rows_of, has_tasks_of, read_export, read_tasks
from activessl.labels.files.opened import Opened, Options
from activessl.labels.files.reading import rows_in
from activessl.labels.files.tables import read_table
from activessl.pool.plain import shown

#: What code raises on a value of another kind than it looks for.
_ODD = (TypeError, AttributeError, KeyError, IndexError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True)
class LabelForm:
    """A form of files of labels.

    Attributes:
        title: For people, such as "COCO".
        marks: By what it is known, for people.
        has: Whether a file or folder is of this form.
        reader: Reads its answers; raises ConfigError and LabelError.
    """

    title: str
    marks: str
    has: Callable[[Opened], bool]
    reader: Callable[[Opened, Options], Contents]

    def fits(self, opened: Opened) -> bool:
        """Whether a file or folder has the marks of this form; one with odd values where the marks are has not."""
        try:
            return self.has(opened)
        except _ODD as error:
            if isinstance(error, ActiveSSLError):
                raise
            return False

    def read(self, opened: Opened, options: Options) -> Contents:
        """Read the answers of a file or folder.

        A file may have any value in any place, such as a number for a list: what a reader does not look for is an error
        of the file, too.

        Raises:
            ConfigError: The file cannot be parsed.
            LabelError: It has not what its form has.
        """
        try:
            return self.reader(opened, options)
        except _ODD as error:
            if isinstance(error, ActiveSSLError):
                raise
            raise LabelError(
                f"{opened.path} looks like {self.title}, but a value in it is not what {self.title} has there: "
                f"{shown(str(error))[:100]}",
                hint="export the file again",
            ) from error


def _form(title: str, module: str, marks: str) -> LabelForm:
    """A form of a module, which is imported when it is used."""

    def has(opened: Opened) -> bool:
        return bool(import_module(f"activessl.labels.files.{module}").has(opened))

    def read(opened: Opened, options: Options) -> Contents:
        found = import_module(f"activessl.labels.files.{module}").read(opened, options)
        assert isinstance(found, Contents)
        return found

    return LabelForm(title, marks, has, read)


def _tasks(opened: Opened, options: Options) -> Contents:
    return read_tasks(opened.rows, options.kind, options.known, options.label)


def _export(opened: Opened, options: Options) -> Contents:
    _check_column(opened, options)
    return read_export(opened.rows, options.kind, options.known, options.label)


def _table(opened: Opened, options: Options) -> Contents:
    rows = rows_in(opened.path, opened.content)
    _check_column(opened, options)
    return read_table(rows, options.kind, options.known, options.label)


def _check_column(opened: Opened, options: Options) -> None:
    if options.label is not None and not any(options.label in row for row in opened.rows):
        names = dict.fromkeys(name for row in opened.rows for name in row)
        raise LabelError(f"the file has no column {options.label!r}, found: {listed(names)}", hint="correct --label")


#: By the name that ``--form`` takes. A table is what has no marks of another form.
FORMS: dict[str, LabelForm] = {
    "label-studio": LabelForm(
        "Label Studio JSON",
        "tasks with `data` and a list of `annotations`",
        lambda opened: has_tasks_of(opened.rows),
        _tasks,
    ),
    "label-studio-rows": LabelForm(
        "Label Studio JSON-MIN, CSV, TSV",
        "rows with `annotation_id`, `annotator`, `created_at`, `updated_at`, `lead_time`",
        lambda opened: has_rows_of(opened.rows),
        _export,
    ),
    "doccano": _form("doccano JSONL", "doccano", "rows with `id` and `Comments`"),
    "prodigy": _form("Prodigy JSONL", "prodigy", "rows with `answer` and `_input_hash` or `_task_hash`"),
    "argilla": _form(
        "Argilla JSON, rows", "argilla", "`fields`, `responses`, `suggestions`; or `NAME.responses.users`"
    ),
    "coco": _form("COCO", "coco", "an object with the lists `images`, `annotations`, `categories`"),
    "voc": _form("Pascal VOC", "voc", "XML with the root `annotation`; or lists in `ImageSets/Main`"),
    "yolo": _form("YOLO", "yolo", "a folder with `.txt` of numbers, and `classes.txt`, `obj.names` or `data.yaml`"),
    "labelme": _form("LabelMe", "labelme", "JSON with `flags`, `shapes`, `imagePath`"),
    "cvat": _form("CVAT for images 1.1", "cvat", "XML with the root `annotations`"),
    "fiftyone": _form("FiftyOne", "fiftyone", "an object with `classes` and `labels`, or `samples` with `filepath`"),
    "folders": _form("folders of classes", "class_folders", "a folder with a folder for each class"),
    "table": LabelForm(
        "table as CSV, TSV, JSON, JSONL, parquet",
        "rows without the marks of another form; an export of activessl has `source`",
        lambda opened: isinstance(opened.content, list),
        _table,
    ),
}

#: What a file is only if it is nothing else.
_LAST = ("folders", "table")


def form_of(opened: Opened, name: str | None = None) -> LabelForm:
    """Find the form of a file or folder.

    Args:
        opened: The file or folder.
        name: The name of its form; None to know it by its marks.

    Raises:
        ConfigError: The file cannot be parsed, or is no table.
        LabelError: It is of no known form, of several, or not of the named one.
    """
    if name is not None:
        if name not in FORMS:
            raise LabelError(f"unknown form {name!r}", hint=f"use one of {', '.join(FORMS)}")
        if not FORMS[name].fits(opened):
            raise LabelError(
                f"{opened.path} is not {FORMS[name].title}: it needs {FORMS[name].marks}",
                hint="name another form, or leave out --form",
            )
        return FORMS[name]
    found = [name for name, form in FORMS.items() if name not in _LAST and form.fits(opened)]
    if len(found) > 1:
        raise LabelError(
            f"{opened.path} may be {' or '.join(FORMS[name].title for name in found)}",
            hint=f"name its form, such as --form {found[0]}",
        )
    if found:
        return FORMS[found[0]]
    if opened.path.is_dir():
        return _folder(opened)
    if opened.path.suffix.lower() == ".xml":
        raise LabelError(
            f"{opened.path} is XML with the root {opened.tree().tag!r}, which is no known form of labels",
            hint='export "CVAT for images 1.1", Pascal VOC, or a table',
        )
    return FORMS["table"]


def _folder(opened: Opened) -> LabelForm:
    """A folder that has no marks: a folder for each class, or none that is known."""
    from activessl.labels.files import yolo

    files = [name for name in opened.files if name.lower().endswith((".json", ".jsonl", ".csv", ".parquet", ".xml"))]
    if files:
        raise LabelError(
            f"{opened.path} is a folder with {len(files):,} files that may have labels: {listed(files, 3)}",
            hint=f"give the file, such as {opened.path / files[0]}",
        )
    if yolo.unnamed(opened):
        raise LabelError(
            f"{opened.path} has boxes as YOLO writes them, without the names of the classes",
            hint="add a file classes.txt with one name in each line",
        )
    if FORMS["folders"].fits(opened):
        return FORMS["folders"]
    raise LabelError(
        f"{opened.path} has no labels of a known form",
        hint="give a file of labels, or a folder with a folder per class",
    )
