"""Texts with spans: CoNLL files, tables of tokens and tags, and JSON lines with character offsets.

CoNLL: one token a line, its tag in the last column, an empty line after each sentence. Tags are ``O``, or B-, I- (also
E-, L-, S-, U-) and a class; an I- that continues nothing begins a span, as in the scripts of the CoNLL tasks. The text
of an item are its tokens joined by a space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from activessl.errors import LabelError, PoolError
from activessl.labels.files.reading import parsed, rows_in
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.files.data import RegionData, held_pool, made, split_of
from activessl.labels.regions.places import Span
from activessl.labels.regions.region import Region, Regions
from activessl.pool.plain import MOST_TABLE, read_plain

#: Names of the columns, the plainest first.
TOKENS, TAGS, SPANS = ("tokens", "words"), ("tags", "ner_tags", "labels"), ("spans", "entities", "label")
#: Endings of CoNLL files.
CONLL = (".conll", ".bio", ".iob", ".iob2", ".conllu")
_BEGINS, _CONTINUES = "BSU", "IEL"
_TAG = re.compile(rf"O|[{_BEGINS}{_CONTINUES}]-.+")


def spans_of(tags: Sequence[str], where: str = "the tags") -> list[tuple[int, int, str]]:
    """The spans of a sequence of tags: first token, the token after the last one, and class.

    Raises:
        LabelError: A tag is neither O nor one of B-, I-, E-, L-, S- and U- with a class.

    Example:
        >>> spans_of(["O", "B-place", "I-place", "B-place", "O", "I-person", "I-place"])
        [(1, 3, 'place'), (3, 4, 'place'), (5, 6, 'person'), (6, 7, 'place')]
    """
    found: list[tuple[int, int, str]] = []
    open_ = ""  # the class of the span that the next I- continues
    for at, tag in enumerate(tags):
        if tag == "O":
            open_ = ""
            continue
        mark, dash, name = str(tag).partition("-")
        if len(mark) != 1 or mark not in _BEGINS + _CONTINUES or not dash or not name:
            raise LabelError(f"{where}: tag {str(tag)[:40]!r} is not known", hint="use O, B-CLASS and I-CLASS")
        if mark in _CONTINUES and open_ == name:
            found[-1] = (found[-1][0], at + 1, name)
        else:
            found.append((at, at + 1, name))
        open_ = "" if mark in "SUEL" else name
    return found


def of_tokens(tokens: Sequence[str], tags: Sequence[str], where: str) -> tuple[str, Regions]:
    """The text of some tokens joined by a space, and the spans of their tags in code points.

    Raises:
        LabelError: There are more tokens than tags, or fewer, a token is empty, or a tag is not known.

    Example:
        >>> text, regions = of_tokens(["In", "New", "York"], ["O", "B-place", "I-place"], "row 1")
        >>> text, [(text[one.place.start : one.place.end], one.classes) for one in regions]
        ('In New York', [('New York', ('place',))])
    """
    if len(tokens) != len(tags):
        raise LabelError(f"{where} has {len(tokens)} tokens and {len(tags)} tags", hint="give one tag for each token")
    if not tokens or not all(isinstance(token, str) and token.strip() for token in tokens):
        raise LabelError(f"{where} has an empty token, or none", hint="remove empty tokens and their tags")
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token) + 1
    regions = tuple(
        Region(Span(starts[first], starts[last - 1] + len(tokens[last - 1])), (name,))
        for first, last, name in spans_of(tags, where)
    )
    return " ".join(tokens), regions


def is_tagged(names: Sequence[str]) -> bool:
    """Whether a table with these columns holds tokens with tags, or texts with spans."""
    tagged = any(name in names for name in TOKENS) and any(name in names for name in TAGS)
    return tagged or ("text" in names and any(name in names for name in SPANS[:2]))


def read_table(path: Path) -> RegionData:
    """Read a ``.parquet`` or a ``.jsonl`` of tokens and tags, or of texts with spans.

    Raises:
        LabelError: A row has tags or spans that do not fit its text.
    """
    rows = rows_in(path, parsed(path))
    columns = rows[0].keys() if rows else ()
    tokens, tags = (next((name for name in names if name in columns), None) for names in (TOKENS, TAGS))
    values: dict[str, Any] = {}
    regions = []
    for number, row in enumerate(rows):
        where = f"row {number + 1:,} of {path.name}"
        if tokens and tags:
            given = row.get(tags)
            if not isinstance(given, list) or not isinstance(row.get(tokens), list):
                raise LabelError(f"{where} has no list of tokens, or none of tags", hint="store both as lists")
            if any(not isinstance(tag, str) for tag in given):
                raise LabelError(
                    f"{where}: the tags are numbers, without their names", hint="store tags as text, such as B-place"
                )
            text, found = of_tokens(row[tokens], given, where)
        else:
            text, found = _of_offsets(row, where)
        values[f"{path.name}:{number}"] = text
        regions.append(found)
    split = split_of([row.get("split") for row in rows], path.name) if "split" in columns else None
    return made(held_pool(path, "text", values), regions, "span", split=split)


def _of_offsets(row: Mapping[str, Any], where: str) -> tuple[str, Regions]:
    """A text and spans as [start, end, class], or as objects with start, end and label."""
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise LabelError(f"{where} has no text", hint="remove the row, or give it a text")
    listed: list[Any] = next((row[name] for name in SPANS if isinstance(row.get(name), list)), [])
    found = []
    for number, one in enumerate(listed, start=1):
        here = f"{where}, span {number}"
        try:
            if isinstance(one, Mapping):
                start, end, label = one["start"], one["end"], one["label"]
            else:
                start, end, label = one
            region = Region(Span(_whole(start), _whole(end)), (str(label),))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, LabelError):
                raise LabelError(f"{here}: {error.message}", hint=error.hint) from None
            raise LabelError(
                f"{here} is {str(one)[:60]!r}", hint="give each span as [start, end, class] in code points"
            ) from None
        check_region(region, (len(text),), here)
        told = one.get("text") if isinstance(one, Mapping) else None
        if isinstance(told, str) and told != text[int(start) : int(end)]:
            raise LabelError(
                f"{here}: characters {start} to {end} are {text[int(start) : int(end)][:40]!r}, not {told[:40]!r}",
                hint="count code points of the text as it is stored, without markup; an emoji is one",
            )
        found.append(region)
    return text, tuple(found)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("no whole number")
    return value


def is_conll(path: Path) -> bool:
    """Whether a file, or each file of a folder, is CoNLL by its ending."""
    files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    files = [one for one in files if not one.name.startswith(".")]
    return bool(files) and all(one.suffix.lower() in CONLL for one in files)


def read_conll(path: Path) -> RegionData:
    """Read a CoNLL file, or a folder of them; ``train`` and ``test`` in the names of files are the split.

    Raises:
        LabelError: A line has no tag, or a tag is not known.
    """
    files = [path] if path.is_file() else sorted(one for one in path.iterdir() if not one.name.startswith("."))
    values: dict[str, Any] = {}
    regions: list[Regions] = []
    sides: list[str] = []
    for file in files:
        for number, (line, tokens, tags) in enumerate(_sentences(file)):
            text, found = of_tokens(tokens, tags, f"the sentence at line {line:,} of {file.name}")
            values[f"{file.name}:{number}"] = text
            regions.append(found)
            sides.append("train" if "train" in file.stem.lower() else "test" if "test" in file.stem.lower() else "")
    if not values:
        raise LabelError(f"{path} holds no sentence", hint="give one token and its tag a line")
    split = split_of([side if side == "train" else "test" for side in sides], path.name) if _told(sides) else None
    return made(held_pool(path, "text", values), regions, "span", split=split)


def _told(sides: Sequence[str]) -> bool:
    return {"train", "test"} <= set(sides) and "" not in sides


def _sentences(file: Path) -> list[tuple[int, list[str], list[str]]]:
    """The first line, the tokens and the tags of each sentence."""
    try:
        lines = read_plain(file, MOST_TABLE).decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except PoolError as error:
        raise LabelError(error.message, hint=error.hint) from None
    except UnicodeDecodeError:
        raise LabelError(f"{file} is not UTF-8", hint="save it again as UTF-8") from None
    found: list[tuple[int, list[str], list[str]]] = []
    fresh = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            fresh = True
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        # a comment before a sentence has no tag: "# text = …"; the token "#" has one
        if line.startswith("-DOCSTART-") or (fresh and line.startswith("# ") and not _TAG.fullmatch(cells[-1])):
            continue
        if len(cells) < 2:
            raise LabelError(
                f"line {number:,} of {file.name} is {line[:40]!r}: it has no tag",
                hint="give one token and its tag a line",
            )
        if fresh:
            found.append((number, [], []))
            fresh = False
        found[-1][1].append(cells[0].strip())
        found[-1][2].append(cells[-1].strip())
    return found
