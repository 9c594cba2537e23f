"""Projects made of events and vectors in memory: a test of one rule takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.encoders.embeddings import Embeddings
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.labels.answers import Answer, AnswerKind
from activessl.labels.questions import Question
from activessl.ledger.fold import fold
from activessl.ledger.history import History
from activessl.ledger.schema import Answered, Encoded, Event, Queried, Recorded, Taught
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot

CLASSES = ("cat", "dog")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Tell:
    """Events of a project, in few words."""

    @staticmethod
    def history(*events: Event, classes: Sequence[str] = CLASSES) -> History:
        """The history of these events, a minute apart."""
        at = [START + timedelta(minutes=i) for i in range(len(events))]
        recorded = [Recorded(seq=i + 1, at=t, event=event) for i, (t, event) in enumerate(zip(at, events, strict=True))]
        return fold(recorded, classes=classes)

    @staticmethod
    def encoded(items: int, added: tuple[str, ...] | None = None, *, turn: int = 0, seconds: float = 0.0) -> Encoded:
        """Vectors with the fingerprint "f"."""
        return Encoded(fingerprint="f", encoder="e", items=items, dim=2, seconds=seconds, added=added, turn=turn)

    @staticmethod
    def drawn(*items: str, chance: float = 0.1, uniform: bool = True, **more: Any) -> tuple[Question, ...]:
        """Questions about items that were drawn at random."""
        return tuple(
            Question(kind="random", items=(item,), propensity=chance, uniform=uniform, **more) for item in items
        )

    @staticmethod
    def chosen(*items: str) -> tuple[Question, ...]:
        """Questions about items that a strategy chose."""
        return tuple(Question(kind="new", items=(item,)) for item in items)

    @staticmethod
    def asked(number: int, *questions: Question, strategy: str = "auto", seconds: float = 0.0) -> Queried:
        """A round."""
        return Queried(
            round=number, strategy=strategy, seed=(0, number), fingerprint="f", seconds=seconds, questions=questions
        )

    @staticmethod
    def said(
        item: str,
        *classes: str,
        kind: AnswerKind = "label",
        by: str = "ann",
        seconds: float | None = 4.0,
        at: float = 1.0,
        **more: Any,
    ) -> Answered:
        """An answer, ``at`` minutes after the start."""
        name = f"{by} {item} {more.get('asking', 1)} {at}"
        when = START + timedelta(minutes=at)
        return Answered(answer=Answer(name, name, item, kind, classes, by, seconds, when, **more))

    @classmethod
    def imported(cls, item: str, name: str) -> Answered:
        """A label from elsewhere."""
        return cls.said(item, name, by="import by x", seconds=None, imported=True)

    @staticmethod
    def taught(number: int, **more: Any) -> Taught:
        """A head of the vectors "f"."""
        told = {"head": "logistic", "fingerprint": "f", "labels": 1, "digest": f"d{number}", "seconds": 0.0}
        return Taught(round=number, **(told | more))


@pytest.fixture
def tell() -> type[Tell]:
    return Tell


@pytest.fixture
def snapshot(tmp_path: Path) -> Callable[..., Snapshot]:
    """Makes a snapshot from events; its pool has the named items, in this order, with these vectors."""

    def make(
        *events: Event,
        ids: Sequence[str] = (),
        vectors: np.ndarray | None = None,
        data: Mapping[str, object] | None = None,
        **config: object,
    ) -> Snapshot:
        told = {"path": "x", "modality": "vector", "classes": CLASSES, **(data or {})}
        project = Project(tmp_path, check_config({"data": told, **config}))
        project._know(project.own.data.classes)  # nobody changed them in the labeling tool
        found = Snapshot(project, Tell.history(*events, classes=project.own.data.classes))
        points = np.zeros((len(ids), 2), dtype=np.float32) if vectors is None else np.asarray(vectors, np.float32)
        pool = Embeddings(points, tuple(ids), "f", {}, tuple(f"hash of {item}" for item in ids))
        object.__setattr__(found, "embeddings", pool)
        if vectors is not None:
            object.__setattr__(found, "smoothed", smooth(centred_rows(points)))
        return found

    return make
