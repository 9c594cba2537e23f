"""Changes of real inputs, in memory: of bytes, of numbers, of lines and cells, of JSON and of XML.

An input is made from a seed and its number alone, so that it can be made again, and a run can go on where it ended.
"""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

#: Values that no writer writes where another value belongs.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, -0.0, 1e308, 1e-320, float("nan"), float("inf"), "", " ", "0",
    "NaN", "=1+1", "../../x", "/etc/passwd", "a" * 3000, "\x00", "\u202e", "\ud800", "ä\u0308", [], {}, [[]], [{}],
    {"": None}, [None], [1, "a", None], {"a": {"a": {"a": {}}}}, "2026-13-45T99:99:99Z", "1970-01-01", "data:,", "http://[::1",
)  # fmt: skip

#: The same as words in text, and numbers at the ends of what numbers of a file can be.
WORDS = tuple(str(value).encode(errors="replace") for value in ODD)
EXTREMES = (
    b"0", b"-0", b"-1", b"1e999", b"-1e999", b"1e-999", b"NaN", b"Infinity", b"9" * 20, b"9" * 400, b"-2147483649",
    b"4294967296", b"9223372036854775808", b"0.1e", b"0x10", b"1_000", b"00012", b"1,5", "\u0663".encode(),
)  # fmt: skip

#: Whole numbers that are signs of lengths, counts and positions gone wrong, by the number of their bytes.
_ENDS = {
    "B": (0, 1, 127, 128, 255),
    "H": (0, 1, 2**15 - 1, 2**15, 2**16 - 1),
    "I": (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1),
    "Q": (0, 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1),
}
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_NAME = re.compile(rb"[A-Za-z_][\w.-]*")
#: No input is longer: repeated blocks grow by powers.
LONGEST_INPUT = 400_000


def changed(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """A real input with a few changes, most often one or two."""
    content = seeds[rng.randrange(len(seeds))]
    if content[:1] in (b"{", b"[") and rng.random() < 0.6:
        content = changed_json(rng, content)
        if rng.random() < 0.8:
            return content
    kinds = _KINDS_OF_TEXT if _is_text(content[:2000]) else _KINDS_OF_BYTES
    while True:
        kind = kinds[rng.randrange(len(kinds))]
        content = _spliced(rng, content, seeds) if kind is _spliced else kind(rng, content)
        if rng.random() < 0.5:
            return content[:LONGEST_INPUT]


@lru_cache(maxsize=256)
def _is_text(head: bytes) -> bool:
    return bool(head) and sum(b < 9 or 13 < b < 32 or b == 127 for b in head) < len(head) / 50


# -- bytes ------------------------------------------------------------------------------------------------------------


def _at(rng: random.Random, content: bytes) -> int:
    """A place; every third time near the start, where headers are."""
    most = min(len(content), 64) if rng.random() < 0.33 else len(content)
    return rng.randrange(most) if most else 0


def _size(rng: random.Random) -> int:
    return (1, 1, 2, 4, 8, 64, 512)[rng.randrange(7)]


def _bit(rng: random.Random, content: bytes) -> bytes:
    if not content:
        return b"\x01"
    at = _at(rng, content)
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: _at(rng, content)]


def _removed(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + content[at + _size(rng) :]


def _inserted(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + rng.randbytes(rng.randint(1, 8)) + content[at:]


def _overwritten(rng: random.Random, content: bytes) -> bytes:
    at, new = _at(rng, content), rng.randbytes(rng.randint(1, 4))
    return content[:at] + new + content[at + len(new) :]


def _repeated(rng: random.Random, content: bytes) -> bytes:
    at, n = _at(rng, content), _size(rng)
    return content[:at] + content[at : at + n] * (2, 3, 50, 400)[rng.randrange(4)] + content[at + n :]


def _filled(rng: random.Random, content: bytes) -> bytes:
    at, n = _at(rng, content), _size(rng)
    return content[:at] + (b"\x00", b"\xff", b" ")[rng.randrange(3)] * n + content[at + n :]


def _moved(rng: random.Random, content: bytes) -> bytes:
    at, n = _at(rng, content), _size(rng)
    block, rest = content[at : at + n], content[:at] + content[at + n :]
    to = _at(rng, rest)
    return rest[:to] + block + rest[to:]


def _whole_number(rng: random.Random, content: bytes) -> bytes:
    """Bytes that may be a length, a count or a position, as the smallest or the largest of their kind."""
    kind = "BHIQ"[rng.randrange(4)]
    value = _ENDS[kind][rng.randrange(len(_ENDS[kind]))]
    new = struct.pack("<>"[rng.randrange(2)] + kind, value)
    at = _at(rng, content)
    return content[:at] + new + content[at + len(new) :]


def _spliced(rng: random.Random, content: bytes, seeds: Sequence[bytes] = ()) -> bytes:
    """The start of one input and the end of another."""
    other = seeds[rng.randrange(len(seeds))] if seeds else content
    return content[: _at(rng, content)] + other[_at(rng, other) :]


# -- text -------------------------------------------------------------------------------------------------------------


def _number(rng: random.Random, content: bytes) -> bytes:
    """A number in text, as one at the ends of what numbers can be."""
    at = _at(rng, content)
    found = _NUMBER.search(content, at) or _NUMBER.search(content)
    if found is None:
        return _inserted(rng, content)
    return content[: found.start()] + EXTREMES[rng.randrange(len(EXTREMES))] + content[found.end() :]


def _word(rng: random.Random, content: bytes) -> bytes:
    """A name in text, such as one of an element, an attribute or a key, as another of the same text, or an odd one."""
    at = _at(rng, content)
    found = _NAME.search(content, at) or _NAME.search(content)
    if found is None:
        return _inserted(rng, content)
    other = _NAME.search(content, _at(rng, content))
    new = other.group() if other is not None and rng.random() < 0.6 else WORDS[rng.randrange(len(WORDS))]
    return content[: found.start()] + new + content[found.end() :]


def _line(rng: random.Random, content: bytes) -> bytes:
    """A line that is gone, there twice, in another place, or the only one."""
    lines = content.splitlines(keepends=True) or [b""]
    i, what = rng.randrange(len(lines)), rng.randrange(4)
    if what == 0:
        del lines[i]
    elif what == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[i])
    elif what == 2:
        lines.insert(rng.randrange(len(lines)), lines.pop(i))
    else:
        lines = [lines[i]]
    return b"".join(lines)


def _cell(rng: random.Random, content: bytes) -> bytes:
    """A cell of a table, or a value of a config, that is odd, missing, one too many, or open to its right."""
    lines = content.splitlines(keepends=True) or [b""]
    i = rng.randrange(len(lines))
    line = lines[i]
    mark = next((mark for mark in (b" = ", b",", b";", b"\t", b":", b'"', b" ") if mark in line), b",")
    cells = line.rstrip(b"\r\n").split(mark)
    at, what = rng.randrange(len(cells)), rng.randrange(6)
    if what < 3:
        cells[at] = WORDS[rng.randrange(len(WORDS))]
    elif what == 3:
        del cells[at]
    elif what == 4:
        cells.insert(at, cells[at])
    else:
        cells[at] = b'"' + cells[at]
    lines[i] = mark.join(cells) + line[len(line.rstrip(b"\r\n")) :]
    return b"".join(lines)


def _nested(rng: random.Random, content: bytes) -> bytes:
    """Brackets, elements or quotes, thousands deep."""
    at = _at(rng, content)
    opened = (b"[", b'{"a":', b"<a>", b"(", b'"', b"a.")[rng.randrange(6)]
    return content[:at] + opened * (3, 100, 5000)[rng.randrange(3)] + content[at:]


def _coded(rng: random.Random, content: bytes) -> bytes:
    """The same text in another encoding, with a mark of one, or with other ends of lines."""
    what = rng.randrange(5)
    if what == 0:
        return b"\xef\xbb\xbf" + content
    if what == 1:
        return content.replace(b"\n", b"\r\n")
    if what == 2:
        return content.replace(b"\n", b"\r")
    return content.decode("latin-1").encode("utf-16" if what == 3 else "utf-32")


_Change = Callable[..., bytes]
_KINDS_OF_BYTES: tuple[_Change, ...] = (
    _bit, _bit, _cut, _removed, _inserted, _overwritten, _repeated, _filled, _moved, _whole_number, _whole_number,
    _spliced,
)  # fmt: skip
_KINDS_OF_TEXT: tuple[_Change, ...] = (
    _bit, _cut, _removed, _inserted, _repeated, _moved, _spliced, _number, _number, _word, _word, _line, _cell, _cell,
    _nested, _coded,
)  # fmt: skip


# -- JSON -------------------------------------------------------------------------------------------------------------


def changed_json(rng: random.Random, content: bytes) -> bytes:
    """Replace, remove, repeat or exchange values somewhere in JSON, or in one of its lines."""
    found, rest = _parsed(content)
    for _ in range(rng.randint(1, 3)):
        found = _replaced(rng, found)
    try:
        said = json.dumps(found, ensure_ascii=rng.random() < 0.7).encode(errors="surrogatepass")
    except (ValueError, RecursionError):
        return content[:-1]
    return said + b"\n" + rest if rest else said


@lru_cache(maxsize=256)
def _parsed(content: bytes) -> tuple[Any, bytes]:
    """JSON, and what comes after its first line where each line is a document; it must not be changed in place."""
    try:
        return json.loads(content), b""
    except ValueError:
        first, _, rest = content.partition(b"\n")
        try:
            return json.loads(first), rest
        except ValueError:
            return first.decode("utf-8", "replace"), rest


def _replaced(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.randrange(6):
        keys = sorted(value)
        key, kind = keys[rng.randrange(len(keys))], rng.randrange(10)
        if kind == 0:
            return {k: v for k, v in value.items() if k != key}
        if kind == 1:
            return value | {str(ODD[rng.randrange(len(ODD))]): value[key]}
        if kind == 2:
            return value | {key: value[keys[rng.randrange(len(keys))]]}
        return value | {key: _replaced(rng, value[key])}
    if isinstance(value, list) and value and rng.randrange(6):
        i, kind = rng.randrange(len(value)), rng.randrange(10)
        if kind == 0:
            return value[:i] + value[i + 1 :]
        if kind == 1:
            return [*value, value[i]]
        return [*value[:i], _replaced(rng, value[i]), *value[i + 1 :]]
    return ODD[rng.randrange(len(ODD))]
