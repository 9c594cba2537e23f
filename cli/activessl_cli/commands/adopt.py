"""``activessl adopt``: use a Label Studio project that existed before, with its labels."""

from __future__ import annotations

from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

NameOption = Annotated[
    bool, typer.Option("--by-name", help="Match a file of the same name also if its content is not that of the item.")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Print the matches; change nothing in Label Studio.")]


def adopt(
    project: ProjectOption = HERE, dry_run: DryOption = False, by_name: NameOption = False, as_json: JsonOption = False
) -> None:
    """Match the tasks of the Label Studio project that activessl.toml names with the items of the pool."""
    from activessl.errors import ConfigError
    from activessl.pool.progress import Progress
    from activessl.project.annotators import annotator_of
    from activessl.project.folder import Project
    from activessl_label_studio.adopt import adopt_tasks
    from activessl_label_studio.annotator import LabelStudioAnnotator
    from activessl_label_studio.mapping import ID_KEY

    opened = Project.open(project)
    people = annotator_of(opened)
    if not isinstance(people, LabelStudioAnnotator):
        raise ConfigError(
            "only a Label Studio project can be adopted", hint='set annotator.kind = "label-studio" in activessl.toml'
        )
    found, control = people.find()
    with opened.lock(), render.progress("tasks") as on_progress:
        adopted = adopt_tasks(
            people.client,
            found,
            control,
            opened.pool(),
            dry=dry_run,
            by_name=by_name,
            on_read=lambda done, every: on_progress(Progress("files", done, every)),
            on_task=lambda done, every: on_progress(Progress("tasks", done, every)),
        )
    text = (
        f"project {found['id']} of {people.client.url}: {adopted.tasks:,} tasks, {adopted.ours:,} show items of the "
        f"pool ({adopted.new:,} {'would be new' if dry_run else 'new'}), {adopted.answered:,} of them answered"
    )
    if adopted.unknown:
        text += f"\n{adopted.unknown:,} tasks show no item of the pool, such as {adopted.example!r}: not changed"
    if adopted.unclear:
        text += (
            f"\n{adopted.unclear:,} of these may show one of several items, or an item that another task may show: "
            f"write the item's id into their data as {ID_KEY}"
        )
    if adopted.different:
        text += (
            f"\n{adopted.different:,} of these show a file of the name of an item, with other content; if it is the "
            "same item, stored in another way: activessl adopt --by-name"
        )
    if adopted.named:
        address, item = adopted.named_example
        text += (
            f"\n{adopted.named:,} tasks are matched by the name of the file alone, such as {address!r} with {item!r}: "
            "check that these are the same files"
        )
    if adopted.double:
        text += f"\n{adopted.double:,} tasks show an item that another task shows: not changed"
    missing = [name for name in control.classes if name not in opened.config.data.classes]
    if missing:
        text += f"\nanswers with {', '.join(missing)} are set aside: activessl.toml does not have these classes"
    render.result(
        {"project": found["id"], "dry_run": dry_run, "unknown_classes": missing, "adopted": adopted},
        text,
        as_json=as_json,
    )
    render.following("activessl adopt" if dry_run else "activessl pull" if adopted.ours else next_of(opened))
