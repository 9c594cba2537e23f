"""``activessl train-annotators``: a training round on items whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def train_annotators(
    project: ProjectOption = HERE,
    items: Annotated[
        int | None,
        typer.Option("--items", "-n", help="Items of a new training round.", show_default="about 15 minutes"),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Open another training round, with other items.")] = False,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page", help="Where to write the page with everybody's mistakes.", show_default="reports/training.html"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train annotators on items whose answers are known, and score them before and after they saw their mistakes.

    Run it to open the round, again when people have answered the first part, and again after the second.
    """
    from activessl.project.snapshot import Snapshot
    from activessl.reports.pictures import readable_pool
    from activessl.reports.training import agreed_in, people_of, write_page
    from activessl.session import Session

    session = Session.open(project)
    held = session.train_annotators(items=items, anew=anew)
    training = held.training
    snapshot = Snapshot.of(session.project)
    opened, people = training.opened, people_of(training, snapshot.history)
    path = page or session.project.folder / "reports" / "training.html"
    lines = [f"training round {opened.training}: {len(opened.before)} items, then {len(opened.after)} others"]
    if opened.single:
        lines.append(
            f"{opened.single} of their answers are known from one person only: look at them when people differ"
        )
    lines += [f"{one.name}: {one.to_text()}" for one in people]
    lines += [f"{who}: {count} of {many} answered" for who, count, many in held.halfway]
    if people:
        title = session.project.config.annotator.title
        write_page(training, snapshot.history, readable_pool(snapshot), title, path)
        lines.append(f"mistakes and examples: {path}")
    halfway = any(one.after is None for one in people) or bool(held.halfway)
    if not people or halfway:
        lines.append(f"answer here: {held.where}")
    if not people:
        lines.append("run `activessl train-annotators` again when people have answered these items")
    elif halfway:
        lines.append("show people the page, let them answer the rest, then run `activessl train-annotators` again")
    render.result(
        {
            "training": opened.training,
            "before": [golden.item for golden in opened.before],
            "after": [golden.item for golden in opened.after],
            "single": opened.single,
            "people": [one.to_dict() for one in people],
            "agreement": {
                part: None if (found := agreed_in(training, part)) is None else found.to_dict()
                for part in ("before", "after")
            },
            "halfway": [{"name": who, "answered": count, "items": many} for who, count, many in held.halfway],
            "second": held.second,
            "page": str(path) if people else None,
            "where": held.where,
        },
        "\n".join(lines),
        as_json=as_json,
    )
