"""A real Label Studio server for the whole session, from the environment that ACTIVESSL_STUDIO_DIR names.

Its data are thrown away, unless ACTIVESSL_STUDIO_DATA names a folder to keep them in; a server that runs there already
is used as it is and left running: the first start takes the longest part of the tests that need it.

``server`` is one on a file and one on PostgreSQL, one after the other. ACTIVESSL_STUDIO_DATABASES=sqlite (or postgres)
leaves the other out while one works on something.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from clusters import cluster

from activessl.ledger import file

if TYPE_CHECKING:
    from activessl_label_studio import StudioInfo

# one thread a process: tests work on small arrays, where threads cost more than they give
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# no test cuts the power, and what a killed process has written is there without it: nobody waits for the disk
file.SYNCHRONOUS = "OFF"
os.fsync = lambda fd: None

DATABASES = os.environ.get("ACTIVESSL_STUDIO_DATABASES", "sqlite,postgres").split(",")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--dist loadgroup``: each server in a process of its own, beside the other. What a database cannot change
    (``one_database``) is tried on one of them."""
    kept, left = [], []
    for item in items:
        given = getattr(item, "callspec", None)
        named = {one for one in given.params.values() if isinstance(one, str)} if given is not None else set()
        second = "postgres" in named and DATABASES[0] != "postgres"
        item.add_marker(pytest.mark.xdist_group("postgres" if "postgres" in named else "sqlite"))
        (left if second and item.get_closest_marker("one_database") else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """Says that a part which a test needs is not here: a failure in CI, else a reason to leave the test out."""
    return _missing


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[int], dict[str, str]]:
    """Writes so many small pictures into the folder ``pictures``, every other one dark; returns what each shows."""

    def write(count: int) -> dict[str, str]:
        import numpy as np
        from PIL import Image

        rng = np.random.default_rng(0)
        (tmp_path / "pictures").mkdir()
        for i in range(count):
            pixels = np.clip(rng.normal((40, 200)[i % 2], 25, (8, 8)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / f"{i:02}.png")
        return {f"{i:02}.png": ("dark", "light")[i % 2] for i in range(count)}

    return write


@pytest.fixture(scope="session")
def environment() -> Path:
    from activessl_label_studio import studio

    named = os.environ.get("ACTIVESSL_STUDIO_DIR")
    if not named:
        _missing("ACTIVESSL_STUDIO_DIR names no environment with label-studio")
    return studio.ensure_installed(Path(named))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty database in a cluster that is thrown away."""
    with cluster() as made:
        if made is None:
            _missing("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        yield made.create("label studio")


def _running(environment: Path, folder: Path, database: str | None = None) -> Iterator[StudioInfo]:
    from activessl_label_studio import studio

    was_running = studio.status(folder) is not None
    yield studio.start(folder, python=environment, database=database)
    if not was_running:
        studio.stop(folder)


@pytest.fixture(scope="session")
def sqlite_server(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioInfo]:
    kept = os.environ.get("ACTIVESSL_STUDIO_DATA")
    yield from _running(environment, Path(kept) if kept else tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="session")
def postgres_server(environment: Path, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioInfo]:
    yield from _running(environment, tmp_path_factory.mktemp("studio"), postgres)


@pytest.fixture(scope="session", params=DATABASES)
def server(request: pytest.FixtureRequest) -> StudioInfo:
    found: StudioInfo = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(scope="session")
def folder(server: StudioInfo) -> Path:
    """Where the server keeps its things."""
    return server.log.parent
