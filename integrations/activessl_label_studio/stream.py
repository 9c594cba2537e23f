"""The label stream of a project, as a browser uses it: sign in, request the next task, submit."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from activessl.errors import AnnotatorError, AnnotatorUnreachable
from activessl_label_studio.client import scrub
from activessl_label_studio.login import sign_in
from activessl_label_studio.mapping import item_of, question_of

__all__ = ["LabelStream"]

_Truth = TypeVar("_Truth")


class LabelStream:
    """The label stream of one project for one user.

    Args:
        url: The server's address.
        email: The e-mail address of the user.
        password: The password of the user.
        project: The project's number.
    """

    def __init__(self, url: str, email: str, password: str, project: int) -> None:
        self.url, self.project = url.rstrip("/"), project
        self._session = sign_in(self.url, email, password)

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def label_config(self) -> str:
        """Return the label config of the project."""
        return str(self._call("GET", f"/api/projects/{self.project}")["label_config"])

    def next(self) -> dict[str, Any] | None:
        """Return the task that the server offers next; None if it has no more."""
        found: dict[str, Any] | None = self._call("GET", f"/api/projects/{self.project}/next", none_on=404)
        return found

    def offered(self, n: int, truth: Mapping[str, _Truth], what: str) -> Iterator[tuple[dict[str, Any], str, _Truth]]:
        """Yield up to n tasks as the server offers them, each with its question and what is true of its item.

        Args:
            n: The largest number of tasks.
            truth: What is known, by item.
            what: What is not known of an item that ``truth`` lacks, for the error.

        Raises:
            AnnotatorError: The server refuses, or offers an item that is not in ``truth``.
        """
        for _ in range(n):
            task = self.next()
            if task is None:
                return
            question, item = question_of(task), item_of(task)
            if question is None or item is None or item not in truth:
                raise AnnotatorError(
                    f"task {task['id']} shows {item!r}, whose {what} not known", hint="add the item to `truth`"
                )
            yield task, question, truth[item]

    def submit(
        self,
        task: Mapping[str, Any],
        result: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
        skipped: bool = False,
        parent: int | None = None,
    ) -> None:
        """Submit an answer to a task, or skip it.

        Args:
            task: The task, from ``next``.
            result: The answer.
            seconds: The time that it took.
            skipped: Whether the task is skipped.
            parent: The number of the prediction that was shown.
        """
        body: dict[str, Any] = {
            "result": list(result),
            "lead_time": seconds,
            "was_cancelled": skipped,
            # if a submit is repeated because its answer was lost, the server answers 409 and does not store it twice;
            # not from the seed: the server compares it with all projects, so it would refuse all of a second run
            "unique_id": str(uuid.uuid4()),
            "parent_prediction": parent,
        }
        self._call("POST", f"/api/tasks/{task['id']}/annotations/", body, none_on=409)

    def _call(self, method: str, path: str, body: Any = None, *, none_on: int = 0) -> Any:
        import httpx

        problem = ""
        for attempt in range(4):
            try:
                answer = self._session.request(method, path, json=body)
            except httpx.HTTPError as error:
                problem = type(error).__name__
            else:
                if answer.status_code >= 500:
                    problem = f"status {answer.status_code}"
                elif answer.status_code < 400 and answer.content and not _is_json(answer.content):
                    problem = "an incomplete answer"
                else:
                    break
            time.sleep(0.2 * 2**attempt)
        else:
            raise AnnotatorUnreachable(f"{self.url} does not answer ({problem})", hint="check that the server runs")
        if answer.status_code == none_on:
            return None
        if answer.status_code >= 400:
            raise AnnotatorError(
                f"{self.url} refused {method} {path} ({answer.status_code}): {scrub(answer.text[:200])}",
                hint="check that the user may label in this project",
            )
        return answer.json() if answer.content else None


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True
