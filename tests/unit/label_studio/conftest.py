"""A small project of two easy classes, and a desk where a test answers its tasks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.errors import AnnotatorError, AnnotatorUnreachable
from activessl.labels.answers import Answer
from activessl.pool.pool import Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session

SIZE = 6


class Desk:
    """People who answer when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[Answer] = []
        self.models: list[str] = []
        self.queries: list[Asked] = []
        self.away = False

    def _come(self) -> None:
        if self.away:
            raise AnnotatorUnreachable("nobody is there", hint="wait")

    def push(self, pool: Pool, query: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        self._come()
        new = [item for item in query.ids if item not in self.asked]
        self.asked += new
        self.models.append(model)
        self.queries.append(query)
        return Pushed({item: item for item in query.ids}, len(new), len(suggestions), "desk://1", "1")

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        self._come()
        if not self.models:
            raise AnnotatorError("there is no project", hint="push first")
        return list(self.answers), str(len(self.answers))

    def answer(self, n: int, *, skip: bool = False) -> None:
        """Answer the next n tasks rightly, or skip them."""
        done = {answer.item for answer in self.answers}
        for item in [item for item in self.asked if item not in done][:n]:
            name = ("even", "odd")[int(item.rsplit(":", 1)[1]) % 2]
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=len(self.answers))
            kind, classes = ("skip", ()) if skip else ("label", (name,))
            self.answers.append(Answer(f"{item}@1", item, item, kind, classes, "ann", 3.0, at))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def _encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 6)) + 4 * np.eye(2, 6)[np.arange(40) % 2]
    np.savez(folder / "pool.npz", vectors=vectors.astype(np.float32))
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": ["even", "odd"]},
            "query": {"size": SIZE, "strategy": "max_herding", "random_share": 0.0},
        }
    )
    Session(Project.create(folder / "project", config, version="test")).encode()
    return folder


@pytest.fixture
def session(_encoded: Path, tmp_path: Path) -> Session:
    shutil.copytree(_encoded, tmp_path / "copy")
    return Session.open(tmp_path / "copy" / "project")


@pytest.fixture
def desk() -> Desk:
    return Desk()
