"""Texts from a table: a ``.csv``, ``.tsv``, ``.jsonl`` or ``.xlsx`` file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.pool.columns import TABLES, Columns, is_number, read_columns
from activessl.pool.forms.base import Media
from activessl.pool.pool import Item, Modality, Unreadable
from activessl.pool.rows import RowsSource

#: Why an item without any text cannot be read.
EMPTY_TEXT, EMPTY_ROW = "text is empty", "row is empty"

#: Suffixes of the files that are read here.
TEXT_TABLES = TABLES

#: Columns with a fixed meaning: a single other column is the text.
_OWN = frozenset({"id", "label", "label_name", "split"})

#: The names of columns of texts, the plainest first; of several, the first that the table has.
TEXT_NAMES = ("text", "sentence", "document", "content", "body", "review", "comment", "message", "tweet", "utterance")


class TextTable(NamedTuple):
    """The columns of a table of texts.

    Attributes:
        texts: (n,) texts; None in a row without text.
        ids: (n,) or None.
        labels: (n,) as stored: names, numbers, or lists of names or numbers; or None.
        split: (n,) or None.
        column: The name of the column of the texts.
    """

    texts: list[str | None]
    ids: list[Any] | None
    labels: list[Any] | None
    split: list[Any] | None
    column: str


class TextTableSource(RowsSource):
    """A table of texts: a ``.csv``, a ``.tsv``, an ``.xlsx``, or a ``.jsonl`` with one object per line.

    Args:
        location: The file, in UTF-8. The texts are the column ``text``, or another of ``TEXT_NAMES``, or the only
            column that is not ``id``, ``label``, ``label_name`` or ``split``. An optional column ``id`` holds the ids;
            else they are ``NAME:ROW``.
            The columns of a ``.csv`` are separated by the comma, semicolon or tab, whichever the first line has most
            of.
        modality: "text", or None.
        columns: Its columns, if they were read already.

    Raises:
        PoolError: The file is no such table, has no column of texts, or has ids that are missing or not unique.
    """

    def __init__(self, location: Path, modality: Modality | None = None, columns: Columns | None = None) -> None:
        if modality not in (None, "text"):
            raise PoolError(f"{location} holds text, not {modality}", hint="set the modality to text")
        super().__init__(location, "text")
        whole = read_columns(location) if columns is None else columns
        table = text_table(location, whole)
        self._texts, self.column = table.texts, table.column
        self.stored_labels, self.stored_split = table.labels, table.split
        empty = sum(not str(one if one is not None else "").strip() for one in table.ids or ())
        if empty:
            raise PoolError(f"{empty} ids in {location} are empty", hint="give each item an id")
        given = None if table.ids is None else np.asarray([str(one) for one in table.ids], dtype=object)
        self._name_rows(len(self._texts), given)
        #: The further columns: name to the value of each item.
        self.columns: dict[str, dict[str, Any]] = {
            name: dict(zip(self._ids, whole.values[name], strict=True))
            for name in whole.names
            if name not in _OWN | {table.column}
        }

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
            raise PoolError(EMPTY_ROW, hint="remove the row, or fill it")
        return text.encode("utf-8", errors="replace")  # JSON may contain unpaired surrogates


def decode_text(content: bytes) -> str:
    """Decode bytes as UTF-8, with or without a byte order mark.

    Raises:
        PoolError: Not UTF-8, or only white space.

    Example:
        >>> decode_text("Größe".encode("utf-8-sig"))
        'Größe'
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PoolError("text is not UTF-8", hint="save it again as UTF-8") from None
    if not text.strip():
        raise PoolError(EMPTY_TEXT, hint="remove the item, or fill it")
    return text


def text_table(location: Path, table: Columns) -> TextTable:
    """Find the texts among the columns of a table.

    Raises:
        PoolError: There is no column of texts, or it has other values.
    """
    names, columns = table
    rest = [name for name in names if name not in _OWN]
    plain = {name.lower(): name for name in reversed(names)}
    text = next((plain[name] for name in TEXT_NAMES if name in plain), rest[0] if len(rest) == 1 else None)
    if text is None:
        numbers = sum(all(is_number(value) for value in columns[name]) for name in rest)
        if numbers > 2 and 2 * numbers > len(rest):
            raise PoolError(
                f"{location} has {numbers:,} columns of numbers, and no column of texts",
                hint="say what a row is: --modality series, or --modality vector",
            )
        raise PoolError(
            f"{location} has no column 'text'; it has {listed(names) if names else 'no columns'}",
            hint="give the column of texts the name 'text'",
        )
    odd = next((row for row, value in enumerate(columns[text]) if not (value is None or isinstance(value, str))), None)
    if odd is not None:
        raise PoolError(
            f"row {odd} of {location} has a value that is not text in the column {text!r}",
            hint="store texts in that column",
        )
    return TextTable(columns[text], columns.get("id"), columns.get("label"), columns.get("split"), text)
