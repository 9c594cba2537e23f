"""Give inputs to a parser, and keep what came of them: an ``ActiveSSLError`` is an answer, all else is a failure."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from activessl.errors import ActiveSSLError
from fuzz.changes import changed
from fuzz.parsers import Parser

#: Seconds that one input may take, and memory beyond that of real input, in bytes.
LONGEST, MEMORY = 10.0, 2_000_000_000


@dataclass
class Found:
    """What came of many inputs of one parser.

    Attributes:
        name: The parser.
        inputs: Inputs so far; the next one has this number.
        refused: Of them, those that were refused with an error of two lines.
        seconds: Seconds so far.
        grown: Bytes of memory beyond those that real inputs took.
        slowest: Seconds of the slowest input.
        failures: What failed, with the number and the start of the first such input.
    """

    name: str
    inputs: int = 0
    refused: int = 0
    seconds: float = 0.0
    grown: int = 0
    slowest: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)


class TooSlow(BaseException):
    """An input took too long; no ``except Exception`` of a parser may catch it."""


def _too_slow(*_: object) -> None:
    raise TooSlow


def input_of(one: Parser, seeds: list[bytes], seed: int, number: int) -> bytes:
    """An input by its number: the real ones first, then changed ones."""
    if number < len(seeds):
        return seeds[number]
    return changed(random.Random(f"{one.name}/{seed}/{number}"), seeds)


def fast() -> str | None:
    """A folder in memory, if there is one: most of the time of a small input is that of its file."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def try_inputs(
    one: Parser,
    inputs: int,
    seconds: float,
    start: int = 0,
    *,
    seed: int = 0,
    begins: Callable[[int], None] = lambda _: None,
) -> Found:
    """Give a parser so many inputs, or as many as the time allows, in this process.

    Args:
        one: The parser.
        inputs: The number after the last input.
        seconds: The time.
        start: The number of the first input.
        seed: Another one gives other inputs.
        begins: Called with the number of each input before it is given.
    """
    found, folder = Found(one.name), Path(tempfile.mkdtemp(prefix="activessl-fuzz-", dir=fast()))
    seeds = list(one.seeds())
    begun, before = time.monotonic(), 0
    kept = signal.signal(signal.SIGALRM, _too_slow)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each would be remembered
            for number in range(start, inputs):
                if time.monotonic() - begun > seconds:
                    break
                if number in (len(seeds), start):  # the real ones have been read
                    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                begins(number)
                _give(one, input_of(one, seeds, seed, number), number, folder, found)
        found.grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        if found.grown > MEMORY:
            found.failures[f"memory grew by {found.grown / 1e9:.1f} GB"] = ""
    finally:
        signal.signal(signal.SIGALRM, kept)
        shutil.rmtree(folder, ignore_errors=True)
    found.seconds = time.monotonic() - begun
    return found


def _give(one: Parser, content: bytes, number: int, folder: Path, found: Found) -> None:
    found.inputs += 1
    at = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        one.read(content, folder)
    except ActiveSSLError as error:
        found.refused += 1
        if not error.message or not error.hint:
            found.failures.setdefault(f"an error that says nothing: {error!r}"[:200], shown(number, content))
    except (Exception, TooSlow) as error:
        name = kind_of(error)
        if not any(known.startswith(name.partition(": ")[0]) for known in found.failures):
            found.failures[name] = shown(number, content)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    found.slowest = max(found.slowest, time.monotonic() - at)


def shown(number: int, content: bytes) -> str:
    return f"input {number}: {content[:2000]!r}"


def kind_of(error: BaseException) -> str:
    """A failure by its type and the last line of ours that it went through: what is found twice is one kind."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if any(part.startswith("activessl") for part in Path(frame.filename).parts)]
    place = ours[-1] if ours else frames[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:100]}"
