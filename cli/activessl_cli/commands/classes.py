"""``activessl classes``: rename, merge, split and add classes in the middle of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activessl.project.folder import Project
    from activessl.steps.classes import Changed, ClassCount

app = typer.Typer(
    no_args_is_help=True,
    help="Rename, merge, split and add classes: labels move along, and the last change can be taken back.",
)


@app.command("list")
def list_(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the classes, with the number of labels of each."""
    from activessl.project.folder import Project
    from activessl.steps.classes import Classes

    opened = Project.open(project)
    counts, history = Classes(opened).counts(), opened.history()
    changes = [change.to_text() for change in history.naming.standing]
    lines = list(_lines(counts))
    if history.reopened:
        lines.append(f"{len(history.reopened):,} items are asked about again, because their class is open")
    if changes:
        lines.append(f"last change: {changes[-1]}")
    said = {"classes": counts, "again": len(history.reopened), "changes": changes}
    render.result(said, "\n".join(lines), as_json=as_json)
    render.following(next_of(opened))


@app.command("rename")
def rename(
    old: Annotated[str, typer.Argument(help="The class.", show_default=False)],
    new: Annotated[str, typer.Argument(help="Its new name.", show_default=False)],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Rename a class. Its labels, test data and later imports of the old name move along."""
    from activessl.project.folder import Project
    from activessl.steps.classes import Classes

    opened = Project.open(project)
    _tell(opened, Classes(opened).rename(old, new), as_json=as_json)


@app.command("merge")
def merge(
    names: Annotated[list[str], typer.Argument(help="The classes.", show_default=False)],
    into: Annotated[str, typer.Option("--into", help="One of them, or a new name.", show_default=False)],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Merge two or more classes into one."""
    from activessl.project.folder import Project
    from activessl.steps.classes import Classes

    opened = Project.open(project)
    _tell(opened, Classes(opened).merge(names, into), as_json=as_json)


@app.command("split")
def split(
    name: Annotated[str, typer.Argument(help="The class.", show_default=False)],
    more: Annotated[list[str] | None, typer.Argument(help="Further new classes.", show_default=False)] = None,
    into: Annotated[list[str] | None, typer.Option("--into", help="The first new class.", show_default=False)] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Split a class into two or more: its items are asked about again, first in the next rounds."""
    from activessl.project.folder import Project
    from activessl.steps.classes import Classes

    opened = Project.open(project)
    _tell(opened, Classes(opened).split(name, [*(into or ()), *(more or ())]), as_json=as_json)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The new class.", show_default=False)],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Add a class."""
    from activessl.project.folder import Project
    from activessl.steps.classes import Classes

    opened = Project.open(project)
    _tell(opened, Classes(opened).add(name), as_json=as_json)


@app.command("undo")
def undo(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Take the last change of the classes back. Labels of before have their classes again."""
    from activessl.project.folder import Project
    from activessl.steps.classes import Classes

    opened = Project.open(project)
    _tell(opened, Classes(opened).undo(), as_json=as_json)


def _lines(counts: tuple[ClassCount, ...]) -> Iterator[str]:
    wide = max(len(one.name) for one in counts)
    for one in counts:
        accepted = f", {one.accepted:,} accepted" if one.accepted else ""
        before = f"; before: {', '.join(one.before)}" if one.before else ""
        yield f"{one.name:<{wide}}  {one.labels:,} label{'s' * (one.labels != 1)}{accepted}{before}"


def _tell(project: Project, done: Changed, *, as_json: bool) -> None:
    """Print what a change did."""
    lines = [done.what or "nothing to do: this is the last change already"]
    if done.moved:
        lines.append(f"{done.moved:,} label{'s have' if done.moved > 1 else ' has'} another class now")
    if done.again:
        lines.append(f"{done.again:,} item{'s are' if done.again > 1 else ' is'} asked about again in the next rounds")
    if done.accepted:
        lines.append(
            f"{done.accepted:,} accepted prediction{'s' * (done.accepted > 1)} no longer "
            f"count{'s' * (done.accepted == 1)}; the bound of `activessl accept` was for all together"
        )
    lines.append(f"classes: {', '.join(done.classes)}")
    said = {
        "classes": done.classes,
        "changed": bool(done.what),
        "moved": done.moved,
        "again": done.again,
        "withdrawn": done.accepted,
    }
    render.result(said, "\n".join(lines), as_json=as_json)
    # the labeling tool has the classes of before until the next push
    render.following(next_of(project, before="activessl push, so that people see the new classes" if done.push else ""))
