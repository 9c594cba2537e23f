"""Regions of every tag on a real server: exported, read, written and imported again, nothing is lost or moved."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))

from made_up_regions import STORED, pool_of

from activessl.labels.regions.stored import read_stored, stored
from activessl_label_studio import StudioInfo
from activessl_label_studio.client import Client, connect
from activessl_label_studio.media import place
from activessl_label_studio.regions.extents import extent_in_pool, extent_of_task, meta_of
from activessl_label_studio.regions.results import read_result, write_result
from activessl_label_studio.regions.tags import read_region_config

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]


def exported(client: Client, project: int) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = client.get(f"/api/projects/{project}/export", exportType="JSON")
    return tasks


def kept(tasks: list[dict[str, Any]]) -> list[Any]:
    """What has to survive of the answers of a project."""
    return [
        (
            task["data"],
            [(a["result"], a["completed_by"], a["lead_time"], a["was_cancelled"]) for a in task["annotations"]],
        )
        for task in tasks
    ]


def in_order(tasks: list[Any]) -> list[Any]:
    """By the time that each took; the entries of a region stand together, and those of no region come last."""
    return [
        (data, [(sorted(map(repr, result)), *more) for result, *more in sorted(said, key=lambda of: of[2])])
        for data, said in tasks
    ]


def test_an_export_that_we_read_and_wrote_is_imported_with_every_region_annotator_and_time(server: StudioInfo) -> None:
    client = connect(server.url, server.token)
    (me,) = (user["id"] for user in client.get("/api/users/") if user["email"] == server.email)
    for tag, case in STORED.items():
        pool = pool_of(case.modality, 1)
        control = read_region_config(case.config, case.task, control="draws")
        projects = [
            client.post("/api/projects/", {"title": f"again {uuid.uuid4().hex[:8]}", "label_config": case.config})["id"]
            for _ in range(2)
        ]
        shown = case.data or place(client, projects[0], pool, [0], mode="inline", document_root=None)[0]
        extent = extent_in_pool(pool, 0)
        task = {"data": {case.modality: shown}, "meta": meta_of(extent)}
        entries = json.loads(json.dumps(list(case.entries)))
        answers = [
            {"result": entries, "lead_time": 12.25, "completed_by": me},
            {"result": [], "lead_time": 1.5, "completed_by": me},
            {"result": [], "lead_time": 0.5, "completed_by": me, "was_cancelled": True},
        ]
        client.post(f"/api/projects/{projects[0]}/import", [task | {"annotations": answers}])
        before = exported(client, projects[0])
        assert [len(one["annotations"]) for one in before] == [3], tag

        again = []
        for one in before:
            size = extent_of_task(one, control)
            written = []
            for annotation in one["annotations"]:
                read = read_result(annotation["result"], control, size)
                assert read.why == "" and len(read.beside) == (case.beside if annotation["result"] else 0), tag
                # through the form in which the ledger keeps them
                regions = read_stored(json.loads(json.dumps(stored(read.regions))))
                result = write_result(regions, control, size, beside=read.beside)
                told = {key: annotation[key] for key in ("lead_time", "completed_by", "was_cancelled", "ground_truth")}
                written.append(told | {"result": result})
            again.append({"data": one["data"], "meta": one["meta"], "annotations": written})
        client.post(f"/api/projects/{projects[1]}/import", again)
        after = exported(client, projects[1])

        assert in_order(kept(after)) == in_order(kept(before)), tag
        assert json.dumps(before[0]["meta"]) == json.dumps(after[0]["meta"])
