"""Several files that are one item, as one string of bytes: each with its name, the main one first."""

from __future__ import annotations

import json
from collections.abc import Mapping

_MARK = b"activessl bundle\n"


def bundle(files: Mapping[str, bytes]) -> bytes:
    """Put files together.

    Example:
        >>> unbundle(bundle({"a.hea": b"head", "a.dat": b"values"}))
        {'a.hea': b'head', 'a.dat': b'values'}
    """
    head = json.dumps([[name, len(content)] for name, content in files.items()]).encode()
    return b"".join([_MARK, len(head).to_bytes(8, "big"), head, *files.values()])


def is_bundle(content: bytes) -> bool:
    """Whether bytes are files that were put together."""
    return content.startswith(_MARK)


def unbundle(content: bytes) -> dict[str, bytes]:
    """Take the files apart again."""
    start = len(_MARK) + 8
    size = int.from_bytes(content[len(_MARK) : start], "big")
    at, files = start + size, {}
    for name, length in json.loads(content[start:at]):
        files[name] = content[at : at + length]
        at += length
    return files
