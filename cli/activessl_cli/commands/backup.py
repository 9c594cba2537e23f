"""``activessl backup``, ``restore`` and ``verify``: keep the record, put it back, and check what is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.steps.verify import Finding


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
    ledger: Annotated[
        str | None,
        typer.Option(help="Put the ledger there, a file or a URL of PostgreSQL, and write that into activessl.toml."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Put ledger and config of a backup into the project; what is there is renamed, never deleted."""
    from activessl.steps.backup import restore as put_back

    made = put_back(project, folder, ledger)
    kept = [path.name for path in made.kept]
    lines = [f"{made.events:,} events with {made.labels:,} labels are restored from {made.folder}"]
    if kept:
        lines.append(f"before: {', '.join(kept)}")
    if made.schema:
        lines.append(f"events before: in the schema {made.schema} of the database")
    if made.newer:
        lines.append(f"{made.newer:,} events of the ledger before are not in the backup; they are kept")
    elif made.newer is None:
        lines.append("the ledger before cannot be read; its file stays")
    if made.forgotten:
        what = "items or annotators are" if made.forgotten != 1 else "item or annotator is"
        lines.append(f"{made.forgotten:,} forgotten {what} forgotten again")
    elif made.forgotten is None:
        lines.append("what was forgotten since the backup is not known: run `activessl forget` for it again")
    found = {"events": made.events, "labels": made.labels, "kept": kept, "newer": made.newer}
    found["schema"] = made.schema
    found["forgotten"] = made.forgotten
    render.result(found, "\n".join(lines), as_json=as_json)
    render.following("activessl verify")


StudioOption = Annotated[
    bool | None,
    typer.Option(
        "--studio/--no-studio",
        help="Also compare the ledger with the answers and tasks of Label Studio; by default if activessl.toml names "
        "its address.",
        show_default=False,
    ),
]


def verify(project: ProjectOption = HERE, studio: StudioOption = None, as_json: JsonOption = False) -> None:
    """Check ledger, caches and Label Studio, and print what to do about damage; 1 if something is damaged."""
    from activessl.steps.verify import verify as check

    found = check(project)
    if studio is not False and not any(one.problem and one.record for one in found):
        found += _of_server(project, asked=studio is True)
    bad = [one for one in found if one.problem]
    lines = [
        f"{one.what}: {one.said}" if not one.problem else f"{one.what}: damaged: {one.problem}\n  {one.hint}"
        for one in found
    ]
    render.result(list(found), "\n".join(lines), as_json=as_json)
    if bad:
        render.story(f"{len(bad):,} of {len(found):,} parts are damaged")
        raise typer.Exit(1)


def _of_server(folder: Path, *, asked: bool) -> tuple[Finding, ...]:
    """Compare with Label Studio: if somebody asked for it, or if the config names its address and it answers."""
    from activessl.errors import AnnotatorError, ConfigError
    from activessl.project.annotators import annotator_of
    from activessl.project.folder import Project
    from activessl.steps.verify import Finding

    project = Project.open(folder)
    settings = project.config.annotator
    named = settings.kind == "label-studio" and settings.url is not None
    if not asked and not named:
        return ()
    history = project.history()
    if not asked and not any(one.pushed for one in history.rounds):
        return ()
    from activessl_label_studio.annotator import LabelStudioAnnotator
    from activessl_label_studio.verify import verify_server

    try:
        people = annotator_of(project)
        if not isinstance(people, LabelStudioAnnotator):
            raise ConfigError(f"the annotator {settings.kind!r} is no Label Studio", hint="leave out --studio")
        return verify_server(people, history)
    except AnnotatorError as error:
        if asked:
            raise
        return (Finding(str(settings.url), said=f"not compared: {error.message}"),)
