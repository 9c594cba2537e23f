"""What annotators see and hear of a long recording: the window alone."""

from __future__ import annotations

import base64
import contextlib
import io
import uuid
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from PIL import Image

from activessl.pool.recordings.cut import place_of
from activessl.project.annotators import annotator_of
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_label_studio import Habits, ScriptedAnnotator, StudioInfo
from activessl_label_studio.login import sign_in

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

CLASSES = ("low", "high")
RATE = 8_000


def high_at(item: str) -> bool:
    """Every other two seconds are high."""
    place = place_of(item)
    assert place is not None
    return int(place.start // 2) % 2 == 1


def record_sound(folder: Path) -> dict[str, str]:
    t = np.arange(40 * RATE) / RATE
    pitch = np.where((t // 2) % 2 == 1, 1_500, 200)
    for k in range(2):
        sound = 0.3 * np.sin(2 * np.pi * (pitch + 5 * k) * t)
        soundfile.write(folder / f"r{k}.flac", sound.astype(np.float32), RATE)
    return {"window": "2 s"}


def record_series(folder: Path) -> dict[str, str]:
    rng = np.random.default_rng(0)
    for k in range(2):
        t = np.arange(40 * 50) / 50
        values = np.where((t // 2) % 2 == 1, 5.0, 0.0) + rng.normal(0, 0.3, len(t))
        lines = [f"{a:.2f},{b:.4f}" for a, b in zip(t, values, strict=True)]
        (folder / f"r{k}.csv").write_text("\n".join(["time,x", *lines]) + "\n")
    return {"window": "2 s"}


def record_video(folder: Path) -> dict[str, str]:
    cv2 = pytest.importorskip("cv2")
    for k in range(2):
        writer = cv2.VideoWriter(str(folder / f"r{k}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
        for i in range(400):
            writer.write(np.full((48, 64, 3), 220 - k if (i // 20) % 2 else 30 + k, np.uint8))
        writer.release()
    return {"frames": "2 s"}


@pytest.mark.parametrize(
    ("modality", "encoder", "record"),
    [("audio", "melpatches", record_sound), ("series", "rocket", record_series), ("image", "pixels", record_video)],
)
def test_people_get_the_window_alone_and_their_answers_come_back(
    server: StudioInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modality: str, encoder: str, record: object
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.token)
    (tmp_path / "data").mkdir()
    cut = record(tmp_path / "data")  # type: ignore[operator]
    config = check_config(
        {
            "data": {"path": "../data", "modality": modality, "classes": list(CLASSES), **cut},
            "encoder": {"name": encoder},
            "annotator": {"url": server.url, "title": f"windows {uuid.uuid4().hex[:8]}"},
            "query": {"size": 8, "random_share": 0.0},
        }
    )
    project = Project.create(tmp_path / "project", config, version="test")
    session = Session(project)
    session.encode()
    pool = project.pool()
    assert len(pool) == 40
    session.query()
    people = annotator_of(project)
    pushed = session.push(people)
    with contextlib.closing(sign_in(server.url, server.email, server.password)) as person:
        tasks = person.get("/api/tasks", params={"project": pushed.project, "fields": "all"}).json()["tasks"]
        assert len(tasks) == 8
        for task in tasks:
            check_shown(person, task["data"], modality, pool.row(task["data"]["activessl_id"]), session)
    truth = {item: CLASSES[high_at(item)] for item in pool.ids}
    habits = Habits(mistakes=0.0, skips=0.0)
    worker = ScriptedAnnotator(server.url, server.email, server.password, pushed.project, truth, habits=habits)
    assert worker.work(8).labeled == 8
    worker.close()
    assert session.pull(people) == 8
    assert {item: one.classes[0] for item, one in project.history().labels.items()}.items() <= truth.items()
    session.teach()


def check_shown(person: httpx.Client, data: dict[str, object], modality: str, row: int, session: Session) -> None:
    """Fetch what the browser would, and compare it with the window."""
    pool, item = session.project.pool(), session.project.pool().ids[row]
    if modality == "series":
        shown = data["series"]
        assert isinstance(shown, dict) and len(shown["channel_0"]) == 100
        np.testing.assert_allclose(shown["channel_0"], np.asarray(pool.read(row))[0], atol=1e-4)
        return
    address = str(data["audio" if modality == "audio" else "image"])
    if address.startswith("data:"):
        content = base64.b64decode(address.partition(",")[2])
    else:
        answer = person.get(address)
        assert answer.status_code == 200
        content = answer.content
    if modality == "audio":
        sound, rate = soundfile.read(io.BytesIO(content))
        assert (len(sound), rate) == (2 * RATE, RATE)
        crossings = int((np.diff(np.signbit(sound)) != 0).sum())
        assert (crossings > 3_000) == high_at(item)
    else:
        picture = np.asarray(Image.open(io.BytesIO(content)))
        assert picture.shape[:2] == (48, 64) and (picture.mean() > 120) == high_at(item)
