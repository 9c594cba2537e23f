"""Finding, making and checking the Label Studio project, and finding tasks in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from activessl.annotators.base import Offer
from activessl.errors import AnnotatorError, ConfigError
from activessl.labels.kinds import LabelKind
from activessl.pool.forms.registry import form_named
from activessl.pool.pool import Modality
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Control, build_config, read_config
from activessl_label_studio.mapping import project_name, question_of

__all__ = ["UNCERTAINTY", "find_project", "find_tasks", "list_tasks", "open_project"]

#: The only sampling of the free edition that follows the predictions' score.
UNCERTAINTY = "Uncertainty sampling"

#: What an annotator can look up while labeling.
INSTRUCTIONS = (
    "<p>Press the key of the class that stands beside its name, then Ctrl+Enter to submit.</p>"
    "<p>A class that is selected already is what the model believes: confirm it if it is right, and choose another one "
    "if it is not. Where it hesitates, a line above says between what. Skip what you cannot tell.</p>"
)

#: The same where an item may have several classes.
SEVERAL_INSTRUCTIONS = (
    "<p>Press the key of each class that the item has, then Ctrl+Enter to submit; submit it without any if it has none "
    "of them.</p>"
    "<p>What is selected already is what the model believes: take away what is wrong, and add what is missing. Skip "
    "what you cannot tell.</p>"
)

#: An address this long passes every proxy (gunicorn takes 4,094 characters); a longer filter goes into the body.
_QUERY_CHARS = 3_000

_NO_COUNTS = "id,title,label_config,created_at"

#: Ids in one filter: 10,000 take about a second, whatever the size of the project.
_IDS = 10_000


def open_project(
    client: Client,
    *,
    number: int | None,
    made: str | None = None,
    title: str,
    classes: Sequence[str],
    modality: Modality,
    label_kind: LabelKind,
    channels: int = 1,
    side: int | None = None,
    control: str | None = None,
    instructions: str = "",
    offer: Offer | None = None,
) -> tuple[dict[str, Any], Control]:
    """The project and its control, made if there is none of that title, and set so that the order holds.

    The sampling follows the scores, predictions are shown, empty submits are off. An existing project keeps its label
    config; classes that it lacks are added if the config is one of ours, and named in an error otherwise.

    Args:
        client: Who asks.
        number: The project's number; None to find it by title.
        made: When the project of that number was made; one that was made at another time is another one, and ours is
            found by its title.
        title: 3 to 50 characters.
        classes: What the label config must offer.
        modality: What the items are.
        label_kind: How many classes an item may have.
        channels: How many channels a series has.
        side: The longer side of the images in pixels, where it is known.
        control: The name of the Choices tag in an existing config with several.
        instructions: Shown to the annotators before they start; ours, behind a button, where there are none.
        offer: What a project offered when it was last looked at: a class of these that is not there any more was taken
            out by somebody, and is not added again.

    Raises:
        AnnotatorError: No such project, several of that title, or one that cannot hold these items.
        ConfigError: The label config cannot be served; what is in the way is named.
    """
    project = look_up(client, number, made, title, {})
    if project is None:
        body = {
            "title": title,
            "label_config": build_config(classes, modality, label_kind=label_kind, channels=channels, side=side),
            "sampling": UNCERTAINTY,
            "show_collab_predictions": True,
            "enable_empty_annotation": label_kind.independent,  # an item may have none of the classes
            "maximum_annotations": 1,
            "expert_instruction": instructions or (SEVERAL_INSTRUCTIONS if label_kind.independent else INSTRUCTIONS),
            "show_instruction": bool(instructions),
        }
        project = client.post("/api/projects/", body)
    wanted = {
        "sampling": UNCERTAINTY,
        "show_collab_predictions": True,
        "enable_empty_annotation": label_kind.independent,
    }
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if project.get(key) != value}
    found = read_config(str(project.get("label_config") or ""), control=control)
    if found.shown != form_named(modality).shown:
        raise AnnotatorError(
            f"project {project['id']} shows a {found.shown} in each task, which {modality} items are not",
            hint="name another project or title",
        )
    if found.label_kind != label_kind:
        many = {"several": "several classes", "one": "one class"}
        raise ConfigError(
            f"project {project['id']} asks for {many[found.label_kind.name]} per item, not {many[label_kind.name]}",
            hint="change `choice` (of a Taxonomy `maxUsages`) there, or data.multi_label in activessl.toml",
        )
    before = offer.classes if offer is not None and offer.project == project_name(project) else ()
    missing = [name for name in classes if name not in found.classes and name not in before]
    if missing:
        # ours is what we would build again, but for how the media are shown, which people adjust
        shown, ours = _split(str(project.get("label_config")))
        if ours not in [
            _split(build_config(found.classes, modality, label_kind=label_kind, hint=h))[1] for h in (True, False)
        ]:
            raise ConfigError(
                f"the label config of project {project['id']} lacks {', '.join(missing)}",
                hint="add these choices in the project's settings, or take the classes out of yours",
            )
        together = [*found.classes, *missing]
        beside = len(found.classes) <= 12 < len(together)  # the layout changes
        hint = found.hint is not None  # who took it out does not want it
        wider = build_config(together, modality, label_kind=label_kind, channels=channels, side=side, hint=hint)
        changes["label_config"] = wider if beside else shown + _split(wider)[1]
        found = read_config(changes["label_config"])
    if changes:
        project = client.patch(f"/api/projects/{project['id']}", changes) | {"id": project["id"]}
    return project, found


def _split(config: str) -> tuple[str, str]:
    """What a config shows, and what it asks."""
    shown, tag, asked = config.partition("  <Choices")
    return shown, tag + asked


def find_project(
    client: Client,
    *,
    number: int | None,
    made: str | None = None,
    title: str,
    control: str | None = None,
    counts: bool = True,
) -> tuple[dict[str, Any], Control]:
    """The project as it is, without making or changing anything.

    Args:
        client: Who asks.
        number: As for ``open_project``.
        made: As for ``open_project``.
        title: As for ``open_project``.
        control: As for ``open_project``.
        counts: With the numbers of tasks and answers, which take Label Studio a second in a large project.

    Raises:
        AnnotatorError: There is no such project, or there are several.
        ConfigError: Its label config cannot be served.
    """
    project = look_up(client, number, made, title, {} if counts else {"include": _NO_COUNTS})
    if project is None:
        raise AnnotatorError(f"{client.url} has no project {title!r}", hint="push a round first: it makes the project")
    return project, read_config(str(project.get("label_config") or ""), control=control)


def look_up(
    client: Client, number: int | None, made: str | None, title: str, only: dict[str, Any]
) -> dict[str, Any] | None:
    if number is None:
        return _by_title(client, title, only)
    project: dict[str, Any] | None = client.get(f"/api/projects/{number}", missing_ok=made is not None, **only)
    if made is not None and (project is None or project.get("created_at") != made):
        return _by_title(client, title, only)
    return project


def _by_title(client: Client, title: str, only: dict[str, Any]) -> dict[str, Any] | None:
    if not 3 <= len(title) <= 50:
        raise ConfigError(f"the title {title!r} has {len(title)} characters", hint="give it 3 to 50")
    page = client.get("/api/projects/", title=title, page_size=100, include="id,title")
    same = [row for row in page["results"] if row.get("title") == title]
    if len(same) > 1:
        numbers = ", ".join(str(row["id"]) for row in same)
        raise AnnotatorError(
            f"{len(same)} projects are called {title!r}: {numbers}", hint="say which one by its number"
        )
    found: dict[str, Any] | None = client.get(f"/api/projects/{same[0]['id']}", **only) if same else None
    return found


def list_tasks(
    client: Client,
    project: int,
    filters: Sequence[dict[str, Any]] = (),
    *,
    conjunction: str = "and",
    everything: bool = False,
    page_size: int = 1000,
) -> Iterator[dict[str, Any]]:
    """Tasks in the order of their numbers, page by page.

    Args:
        client: Who asks.
        project: The project's number.
        filters: The Data Manager's filters.
        conjunction: "and" or "or" between them.
        everything: With annotations, predictions and drafts: ten times slower.
        page_size: Tasks per request.
    """
    query = {"filters": {"conjunction": conjunction, "items": list(filters)}, "ordering": ["tasks:id"]}
    extra: dict[str, Any] = {"fields": "all"} if everything else {}
    asked = json.dumps(query, separators=(",", ":"))
    body = query if len(quote(asked)) > _QUERY_CHARS else None
    if body is None:
        extra["query"] = asked
    seen = 0
    for number in range(1, 1_000_000):
        page = client.get(
            "/api/tasks",
            body,
            timeout=300.0,
            project=project,
            page=number,
            page_size=page_size,
            # addresses of media are not needed, and resolving each takes time
            resolve_uri="false",
            **extra,
        )
        tasks = page["tasks"]
        yield from tasks
        seen += len(tasks)
        # asking for a page beyond the end is a 404, which cannot be told from a project that went away
        if seen >= int(page["total"]) or not tasks:
            return


def find_tasks(
    client: Client, project: dict[str, Any], ids: Sequence[str], *, everything: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """The tasks of some questions: question id to its tasks, the oldest first. Questions without a task are not in it.

    There is more than one task only if an import was repeated behind our back.
    """
    if project.get("task_number") == 0 or not ids:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    for task in _candidates(client, int(project["id"]), ids, everything):
        question = question_of(task)
        if question is not None:
            found.setdefault(question, []).append(task)
    wanted = set(ids)
    return {
        question: sorted(tasks, key=lambda t: int(t["id"])) for question, tasks in found.items() if question in wanted
    }


def _candidates(client: Client, project: int, ids: Sequence[str], everything: bool) -> Iterator[dict[str, Any]]:
    for start in range(0, len(ids), _IDS):
        chunk = list(ids[start : start + _IDS])
        one = {"filter": "filter:tasks:data.activessl_id", "operator": "in_list", "type": "String", "value": chunk}
        yield from list_tasks(client, project, [one], everything=everything)
