"""``activessl backup``, ``restore`` and ``verify``: keep the record, put it back, and check what is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Copy ledger and config into a new folder, also while others write; the copy is read and checked."""
    from activessl.project.folder import Project
    from activessl.steps.backup import backup as make

    made = make(Project.open(project), folder)
    text = f"{made.events:,} events with {made.labels:,} labels are in {made.folder}"
    render.result({"folder": made.folder, "events": made.events, "labels": made.labels}, text, as_json=as_json)


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `activessl backup` wrote.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Put ledger and config of a backup into the project; what is there is renamed, never deleted."""
    from activessl.steps.backup import restore as put_back

    made = put_back(project, folder)
    kept = [path.name for path in made.kept]
    lines = [f"{made.events:,} events with {made.labels:,} labels are restored from {made.folder}"]
    if kept:
        lines.append(f"before: {', '.join(kept)}")
    if made.newer:
        lines.append(f"{made.newer:,} events of the ledger before are not in the backup; they stay in its file")
    elif made.newer is None:
        lines.append("the ledger before cannot be read; its file stays")
    if made.forgotten:
        lines.append(f"{made.forgotten:,} forgotten items and annotators are forgotten again")
    elif made.forgotten is None:
        lines.append("what was forgotten since the backup is not known: run `activessl forget` for it again")
    found = {"events": made.events, "labels": made.labels, "kept": kept, "newer": made.newer}
    found["forgotten"] = made.forgotten
    render.result(found, "\n".join(lines), as_json=as_json)
    render.following("activessl verify")


def verify(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Check ledger and caches, and print what to do about damage; 1 if something is damaged."""
    from activessl.steps.verify import verify as check

    found = check(project)
    bad = [one for one in found if one.problem]
    lines = [
        f"{one.what}: {one.said}" if not one.problem else f"{one.what}: damaged: {one.problem}\n  {one.hint}"
        for one in found
    ]
    render.result(list(found), "\n".join(lines), as_json=as_json)
    if bad:
        render.story(f"{len(bad):,} of {len(found):,} parts are damaged")
        raise typer.Exit(1)
