"""Real answers of servers, and a client whose server answers what it wants."""

from __future__ import annotations

from typing import Any


def one() -> Any:
    from activessl.labels.kinds import kind_named

    return kind_named("one")


def annotation(number: int = 5) -> dict[str, Any]:
    result = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": ["cat"]}, "id": "x"}
    return {
        "id": number, "task": 1, "completed_by": {"id": 1, "email": "ann@example.org"}, "result": [result],
        "was_cancelled": False, "ground_truth": False, "lead_time": 3.5, "parent_prediction": 7,
        "created_at": "2026-11-24T11:17:11.318097Z", "updated_at": "2026-11-24T11:17:11.318097Z",
    }  # fmt: skip


def task(number: int = 1) -> dict[str, Any]:
    prediction = {
        "id": 7, "task": number, "score": 0.4, "model_version": "m", "created_at": "2026-11-24T11:17:10.0Z",
        "result": [{"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": ["dog"]}}],
    }  # fmt: skip
    return {
        "id": number, "project": 1, "data": {"image": "/data/a.png", "activessl_id": f"pool.npz:{number}"},
        "meta": {"activessl": "a.png"}, "annotations": [annotation(number + 4)], "predictions": [prediction],
        "total_annotations": 1, "cancelled_annotations": 0, "is_labeled": True, "drafts": [], "annotators": [1],
        "created_at": "2026-11-24T11:17:00.0Z", "updated_at": "2026-11-24T11:17:12.0Z",
    }  # fmt: skip


def label_config() -> str:
    from activessl_label_studio.labels import build_config

    return build_config(("cat", "dog"), "image", label_kind=one())


def taxonomy() -> str:
    return (
        '<View><Image name="item" value="$image"/><Taxonomy name="label" toName="item" maxUsages="1">'
        '<Choice value="a"><Choice value="b"/><Choice value="c"/></Choice></Taxonomy></View>'
    )


def project_row() -> dict[str, Any]:
    return {
        "id": 1, "title": "title", "created_at": "2026-11-24T11:17:11.318097Z", "label_config": label_config(),
        "sampling": "Sequential sampling", "show_collab_predictions": True, "enable_empty_annotation": False,
        "task_number": 2, "total_annotations_number": 2, "skipped_annotations_number": 0, "model_version": "m",
    }  # fmt: skip


class Answering:
    """A client whose server answers what it wants."""

    url, kind, user, email = "http://127.0.0.1:9", "legacy", 1, "ann@example.org"

    def __init__(self, page: Any, project: Any = None) -> None:
        self._page, self._project = page, project_row() if project is None else project
        self._turns = 0

    def get(self, path: str, *_: Any, **params: Any) -> Any:
        self._turns += 1
        if self._turns > 50:
            raise TimeoutError("it asks without an end")
        if path == "/api/tasks":
            return self._page
        if path == "/api/projects/":
            return {"results": [self._project], "count": 1}
        if path.startswith("/api/projects/"):
            return self._project
        if path == "/api/users/":
            return [{"id": 1, "email": "ann@example.org"}]
        return []

    def patch(self, path: str, body: Any) -> Any:
        return dict(self._project) | body if isinstance(self._project, dict) else self._project

    def post(self, path: str, body: Any, **_: Any) -> Any:
        return self._project

    def clock(self) -> None:
        return None


def chat() -> dict[str, Any]:
    top = [{"token": "A", "logprob": -0.2, "bytes": [65]}, {"token": " B", "logprob": -2.0, "bytes": None}]
    message = {"role": "assistant", "content": "A"}
    token = {"token": "A", "logprob": -0.2, "top_logprobs": top}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": [token]}}
    return {"choices": [choice], "usage": {"total_tokens": 9}, "model": "m"}
