"""Groups of alike items as tasks of a project of their own: a grid of what one person confirms at a glance.

A task shows the items as one multiple choice whose choices are pictures (or texts): what is clicked is marked as odd.
A second choice says whether all others have the class. So one answer is as many labels as items were left unmarked.
The project is another one than that of single items, because its label config is: nothing else in it would fit.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from activessl.annotators.base import Group, Pushed
from activessl.errors import AnnotatorError
from activessl.labels.answers import Answer
from activessl.pool.pool import Modality, Pool
from activessl_label_studio.client import Client
from activessl_label_studio.mapping import ID_KEY, Note, item_id_of, seconds_of, source_of, to_time, who
from activessl_label_studio.media import MediaMode, place, withdrawn_address
from activessl_label_studio.project import find_tasks, list_tasks, look_up
from activessl_label_studio.push import heal, import_tasks, is_open

__all__ = [
    "build_group_config",
    "find_groups",
    "group_title",
    "open_groups",
    "push_groups",
    "to_group_answers",
    "to_group_task",
]

#: The tags by which an answer is read: which items are odd, and whether the others have the class.
ODD, VERDICT = "odd", "verdict"
YES, NO = "yes", "no"

INSTRUCTIONS = (
    "<p>All of these are taken for one class. Click what does not belong, press 1 if all the others do, then "
    "Ctrl+Enter to submit. If many do not belong, press 2: each is asked on its own.</p>"
)

#: Pixels of a picture's side in the grid.
_SIDE = 120

_GRID = f"""
    .activessl-grid .lsf-choices {{ display: flex; flex-wrap: wrap; gap: 6px; }}
    .activessl-grid img, .activessl-grid .activessl-picture {{ width: {_SIDE}px; height: {_SIDE}px; }}
"""


def group_title(title: str) -> str:
    """The title of the project with groups; Label Studio takes 50 characters.

    Example:
        >>> group_title("scratches")
        'scratches (groups)'
    """
    return f"{title[:41]} (groups)"


def build_group_config(modality: Modality) -> str:
    """The label config of groups.

    Raises:
        AnnotatorError: Such items cannot be shown together.
    """
    if modality not in ("image", "text"):
        raise AnnotatorError(
            f"{modality} items cannot be shown together in Label Studio",
            hint="query without --confirm, and set query.confirm to false",
        )
    layout = "inline" if modality == "image" else "vertical"
    return f"""<View>
  <Style>{_GRID}</Style>
  <Text name="group" value="$question"/>
  <View className="activessl-grid">
    <Choices name="{ODD}" toName="group" value="$items" choice="multiple" layout="{layout}"/>
  </View>
  <Choices name="{VERDICT}" toName="group" choice="single-radio" required="true" showInline="true">
    <Choice value="all that are not marked" alias="{YES}" hotkey="1"/>
    <Choice value="too many are not: ask about each" alias="{NO}" hotkey="2"/>
  </Choices>
</View>"""


def open_groups(
    client: Client, *, number: int | None, made: str | None, title: str, modality: Modality
) -> dict[str, Any]:
    """The project with groups, made if there is none of that title.

    Args:
        client: Who asks.
        number: Its number, where it is known from an earlier push.
        made: When it was made then.
        title: Of the project with single items.
        modality: What the items are.

    Raises:
        AnnotatorError: There are several of that title, or one whose label config is another.
    """
    config = build_group_config(modality)
    project = look_up(client, number, made, group_title(title), {})
    if project is None:
        body = {
            "title": group_title(title),
            "label_config": config,
            "sampling": "Sequential sampling",
            "enable_empty_annotation": False,
            "maximum_annotations": 1,
            "expert_instruction": INSTRUCTIONS,
            "show_instruction": False,
        }
        made_now: dict[str, Any] = client.post("/api/projects/", body)
        return made_now
    there = str(project.get("label_config"))
    if not all(f'name="{name}"' in there for name in (ODD, VERDICT)):
        raise AnnotatorError(
            f"project {project['id']} has a label config that does not ask about groups",
            hint="rename that project, or choose another title",
        )
    return project


def find_groups(client: Client, *, number: int, made: str | None, title: str) -> dict[str, Any] | None:
    """The project with groups as it is; None where it is gone."""
    return look_up(client, number, made, group_title(title), {"include": "id,title,created_at"})


def to_group_task(group: Group, shown: Sequence[Any], modality: Modality) -> dict[str, Any]:
    """The task of a group.

    Args:
        group: Its items and their class.
        shown: An address or a text of each item.
        modality: What they are.
    """
    draw = _picture if modality == "image" else html.escape
    items = [{"value": item, "html": draw(str(one))} for item, one in zip(group.items, shown, strict=True)]
    question = f'All "{group.label}"? Mark what is something else.'
    return {"data": {ID_KEY: group.id, "question": question, "class": group.label, "items": items}}


def _picture(address: str) -> str:
    # as a background, because a picture whose address is its content is taken out of marked-up choices
    url = address if address.startswith("data:") else quote(address, safe="/:?=&%#+,;@")
    return (
        f'<span class="activessl-picture" style="display: inline-block; width: {_SIDE}px; height: {_SIDE}px; '
        f"background: url('{url}') center / contain no-repeat; image-rendering: auto\"></span>"
    )


def push_groups(
    client: Client,
    project: Mapping[str, Any],
    pool: Pool,
    groups: Sequence[Group],
    *,
    beside: int,
    media: MediaMode,
    document_root: Path | None,
    patience: float = 2.0,
) -> Pushed:
    """Import the groups that are missing; groups of older rounds that nobody answered are withdrawn.

    Args:
        client: Who asks.
        project: As ``open_groups`` gave it.
        pool: What the groups are of.
        groups: In the order in which they are shown.
        beside: The project with single items: media are uploaded there, because Label Studio takes no files for a label
            config that reads several keys of a task.
        media: How the items are shown.
        document_root: The folder that the server may serve files from, for media "local".
        patience: As for ``push_round``.

    Raises:
        AnnotatorError: The server did not take all of it.
        AnnotatorUnreachable: No answer; what was sent is found by the next push.
    """
    number, ids = int(project["id"]), [group.id for group in groups]
    known = heal(client, find_tasks(client, dict(project), ids))
    dead = [task for task in known.values() if is_open(task) and _withdrawn(task, beside)]
    for task in [*_open_others(client, number, ids), *dead]:
        client.delete(f"/api/tasks/{task['id']}/")
    known = {group: task for group, task in known.items() if task not in dead}
    missing = [group for group in groups if group.id not in known]
    rows = [pool.row(item) for group in missing for item in group.items]
    shown = iter(place(client, beside, pool, rows, mode=media, document_root=document_root))
    tasks = [to_group_task(group, [next(shown) for _ in group.items], pool.modality) for group in missing]
    made = import_tasks(client, project, tasks, patience)
    numbers = {group: int(task["id"]) for group, task in known.items()} | made
    return Pushed(
        tasks={group: str(numbers[group]) for group in ids},
        new=len(made),
        suggestions=len(groups),
        where=f"{client.url}/projects/{number}/data?labeling=1",
        project=str(number),
        made=str(project.get("created_at") or ""),
    )


def _withdrawn(task: Mapping[str, Any], beside: int) -> bool:
    """Whether a group's pictures have addresses that are not served any more."""
    shown = (html.unescape(str(row.get("html"))) for row in task["data"].get("items") or () if isinstance(row, Mapping))
    return any(withdrawn_address(address, beside) for one in shown for address in re.findall(r"url\('([^']+)'\)", one))


def _open_others(client: Client, number: int, ids: Sequence[str]) -> list[dict[str, Any]]:
    filters = [
        {"filter": f"filter:tasks:{name}", "operator": "equal", "type": "Number", "value": 0}
        for name in ("total_annotations", "cancelled_annotations")
    ]
    found = [task for task in list_tasks(client, number, filters) if is_open(task)]
    return [task for task in found if (group := item_id_of(task)) is not None and group not in ids]


def to_group_answers(
    annotation: Mapping[str, Any], task: Mapping[str, Any], *, project: str, people: Mapping[int, str]
) -> tuple[list[Answer], Note | None]:
    """What an annotation of a group says of each of its items.

    The unmarked ones have the class if the person says so. The marked ones, all where the person does not say so, and
    all of a group that was skipped, are to be asked about alone. The time is shared among them.

    Args:
        annotation: As Label Studio lists it.
        task: Its task.
        project: The project's name for good.
        people: User numbers to names.

    Raises:
        AnnotatorError: The annotation lacks its number or its times.
    """
    group, updated = item_id_of(task), annotation.get("updated_at") or annotation.get("created_at")
    if group is None or not isinstance(annotation.get("id"), int) or not isinstance(updated, str):
        raise AnnotatorError(
            f"an annotation of task {task.get('id')} has no number, time or group",
            hint="check that the address is Label Studio's own, and try again",
        )
    data = task["data"]
    listed = data.get("items")
    items = [str(row["value"]) for row in listed if isinstance(row, Mapping) and "value" in row] if listed else []
    label, source = data.get("class"), source_of(project, int(annotation["id"]))
    if not items or not isinstance(label, str):
        return [], Note(source, group, "the task does not say any more which items it showed: counts for nothing")
    said = _said(annotation.get("result"))
    note = None
    yes = said[VERDICT] == [YES] and not annotation.get("was_cancelled")
    if not said[VERDICT] and not annotation.get("was_cancelled"):
        note = Note(source, group, "submitted without a verdict: its items are asked about one by one")
    took = seconds_of(annotation.get("lead_time"))
    answers = [
        Answer(
            key=f"{source} of {item} @ {updated}",
            source=f"{source} of {item}",
            item_id=item,
            kind="label" if yes and item not in said[ODD] else "apart",
            classes=(label,) if yes and item not in said[ODD] else (),
            annotator=who(annotation.get("completed_by"), people),
            seconds=None if took is None else took / len(items),
            at=to_time(updated),
            suggested=label,
            ground_truth=bool(annotation.get("ground_truth")),
            group=group,
        )
        for item in items
    ]
    return answers, note


def _said(result: Any) -> dict[str, list[str]]:
    """What each of our two tags says."""
    said: dict[str, list[str]] = {ODD: [], VERDICT: []}
    for part in result if isinstance(result, list) else ():
        if isinstance(part, Mapping) and part.get("from_name") in said and isinstance(part.get("value"), Mapping):
            for one in part["value"].get("choices") or ():
                # a nested choice is told by its path
                said[part["from_name"]].append(str(one[-1] if isinstance(one, list) and one else one))
    return said
