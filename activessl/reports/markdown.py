"""The report as Markdown, for a pull request or a wiki: the same lines as in the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

__all__ = ["as_markdown"]

#: What Markdown, or HTML in Markdown, reads as markup.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
#: The columns of the name in a line of a figure.
_NAME = 13


def as_markdown(title: str, lead: Iterable[str], figures: Iterable[str], blocks: Iterable[str]) -> str:
    """Set a report as Markdown; everything is escaped, so that an id cannot become a link, an image or HTML.

    Args:
        title: The title.
        lead: The first lines, each a paragraph.
        figures: Lines of the terminal, with the name in 13 columns.
        blocks: Lines of the terminal that stand below; an empty line begins a block.

    Example:
        >>> print(as_markdown("Pilot", ["95 % accuracy"], ["labels       40 of 100"], ["", "not measured:", "- <b>"]))
        # Pilot
        <BLANKLINE>
        95 % accuracy
        <BLANKLINE>
        - **labels**: 40 of 100
        <BLANKLINE>
        not measured:
        <BLANKLINE>
        - \\<b\\>
        <BLANKLINE>
    """
    lines = [f"# {_plain(title)}", ""]
    for text in lead:
        lines += [_plain(text), ""]
    lines += [f"- **{_plain(line[:_NAME].strip())}**: {_with_code(line[_NAME:])}" for line in figures]
    lines += _blocks(blocks)
    return "\n".join(lines).rstrip("\n") + "\n"


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    table = False
    for line in [*lines, ""]:
        columns = "  " in line and not line.startswith("- ")  # a table, set with spaces
        if columns != table:
            yield from ("", "```") if columns else ("```",)
            table = columns
        if columns:
            yield line.replace("```", "'''")
        elif line.startswith("- "):
            yield f"- {_with_code(line[2:])}"
        elif line:
            yield from ("", _with_code(line), "")
        else:
            yield ""


def _with_code(text: str) -> str:
    """Keep commands between backticks as code; escape the rest."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return _plain(text)
    return "".join(f"`{piece}`" if i % 2 else _plain(piece) for i, piece in enumerate(pieces))


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", re.sub(r"\s+", " ", text))
