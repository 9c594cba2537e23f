"""Find, make and check the Label Studio project, and find tasks in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from activessl.annotators.base import Offer
from activessl.errors import AnnotatorError, ConfigError
from activessl.labels.changes import Naming
from activessl.labels.kinds import LabelKind
from activessl.pool.forms.registry import form_named
from activessl.pool.pool import Modality, Pool
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Choice, Control, build_config, read_config
from activessl_label_studio.mapping import project_name, question_of
from activessl_label_studio.shape import count_in, list_in, row, rows, task_row

__all__ = [
    "UNCERTAINTY",
    "find_project",
    "find_tasks",
    "list_tasks",
    "look_up",
    "names_of",
    "open_project",
    "pushed_project",
    "shown_sizes",
]

#: The only sampling of the free edition that uses the scores of predictions.
UNCERTAINTY = "Uncertainty sampling"

#: The instructions that annotators can open while labeling. The key of a selected class removes the selection, and
#: Label Studio refuses a submit without a class.
INSTRUCTIONS = (
    "<p>If no class is selected, press the key that is shown beside the right one, then press Ctrl+Enter to submit.</p>"
    "<p>A class that is already selected is the suggestion of the model. If it is right, press only Ctrl+Enter: "
    "its key would remove the selection. If it is wrong, press the key of the right class, then Ctrl+Enter.</p>"
    "<p>If the model is not certain, a line above the classes shows the most probable ones. "
    "Click Skip if you cannot tell the class.</p>"
)

#: The instructions if an item may have several classes.
SEVERAL_INSTRUCTIONS = (
    "<p>Classes that are already selected are the suggestion of the model. The key of a class selects it; if it is "
    "already selected, its key removes the selection. When all classes of the item are selected, and no others, press "
    "only Ctrl+Enter to submit. If the item has none of the classes, submit it without a class.</p>"
    "<p>Click Skip if you cannot tell the classes.</p>"
)

#: Every proxy accepts an address of this length (gunicorn: 4,094 characters); longer filters go into the body.
_QUERY_CHARS = 3_000

#: The fields of a project without the numbers of its tasks, which take a second in a large one.
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
    naming: Naming | None = None,
) -> tuple[dict[str, Any], Control]:
    """Return the project and its control; make the project if there is none, and set what the order of tasks needs.

    Sampling uses the scores, predictions are shown, and empty submits are off unless an item may have no class. An
    existing project keeps its label config. Missing classes are added if activessl made the config; else they are an
    error.

    Args:
        client: The connection.
        number: The project's number; None to find it by title.
        made: When the project of that number was made. If the time differs, it is another project, and the title
            finds ours.
        title: 3 to 50 characters.
        classes: The classes that the label config must have.
        modality: The form of data.
        label_kind: How many classes an item may have.
        channels: How many channels a series has.
        side: The longer side of the images in pixels, if it is known.
        control: The name of the Choices tag, if an existing config has several.
        instructions: Shown to the annotators before they start; if empty, a button shows ``INSTRUCTIONS``.
        offer: The classes of the project at the last push or pull: if one of them is missing now, somebody removed it,
            and it is not added again.
        naming: The changes of the classes. In a config of activessl a renamed class keeps its name in results, and
            choices of merged and split classes are hidden.

    Raises:
        AnnotatorError: The project does not exist, several have that title, or it shows another form of data.
        ConfigError: The label config cannot be used; the message has the reason.
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
        project = row(client.post("/api/projects/", body), "a new project")
    wanted = {
        "sampling": UNCERTAINTY,
        "show_collab_predictions": True,
        "enable_empty_annotation": label_kind.independent,
    }
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if project.get(key) != value}
    naming = naming or Naming()
    found = read_config(str(project.get("label_config") or ""), control=control).called(naming)
    if found.shown != form_named(modality).shown:
        raise AnnotatorError(
            f"project {project['id']} shows a {found.shown} in each task, which {modality} items are not",
            hint="set another annotator.project or annotator.title in activessl.toml",
        )
    if found.label_kind != label_kind:
        many = {"several": "several classes", "one": "one class"}
        raise ConfigError(
            f"project {project['id']} asks for {many[found.label_kind.name]} per item, not {many[label_kind.name]}",
            hint="change `choice` (of a Taxonomy `maxUsages`) there, or data.multi_label in activessl.toml",
        )
    before = offer.classes if offer is not None and offer.project == project_name(project) else ()
    hidden = {choice.stored for choice in found.choices if choice.hidden}
    missing = [n for n in classes if n not in found.classes and (n not in before or n in hidden)]
    ours = _is_ours(str(project.get("label_config")), found, modality)
    if missing and not ours:
        raise ConfigError(
            f"the label config of project {project['id']} lacks {', '.join(missing)}",
            hint="add these choices in the project's settings, or remove the classes from activessl.toml",
        )
    if ours:
        config = str(project.get("label_config"))
        wider = _with_choices(config, found, classes, missing, naming, modality, channels, side)
        if wider != config:
            changes["label_config"] = wider
            found = read_config(wider).called(naming)
    if changes:
        project = row(client.patch(f"/api/projects/{project['id']}", changes), "a project") | {"id": project["id"]}
    return project, found


def _is_ours(config: str, found: Control, modality: Modality) -> bool:
    """Whether activessl made the choices of a config and would make them again, except for how the media are shown,
    which people adjust."""
    if not found.choices:
        return False
    ours = _split(config)[1]
    return any(ours == _split(_built(found.choices, modality, found.label_kind, hint=h))[1] for h in (True, False))


def _built(choices: Sequence[Choice], modality: Modality, label_kind: LabelKind, **more: Any) -> str:
    shown = {choice.shown: choice.stored for choice in choices if not choice.hidden}
    hidden = [choice.stored for choice in choices if choice.hidden]
    if not shown:
        return ""
    return build_config(tuple(shown), modality, label_kind=label_kind, stored=shown, hidden=hidden, **more)


def _with_choices(
    config: str,
    found: Control,
    classes: Sequence[str],
    missing: Sequence[str],
    naming: Naming,
    modality: Modality,
    channels: int,
    side: int | None,
) -> str:
    """Return a config of activessl with the classes of now; the same text if nothing changes.

    A renamed class shows its new name and keeps the old one in results. The choices of classes that are no more are
    hidden: they are in earlier results.
    """
    there = [choice.stored for choice in found.choices]
    visible = [choice.stored for choice in found.choices if not choice.hidden]
    gone = [n for n in there if n not in classes and (naming.replaced(n) or n in naming.withdrawn)]
    kept = [name for name in found.classes if name not in gone or found.stored.get(name, name) != name]
    # in the place of the old class, so that the keys of the others stay
    news = [n for name in visible for n in (naming.read(name).names if naming.replaced(name) else (name,))]
    named = [name for name in dict.fromkeys(news) if name in kept or name in missing]
    named += [name for name in missing if name not in named]
    stored = {name: found.stored.get(name, name) for name in named}
    hidden = [name for name in there if name not in stored.values()]
    choices = [*(Choice(name, stored[name]) for name in named), *(Choice(name, name, hidden=True) for name in hidden)]
    if choices == list(found.choices) or not named:
        return config
    beside = (len(visible) > 12) != (len(named) > 12)  # the layout changes
    hint = found.hint is not None  # somebody removed the hint: it is not added again
    wider = _built(choices, modality, found.label_kind, channels=channels, side=side, hint=hint)
    return wider if beside else _split(config)[0] + _split(wider)[1]


def _split(config: str) -> tuple[str, str]:
    """Split a config into the part that shows the item and the part that asks for the class."""
    shown, tag, asked = config.partition("  <Choices")
    return shown, tag + asked


def find_project(
    client: Client,
    *,
    number: int | None,
    made: str | None = None,
    title: str,
    control: str | None = None,
    naming: Naming | None = None,
    counts: bool = True,
) -> tuple[dict[str, Any], Control]:
    """Return the project and its control, without making or changing anything.

    Args:
        client: The connection.
        number: As for ``open_project``.
        made: As for ``open_project``.
        title: As for ``open_project``.
        control: As for ``open_project``.
        naming: As for ``open_project``.
        counts: Whether to read the numbers of tasks and answers, which takes a second in a large project.

    Raises:
        AnnotatorError: There is no such project, or several have that title.
        ConfigError: Its label config cannot be used.
    """
    project = pushed_project(client, number, made, title, counts=counts)
    found = read_config(str(project.get("label_config") or ""), control=control)
    return project, found.called(naming or Naming())


def pushed_project(client: Client, number: int | None, made: str | None, title: str, *, counts: bool) -> dict[str, Any]:
    """Return the project that an earlier push made; as ``find_project``, without reading its label config.

    Raises:
        AnnotatorError: There is no such project, or several have that title.
    """
    project = look_up(client, number, made, title, {} if counts else {"include": _NO_COUNTS})
    if project is None:
        raise AnnotatorError(
            f"{client.url} has no project {title!r}", hint="push a round first: the push makes the project"
        )
    return project


def names_of(client: Client) -> dict[int, str]:
    """Return the e-mail address of each user by number.

    Raises:
        AnnotatorError: The server cannot be reached, or answers with something else.
    """
    return {user["id"]: str(user.get("email")) for user in rows(client.get("/api/users/"), "users")}


def shown_sizes(pool: Pool) -> tuple[int, int | None]:
    """Return the number of channels of series, and the longer side of pictures: a new label config needs them."""
    channels = pool.items[0].shape[0] if pool.form.shown == "series" else 1
    sides = [max(i.shape[:2], default=0) for i in pool.items[:200]] if pool.form.shown == "picture" else []
    return channels, max(sides, default=None)


def look_up(
    client: Client, number: int | None, made: str | None, title: str, only: dict[str, Any]
) -> dict[str, Any] | None:
    """Return a project by its number and the time when it was made, else by its title; None if there is none."""
    if number is None:
        return _by_title(client, title, only)
    found = client.get(f"/api/projects/{number}", missing_ok=made is not None, **only)
    project = None if found is None and made is not None else row(found, f"project {number}")
    if made is not None and (project is None or project.get("created_at") != made):
        return _by_title(client, title, only)
    return project


def _by_title(client: Client, title: str, only: dict[str, Any]) -> dict[str, Any] | None:
    if not 3 <= len(title) <= 50:
        raise ConfigError(
            f"the title {title!r} has {len(title)} characters", hint="set annotator.title to 3 to 50 characters"
        )
    page = client.get("/api/projects/", title=title, page_size=100, include="id,title")
    same = [one for one in list_in(page, "results", "projects") if one.get("title") == title]
    if len(same) > 1:
        numbers = ", ".join(str(one["id"]) for one in same)
        raise AnnotatorError(
            f"{len(same)} projects are called {title!r}: {numbers}", hint="set annotator.project to the number of one"
        )
    return row(client.get(f"/api/projects/{same[0]['id']}", **only), f"project {same[0]['id']}") if same else None


def list_tasks(
    client: Client,
    project: int,
    filters: Sequence[dict[str, Any]] = (),
    *,
    conjunction: str = "and",
    everything: bool = False,
    page_size: int = 1000,
) -> Iterator[dict[str, Any]]:
    """Yield tasks in the order of their numbers, page by page.

    Args:
        client: The connection.
        project: The project's number.
        filters: The Data Manager's filters.
        conjunction: "and" or "or" between them.
        everything: Whether to read annotations, predictions and drafts, too, which is ten times slower.
        page_size: Tasks per request.
    """
    query = {"filters": {"conjunction": conjunction, "items": list(filters)}, "ordering": ["tasks:id"]}
    extra: dict[str, Any] = {"fields": "all"} if everything else {}
    asked = json.dumps(query, separators=(",", ":"))
    body = query if len(quote(asked)) > _QUERY_CHARS else None
    if body is None:
        extra["query"] = asked
    seen: set[int] = set()
    for number in range(1, 1_000_000):
        page = client.get(
            "/api/tasks",
            body,
            timeout=300.0,
            project=project,
            page=number,
            page_size=page_size,
            # resolving the addresses of media takes time, and they are not needed
            resolve_uri="false",
            **extra,
        )
        tasks = list_in(page, "tasks", "tasks")
        before = len(seen)
        seen.update(task["id"] for task in tasks)
        if tasks and len(seen) == before:  # another server could have one asked without an end
            raise AnnotatorError(
                f"{client.url} answered page {number} of the tasks of project {project} with those of earlier pages",
                hint="check that the address is Label Studio's own, and try again",
            )
        yield from (task_row(task, everything=everything) for task in tasks)
        # a page beyond the end gives 404, like a project that was deleted
        if len(seen) >= count_in(page, "total", "tasks") or not tasks:
            return


def find_tasks(
    client: Client, project: dict[str, Any], ids: Sequence[str], *, everything: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Return the tasks of questions: question id to its tasks, the oldest first. Questions without a task are left out.

    A question has several tasks only if the server carried out an import twice.
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
