"""HTML as a browser counts its characters: where each shown character is in the source, and the path of its text.

Label Studio counts the code points of all texts of a HyperText, a line break as one, and names a text by its path, such
as "/p[1]/text()[1]". Offsets in a text of the page are those of the browser: UTF-16 units.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser

__all__ = ["Block", "Markup", "units"]

#: Elements without an end.
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)


@dataclass(frozen=True, slots=True)
class Block:
    """A text of the page.

    Attributes:
        path: Its path from the root of the item.
        start: Its first character, counted over all texts.
        shown: Its characters.
        places: For each of its characters, where it begins in the source.
        end: Where the last one ends in the source.
    """

    path: str
    start: int
    shown: str
    places: tuple[int, ...]
    end: int


class Markup:
    """The texts of an HTML source.

    Args:
        source: The HTML.

    Example:
        >>> page = Markup("a &amp; <b>cd</b>")
        >>> page.length, page.source_of(4, 6), page.shown_of(11, 13)
        (6, (11, 13), (4, 6))
        >>> page.at(4, start=True), page.at(6, start=False)
        (('/b[1]/text()[1]', 0), ('/b[1]/text()[1]', 2))
    """

    def __init__(self, source: str) -> None:
        reader = _Reader(source)
        self.blocks = reader.read()
        self._starts = [block.start for block in self.blocks]
        #: The characters that the browser counts.
        self.text = "".join(block.shown for block in self.blocks)
        #: The number of characters that the browser counts.
        self.length = reader.count

    def source_of(self, start: int, end: int) -> tuple[int, int]:
        """Return where shown characters are in the source, the end exclusive."""
        first, last = self._block(start), self._block(end - 1)
        begin = first.places[start - first.start]
        after = end - last.start
        return begin, last.places[after] if after < len(last.places) else last.end

    def shown_of(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the shown characters of a part of the source; None if it shows none."""
        inside = [
            block.start + at for block in self.blocks for at, place in enumerate(block.places) if start <= place < end
        ]
        return (inside[0], inside[-1] + 1) if inside else None

    def at(self, character: int, *, start: bool) -> tuple[str, int]:
        """Return the path of a text, and the UTF-16 offset in it, of the start or the end of a range."""
        block = self._block(character if start else character - 1)
        return block.path, units(block.shown[: character - block.start])

    def _block(self, character: int) -> Block:
        if not 0 <= character < self.length:
            raise IndexError(character)
        return self.blocks[bisect_right(self._starts, character) - 1]


def units(text: str) -> int:
    """Return the length of a text in UTF-16 units, as a browser counts it: characters beyond U+FFFF are two.

    Example:
        >>> units("ab"), units("\U0001f600")
        (2, 2)
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class _Reader(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self._source = source
        self._lines = [0]
        for row, letter in enumerate(source):
            if letter == "\n":
                self._lines.append(row + 1)
        self._open: list[tuple[str, Counter[str]]] = [("", Counter())]
        self._text: list[int] = []
        self._shown = ""
        self._end = 0
        self._blocks: list[Block] = []
        self.count = 0

    def read(self) -> tuple[Block, ...]:
        self.feed(self._source)
        self.close()
        self._flush()
        return tuple(self._blocks)

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _flush(self) -> None:
        if not self._text:
            return
        self._open[-1][1]["text()"] += 1
        self._add(f"{self._open[-1][0]}/text()[{self._open[-1][1]['text()']}]", self._shown, self._text, self._end)
        self._text, self._shown = [], ""

    def _add(self, path: str, shown: str, places: list[int], end: int) -> None:
        self._blocks.append(Block(path, self.count, shown, tuple(places), end))
        self.count += len(places)

    def handle_data(self, data: str) -> None:
        here = self._here()
        self._text += range(here, here + len(data))
        self._shown += data
        self._end = here + len(data)

    def _reference(self, written: str) -> None:
        here = self._here()
        if self._source[here + len(written) : here + len(written) + 1] == ";":
            written += ";"
        shown = unescape(written)
        self._text += [here] * len(shown) if shown != written else range(here, here + len(written))
        self._shown += shown
        self._end = here + len(written)

    def handle_entityref(self, name: str) -> None:
        self._reference(f"&{name}")

    def handle_charref(self, name: str) -> None:
        self._reference(f"&#{name}")

    def handle_comment(self, data: str) -> None:  # noqa: ARG002
        self._flush()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._flush()
        path, seen = self._open[-1]
        seen[tag] += 1
        inside = f"{path}/{tag}[{seen[tag]}]"
        if tag == "br":  # counts as one character
            self._add(inside, "\n", [self._here()], self._here() + len(self.get_starttag_text() or ""))
        if tag not in _VOID:
            self._open.append((inside, Counter()))

    def handle_endtag(self, tag: str) -> None:
        self._flush()
        names = [path.rpartition("/")[2].partition("[")[0] for path, _ in self._open]
        if tag in names[1:]:
            del self._open[len(names) - 1 - names[::-1].index(tag) :]
