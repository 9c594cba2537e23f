"""Read the lines of CSV text, as spreadsheets and data loggers write it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

_DELIMITERS = ",;\t"


def delimiter_of(content: str) -> str:
    """The separator of the columns: the comma, semicolon or tab, whichever is most frequent in the first line.

    Example:
        >>> delimiter_of("a;b, or c;d\\n1,2,3;4;5")
        ';'
    """
    first = content.partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def lines_of(content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not empty, of any length, each with the number of its last line in the file.

    Raises:
        csv.Error: Quotation marks do not match; with the number of the line.

    Example:
        >>> list(lines_of('a,b\\n\\n"1\\n2",3', ","))
        [(1, ['a', 'b']), (4, ['1\\n2', '3'])]
    """
    # the limit is global to the process, so it is only raised
    csv.field_size_limit(max(csv.field_size_limit(), len(content) + 1))
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from ((rows.line_num, row) for row in rows if row)
    except csv.Error as error:
        raise csv.Error(f"line {rows.line_num}: {error}") from None
