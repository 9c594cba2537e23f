"""Where annotators are tested: the fake server always, a real one where its environment is named."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_label_studio import FakeLabelStudio

REAL = bool(os.environ.get("ACTIVESSL_STUDIO_DIR"))


@dataclass(frozen=True)
class Place:
    """A server, real or fake, and a title for a project of this test alone."""

    url: str
    token: str
    email: str
    password: str
    title: str
    fake: FakeLabelStudio | None


@pytest.fixture(scope="session")
def real_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    from activessl_label_studio import studio

    named = os.environ.get("ACTIVESSL_STUDIO_DIR")
    if not named:
        pytest.fail("ACTIVESSL_STUDIO_DIR is not set: it names the environment with label-studio")
    python = studio.ensure_installed(Path(named))
    folder = tmp_path_factory.mktemp("studio")
    info = studio.start(folder, python=python)
    yield Place(info.url, info.token, info.email, info.password, "", None)
    studio.stop(folder)


@pytest.fixture(params=["fake", *([pytest.param("real", marks=pytest.mark.studio)] if REAL else [])])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    title = f"test {uuid.uuid4().hex[:12]}"
    if request.param == "real":
        real: Place = request.getfixturevalue("real_studio")
        yield Place(real.url, real.token, real.email, real.password, title, None)
        return
    with FakeLabelStudio() as server:
        yield Place(server.url, server.token, server.email, server.password, title, server)
