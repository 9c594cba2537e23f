"""A few inputs for every parser of ``fuzz``; ``make faults`` gives them many."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fuzz.process
import fuzz.running
from fuzz import PARSERS, Parser, try_inputs
from fuzz.changes import changed
from fuzz.home import KEPT, home
from fuzz.process import in_a_process
from fuzz.running import input_of

from activessl.errors import ActiveSSLError

#: Those that need no project, no picture and no SDK take no second together.
QUICK = (
    "labels, JSON", "labels, JSON lines", "labels, XML", "labels, CSV", "labels, Label Studio export", "array, npy",
    "seal", "answer of a language model", "metadata, CSV", "vectors, npz",
)  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_no_input_is_more_than_an_error_of_two_lines(name: str) -> None:
    found = try_inputs(PARSERS[name], 60, 2.0)
    assert found.failures == {}
    assert found.inputs > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PARSERS) - set(QUICK)))
def test_no_input_of_any_parser_is_more_than_an_error_of_two_lines(name: str) -> None:
    found = try_inputs(PARSERS[name], 100, 0.8)
    assert found.failures == {}


def _taken(name: str, folder: Path) -> int:
    """How many of its real inputs a parser does not refuse: a fuzzer that starts from refused ones reaches little."""
    taken = 0
    for content in PARSERS[name].seeds():
        with contextlib.suppress(ActiveSSLError):
            taken += not isinstance(PARSERS[name].read(content, folder), Exception)
    return taken


@pytest.mark.parametrize("name", QUICK)
def test_a_parser_takes_one_of_its_real_inputs_at_least(name: str, tmp_path: Path) -> None:
    assert _taken(name, tmp_path) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PARSERS) - set(QUICK)))
def test_each_parser_takes_one_of_its_real_inputs_at_least(name: str, tmp_path: Path) -> None:
    assert _taken(name, tmp_path) > 0


def _ascii(content: bytes, folder: Path) -> object:
    return content.decode("ascii")


PLAIN = Parser("ascii", _ascii, lambda: [b"plain text"])


def test_a_parser_that_raises_something_else_is_found() -> None:
    found = try_inputs(PLAIN, 200, 5.0)
    assert any(said.startswith("UnicodeDecodeError") for said in found.failures)


def test_an_input_is_made_again_from_its_seed_and_its_number() -> None:
    seeds = [b'{"a": [1, 2, {"b": "c"}]}', b"id,label\na,cat\n", bytes(range(256))]
    one = Parser("some", _ascii, lambda: seeds)
    first, again, other = ([input_of(one, seeds, seed, n) for n in range(300)] for seed in (0, 0, 1))
    assert first == again
    assert first[:3] == seeds
    assert first[3:] != other[3:]
    assert len(set(first)) > 250


def test_changes_keep_json_json_and_leave_the_real_input_as_it_is() -> None:
    seed = json.dumps({"tasks": [{"id": 1, "data": {"x": "y"}}], "total": 1}).encode()
    made, parsed = [changed(random.Random(n), [seed]) for n in range(300)], 0
    for content in made:
        try:
            json.loads(content)
        except (ValueError, RecursionError):
            continue
        parsed += 1
    assert 100 < parsed < 300
    assert json.loads(seed) == {"tasks": [{"id": 1, "data": {"x": "y"}}], "total": 1}


def test_a_process_that_ends_is_a_failure_and_another_one_goes_on() -> None:
    def ends(content: bytes, folder: Path) -> object:
        if content.startswith(b"plain") and len(content) % 3 == 0:
            faulthandler.disable()  # the end is wanted
            os.kill(os.getpid(), signal.SIGSEGV)
        return None

    found = in_a_process(Parser("ends", ends, lambda: [b"plain text"]), 40, 10.0)
    assert found.inputs == 40
    assert any("ended with -11" in said for said in found.failures)


def test_native_code_that_hangs_is_ended_and_an_input_that_takes_all_memory_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fuzz.process, "SILENCE", 1.0)
    monkeypatch.setattr(fuzz.running, "LONGEST", 0.2)

    def hangs(content: bytes, folder: Path) -> object:
        if len(content) == 2:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})  # as native code that never comes back
            while True:
                time.sleep(1)
        if len(content) == 3:
            time.sleep(5)
        return bytearray(10**11) if len(content) == 4 else None

    found = in_a_process(Parser("hangs", hangs, lambda: [b"a", b"bb", b"ccc", b"dddd"]), 4, 20.0)
    assert found.inputs == 4
    said = " ".join(found.failures)
    assert "no end within 1 s, input 1" in said
    assert "TooSlow" in said
    assert "MemoryError" in said


@pytest.fixture(scope="module", autouse=True)
def no_home_is_left() -> Iterator[None]:
    yield
    if "home" in KEPT:
        shutil.rmtree(home(), ignore_errors=True)
        KEPT.clear()
