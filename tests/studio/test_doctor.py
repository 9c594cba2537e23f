"""The doctor beside a real Label Studio: what is well is called well, and what is broken is found with its remedy."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Asked
from activessl.labels.questions import Question
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, StudioInfo
from activessl_label_studio.doctor import examine

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(2):
        Image.fromarray(np.full((8, 8), 40 * i, dtype=np.uint8)).save(folder / f"{i}.png")
    return load_pool(folder, "image")


def test_a_project_is_well_until_its_pictures_or_its_order_are_gone(server: StudioInfo, pool: Pool) -> None:
    title = f"doctor {uuid.uuid4().hex[:8]}"
    config = LabelStudioConfig(
        server.url, server.token, title, ("a", "b"), media="local", document_root=server.document_root
    )
    before = {f.what: f for f in examine(config, log=server.log, lock_seconds=900)}
    assert all(f.ok for f in before.values())
    assert "the first push makes it" in before["project"].found

    query = Asked(tuple(Question(kind="new", items=(item,)) for item in pool.ids), "random")
    people = LabelStudioAnnotator(config)
    pushed = people.push(pool, query, [], model="round-0")
    found = {f.what: f for f in examine(config, lock_seconds=900)}
    assert [f for f in found.values() if not f.ok] == []
    assert found["media"].found.endswith("image/png, served")

    shutil.rmtree(server.document_root / f"project-{pushed.project}-items")
    people.client.patch(f"/api/projects/{pushed.project}/", {"sampling": "Sequential sampling"})
    found = {f.what: f for f in examine(config, lock_seconds=86_400)}
    assert {f.what for f in found.values() if not f.ok} == {"media", "order", "task locks"}
    assert all(f.remedy for f in found.values() if not f.ok)


def test_no_server_and_a_wrong_token_are_findings(server: StudioInfo) -> None:
    config = LabelStudioConfig(server.url, "0" * 40, "doctor", ("a", "b"))
    for broken in (config, replace(config, url="http://127.0.0.1:9")):
        (found,) = examine(broken)
        assert not found.ok
        assert found.remedy
        assert "0" * 40 not in repr(found)
