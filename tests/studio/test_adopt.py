"""Projects that people made: whose files are those of the pool, by a real server's own copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from activessl.pool.sources import load_pool
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, StudioInfo
from activessl_label_studio.adopt import adopt_tasks
from activessl_label_studio.labels import build_config

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

CLASSES = ("dark", "light")


def test_of_uploads_with_the_same_name_only_those_with_the_same_content_are_items(
    server: StudioInfo, tmp_path: Path
) -> None:
    for camera in (1, 2):
        (tmp_path / f"cam{camera}").mkdir()
        for i in range(3):
            Image.new("L", (8, 8), 100 * camera + i).save(tmp_path / f"cam{camera}" / f"frame_{i}.png")
    title = f"adopt {tmp_path.name[-8:]}"
    people = LabelStudioAnnotator(LabelStudioConfig(server.url, server.token, title, CLASSES))
    body = {"title": title, "label_config": build_config(CLASSES, "image")}
    number = int(people.client.post("/api/projects/", body)["id"])
    # frame_2 of the first camera was never uploaded
    for camera, i in ((1, 0), (2, 0), (2, 1), (1, 1), (2, 2)):
        content = (tmp_path / f"cam{camera}" / f"frame_{i}.png").read_bytes()
        people.client.upload(f"/api/projects/{number}/import", {"file": (f"frame_{i}.png", content, "image/png")})
    tasks = sorted(people.client.get("/api/tasks", project=number)["tasks"], key=lambda task: int(task["id"]))
    assert all("/data/upload/" in task["data"]["image"] for task in tasks)
    for task, name in zip(tasks, ("dark", "light", "light", "dark", "light"), strict=True):
        said = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": [name]}}
        people.client.post(f"/api/tasks/{task['id']}/annotations/", {"result": [said]})

    project, control = people.find()
    adopted = adopt_tasks(people.client, project, control, load_pool(tmp_path / "cam1"))
    assert (adopted.ours, adopted.new, adopted.unknown, adopted.different, adopted.unclear) == (2, 2, 3, 3, 0)
    answers, _ = people.pull()
    assert {a.item: a.classes for a in answers} == {"frame_0.png": ("dark",), "frame_1.png": ("dark",)}
