"""Lines of a CSV text, as spreadsheets and loggers write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

_DELIMITERS = ",;\t"


def delimiter_of(content: str) -> str:
    """What separates the columns: the comma, semicolon or tab that the first line has most of.

    Example:
        >>> delimiter_of("a;b, or c;d\\n1,2,3;4;5")
        ';'
    """
    first = content.partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def lines_of(content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty, however long, each with the number of the line of the file on which it ends.

    Raises:
        csv.Error: Quotation marks that do not fit, with the number of the line.

    Example:
        >>> list(lines_of('a,b\\n\\n"1\\n2",3', ","))
        [(1, ['a', 'b']), (4, ['1\\n2', '3'])]
    """
    csv.field_size_limit(max(csv.field_size_limit(), len(content) + 1))  # one for the process, so it only grows
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from ((rows.line_num, row) for row in rows if row)
    except csv.Error as error:
        raise csv.Error(f"line {rows.line_num}: {error}") from None
