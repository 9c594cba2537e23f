"""A real server for each session, from the environment that ACTIVESSL_STUDIO_DIR names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from activessl_label_studio import StudioInfo, studio


@pytest.fixture(scope="session")
def environment() -> Path:
    named = os.environ.get("ACTIVESSL_STUDIO_DIR")
    if not named:
        if os.environ.get("CI") == "true":
            pytest.fail("ACTIVESSL_STUDIO_DIR is not set: it names the environment with label-studio")
        pytest.skip("ACTIVESSL_STUDIO_DIR names no environment with label-studio")
    return studio.ensure_installed(Path(named))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="session")
def server(environment: Path, folder: Path) -> Iterator[StudioInfo]:
    yield studio.start(folder, python=environment)
    studio.stop(folder)
