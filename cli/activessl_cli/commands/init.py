"""``activessl init``: make a project folder for some data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from activessl_cli import render
from activessl_cli.options import HERE, DataArgument, JsonOption, ProjectOption

#: The most classes that a hint lists.
MOST_NAMED = 30


def init(
    data: DataArgument,
    classes: Annotated[
        str, typer.Option(help="The names of the classes, separated by commas, or @FILE with one name per line.")
    ] = "",
    project: ProjectOption = HERE,
    modality: Annotated[
        str | None, typer.Option(help="image, series, text, audio or vector; by default read from the data.")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help="Test data: labeled items that are never asked about. DATA again: what DATA marks as test or "
            "validation, in a column 'split' or as folders."
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Items that belong together, such as those of one patient: a regular expression whose parenthesis "
            "matches the name of the group in the id of an item."
        ),
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(help="The same, as a column of the data or of --metadata with the name of each item's group."),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(help="A table with what else is known of the items: a row for each, with its id or path."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(help="Cut recordings into windows, which are the items: 10s, '500 values', '200 words'."),
    ] = None,
    step: Annotated[
        str | None, typer.Option(help="From the beginning of a window to that of the next; by default the window.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(help="The frames of videos are the items: the time from one to the next, such as 1s.")
    ] = None,
    task: Annotated[
        Literal["classes", "boxes", "masks", "spans", "segments"],
        typer.Option(help="What people give: classes of whole items, or regions in them."),
    ] = "classes",
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="An item may have several classes, or none.")
    ] = False,
    title: Annotated[str, typer.Option(help="The project's title in Label Studio; by default the folder's name.")] = "",
    strategy: Annotated[str, typer.Option(help="The strategy that chooses items.")] = "auto",
    query_size: Annotated[int, typer.Option(min=1, help="Items per round.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The seed of all random numbers.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a project folder for some data."""
    from activessl.errors import ConfigError
    from activessl.pool.addresses import place
    from activessl.pool.parts import told_parts
    from activessl.pool.remarks import remarks
    from activessl.steps.create import create

    names = _class_names(classes)
    if not names:
        raise ConfigError("no classes given", hint=f"name the classes: activessl init DATA --classes {_stored(data)}")
    with render.progress("read") as on_progress:
        made = create(
            project,
            place("data", data),
            names,
            task=task,
            multi_label=multi_label,
            modality=modality,
            test=None if test is None else place("test", test),
            group=group,
            group_column=group_column,
            metadata=metadata,
            window=window,
            step=step,
            frames=frames,
            title=title,
            strategy=strategy,
            query_size=query_size,
            seed=seed,
            on_progress=on_progress,
        )
    pool, folder = made.pool, made.project.folder
    many = f"{len(names)} class{'es' * (len(names) != 1)}"
    asked = many if task == "classes" else f"{task} of {many}"
    text = f"{len(pool):,} items of kind {pool.modality} and {asked} in {folder / 'activessl.toml'}"
    cut = made.project.own.data.cut
    if cut is not None:
        text += f"\ncut: {cut}; the group of an item is its recording, or what data.group finds in the name of it"
    column = getattr(pool.source, "column", None)
    if column is not None:
        text += f"\ntexts are the column {column!r}"
    if made.shared:
        are = "items are" if made.shared > 1 else "item is"
        groups = " or of a group that is" if made.groups else ""
        text += f"\n{made.shared:,} test {are} also in the pool{groups}: not used as test data"
    text += f"\n{made.groups}" if made.groups else ""
    told = [*remarks(pool), *(told_parts(pool) if test is None else ()), *made.known.told()]
    text += "".join(f"\n{line}" for line in told)
    if lost := len(pool.unreadable):
        first = pool.unreadable[0]
        text += f"\n{lost:,} item{'s' * (lost > 1)} could not be read: activessl check lists them"
        text += f"\n  {first.id}: {first.why}"
    render.result(
        {
            "project": folder,
            "items": len(pool),
            "modality": pool.modality,
            "task": task,
            "unreadable": len(pool.unreadable),
            "remarks": told,
        },
        text,
        as_json=as_json,
    )
    render.following("activessl encode")


def _stored(data: str) -> str:
    """The classes that labels in the data name, as an example for the hint; else some others."""
    from activessl.errors import ActiveSSLError
    from activessl.pool.addresses import place
    from activessl.pool.plain import shown
    from activessl.pool.stored_labels import read_labels

    try:
        found = read_labels(place("data", data))
    except (ActiveSSLError, OSError):  # what cannot be read is an error of init itself, once classes are given
        found = None
    names = () if found is None else found.class_names or ()
    if not 2 <= len(names) <= MOST_NAMED or any("," in name or name != name.strip() for name in names):
        return "scratch,dent,good"
    listed = ",".join(shown(name) for name in names)
    return listed if listed.replace(",", "").isalnum() else f"'{listed}'" if "'" not in listed else "scratch,dent,good"


def _class_names(text: str) -> list[str]:
    from activessl.errors import ConfigError, PoolError
    from activessl.pool.plain import read_plain

    if text.startswith("@"):
        try:
            # Windows editors write a BOM
            lines = read_plain(Path(text[1:]), 10_000_000).decode("utf-8-sig").splitlines()
        except (PoolError, UnicodeDecodeError) as error:
            why = error.message if isinstance(error, PoolError) else str(error)
            raise ConfigError(
                f"cannot read the classes from {text[1:]}: {why}", hint="give a text file with one class a line"
            ) from None
        return [line.strip() for line in lines if line.strip()]
    return [name.strip() for name in text.split(",") if name.strip()]
