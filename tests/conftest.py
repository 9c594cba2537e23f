"""A real Label Studio server for the whole session, from the environment that ACTIVESSL_STUDIO_DIR names.

Its data are thrown away, unless ACTIVESSL_STUDIO_DATA names a folder to keep them in; a server that runs there already
is used as it is and left running: the first start takes the longest part of the tests that need it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from activessl_label_studio import StudioInfo

# one thread a process: tests work on small arrays, where threads cost more than they give
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


@pytest.fixture(scope="session")
def environment() -> Path:
    from activessl_label_studio import studio

    named = os.environ.get("ACTIVESSL_STUDIO_DIR")
    if not named:
        if os.environ.get("CI") == "true":
            pytest.fail("ACTIVESSL_STUDIO_DIR is not set: it names the environment with label-studio")
        pytest.skip("ACTIVESSL_STUDIO_DIR names no environment with label-studio")
    return studio.ensure_installed(Path(named))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("ACTIVESSL_STUDIO_DATA")
    return Path(kept) if kept else tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="session")
def server(environment: Path, folder: Path) -> Iterator[StudioInfo]:
    from activessl_label_studio import studio

    was_running = studio.status(folder) is not None
    yield studio.start(folder, python=environment)
    if not was_running:
        studio.stop(folder)
