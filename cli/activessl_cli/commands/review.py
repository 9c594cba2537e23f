"""``activessl review``: items on which annotators differ, and a round in which a further person decides."""

from __future__ import annotations

from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

SHOWN = 20  # --json has all


def review(
    project: ProjectOption = HERE,
    ask: Annotated[
        bool, typer.Option("--ask", help="Open a round about these items: the answer of a further person decides.")
    ] = False,
    size: Annotated[int | None, typer.Option("--size", "-n", min=1, help="With --ask: most items.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the items on which annotators differ, with what each of them said."""
    from activessl.errors import ConfigError
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.proof.agreement import agreement_of, differing
    from activessl.steps.review import open_review

    if size is not None and not ask:
        raise ConfigError("--size needs --ask", hint="add --ask")
    opened = Project.open(project)
    only_classes(opened, "review")
    asked = open_review(opened, size) if ask else None
    history = opened.history()
    queue, agreed = differing(history), agreement_of(history)
    rows = [
        (one.item, ", ".join(f"{who}: {said}" for who, said in one.said.items()), one.label) for one in queue[:SHOWN]
    ]
    lines = [f"annotators differ about {len(queue):,} item{'s' * (len(queue) != 1)}"]
    if rows:
        lines.append(render.table(("item", "answers", "counts as"), rows))
    if len(queue) > SHOWN:
        lines.append(f"and {len(queue) - SHOWN:,} more")
    if agreed is not None:
        lines.append(agreed.to_text())
    if asked is not None:
        many = len(asked.questions)
        lines.append(f"round {asked.number} asks about {many:,} of them, without what was said before")
    said = {
        "differing": queue,
        "agreement": None if agreed is None else agreed.figures.to_dict(),
        "round": None if asked is None else asked.number,
        "asked": [] if asked is None else list(asked.items),
    }
    render.result(said, "\n".join(lines), as_json=as_json)
    able = any(one.asked == 0 for one in queue) and history.open_round is None
    render.following("activessl review --ask" if able else next_of(opened))
