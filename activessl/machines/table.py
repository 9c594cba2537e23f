"""A machine that answered already: a table of predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from activessl.errors import ConfigError
from activessl.labels.files.reading import read_rows
from activessl.ledger.schema import Said
from activessl.machines.base import Setting, batches, said_of, version_of
from activessl.pool.pool import Pool

#: Names of the column of the item, and of the column of the class; the first that the table has counts.
ITEM = ("id", "item", "file", "path")
CLASS = ("class", "label", "prediction", "predicted")


@dataclass(frozen=True)
class Table:
    """The rows of a file: the id of an item with its class, or with a score for each class in columns of their names.

    Names of before a change of the classes are read as those of now. An id that the table does not have, an empty class
    and a class that the project does not have are no answers.
    """

    version: str
    classes: tuple[str, ...]
    said: dict[str, Said]

    def ask(self, pool: Pool, items: Iterable[str]) -> Iterator[list[Said]]:  # noqa: ARG002  # it read them before
        """What the table says of these items."""
        for part in batches(items, 4096):
            yield [self.said.get(item) or Said(item=item, scores=None, why="not in the table") for item in part]


def table_of(setting: Setting) -> Table:
    """Read a table of predictions: CSV, TSV, JSON lines or parquet.

    Raises:
        ConfigError: The file cannot be read, has no column of ids, or neither classes nor scores.
    """
    path = setting.path()
    rows = read_rows(path)
    columns = list(dict.fromkeys(name for row in rows[:1000] for name in row))
    item = next((name for name in ITEM if name in columns), None)
    if item is None:
        raise ConfigError(
            f"{path} has no column of ids; it has {', '.join(columns[:8]) or 'no columns'}",
            hint="name the column of the items `id`",
        )
    of = {column: now for column in columns if (now := setting.now(column)) in setting.classes}
    scored = set(of.values())
    class_column = next((name for name in CLASS if name in columns), None)
    if len(scored) < len(setting.classes) and class_column is None:
        raise ConfigError(
            f"{path} has neither a column of classes nor a score for each of {len(setting.classes)} classes",
            hint=f"name the column of the classes `class`, or add columns such as {setting.classes[0]!r}",
        )
    said: dict[str, Said] = {}
    for row in rows:
        name = str(row.get(item, ""))
        if name in said:
            raise ConfigError(f"{path} has {name!r} twice", hint="keep one row for each item")
        if len(scored) == len(setting.classes):
            said[name] = said_of(name, _scores(row, of, setting.classes))
        else:
            said[name] = _of_class(name, row.get(class_column or ""), setting)
    version = version_of("table", sha256(path.read_bytes()).hexdigest(), setting.classes)
    return Table(version, setting.classes, said)


def _of_class(name: str, given: Any, setting: Setting) -> Said:
    text, classes = "" if given is None else str(given).strip(), setting.classes
    now = setting.now(text)
    if now not in classes:
        return Said(item=name, scores=None, why=f"{text[:60]!r} is no class" if text else "no class")
    return said_of(name, np.eye(len(classes))[classes.index(now)])


def _scores(
    row: dict[str, Any], of: dict[str, str], classes: tuple[str, ...]
) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """The scores of the columns, summed over those of classes that were merged."""
    scores = np.zeros(len(classes))
    try:
        for column, name in of.items():
            scores[classes.index(name)] += float(row[column])
    except (KeyError, TypeError, ValueError):
        return None
    return scores
