"""``activessl query``: choose the next items to label."""

from __future__ import annotations

from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def query(
    project: ProjectOption = HERE,
    query_size: Annotated[int | None, typer.Option("--size", "-n", min=1, help="How many items.")] = None,
    strategy: Annotated[str | None, typer.Option(help="How they are chosen, this time.")] = None,
    close: Annotated[bool, typer.Option("--close", help="End the open round first, whatever is unanswered.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Choose the next items to label, and say why. While a round is open, show that one."""
    from activessl.session import Session

    session = Session.open(project)
    if close:
        with session.project.lock():
            session.close("closed by hand")
    opened = session.query(query_size, strategy=strategy)
    rows = [
        (str(i + 1), item.id, "random" if item.propensity is not None else "chosen", item.reason)
        for i, item in enumerate(opened.queried.items)
    ]
    render.result(
        {"round": opened.number, **opened.queried.model_dump(exclude={"kind", "round"})},
        f"round {opened.number}: {len(rows)} items by {opened.queried.strategy}\n"
        + render.table(("", "item", "how", "why"), rows),
        as_json=as_json,
    )
    render.following("activessl push")
