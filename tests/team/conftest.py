"""A PostgreSQL server that the tests of this folder may stop and start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("team", "contracts", "faults"))

from clusters import Cluster, cluster
from couple import ITEMS
from fake_label_studio import FakeLabelStudio
from serving import Workers, serving


@pytest.fixture(scope="session")
def own_server(missing: Callable[[str], NoReturn]) -> Iterator[Cluster]:
    with cluster() as made:
        if made is None:
            missing("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        yield made


@pytest.fixture
def server(own_server: Cluster) -> Iterator[Cluster]:
    """It runs at the start of each test, whatever the one before did to it."""
    own_server.stop()
    own_server.start()
    yield own_server


@pytest.fixture
def studio() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        yield running


@pytest.fixture
def workers(
    request: pytest.FixtureRequest,
    server: Cluster,
    studio: FakeLabelStudio,
    tmp_path: Path,
    pictures: Callable[[int], dict[str, str]],
) -> Iterator[Workers]:
    """In a folder each, or, asked for "shared", in one."""
    pytest.importorskip("fastapi")
    pictures(ITEMS)
    shared = getattr(request, "param", "own") == "shared"
    with serving(server, studio, tmp_path, ("one", "one" if shared else "two")) as found:
        yield found
