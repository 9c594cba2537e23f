"""A parser in a process of its own: its memory is bounded, its end is a failure, and so is silence in native code."""

from __future__ import annotations

import json
import mmap
import os
import resource
import select
import signal
import struct
import time
import traceback
from pathlib import Path

from fuzz.parsers import Parser
from fuzz.running import LONGEST, MEMORY, Found, input_of, shown, try_inputs

#: Seconds without a new input, after which native code hangs: the alarm of ``running`` ends Python's own loops.
SILENCE = 3 * LONGEST
#: How often a process that ended is followed by another one, which goes on after the input that ended it.
ENDS = 20


def in_a_process(one: Parser, inputs: int, seconds: float, start: int = 0, *, seed: int = 0) -> Found:
    """What ``try_inputs`` does, in processes: a new one after each that ended."""
    total, begun = Found(one.name), time.monotonic()
    for _ in range(ENDS):
        left = seconds - (time.monotonic() - begun)
        found, goes_on = _in_one(one, inputs, left, start + total.inputs, seed)
        total.inputs += found.inputs
        total.refused += found.refused
        total.grown, total.slowest = max(total.grown, found.grown), max(total.slowest, found.slowest)
        total.failures = found.failures | total.failures
        if not goes_on or time.monotonic() - begun > seconds:
            break
    total.seconds = time.monotonic() - begun
    return total


def _in_one(one: Parser, inputs: int, seconds: float, start: int, seed: int) -> tuple[Found, bool]:
    shared = mmap.mmap(-1, 8)  # the number of the input, seen by both processes
    shared[:8] = struct.pack("q", start)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(one, inputs, seconds, start, seed, shared, writing)
    os.close(writing)
    told, hung, last, since = b"", False, start, time.monotonic()
    with os.fdopen(reading, "rb", buffering=0) as said:
        while True:
            if select.select([said], [], [], 1.0)[0]:
                more = said.read(1 << 16)
                if not more:
                    break
                told += more
            now = struct.unpack("q", shared[:8])[0]
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > SILENCE:
                os.kill(child, signal.SIGKILL)
                hung = True
                break
    _, status = os.waitpid(child, 0)
    number = struct.unpack("q", shared[:8])[0]
    if told and not hung:
        return Found(**json.loads(told)), False
    how = f"no end within {SILENCE:g} s" if hung else f"the process ended with {os.waitstatus_to_exitcode(status)}"
    content = input_of(one, list(one.seeds()), seed, number)
    return Found(one.name, number + 1 - start, failures={f"{how}, input {number}": shown(number, content)}), True


def _child(one: Parser, inputs: int, seconds: float, start: int, seed: int, shared: mmap.mmap, writing: int) -> None:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what native code prints
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 2 * MEMORY, size + 2 * MEMORY))  # address space, not all is used
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        def begins(number: int) -> None:
            shared[:8] = struct.pack("q", number)

        found = try_inputs(one, inputs, seconds, start, seed=seed, begins=begins)
        with os.fdopen(writing, "w") as out:
            json.dump(found.__dict__, out)
        code = 0
    except BaseException:
        with os.fdopen(writing, "w") as out:
            json.dump({"name": one.name, "failures": {traceback.format_exc()[-600:]: ""}}, out)
    finally:
        os._exit(code)
