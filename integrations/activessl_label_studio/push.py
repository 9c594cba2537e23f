"""Send a round to the annotators in the order of the query; repeating it changes nothing.

The free edition keeps the order only with this sequence: import predictions, set the project's ``model_version``, check
it, then delete the old predictions. During the push, an annotator who requests the next task gets one of the old round
or of the new round, never a random one.

Open tasks of older rounds stay behind the new round, in their old order and with their suggestions. Predictions on
answered tasks are kept: they record what annotators saw.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from activessl.annotators.base import Asked, Pushed
from activessl.errors import AnnotatorError, AnnotatorUnreachable, ConfigError
from activessl.labels.questions import Question
from activessl.pool.pool import Pool
from activessl_label_studio.client import IMPORT_TIMEOUT_S, Client
from activessl_label_studio.mapping import (
    ID_KEY,
    ROUND_KEY,
    TASK_KEYS,
    question_of,
    rank_score,
    to_task,
)
from activessl_label_studio.media import MediaMode, place, withdrawn_address
from activessl_label_studio.predictions import Sending
from activessl_label_studio.project import find_tasks, list_tasks
from activessl_label_studio.tabs import labeling_address

__all__ = ["heal", "import_tasks", "is_open", "push_round"]

Task = dict[str, Any]

#: The size of one import request: large enough for full speed, small enough to search the tasks if the answer is lost.
_TASKS, _BYTES = 1_000, 16_000_000

#: Re-ranking more open tasks of older rounds than this would take too long for a push.
_OLDER = 1_000

#: More old predictions than this are deleted by version, not one by one, if no answered task has that version.
_ONE_BY_ONE = 50


def push_round(
    client: Client,
    project: dict[str, Any],
    sent: Sending,
    pool: Pool,
    asked: Asked,
    *,
    model: str,
    media: MediaMode = "auto",
    document_root: Path | None = None,
    patience: float = 2.0,
) -> Pushed:
    """Import missing tasks, rank all open tasks, set the model version, and check the order.

    Args:
        client: The connection.
        project: The project from ``open_project``.
        sent: What people see of each question besides the item, and in which field of the task the item is.
        pool: The pool of the items.
        asked: The questions, the most informative first.
        model: The model version of the order and the suggestions.
        media: How the items are shown.
        document_root: The folder that the server may serve files from, for media "local".
        patience: Seconds to wait before checking whether a request without an answer was carried out; doubles thrice.

    Raises:
        AnnotatorError: The server did not take all tasks, or offers another task than the first of the query.
        AnnotatorUnreachable: No answer; the next push finds what was sent.
    """
    number = int(project["id"])
    versions: Mapping[str, int] = client.get(f"/api/projects/{number}/model-versions/") or {}
    known = heal(client, find_tasks(client, project, asked.ids, everything=bool(versions)))
    older, below = _open_older(client, project, asked.ids, model)
    queue = [*asked.ids, *(str(question_of(task)) for task in older)]
    scores = {question: rank_score(i, len(queue), below=below) for i, question in enumerate(queue)}

    def prediction(question: str, task: Task) -> dict[str, Any]:
        return sent.prediction(question, scores[question], task)

    missing = [question for question in asked.questions if question.id not in known]
    if missing:
        _check_fields(sent, number)
    dead = [
        (question, known[question.id])
        for question in asked.questions
        if question.id in known and withdrawn_address(known[question.id]["data"].get(sent.key), number)
    ]
    rows = [pool.row(question.item) for question in (*missing, *(question for question, _ in dead))]
    addresses = place(client, number, pool, rows, mode=media, document_root=document_root)
    changes: dict[str, dict[str, Any]] = {
        question.id: {sent.key: shown} for (question, _), shown in zip(dead, addresses[len(missing) :], strict=True)
    }
    if asked.round:
        # adopted tasks have no round, and an unanswered question may be asked again in a later round: the tab of the
        # round would not show them
        for name, there in known.items():
            if is_open(there) and there["data"].get(ROUND_KEY) != str(asked.round):
                changes[name] = changes.get(name, {}) | {ROUND_KEY: str(asked.round)}
    for name, change in changes.items():
        client.patch(f"/api/tasks/{known[name]['id']}/", {"data": known[name]["data"] | change})
    tasks = []
    for question, shown in zip(missing, addresses[: len(missing)], strict=True):
        meta = {"model": model, "strategy": asked.strategy, **sent.meta(question.item)}
        body = to_task(question, shown, sent.key, round=asked.round, meta=meta)
        tasks.append(body | {"predictions": [prediction(question.id, body)]})
    made = import_tasks(client, project, tasks, patience)
    _for_several(client, asked.questions, known, made)

    standing = [task for question in asked.ids if (task := known.get(question)) and is_open(task)]
    wanted = [(int(task["id"]), prediction(str(question_of(task)), task)) for task in standing]
    wanted += [(int(task["id"]), sent.carried(task, scores[str(question_of(task))])) for task in older]
    _rank(client, number, [*standing, *older], wanted, model, below, patience)
    switched = bool(tasks or wanted) and _switch(client, number, model)
    _forget_old(client, number, [*standing, *older], model, versions)

    numbers = {question: int(task["id"]) for question, task in known.items()} | made
    waiting = [numbers[i] for i in asked.ids if i in made or is_open(known[i])]
    if switched and waiting:
        _check_next(client, number, waiting)
    return Pushed(
        tasks={question: str(numbers[question]) for question in asked.ids},
        new=len(made),
        suggestions=sent.count(asked.ids),
        where=labeling_address(client.url, number),
        project=str(number),
        made=str(project.get("created_at") or ""),
    )


def _for_several(
    client: Client, questions: Sequence[Question], known: Mapping[str, Task], made: Mapping[str, int]
) -> None:
    """Let as many people answer each task as its question asks for.

    A project's ``maximum_annotations`` counts for all of its tasks, and a change of it opens answered tasks again. A
    task has its own number, which an import ignores and a PATCH sets. A larger one that people set stays.
    """
    for question in questions:
        if question.people > 1:
            task = known.get(question.id)
            if task is None or int(task.get("overlap") or 1) < question.people:
                number = made[question.id] if task is None else int(task["id"])
                done = 0 if task is None else int(task.get("total_annotations") or 0)
                # somebody answered before a killed push came to this: the server would not offer the task again
                more = {"is_labeled": False} if 0 < done < question.people else {}
                client.patch(f"/api/tasks/{number}/", {"overlap": question.people} | more)


def is_open(task: Task) -> bool:
    """Return whether nobody has answered or skipped a task."""
    return not task.get("total_annotations") and not task.get("cancelled_annotations")


def _open() -> list[dict[str, Any]]:
    """Return the filters that tasks without an answer or a skip pass."""
    return [
        {"filter": f"filter:tasks:{name}", "operator": "equal", "type": "Number", "value": 0}
        for name in ("total_annotations", "cancelled_annotations")
    ]


def heal(client: Client, found: Mapping[str, list[Task]]) -> dict[str, Task]:
    """Keep one task per question. Unanswered extra tasks, of an import that was carried out twice, are deleted."""
    kept: dict[str, Task] = {}
    for question, tasks in found.items():
        kept[question] = next((task for task in tasks if not is_open(task)), tasks[0])
        for task in tasks:
            if task is not kept[question] and is_open(task):
                client.delete(f"/api/tasks/{task['id']}/")
    return kept


def _open_older(client: Client, project: Mapping[str, Any], ids: Sequence[str], model: str) -> tuple[list[Task], float]:
    """Return the open tasks of older rounds in their order, to rank them behind this round, and a limit for scores.

    Unanswered second tasks of a question are deleted. If there are more than ``_OLDER`` tasks, they are not ranked
    again: the scores of this round must then be below the limit, the lowest score that the same model gave them. With a
    new model the limit is 1, because only predictions of the new model count.
    """
    if not project.get("task_number"):
        return [], 1.0
    number, active = int(project["id"]), project.get("model_version")
    other = {"filter": f"filter:tasks:data.{ID_KEY}", "operator": "not_in_list", "type": "String", "value": list(ids)}
    filters = [*_open(), other]
    query = {"filters": {"conjunction": "and", "items": filters}, "ordering": ["tasks:predictions_score"]}
    lowest = client.get("/api/tasks", query, project=number, page_size=1, fields="all")
    if not lowest["total"]:
        return [], 1.0

    def place_of(task: Task) -> tuple[float, int]:
        ranked = [
            float(p["score"]) for p in task["predictions"] if p["model_version"] == active and p["score"] is not None
        ]
        return (min(ranked, default=2.0), int(task["id"]))

    if lowest["total"] > _OLDER:
        return [], min(place_of(lowest["tasks"][0])[0], 1.0) if model == active else 1.0
    now = set(ids)
    tasks = [
        task
        for task in list_tasks(client, number, filters, everything=True)
        if is_open(task) and (question := question_of(task)) is not None and question not in now
    ]
    # an import that the server carried out after its timeout made second tasks, also of answered questions
    kept = heal(client, find_tasks(client, dict(project), [str(question_of(task)) for task in tasks]))
    alone = {int(task["id"]) for task in kept.values()}
    return sorted((task for task in tasks if int(task["id"]) in alone), key=place_of), 1.0


def _check_fields(sent: Sending, number: int) -> None:
    """Refuse new tasks of a config that shows fields which they do not have: people would see "$camera", or nothing.

    Raises:
        ConfigError: There are such fields.
    """
    lacking = [name for name in sent.beside if name not in TASK_KEYS]
    if lacking:
        raise ConfigError(
            f"the label config of project {number} shows {', '.join(f'${name}' for name in lacking)}, which tasks of "
            "activessl do not have",
            hint="remove it in the project's settings, or import the tasks there yourself and run `activessl adopt`",
        )


def import_tasks(client: Client, project: Mapping[str, Any], tasks: Sequence[Task], patience: float) -> dict[str, int]:
    """Import each task once, also when answers are lost: search the server's tasks before sending again."""
    made: dict[str, int] = {}
    for chunk in _by_size(tasks):
        todo = list(chunk)
        for attempt in range(4):
            try:
                answer = client.post(
                    f"/api/projects/{project['id']}/import", todo, timeout=IMPORT_TIMEOUT_S, return_task_ids="true"
                )
            except AnnotatorUnreachable:
                if attempt == 3:
                    raise
                answer = None
            ids = answer.get("task_ids") if isinstance(answer, dict) else None
            if isinstance(ids, list) and len(ids) == len(todo):
                made |= {task["data"][ID_KEY]: int(number) for task, number in zip(todo, ids, strict=True)}
                todo = []
                break
            # no answer, or one without task ids: the import may still be running
            time.sleep(patience * 2**attempt)
            asked = [task["data"][ID_KEY] for task in todo]
            there = heal(client, find_tasks(client, {"id": project["id"]}, asked))
            made |= {question: int(task["id"]) for question, task in there.items()}
            todo = [task for task in todo if task["data"][ID_KEY] not in there]
            if not todo:
                break
        if todo:
            raise AnnotatorError(
                f"the server took {len(chunk) - len(todo):,} of {len(chunk):,} tasks",
                hint="push again: existing tasks are not sent twice",
            )
    return made


def _by_size(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    chunk: list[Task] = []
    size = 0
    for task in tasks:
        cost = len(json.dumps(task["data"]))
        if chunk and (len(chunk) >= _TASKS or size + cost > _BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(task)
        size += cost
    if chunk:
        yield chunk


def _rank(
    client: Client,
    number: int,
    tasks: Sequence[Task],
    wanted: Sequence[tuple[int, dict[str, Any]]],
    model: str,
    below: float,
    patience: float,
) -> None:
    """Give existing tasks their predictions, each once."""
    have: dict[int, list[dict[str, Any]]] = {
        int(task["id"]): [
            p for p in task.get("predictions") or () if isinstance(p, dict) and p["model_version"] == model
        ]
        for task in tasks
    }
    if _in_place(have, wanted, below):
        return
    for there in have.values():  # of the same model, but with another order: an import cannot replace predictions
        for old in there:
            client.delete(f"/api/predictions/{old['id']}/")
    todo = list(wanted)
    for attempt in range(4):
        if not todo:
            return
        sent = todo[: 2 * _TASKS]
        try:
            body = [prediction | {"task": task} for task, prediction in sent]
            answer = client.post(f"/api/projects/{number}/import/predictions", body, timeout=IMPORT_TIMEOUT_S)
        except AnnotatorUnreachable:
            if attempt == 3:
                raise
            time.sleep(patience * 2**attempt)
            done = _with_version(client, number, [task for task, _ in sent], model)
            todo = [(task, prediction) for task, prediction in todo if task not in done]
            continue
        if not isinstance(answer, dict) or answer.get("created") != len(sent):
            created = answer.get("created") if isinstance(answer, dict) else None
            raise AnnotatorError(
                f"the server took {created} of {len(sent)} predictions",
                hint="push again: existing predictions are kept",
            )
        todo = todo[2 * _TASKS :]


def _in_place(
    have: Mapping[int, Sequence[Mapping[str, Any]]], wanted: Sequence[tuple[int, Mapping[str, Any]]], below: float
) -> bool:
    """Return whether each task has exactly the right prediction of this model, with scores in rising order."""
    last = -1.0
    for task, prediction in wanted:
        there = have.get(task, ())
        if len(there) != 1 or there[0]["score"] is None or float(there[0]["score"]) <= last:
            return False
        if _choices(there[0]) != _choices(prediction):
            return False
        last = float(there[0]["score"])
    return last < below


def _choices(prediction: Mapping[str, Any]) -> list[Any]:
    return [part.get("value") for part in prediction.get("result") or ()]


def _with_version(client: Client, number: int, tasks: Sequence[int], model: str) -> set[int]:
    """Return which of these tasks have a prediction of a model."""
    only = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": list(tasks)}
    found = list_tasks(client, number, [only], everything=True)
    return {int(task["id"]) for task in found if any(p["model_version"] == model for p in task["predictions"])}


def _switch(client: Client, number: int, model: str) -> bool:
    """Set the model whose scores give the order; return False if no prediction of this model is left.

    People answer, and delete tasks and predictions, during a push. The server refuses a model without predictions.
    """
    project = client.get(f"/api/projects/{number}")
    if project.get("model_version") != model:
        refused = None
        try:
            client.patch(f"/api/projects/{number}", {"model_version": model})
        except AnnotatorError as error:
            refused = error
        if refused is not None:
            if (client.get(f"/api/projects/{number}/model-versions/") or {}).get(model):
                raise refused
            return False
        project = client.get(f"/api/projects/{number}")
    if project.get("model_version") != model:
        raise AnnotatorError(
            f"project {number} keeps model {project.get('model_version')!r} instead of {model!r}",
            hint="push again, and keep the prediction version in the project's settings unchanged meanwhile",
        )
    return True


def _forget_old(client: Client, number: int, tasks: Sequence[Task], model: str, versions: Mapping[str, int]) -> None:
    """Delete predictions of other models on open tasks; on answered tasks they record what annotators saw."""
    old = [
        p
        for task in tasks
        for p in task.get("predictions") or ()
        if isinstance(p, dict) and p["model_version"] != model
    ]
    for version, count in sorted(Counter(str(p["model_version"]) for p in old).items()):
        if count > _ONE_BY_ONE and count == versions.get(version):  # no answered task has this version
            body = {"model_version": version}
            client.delete(f"/api/projects/{number}/model-versions/", body, timeout=IMPORT_TIMEOUT_S)
            continue
        for prediction in old:
            if str(prediction["model_version"]) == version:
                client.delete(f"/api/predictions/{prediction['id']}/")


def _check_next(client: Client, number: int, queue: Sequence[int]) -> None:
    """Fetch the next task as an annotator would, and compare it with the first open task of the round.

    The request locks the task for this user. If there are other users, that would hide the most informative task from
    them, so the Data Manager is used, which sorts by the same scores and locks nothing.

    Args:
        client: The connection.
        number: The number of the project.
        queue: The tasks of the round that were open when the push began, in the order of the query.
    """
    if len(client.get("/api/users/")) == 1:
        offered = client.get(f"/api/projects/{number}/next", missing_ok=True)
        # a task that was opened and not finished is offered again first, in any order
        if offered is not None and "Task lock" in str(offered.get("queue")):
            return
        found = None if offered is None else int(offered["id"])
    else:
        query = {"filters": {"conjunction": "and", "items": _open()}, "ordering": ["tasks:predictions_score"]}
        page = client.get("/api/tasks", project=number, page_size=1, query=json.dumps(query))
        found = next((int(task["id"]) for task in page["tasks"]), None)
    if found == queue[0]:
        return
    before = list(queue[: queue.index(found)] if found in queue else queue)
    # people may have answered or deleted tasks since the push began
    only = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": before}
    still = {int(task["id"]) for task in list_tasks(client, number, [only]) if is_open(task)}
    first = next((task for task in before if task in still), None)
    if first is not None:
        offers = "no task" if found is None else f"task {found} next"
        raise AnnotatorError(
            f"project {number} offers {offers}, not the round's first, {first}",
            hint="set the sampling to uncertainty and the prediction version to that of this round, then push again",
        )
