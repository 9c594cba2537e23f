"""doccano's own export of projects in a database that lasts as long as the writer: no server runs."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def _django(folder: str) -> None:
    import backend

    # doccano's packages are imported from its folder, as its command does
    sys.path.insert(0, str(Path(backend.__file__).parent))
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DATABASE_URL": f"sqlite:///{folder}/doccano.db",
        "MEDIA_ROOT": folder,
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _project(name: str, meta: dict[str, Any]) -> Any:
    from django.contrib.auth import get_user_model
    from examples.models import Example
    from label_types.models import CategoryType
    from labels.models import Category
    from projects.models import Project, ProjectType
    from write_labels import CLASSES, SAID  # beside this file, which is no package

    user = get_user_model().objects.create_user(username=f"ann-{name}")
    project = Project.objects.create(
        name=name, project_type=ProjectType.DOCUMENT_CLASSIFICATION, created_by=user, collaborative_annotation=True
    )
    types = {one: CategoryType.objects.create(project=project, text=one) for one in CLASSES}
    for item, classes in SAID.items():
        example = Example.objects.create(project=project, text=f"text {item}", meta=meta)
        for one in classes:
            Category.objects.create(example=example, user=user, label=types[one])
    return project


def _export(project: Any, form: str, path: Path) -> None:
    from data_export.celery_tasks import create_formatter, create_writer
    from data_export.models import ExportedExample
    from data_export.pipeline.dataset import Dataset
    from data_export.pipeline.factories import create_comment, create_labels
    from data_export.pipeline.services import ExportApplicationService

    examples = ExportedExample.objects.filter(project=project)
    dataset = Dataset(examples, create_labels(project, examples), create_comment(examples), True)
    ExportApplicationService(dataset, create_formatter(project, form), create_writer(form)).export(str(path))


def doccano(folder: Path) -> dict[str, list[str]]:
    """A collaborative project of text classification, as JSONL and as CSV; the CSV also of data with a label."""
    with tempfile.TemporaryDirectory() as where:
        _django(where)
        plain, named = _project("plain", {"page": 3}), _project("named", {"label": "source"})
        _export(plain, "JSONL", folder / "all.jsonl")
        _export(plain, "CSV", folder / "all.csv")
        _export(named, "CSV", folder / "named.csv")
        from labels.models import Category
        from write_labels import SAID

        found: dict[str, list[str]] = {item: [] for item in SAID}
        for one in Category.objects.filter(example__project=plain).select_related("example", "label"):
            found[one.example.text.removeprefix("text ")].append(one.label.text)
    rows = [json.loads(line) for line in (folder / "all.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == [f"text {item}" for item in SAID]
    with (folder / "named.csv").open(newline="") as file:
        print("columns where the data have a label:", next(csv.reader(file)), file=sys.stderr)
    return found
