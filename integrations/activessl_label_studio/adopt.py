"""Use an existing Label Studio project, with its labels.

Nothing is imported and nothing is deleted: each task that shows an item of the pool gets the item's id in its data.
Pushes then find the task by the id, and the next pull reads its answers like all others.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_to_bytes

from activessl.errors import ConfigError
from activessl.pool.matching import MediaIndex, grouped, is_upload
from activessl.pool.pool import Pool
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Control
from activessl_label_studio.mapping import ID_KEY, question_of
from activessl_label_studio.project import list_tasks
from activessl_label_studio.regions.tags import RegionControl

__all__ = ["Adopted", "Matches", "adopt_tasks", "content_of", "match_items"]


@dataclass(frozen=True, slots=True)
class Matches:
    """The items that tasks show.

    Attributes:
        items: Task number to its item.
        unclear: Tasks that may show several items, or an item that another address may show, too.
        different: Tasks that show a file of the name of an item, with other content.
        named: Tasks of ``items`` whose file has only its name in common with the item, and whose content is not known.
    """

    items: dict[int, str]
    unclear: frozenset[int] = frozenset()
    different: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()


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
        unclear: Tasks of ``unknown`` that may show several items, or an item that another address may show, too.
        different: Tasks of ``unknown`` that show a file of the name of an item, with other content.
        named: Tasks of ``new`` whose file has only its name in common with the item: its folder is another one, and its
            content cannot be read.
        named_example: The media of one of the latter, and its item.
    """

    tasks: int
    ours: int
    new: int
    answered: int
    unknown: int
    double: int
    example: str = ""
    unclear: int = 0
    different: int = 0
    named: int = 0
    named_example: tuple[str, str] = ("", "")


def adopt_tasks(
    client: Client,
    project: Mapping[str, Any],
    control: Control | RegionControl,
    pool: Pool,
    *,
    dry: bool = False,
    by_name: bool = False,
    on_read: Callable[[int, int], None] = lambda _done, _all: None,
    on_task: Callable[[int, int], None] = lambda _done, _all: None,
) -> Adopted:
    """Write the item's id into each task that shows an item of the pool. Repeating it changes nothing more.

    Args:
        client: The connection.
        project: The project from ``find_project``.
        control: The control from ``find_project``: it has the key of the media in a task's data.
        pool: The items.
        dry: Change nothing.
        by_name: Whether a file of the same name is the item even if its content is another one.
        on_read: Called with the number of files whose content was compared, and of all these.
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
    item_of = {int(t["id"]): str(i) for t in tasks if (i := question_of(t)) is not None and i in pool}
    found = match_items(
        {int(task["id"]): task["data"].get(control.key) for task in tasks if int(task["id"]) not in item_of},
        pool,
        lambda address: content_of(client, address),
        by_name=by_name,
        on_read=on_read,
    )
    taken = set(item_of.values())
    wanted: list[tuple[dict[str, Any], str]] = []
    unknown, double, example = 0, 0, ""
    for task in tasks:
        number = int(task["id"])
        if number in item_of:
            continue
        item = found.items.get(number)
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
    named = [
        (str(task["data"].get(control.key))[:100], item) for task, item in wanted if int(task["id"]) in found.named
    ]
    return Adopted(
        tasks=len(tasks),
        ours=len(item_of),
        new=len(wanted),
        answered=answered,
        unknown=unknown,
        double=double,
        example=example,
        unclear=len(found.unclear),
        different=len(found.different),
        named=len(named),
        named_example=named[0] if named else ("", ""),
    )


def _answered(task: Mapping[str, Any]) -> bool:
    return bool(task.get("total_annotations") or task.get("cancelled_annotations"))


def match_items(
    shown: Mapping[int, Any],
    pool: Pool,
    read: Callable[[str], bytes | None] = lambda _address: None,
    *,
    by_name: bool = False,
    on_read: Callable[[int, int], None] = lambda _done, _all: None,
) -> Matches:
    """Find the item of each task: texts by what they say, files by the end of their path, or by their content.

    The content decides where the path does not: where a file may be several items, several files may be one item, or
    only the name is the same.

    Args:
        shown: Task number to the value of its media's tag.
        pool: The items.
        read: Returns the content of an address; None if it cannot be fetched.
        by_name: Whether a file of the same name is the item even if its content is another one.
        on_read: Called with the number of addresses whose content was compared, and of all these.

    Raises:
        ConfigError: The items have neither a name nor a text.
    """
    if pool.form.portable is None:
        raise ConfigError(
            f"tasks that show {pool.modality} items cannot be recognized",
            hint=f"write each item's id into the data of its task as {ID_KEY}",
        )
    matched = MediaIndex(pool).match(shown)
    found = Matches(dict(matched.items), frozenset(matched.unclear))
    if pool.form.shown == "text":
        return found
    inline = {key for key, value in shown.items() if isinstance(value, str) and value.startswith("data:")}
    uploads = {key for key, value in shown.items() if is_upload(value)}
    unsure = matched.by_name | matched.unclear.keys() | uploads | inline
    items_of = grouped((item.sha256, item.id) for item in pool.items)
    digests: dict[str, str | None] = {}  # several tasks may show one file
    different, named = set(), set()
    for done, key in enumerate(sorted(unsure), start=1):
        address = str(shown[key])
        if address not in digests:
            content = read(address)
            digests[address] = None if content is None else sha256(content).hexdigest()
        on_read(done, len(unsure))
        digest = digests[address]
        same = items_of.get(digest, []) if digest is not None else []
        candidates = matched.unclear.get(key) or ((found.items[key],) if key in found.items else tuple(same))
        here = [item for item in candidates if item in same]
        if len(here) == 1:
            found.items[key] = here[0]
        elif digest is None and key in found.items:
            named.add(key)
        elif digest is not None and not here and candidates and not by_name:
            different.add(key)
            found.items.pop(key, None)
    unclear = frozenset(found.unclear - found.items.keys() - different)
    return Matches(found.items, unclear, frozenset(different), frozenset(named & found.items.keys()))


def content_of(client: Client, address: str) -> bytes | None:
    """Return the content of an address, if it is in the address itself or the server of the tasks serves it."""
    if address.startswith("data:"):
        head, _, body = address.partition(",")
        try:
            return b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
        except ValueError:
            return None
    path = address.removeprefix(client.url.rstrip("/"))
    return client.read_file(path) if path.startswith("/data/") else None
