"""Texts out of a table: a ``.csv``, ``.tsv`` or ``.jsonl`` file."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from activessl.errors import PoolError
from activessl.pool.forms.base import Media
from activessl.pool.pool import Item, Modality, Unreadable
from activessl.pool.rows import RowsSource
from activessl.pool.separated import delimiter_of, lines_of

#: Endings of the files that are read here.
TEXT_TABLES = (".csv", ".tsv", ".jsonl")

#: Columns with a meaning of their own: what else is there alone is the text.
_OWN = frozenset({"id", "label", "label_name", "split"})


class TextTable(NamedTuple):
    """The columns of a file that mean something.

    Attributes:
        texts: (n,) None where there is none.
        ids: (n,) or None.
        labels: (n,) as they stand there: names, numbers, lists of either; or None.
        split: (n,) or None.
    """

    texts: list[str | None]
    ids: list[Any] | None
    labels: list[Any] | None
    split: list[Any] | None


class TextTableSource(RowsSource):
    """A table of texts: a ``.csv``, a ``.tsv``, or a ``.jsonl`` with one object a line.

    Args:
        location: The file, in UTF-8. Texts are the column ``text``, or the only one that is not ``id``, ``label``,
            ``label_name`` or ``split``. An optional column ``id`` names the rows; else they are ``NAME:ROW``. The
            columns of a ``.csv`` are separated by commas, semicolons or tabs: what its first line has most of.
        modality: "text", or None.

    Raises:
        PoolError: Not such a file, no such column, or ids that are missing or not unique.
    """

    def __init__(self, location: Path, modality: Modality | None = None) -> None:
        if modality not in (None, "text"):
            raise PoolError(f"{location} holds text, not {modality}", hint="choose what it holds")
        super().__init__(location, "text")
        table = read_text_table(location)
        self._texts = table.texts
        empty = sum(not str(one if one is not None else "").strip() for one in table.ids or ())
        if empty:
            raise PoolError(f"{empty} empty ids in {location}", hint="give each item an id")
        given = None if table.ids is None else np.asarray([str(one) for one in table.ids], dtype=object)
        self._name_rows(len(self._texts), given)

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash one text."""
        try:
            content = self.content(item_id)
            text = decode_text(content)
        except PoolError as error:
            return Unreadable(item_id, error.message)
        return Item(item_id, hashlib.sha256(content).hexdigest(), (len(text),))

    def read(self, item_id: str) -> Media:
        """One text."""
        return self.content(item_id).decode("utf-8")

    def content(self, item_id: str) -> bytes:
        """The text as UTF-8."""
        text = self._texts[self._row_of(item_id)]
        if text is None:
            raise PoolError("empty row", hint="drop the row, or fill it")
        return text.encode("utf-8", errors="replace")  # JSON can hold halves of characters


def decode_text(content: bytes) -> str:
    """Bytes as UTF-8, with or without a mark in front.

    Raises:
        PoolError: Not UTF-8, or nothing but white space.

    Example:
        >>> decode_text("Größe".encode("utf-8-sig"))
        'Größe'
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PoolError("text that is not UTF-8", hint="save it again as UTF-8") from None
    if not text.strip():
        raise PoolError("empty text", hint="drop it, or fill it")
    return text


def read_text_table(location: Path) -> TextTable:
    """Read a table of texts whole.

    Raises:
        PoolError: It cannot be read, has no column of texts, or a row that does not fit.
    """
    try:
        content = location.read_bytes().decode("utf-8-sig")  # Windows editors put a mark in front
    except OSError as error:
        raise PoolError(f"{location} cannot be read: {error.strerror}", hint="check the file and its rights") from None
    except UnicodeDecodeError as error:
        raise PoolError(
            f"{location} is not UTF-8: byte {error.start:,} is no part of a character",
            hint='save it again as "CSV UTF-8"',
        ) from None
    if location.suffix.lower() == ".jsonl":
        names, columns = _of_lines(location, content)
    else:
        names, columns = _of_csv(location, content)
    rest = [name for name in names if name not in _OWN]
    text = "text" if "text" in names else rest[0] if len(rest) == 1 else None
    if text is None:
        raise PoolError(
            f"{location} has the columns {', '.join(names) or 'none'}", hint="name the column of the texts 'text'"
        )
    odd = next((row for row, value in enumerate(columns[text]) if not (value is None or isinstance(value, str))), None)
    if odd is not None:
        raise PoolError(f"row {odd} of {location} has no text in {text!r}", hint="store texts there")
    return TextTable(columns[text], columns.get("id"), columns.get("label"), columns.get("split"))


def _of_csv(location: Path, content: str) -> tuple[list[str], dict[str, list[Any]]]:
    tabs = location.suffix.lower() == ".tsv"
    rows = lines_of(content, "\t" if tabs else delimiter_of(content))
    try:
        names = [name.strip() for name in next(rows, (0, []))[1]]
        if len(set(names)) != len(names):
            raise PoolError(f"{location} has two columns of one name", hint="name each column once")
        columns: dict[str, list[Any]] = {name: [] for name in names}
        for line, row in rows:
            if len(row) != len(names):
                raise PoolError(
                    f"line {line} of {location} has {len(row)} fields, not {len(names)}",
                    hint="put texts that hold the separator or line breaks between quotation marks",
                )
            for name, value in zip(names, row, strict=True):
                columns[name].append(value)
    except csv.Error as error:
        raise PoolError(f"{location} cannot be read, {error}", hint="write it again as a CSV") from None
    for name in ("label", "split"):
        if name in columns:
            columns[name] = _numbers(columns[name])
    return names, columns


def _numbers(values: list[str]) -> list[Any]:
    """Whole numbers where all are written like such, else what stands there; None where nothing does."""
    found = [value.strip() or None for value in values]
    plain = all(v is None or (v.isascii() and v.isdigit() and str(int(v)) == v) for v in found)
    return [None if v is None else int(v) for v in found] if plain else found


def _of_lines(location: Path, content: str) -> tuple[list[str], dict[str, list[Any]]]:
    rows: list[dict[str, Any]] = []
    # not splitlines: JSON allows its other line ends inside a text
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise PoolError(f"line {number} of {location} is not a JSON object", hint="write one object a line")
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return names, {name: [row.get(name) for row in rows] for name in names}
