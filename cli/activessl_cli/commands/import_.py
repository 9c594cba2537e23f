"""``activessl import``: read labels that were given elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.steps.import_labels import Imported


def import_(
    labels: Annotated[
        Path,
        typer.Argument(help="A table, or an export of a labeling tool: a file or a folder."),
    ],
    annotator: Annotated[
        str, typer.Option(help="Who gave the labels, if the file does not say it.", show_default="the file's name")
    ] = "",
    item: Annotated[
        str | None, typer.Option(help="The column that tells the item: its id, text or file.", show_default="found")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The column, or the control, with the classes.", show_default="found")
    ] = None,
    form: Annotated[
        str | None, typer.Option(help="The form of the file, such as coco.", show_default="known by its marks")
    ] = None,
    boxes_as_classes: Annotated[
        bool,
        typer.Option("--boxes-as-classes", help="Take the classes of boxes and masks as classes of the whole image."),
    ] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Import labels that people gave elsewhere, such as an export of another project or of a labeling tool."""
    from activessl.session import Session

    session = Session.open(project)
    done = session.import_file(
        labels, annotator=annotator, item=item, label=label, form=form, boxes_as_classes=boxes_as_classes
    )
    render.result(done, told(done), as_json=as_json)
    render.following(next_of(session.project))


def told(done: Imported) -> str:
    """The result in words: first the count, then what was taken, then all that was left out, and why."""
    from activessl.arguments import listed

    text = f"{_count(done.new, 'new label')}"
    if done.known:
        text += f", {done.known:,} known before"
    if done.skipped:
        text += f", {done.skipped:,} skipped"
    columns = "columns" if len(done.item) > 1 else "column"
    text += f"\n{done.form}: items from the {columns} {listed(done.item)}, classes from {done.label}"
    if len(done.annotators) > 1:
        text += f"\n{len(done.annotators):,} annotators: {listed(done.annotators)}"
    left_out = [
        (done.unlabeled, "row", "without a label: nobody labeled these items"),
        (done.elsewhere, "label", "of items that are not in the pool: left out"),
        (
            done.unclear,
            "label",
            "that may be of several items: left out; a column of ids tells them apart",
        ),
        (done.older, "label", "older than those of the same annotator in the project: left out"),
        (len(done.unread), "answer", f"that cannot be read, left out: {listed(done.unread, 3)}"),
    ]
    return "\n".join([text, *(f"{_count(n, what)} {why}" for n, what, why in left_out if n), *done.notes])


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
