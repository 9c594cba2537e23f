"""What a parser of outside data is, and all of them by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Parser:
    """A parser of outside data.

    Attributes:
        name: What it reads.
        read: Reads bytes, in a folder for its files.
        seeds: Real inputs.
    """

    name: str
    read: Callable[[bytes, Path], object]
    seeds: Callable[[], Sequence[bytes]]


PARSERS: dict[str, Parser] = {}


def parser(name: str, seeds: Callable[[], Sequence[bytes]]) -> Callable[[Callable[[bytes, Path], object]], None]:
    def keep(read: Callable[[bytes, Path], object]) -> None:
        PARSERS[name] = Parser(name, read, seeds)

    return keep
