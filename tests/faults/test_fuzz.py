"""A few inputs for every parser of ``fuzz.py``; ``make faults`` gives them many."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz import PARSERS, _home, try_inputs

#: Those that need no project, no picture and no SDK take no second together.
QUICK = (
    "labels, JSON", "labels, JSON lines", "labels, XML", "labels, CSV", "labels, Label Studio export", "array, npy",
    "seal", "answer of a language model", "metadata, CSV", "vectors, npz",
)  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_no_input_is_more_than_an_error_of_two_lines(name: str) -> None:
    found = try_inputs(PARSERS[name], 15, 2.0)
    assert found.failures == {}
    assert found.inputs > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PARSERS) - set(QUICK)))
def test_no_input_of_any_parser_is_more_than_an_error_of_two_lines(name: str) -> None:
    found = try_inputs(PARSERS[name], 10, 0.8)
    assert found.failures == {}


def test_a_parser_that_raises_something_else_is_found(tmp_path: Path) -> None:
    from fuzz import Parser

    def read(content: bytes, folder: Path) -> object:
        return content.decode("ascii")

    found = try_inputs(Parser("ascii", read, lambda: [b"plain text"]), 60, 5.0)
    assert any(said.startswith("UnicodeDecodeError") for said in found.failures)


@pytest.fixture(scope="module", autouse=True)
def no_home_is_left() -> object:
    yield
    import shutil

    from fuzz import _KEPT

    if "home" in _KEPT:
        shutil.rmtree(_home(), ignore_errors=True)
        _KEPT.clear()
