"""Clusters of alike items as tasks of their own project: a grid of items that one person confirms.

A task shows the items as one multiple choice whose choices are pictures (or texts): people click items that do not
belong. A second choice says whether all other items have the class. So one answer labels all items that were not
clicked. Clusters need another label config than single items, and therefore another project.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from activessl.annotators.base import Asked, Note, Pushed
from activessl.errors import AnnotatorError
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.pool.forms.registry import form_named
from activessl.pool.pool import Modality, Pool
from activessl_label_studio.client import Client
from activessl_label_studio.mapping import ID_KEY, marks_of, question_of, seconds_of, to_time, who
from activessl_label_studio.media import MediaMode, place, withdrawn_address
from activessl_label_studio.project import find_tasks, list_tasks, look_up
from activessl_label_studio.push import heal, import_tasks, is_open
from activessl_label_studio.shape import row
from activessl_label_studio.tabs import labeling_address

__all__ = [
    "build_cluster_config",
    "cluster_title",
    "find_clusters",
    "open_clusters",
    "push_clusters",
    "to_cluster_answers",
    "to_cluster_task",
]

#: The tags of an answer: the items that do not belong, and whether the others have the class.
ODD, VERDICT = "odd", "verdict"
YES, NO = "yes", "no"

INSTRUCTIONS = (
    "<p>The model puts all items of a task in one class. Click each item that does not belong to the class. Press 1 if "
    "all others belong, or 2 if too many do not: each item is then asked about alone. Press Ctrl+Enter to submit.</p>"
)

#: Pixels of a picture's side in the grid.
_SIDE = 120

_GRID = f"""
    .activessl-grid .lsf-choices {{ display: flex; flex-wrap: wrap; gap: 6px; }}
    .activessl-grid img, .activessl-grid .activessl-picture {{ width: {_SIDE}px; height: {_SIDE}px; }}
"""


def cluster_title(title: str) -> str:
    """Return the title of the project with clusters; Label Studio allows 50 characters.

    Example:
        >>> cluster_title("scratches")
        'scratches (clusters)'
    """
    return f"{title[:39]} (clusters)"


def build_cluster_config(modality: Modality) -> str:
    """Return the label config of clusters.

    Raises:
        AnnotatorError: Items of this form of data cannot be shown in clusters.
    """
    shown = form_named(modality).shown
    if shown not in ("picture", "text"):
        raise AnnotatorError(
            f"{modality} items cannot be shown together in Label Studio",
            hint="query without --confirm, and set query.confirm to false",
        )
    layout = "inline" if shown == "picture" else "vertical"
    return f"""<View>
  <Style>{_GRID}</Style>
  <Text name="group" value="$question"/>
  <View className="activessl-grid">
    <Choices name="{ODD}" toName="group" value="$items" choice="multiple" layout="{layout}"/>
  </View>
  <Choices name="{VERDICT}" toName="group" choice="single-radio" required="true" showInline="true">
    <Choice value="yes, all items that are not clicked" alias="{YES}" hotkey="1"/>
    <Choice value="no, too many are not: ask about each item alone" alias="{NO}" hotkey="2"/>
  </Choices>
</View>"""


def open_clusters(
    client: Client, *, number: int | None, made: str | None, title: str, modality: Modality
) -> dict[str, Any]:
    """Return the project with clusters; make it if there is none of that title.

    Args:
        client: The connection.
        number: The number of the project, if it is known from an earlier push.
        made: When the project of that number was made.
        title: The title of the project with single items.
        modality: The form of data.

    Raises:
        AnnotatorError: Several projects have that title, or the label config is not one for clusters.
    """
    config = build_cluster_config(modality)
    project = look_up(client, number, made, cluster_title(title), {})
    if project is None:
        body = {
            "title": cluster_title(title),
            "label_config": config,
            "sampling": "Sequential sampling",
            "enable_empty_annotation": False,
            "maximum_annotations": 1,
            "expert_instruction": INSTRUCTIONS,
            "show_instruction": False,
        }
        return row(client.post("/api/projects/", body), "a new project")
    there = str(project.get("label_config"))
    if not all(f'name="{name}"' in there for name in (ODD, VERDICT)):
        raise AnnotatorError(
            f"project {project['id']} has a label config that does not ask about clusters",
            hint="rename that project in Label Studio, or set another annotator.title",
        )
    return project


def find_clusters(client: Client, *, number: int, made: str | None, title: str) -> dict[str, Any] | None:
    """Return the project with clusters without changing it; None if it does not exist."""
    return look_up(client, number, made, cluster_title(title), {"include": "id,title,created_at"})


def to_cluster_task(question: Question, shown: Sequence[Any], modality: Modality) -> dict[str, Any]:
    """Return the task of a cluster.

    Args:
        question: The items, and the class that the model proposes.
        shown: The address or the text of each item.
        modality: The form of data.
    """
    draw = _picture if form_named(modality).shown == "picture" else html.escape
    items = [{"value": item, "html": draw(str(one))} for item, one in zip(question.items, shown, strict=True)]
    asks = f'Are all items "{question.proposed}"? Click each item that is not.'
    return {"data": {ID_KEY: question.id, "question": asks, "class": question.proposed, "items": items}}


def _picture(address: str) -> str:
    # as a background, because Label Studio removes <img> with a data: address from the HTML of choices
    url = address if address.startswith("data:") else quote(address, safe="/:?=&%#+,;@")
    return (
        f'<span class="activessl-picture" style="display: inline-block; width: {_SIDE}px; height: {_SIDE}px; '
        f"background: url('{url}') center / contain no-repeat; image-rendering: auto\"></span>"
    )


def push_clusters(
    client: Client,
    project: Mapping[str, Any],
    pool: Pool,
    asked: Asked,
    *,
    beside: int,
    media: MediaMode,
    document_root: Path | None,
    patience: float = 2.0,
) -> Pushed:
    """Import the missing clusters; delete unanswered clusters of older rounds.

    Args:
        client: The connection.
        project: The result of ``open_clusters``.
        pool: The pool of the items.
        asked: The clusters, in the order in which they are shown.
        beside: The project with single items. Media are uploaded there, because Label Studio accepts no files for a
            label config that reads several keys of a task.
        media: How the items are shown.
        document_root: The folder that the server may serve files from, for media "local".
        patience: As for ``push_round``.

    Raises:
        AnnotatorError: The server did not take all tasks.
        AnnotatorUnreachable: No answer; the next push finds what was sent.
    """
    number, ids = int(project["id"]), list(asked.ids)
    known = heal(client, find_tasks(client, dict(project), ids))
    dead = [task for task in known.values() if is_open(task) and _withdrawn(task, beside)]
    for task in [*_open_others(client, number, ids), *dead]:
        client.delete(f"/api/tasks/{task['id']}/")
    known = {question: task for question, task in known.items() if task not in dead}
    missing = [question for question in asked.questions if question.id not in known]
    rows = [pool.row(item) for question in missing for item in question.items]
    shown = iter(place(client, beside, pool, rows, mode=media, document_root=document_root))
    tasks = [to_cluster_task(question, [next(shown) for _ in question.items], pool.modality) for question in missing]
    made = import_tasks(client, project, tasks, patience)
    numbers = {question: int(task["id"]) for question, task in known.items()} | made
    return Pushed(
        tasks={question: str(numbers[question]) for question in ids},
        new=len(made),
        suggestions=len(asked),
        where=labeling_address(client.url, number),
        project=str(number),
        made=str(project.get("created_at") or ""),
    )


def _withdrawn(task: Mapping[str, Any], beside: int) -> bool:
    """Return whether the pictures of a cluster have addresses that are no longer served."""
    shown = (html.unescape(str(one.get("html"))) for one in task["data"].get("items") or () if isinstance(one, Mapping))
    return any(
        withdrawn_address(address, beside) for text in shown for address in re.findall(r"url\('([^']+)'\)", text)
    )


def _open_others(client: Client, number: int, ids: Sequence[str]) -> list[dict[str, Any]]:
    filters = [
        {"filter": f"filter:tasks:{name}", "operator": "equal", "type": "Number", "value": 0}
        for name in ("total_annotations", "cancelled_annotations")
    ]
    found = [task for task in list_tasks(client, number, filters) if is_open(task)]
    return [task for task in found if (cluster := question_of(task)) is not None and cluster not in ids]


def to_cluster_answers(
    annotation: Mapping[str, Any], task: Mapping[str, Any], *, project: str, people: Mapping[int, str]
) -> tuple[list[Answer], Note | None]:
    """Return the answer of an annotation for each item of its cluster.

    If the annotator confirms the cluster, the items that were not clicked get the class. Clicked items, and all items
    of a cluster that was skipped or not confirmed, are asked about alone. The time is divided among the items.

    Args:
        annotation: The annotation, as Label Studio lists it.
        task: The task of the annotation.
        project: The permanent name of the project.
        people: User numbers to names.

    Raises:
        AnnotatorError: The annotation has no number or no time.
    """
    cluster, source, updated = marks_of(annotation, task, project, about="cluster")
    data = task["data"]
    listed = data.get("items")
    items = [str(one["value"]) for one in listed if isinstance(one, Mapping) and "value" in one] if listed else []
    label = data.get("class")
    if not items or not isinstance(label, str):
        return [], Note(source, cluster, "the task no longer has its items: the annotation is ignored")
    said = _said(annotation.get("result"))
    note = None
    yes = said[VERDICT] == [YES] and not annotation.get("was_cancelled")
    if not said[VERDICT] and not annotation.get("was_cancelled"):
        note = Note(source, cluster, "submitted without key 1 or 2: each item is asked about alone")
    took = seconds_of(annotation.get("lead_time"))
    answers = [
        Answer(
            key=f"{source} of {item} @ {updated}",
            source=f"{source} of {item}",
            item=item,
            kind="label" if yes and item not in said[ODD] else "apart",
            classes=(label,) if yes and item not in said[ODD] else (),
            annotator=who(annotation.get("completed_by"), people),
            seconds=None if took is None else took / len(items),
            at=to_time(updated),
            suggested=label,
            ground_truth=bool(annotation.get("ground_truth")),
            question=cluster,
            cluster=True,
        )
        for item in items
    ]
    return answers, note


def _said(result: Any) -> dict[str, list[str]]:
    """Return the choices of the two tags."""
    said: dict[str, list[str]] = {ODD: [], VERDICT: []}
    for part in result if isinstance(result, list) else ():
        if isinstance(part, Mapping) and part.get("from_name") in said and isinstance(part.get("value"), Mapping):
            choices = part["value"].get("choices") or ()
            # the server also takes one choice that is not in a list
            for one in [choices] if isinstance(choices, str) else choices:
                # a nested choice is a path
                said[part["from_name"]].append(str(one[-1] if isinstance(one, list) and one else one))
    return said
