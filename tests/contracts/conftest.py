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
from made_up import CLASSES, PERFECT, pool_of

from activessl.pool.pool import Pool
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, ScriptedAnnotator, StudioInfo

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
    served: Path | None = None


DATABASES = os.environ.get("ACTIVESSL_STUDIO_DATABASES", "sqlite,postgres").split(",") if REAL else []
MARKS = [pytest.mark.studio, pytest.mark.timeout(900)]


@pytest.fixture(params=["fake", *(pytest.param(name, marks=MARKS) for name in DATABASES)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    title = f"test {uuid.uuid4().hex[:12]}"
    if request.param != "fake":
        real: StudioInfo = request.getfixturevalue(f"{request.param}_server")
        yield Place(real.url, real.token, real.email, real.password, title, None, real.document_root)
        return
    with FakeLabelStudio() as server:
        yield Place(server.url, server.token, server.email, server.password, title, server)


@pytest.fixture
def pool() -> Pool:
    return pool_of(40)


@pytest.fixture
def truth(pool: Pool) -> dict[str, str]:
    return {item_id: CLASSES[i % 3] for i, item_id in enumerate(pool.ids)}


@pytest.fixture
def people(place: Place) -> LabelStudioAnnotator:
    return LabelStudioAnnotator(LabelStudioConfig(place.url, place.token, place.title, CLASSES, "text"))


@pytest.fixture
def person(
    place: Place, people: LabelStudioAnnotator, pool: Pool, truth: dict[str, str]
) -> Iterator[ScriptedAnnotator]:
    project, _ = people.project()
    worker = ScriptedAnnotator(place.url, place.email, place.password, int(project["id"]), truth, habits=PERFECT)
    yield worker
    worker.close()
