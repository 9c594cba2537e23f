"""Tables of series: a row for each series, or a row for each moment.

A *wide* table has a row for each series: all columns of numbers are its values in time. A *long* table has a row for
each moment: a column with the id of the series, one with the time, and a column for each channel, or the columns
``channel`` and ``value``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.pool.clock import TIMES, even, times_of
from activessl.pool.columns import Columns, is_number
from activessl.pool.series_files.base import Array, SeriesRows, number

#: Columns with a meaning of their own, and those that are carried along.
OWN = ("id", "label", "label_name", "split", "group")

#: Names of columns with the ids of series, the plainest first.
IDS = ("id", "series_id", "series", "case_id", "case", "unique_id", "record", "item")
_CHANNELS = ("channel", "dimension", "dim", "variable", "sensor", "kind")


def read_table_of_series(table: Columns) -> SeriesRows:
    """Read a wide or a long table.

    Raises:
        PoolError: A value is no number, a series has two labels, or times go back.
    """
    plain = {name.lower(): name for name in reversed(table.names)}
    time = next((plain[name] for name in TIMES if name and name != "index" and name in plain), None)
    key = next((plain[name] for name in IDS if name in plain), None)
    if time is not None and key is None:
        raise PoolError(
            f"the table has a time ({time!r}), and no column with the id of the series",
            hint="name that column 'id', or give a folder with a CSV file for each series",
        )
    if time is not None and key is not None:
        return _long(table, key, time)
    return _wide(table)


def _wide(table: Columns) -> SeriesRows:
    if table.n_rows > len(table.names) and not any(name.lower() in OWN for name in table.names):
        raise PoolError(
            f"the table may be {table.n_rows:,} series of {len(table.names):,} values, or one recording",
            hint="add a column 'id' if each row is a series, or give a folder with a CSV file for each recording",
        )
    # without ids, a column of words may be the ids under another name
    carried = carried_columns(table, [n for n in table.names if n.lower() not in OWN] if "id" in table.values else [])
    values = [name for name in table.names if name.lower() not in OWN and name not in carried]
    odd = [name for name in values if not all(is_number(_text(cell)) or _missing(cell) for cell in table.values[name])]
    if odd or not values:
        raise PoolError(
            f"{len(odd)} columns are no numbers: {listed(odd)}" if odd else "the table has no columns of numbers",
            hint="keep id, label, split, columns of words and the values of the series",
        )
    rows = np.array(
        [[number(_text(cell), f"column {name!r}") for cell in table.values[name]] for name in values]
    ).T.reshape(table.n_rows, len(values))
    ids = [_text(one) for one in table.values["id"]] if "id" in table.values else None
    return SeriesRows(
        [row[None] for row in rows],
        ids,
        labels=table.values.get("label"),
        split=table.values.get("split"),
        columns={name: table.values[name] for name in table.names if name.lower() == "group" or name in carried},
    )


def _long(table: Columns, key: str, time: str) -> SeriesRows:
    plain = {name.lower(): name for name in reversed(table.names)}
    by, value = channel_column(table), plain.get("value")
    rows: dict[str, list[int]] = {}
    for row, item in enumerate(table.values[key]):
        rows.setdefault(_text(item), []).append(row)
    if "" in rows:
        raise PoolError(f"row {rows[''][0] + 1} has no {key}", hint="give each row the id of its series")
    own = {key, time, *(name for name in table.names if name.lower() in OWN)}
    carried = carried_columns(table, [name for name in table.names if name not in own | {by}])
    channels = [name for name in table.names if name not in own | carried]
    melted = by is not None and value is not None and len(channels) == 2
    series, steps, remarks = [], [], []
    names: tuple[str, ...] = tuple(channels)
    if melted:
        names = tuple(dict.fromkeys(_text(one) for one in table.values[str(by)]))
    for item, at in rows.items():
        times, values = (
            _melted(table, at, time, str(by), str(value), names) if melted else _columns(table, at, time, channels)
        )
        told = times_of({time.lower(): [_text(one) for one in times]})
        if told is None:
            raise PoolError(f"the times of {item!r} are neither numbers nor ISO dates", hint=f"correct {time!r}")
        try:
            found = even(values, told, range(2, len(times) + 2))
        except PoolError as error:
            raise PoolError(f"series {item!r}, {error.message}", hint=error.hint) from None
        series.append(found.values)
        steps.append(found.step)
        remarks.append(found.remarks)
    beside = {name: _of_each(table, rows, name) for name in table.names if name.lower() in OWN and name != key}
    beside |= {name: _of_each(table, rows, name) for name in table.names if name in carried}
    kept = {name: values for name, values in beside.items() if name.lower() == "group" or name in carried}
    return SeriesRows(series, list(rows), names, steps, remarks, beside.get("label"), beside.get("split"), columns=kept)


def carried_columns(table: Columns, names: Sequence[str]) -> set[str]:
    """Columns of words, such as the site of each series: all their values begin with a letter.

    A value like "1,5" or "3 V" is a number that cannot be read: its column is refused, not taken for words.
    """
    found = set()
    for name in names:
        said = [_text(cell) for cell in table.values[name] if not _missing(cell)]
        if said and all(cell[0].isalpha() and not is_number(cell) for cell in said):
            found.add(name)
    return found


def channel_column(table: Columns) -> str | None:
    """The column that names the channel of a value, in a table with one value in a row; None in others."""
    plain = {name.lower(): name for name in reversed(table.names)}
    return next((plain[name] for name in _CHANNELS if name in plain), None)


def _columns(table: Columns, rows: Sequence[int], time: str, channels: Sequence[str]) -> tuple[list[Any], Array]:
    times = [table.values[time][row] for row in rows]
    values = [[number(_text(table.values[name][row]), f"row {row + 1}") for row in rows] for name in channels]
    if not channels:
        raise PoolError("the table has no column of values", hint="add a column for each channel")
    return times, np.array(values)


def _melted(
    table: Columns, rows: Sequence[int], time: str, by: str, value: str, names: Sequence[str]
) -> tuple[list[Any], Array]:
    """The moments in the order of the file, and a row of values for each channel; NaN where a channel has none."""
    place = {_text(t): i for i, t in enumerate(dict.fromkeys(table.values[time][row] for row in rows))}
    found = np.full((len(names), len(place)), np.nan)
    seen: set[tuple[str, str]] = set()
    for row in rows:
        at, channel = _text(table.values[time][row]), _text(table.values[by][row])
        if (at, channel) in seen:
            raise PoolError(f"row {row + 1} is the second of {channel!r} at {at}", hint="keep one value of each moment")
        seen.add((at, channel))
        found[list(names).index(channel), place[at]] = number(_text(table.values[value][row]), f"row {row + 1}")
    return list(place), found


def _of_each(table: Columns, rows: dict[str, list[int]], name: str) -> list[Any]:
    """The value of each series in a column, where all its rows have the same."""
    found = []
    for item, at in rows.items():
        said = dict.fromkeys(table.values[name][row] for row in at)
        if len(said) > 1:
            raise PoolError(
                f"series {item!r} has {len(said)} values in {name!r}: {listed(said, 3)}",
                hint=f"give all rows of a series one {name}",
            )
        found.append(next(iter(said)))
    return found


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _missing(cell: Any) -> bool:
    return _text(cell).lower() in ("", "?", "nan", "na", "null", "none")
