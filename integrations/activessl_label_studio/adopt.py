"""Use an existing Label Studio project, with its labels.

Nothing is imported and nothing is deleted: each task that shows an item of the pool gets the item's id in its data.
Pushes then find the task by the id, and the next pull reads its answers like all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from activessl.errors import ConfigError
from activessl.pool.pool import Pool
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Control
from activessl_label_studio.mapping import ID_KEY, question_of
from activessl_label_studio.project import list_tasks

__all__ = ["Adopted", "adopt_tasks", "match_items"]


@dataclass(frozen=True, slots=True)
class Adopted:
    """The result of adopting a project.

    Attributes:
        tasks: Number of tasks of the project.
        ours: Tasks that have the id of an item of the pool, old and new.
        new: Tasks of ``ours`` that got the id now.
        answered: Tasks of ``ours`` that somebody labeled or skipped.
        unknown: Tasks that show no item of the pool, or one that cannot be recognized.
        double: Tasks that show an item that another task shows; they are not changed.
        example: The media of one of the unknown tasks; empty if there is none.
    """

    tasks: int
    ours: int
    new: int
    answered: int
    unknown: int
    double: int
    example: str = ""


def adopt_tasks(
    client: Client,
    project: Mapping[str, Any],
    control: Control,
    pool: Pool,
    *,
    dry: bool = False,
    on_task: Callable[[int, int], None] = lambda _done, _all: None,
) -> Adopted:
    """Write the item's id into each task that shows an item of the pool. Repeating it changes nothing more.

    Args:
        client: The connection.
        project: The project from ``find_project``.
        control: The control from ``find_project``: it has the key of the media in a task's data.
        pool: The items.
        dry: Change nothing.
        on_task: Called with the number of changed tasks, and of tasks to change.

    Raises:
        ConfigError: Such items cannot be recognized, or the project shows another form of data.
        AnnotatorError: The server refuses or cannot be reached; earlier changes are kept.
    """
    if control.shown != pool.form.shown:
        raise ConfigError(
            f"project {project['id']} shows a {control.shown} in each task, which {pool.modality} items are not",
            hint="set another annotator.project or data.path in activessl.toml",
        )
    tasks = list(list_tasks(client, int(project["id"])))
    # an answered task is preferred to an older one without an answer
    tasks.sort(key=lambda task: (not _answered(task), int(task["id"])))
    found = match_items({int(task["id"]): task["data"].get(control.key) for task in tasks}, pool)
    item_of = {int(t["id"]): str(i) for t in tasks if (i := question_of(t)) is not None and i in pool}
    taken = set(item_of.values())
    wanted: list[tuple[dict[str, Any], str]] = []
    unknown, double, example = 0, 0, ""
    for task in tasks:
        number = int(task["id"])
        if number in item_of:
            continue
        item = found.get(number)
        if item is None:
            unknown += 1
            example = example or str(task["data"].get(control.key))[:100]
        elif item in taken:
            double += 1
        else:
            taken.add(item)
            item_of[number] = item
            wanted.append((task, item))
    for done, (task, item) in enumerate(wanted if not dry else (), start=1):
        client.patch(f"/api/tasks/{task['id']}/", {"data": task["data"] | {ID_KEY: item}})
        on_task(done, len(wanted))
    answered = sum(_answered(task) for task in tasks if int(task["id"]) in item_of)
    return Adopted(len(tasks), len(item_of), len(wanted), answered, unknown, double, example)


def _answered(task: Mapping[str, Any]) -> bool:
    return bool(task.get("total_annotations") or task.get("cancelled_annotations"))


def match_items(shown: Mapping[int, Any], pool: Pool) -> dict[int, str]:
    """Return the item of each task; tasks that show no item, or possibly several, are left out.

    Texts are matched by their content, files by the end of their address: by the item's whole id if the address has it,
    else by the file's name, if only one item has that name. Label Studio's prefix of uploads is ignored.

    Args:
        shown: Task number to the value of its media's tag.
        pool: The items.

    Raises:
        ConfigError: The items have neither a name nor a text.
    """
    if pool.form.shown == "text":
        texts = _by((str(pool.read(row)), item) for row, item in enumerate(pool.ids))
        return _only({number: texts.get(str(said), []) for number, said in shown.items()})
    if pool.form.portable is None:
        raise ConfigError(
            f"tasks that show {pool.modality} items cannot be recognized",
            hint=f"write each item's id into the data of its task as {ID_KEY}",
        )
    names = _by((_stored_name(PurePosixPath(item).name), item) for item in pool.ids)
    candidates: dict[int, list[str]] = {}
    for number, said in shown.items():
        path = _path(said)
        alike = names.get(_stored_name(PurePosixPath(path).name), [])
        alike = alike or names.get(re.sub(r"^[0-9a-f]{8}-", "", _stored_name(PurePosixPath(path).name)), [])
        whole = [item for item in alike if f"/{path}".endswith(f"/{item}")]
        candidates[number] = [max(whole, key=len)] if whole else alike
    return _only(candidates)


def _path(address: Any) -> str:
    """Return the path of the file of an address; for a local file the query has it."""
    if not isinstance(address, str) or address.startswith("data:"):
        return ""
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")
    return local[0] if local else unquote(parts.path)


def _stored_name(name: str) -> str:
    """Return a file's name as Label Studio stores it: spaces become underscores, other characters are removed."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


def _by(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, item in pairs:
        found.setdefault(key, []).append(item)
    return found


def _only(candidates: Mapping[int, list[str]]) -> dict[int, str]:
    return {number: items[0] for number, items in candidates.items() if len(items) == 1}
