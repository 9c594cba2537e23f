"""Find, make and check the Label Studio project of a project of regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activessl.annotators.base import Offer
from activessl.errors import AnnotatorError, ConfigError
from activessl.labels.changes import Naming
from activessl.pool.forms.registry import form_named
from activessl.pool.pool import Modality
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Control
from activessl_label_studio.mapping import project_name
from activessl_label_studio.project import UNCERTAINTY, find_project, look_up, pushed_project
from activessl_label_studio.regions.layout import INSTRUCTIONS, build_region_config, split_config
from activessl_label_studio.regions.tags import PLACES, RegionControl, read_region_config
from activessl_label_studio.shape import row

__all__ = ["find_any", "open_region_project"]


def open_region_project(
    client: Client,
    *,
    task: str,
    number: int | None,
    made: str | None = None,
    title: str,
    classes: Sequence[str],
    modality: Modality,
    channels: int = 1,
    side: int | None = None,
    control: str | None = None,
    instructions: str = "",
    offer: Offer | None = None,
    naming: Naming | None = None,
) -> tuple[dict[str, Any], RegionControl]:
    """Return the project and the tag that draws; make the project if there is none, and set what the order needs.

    Sampling uses the scores, predictions are shown, and an item can be submitted without a region. An existing project
    keeps its label config. Missing classes are added if activessl made the config; else they are an error.

    Args:
        client: The connection.
        task: What people draw: "boxes", "masks", "spans" or "segments".
        number: The project's number; None to find it by title.
        made: When the project of that number was made; as for ``activessl_label_studio.project.open_project``.
        title: 3 to 50 characters.
        classes: The classes that the label config must have.
        modality: The form of data.
        channels: How many channels a series has.
        side: The longer side of the images in pixels, if it is known.
        control: The name of the tag, if an existing config has several that draw.
        instructions: Shown to the annotators before they start; if empty, a button shows ``INSTRUCTIONS``.
        offer: The classes of the project at the last push or pull: one that is missing now is not added again.
        naming: The changes of the classes.

    Raises:
        AnnotatorError: The project does not exist, several have that title, or it shows another form of data.
        ConfigError: The label config cannot be used; the message has the reason.
    """
    project = look_up(client, number, made, title, {})
    wanted: dict[str, Any] = {
        "sampling": UNCERTAINTY,
        "show_collab_predictions": True,
        "enable_empty_annotation": True,  # an item may hold none
    }
    if project is None:
        one = PLACES.get(task, "region")
        body = {
            "title": title,
            "label_config": build_region_config(task, modality, classes, channels=channels, side=side),
            "maximum_annotations": 1,
            "expert_instruction": instructions or INSTRUCTIONS.format(one=one),
            "show_instruction": bool(instructions),
            **wanted,
        }
        project = row(client.post("/api/projects/", body), "a new project")
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if project.get(key) != value}
    config = str(project.get("label_config") or "")
    found = read_region_config(config, task, control=control).called(naming or Naming())
    if found.shown != form_named(modality).shown:
        raise AnnotatorError(
            f"project {project['id']} shows a {found.shown} in each task, which {modality} items are not",
            hint="set another annotator.project or annotator.title in activessl.toml",
        )
    before = offer.classes if offer is not None and offer.project == project_name(project) else ()
    missing = [name for name in classes if name not in found.classes and name not in before]
    wider = _with_labels(config, found, missing, modality)
    if wider is None and missing:
        raise ConfigError(
            f"the label config of project {project['id']} lacks {', '.join(missing)}",
            hint="add these labels in the project's settings, or remove the classes from activessl.toml",
        )
    if wider is not None and wider != config:
        changes["label_config"] = wider
        found = read_region_config(wider, task, control=control).called(naming or Naming())
    if changes:
        project = row(client.patch(f"/api/projects/{project['id']}", changes), "a project") | {"id": project["id"]}
    return project, found


def _with_labels(config: str, found: RegionControl, missing: Sequence[str], modality: Modality) -> str | None:
    """Return a config of activessl with the classes of now; None for a config of people, which stays as it is.

    A renamed class shows its new name, and keeps the old one in results. Labels are never removed: results have them.
    """
    now = {old: new for new, old in found.stored.items()}
    there = {label.shown: label.stored for label in found.shows}
    wanted = {now.get(old, shown): old for shown, old in there.items()} | {name: name for name in missing}
    try:
        ours, wider = (build_region_config(found.task, modality, tuple(of), stored=of) for of in (there, wanted))
    except ConfigError:
        return None
    if split_config(config)[0] != split_config(ours)[0]:
        return None
    return "\n".join([split_config(wider)[0], split_config(config)[1]])


def find_any(
    client: Client,
    *,
    task: str = "classes",
    number: int | None,
    made: str | None = None,
    title: str,
    control: str | None = None,
    naming: Naming | None = None,
    counts: bool = True,
) -> tuple[dict[str, Any], Control | RegionControl]:
    """Return the project, and the tag that classifies or draws, without making or changing anything.

    Args:
        client: The connection.
        task: What people give: "classes", or what they draw.
        number: As for ``find_project``, like the others.
        made: When the project of that number was made.
        title: Its title.
        control: The name of the tag.
        naming: The changes of the classes.
        counts: Whether to read the numbers of tasks and answers, which takes a second in a large project.

    Raises:
        AnnotatorError: There is no such project, or several have that title.
        ConfigError: Its label config cannot be used.
    """
    if task == "classes":
        return find_project(
            client, number=number, made=made, title=title, control=control, naming=naming, counts=counts
        )
    project = pushed_project(client, number, made, title, counts=counts)
    found = read_region_config(str(project.get("label_config") or ""), task, control=control)
    return project, found.called(naming or Naming())
