"""Metadata: columns with a value for each item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.pool.metadata.cells import Kind, Value
from activessl.pool.recordings.cut import recording_of


@dataclass(frozen=True)
class Column:
    """One column of the metadata.

    Attributes:
        name: Its name.
        kind: Whether its values are texts, numbers or dates.
        values: (n,) the value of each item, in the order of ``Metadata.ids``; None where it is not known.
        origin: Where it is from, such as "the data" or "cameras.csv".
        note: Why it is not reported on unless it is named, such as "it has the classes"; empty if it is.
    """

    name: str
    kind: Kind
    values: tuple[Value, ...] = field(repr=False)
    origin: str = "the data"
    note: str = ""

    @property
    def known(self) -> int:
        """Number of items whose value is known."""
        return sum(value is not None for value in self.values)

    @property
    def useless(self) -> str:
        """Why its values are no slices; empty if they are."""
        distinct = {value for value in self.values if value is not None}
        if len(distinct) + (self.known < len(self.values)) < 2:
            return "it has one value" if distinct else "no value is known"
        alone = len(distinct) == self.known
        # numbers and dates are sliced by ranges, but not a running number
        if alone and (self.kind == "text" or (self.kind == "number" and _running(distinct))):
            return "each item has a value of its own"
        return ""


def _running(values: set[str | float | datetime]) -> bool:
    """Whether numbers, all different, are whole and without gaps."""
    found = [value for value in values if isinstance(value, float)]
    return all(value.is_integer() for value in found) and max(found) - min(found) == len(found) - 1


@dataclass(frozen=True)
class Metadata:
    """What is known of the items of a pool beside their content.

    Attributes:
        ids: (n,) the items.
        columns: The columns, in the order in which they were found.
        remarks: What a reader would not expect of how they were read, a sentence each.
    """

    ids: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def reported(self) -> tuple[Column, ...]:
        """The columns whose slices are reported on by default."""
        return tuple(column for column in self.columns if not column.note and not column.useless)

    def column(self, name: str) -> Column:
        """The column of a name.

        Raises:
            PoolError: There is none.
        """
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            if not self.columns:
                raise PoolError(
                    f"the items have no metadata, and no column {name!r}",
                    hint="set data.metadata in activessl.toml to a table with a row for each item",
                )
            raise PoolError(
                f"the metadata have no column {name[:100]!r}", hint=f"use one of {listed(map(repr, self.names))}"
            )
        return found

    def chosen(self, names: Iterable[str]) -> tuple[Column, ...]:
        """The columns of these names, each once; without names, the ones that are reported on.

        Raises:
            PoolError: A name is unknown, or its values are no slices.
        """
        wanted = tuple(dict.fromkeys(names))
        found = tuple(self.column(name) for name in wanted)
        useless = next((column for column in found if column.useless), None)
        if useless is not None:
            others = [column.name for column in self.reported]
            raise PoolError(
                f"the column {useless.name!r} has no slices: {useless.useless}",
                hint=f"use one of {listed(others)}" if others else "use a column with values that several items share",
            )
        return found if wanted else self.reported

    def told(self) -> list[str]:
        """The columns in words: those that are reported on, those that are not, and remarks.

        Example:
            >>> camera = Column("camera", "text", ("a", "b", "a"))
            >>> Metadata(("x", "y", "z"), (camera, Column("serial", "text", ("1a", "2a", "3a")))).told()
            ['metadata: camera (2 values)', 'not used as slices: serial (each item has a value of its own)']
        """
        used = [f"{column.name} ({_values(column)})" for column in self.reported]
        left = [
            f"{column.name} ({column.note or column.useless})" for column in self.columns if column not in self.reported
        ]
        lines = [f"metadata: {listed(used)}"] * bool(used) + [f"not used as slices: {listed(left)}"] * bool(left)
        return [*lines, *self.remarks]


def _values(column: Column) -> str:
    distinct = len({value for value in column.values if value is not None})
    missing = len(column.values) - column.known
    text = f"{distinct:,} {'value' if column.kind == 'text' else column.kind}{'s' * (distinct != 1)}"
    return text + (f", {missing:,} not known" if missing else "")


def column_groups(column: Column, ids: Sequence[str]) -> list[str]:
    """The name of the group of each item: its value; an item without one is a group of its own, named by its id;
    windows without one belong to their recording.

    Example:
        >>> column_groups(Column("patient", "number", (3.0, 3.0, None)), ["a", "b", "c"])
        ['patient 3', 'patient 3', 'c']
    """
    from activessl.pool.metadata.cells import plain

    return [
        recording_of(item) if value is None else f"{column.name} {plain(value)}"
        for value, item in zip(column.values, ids, strict=True)
    ]
