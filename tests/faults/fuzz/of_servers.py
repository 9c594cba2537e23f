"""Parsers of what servers and their callers send: Label Studio, its hooks, and language models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fuzz.answers import Answering, annotation, chat, label_config, one, project_row, task, taxonomy
from fuzz.home import service
from fuzz.parsers import parser


@parser("webhook", lambda: [json.dumps({"action": "ANNOTATION_CREATED", "annotation": annotation()}).encode()])
def _webhook(content: bytes, folder: Path) -> object:
    status, said = service().webhook(content)
    assert status in (200, 400), status
    return json.dumps(said)


@parser("prediction request", lambda: [json.dumps({"tasks": [task()], "label_config": label_config()}).encode()])
def _predict(content: bytes, folder: Path) -> object:
    status, said = service().predict(content)
    assert status in (200, 400, 422), status
    return json.dumps(said, allow_nan=False)


@parser("label config", lambda: [label_config().encode(), taxonomy().encode()])
def _label_config_of(content: bytes, folder: Path) -> object:
    from activessl_label_studio.labels import read_config

    return read_config(content.decode("utf-8", "replace"))


@parser("answers of Label Studio", lambda: [json.dumps({"tasks": [task(), task(2)], "total": 2}).encode()])
def _answers(content: bytes, folder: Path) -> object:
    from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None  # the client reads JSON, and refuses everything else
    annotator = LabelStudioAnnotator(LabelStudioConfig("http://127.0.0.1:9", "t" * 40, "title", ("cat", "dog")))
    annotator._client = Answering(found)  # type: ignore[assignment]
    return annotator.pull(None)


@parser("project of Label Studio", lambda: [json.dumps(project_row()).encode()])
def _project(content: bytes, folder: Path) -> object:
    from activessl_label_studio.project import find_project, open_project

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    client: Any = Answering({"tasks": [], "total": 0}, found)
    find_project(client, number=1, title="title")
    return open_project(client, number=1, title="title", classes=("cat", "dog"), modality="image", label_kind=one())


@parser("answer of a language model", lambda: [json.dumps(chat()).encode()])
def _language(content: bytes, folder: Path) -> object:
    from activessl_machines.language import _Answer
    from activessl_machines.scores import by_first_token, by_text, wording

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    answer, words = _Answer.of(200, found), wording(("cat", "dog"))
    return by_first_token(answer.top, words), by_text(answer.text, words)
