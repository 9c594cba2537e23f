"""The embedded server, as far as it goes without a server."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from activessl.errors import AnnotatorError
from activessl_label_studio import studio


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of something that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://ann:secret-word@127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A python whose Label Studio ends at once, as one does that finds no such database."""
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\nprint('FATAL: there is no such database', flush=True)\nraise SystemExit(1)\n"
    )
    program.chmod(0o755)
    return program


def test_a_misspelt_database_at_the_first_start_can_be_corrected(tmp_path: Path, failing: Path, postgres: str) -> None:
    for name in ("lables", "labels"):
        with pytest.raises(AnnotatorError, match="stopped at once: FATAL"):
            studio.start(tmp_path / "studio", python=failing, database=f"{postgres}/{name}")
    kept = json.loads((tmp_path / "studio" / "studio.json").read_text())
    assert kept["database"]["name"] == "labels"


def test_a_database_that_was_once_ready_is_the_one_of_its_folder(tmp_path: Path, failing: Path, postgres: str) -> None:
    with pytest.raises(AnnotatorError, match="stopped at once"):
        studio.start(tmp_path / "studio", python=failing, database=f"{postgres}/labels")
    file = tmp_path / "studio" / "studio.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"token": "t", "ready": False}))
    with pytest.raises(AnnotatorError, match=r"keeps its data in .*/labels, not in .*/other") as caught:
        studio.start(tmp_path / "studio", python=failing, database=f"{postgres}/other")
    assert "secret-word" not in str(caught.value)
