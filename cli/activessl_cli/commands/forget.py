"""``activessl forget``: remove an item, or the name of an annotator, from the record."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def forget(
    name: Annotated[str, typer.Argument(help="The id of an item, or the name of an annotator.")],
    item: Annotated[bool, typer.Option("--item", help="It is an item, if both have this name.")] = False,
    annotator: Annotated[bool, typer.Option("--annotator", help="It is an annotator, if both have this name.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the record is changed.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Remove an item, or make an annotator anonymous, in ledger, vectors, models and reports; totals stay true."""
    from activessl.errors import ConfigError
    from activessl.project.folder import Project
    from activessl.steps.forget import forget as erase

    if item and annotator:
        raise ConfigError("--item and --annotator exclude each other", hint="give one of them")
    opened = Project.open(project)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError("forget changes the record, which cannot be undone", hint="add --yes")
        typer.confirm(f"Forget {name!r}? This changes the record and cannot be undone.", abort=True, err=True)
    what: Literal["item", "annotator"] | None = "item" if item else "annotator" if annotator else None
    done = erase(opened, name, what=what)
    name = "event of the ledger names" if done.events == 1 else "events of the ledger name"
    lines = [f"{done.events:,} {name} {done.name} instead of the {done.what}"]
    if done.removed:
        lines.append(f"deleted, to be made again: {', '.join(done.removed)}")
    lines += [f"a backup still holds it: {where}; `activessl restore` forgets it again" for where in done.backups]
    lines += [f"not reached: {one}" for one in done.unreached]
    render.result(done, "\n".join(lines), as_json=as_json)
    if done.what == "item":
        render.following("activessl encode")
