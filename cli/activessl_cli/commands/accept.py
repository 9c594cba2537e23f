"""``activessl accept``: let the machine label what it can, under a promise."""

from __future__ import annotations

from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption


def accept(
    error: Annotated[float | None, typer.Option(help="At most this share of the accepted items is wrong.")] = None,
    delta: Annotated[float, typer.Option(help="The promise may fail with this probability.")] = 0.1,
    per_class: Annotated[bool, typer.Option("--per-class", help="Promise it for each class on its own.")] = False,
    audit: Annotated[int, typer.Option(min=0, help="How many of them go to people to look at.")] = 20,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what stands accepted.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Accept confident predictions as labels, with a guarantee from the random share; or take them back."""
    from activessl.errors import ConfigError
    from activessl.project.folder import Project
    from activessl.proof.acceptance import accept_pool, withdraw
    from activessl.proof.promise import audit_count

    opened = Project.open(project)
    if undo:
        count = withdraw(opened, "taken back by hand")
        text = f"{count:,} items are the machine's no more" if count else "nothing stands accepted"
        render.result({"withdrawn": count}, text, as_json=as_json)
        render.following(next_of(opened))
        return
    if error is None:
        raise ConfigError("no error rate given", hint="say what may be wrong: activessl accept --error 0.01")
    judged = accept_pool(opened, error=error, delta=delta, per_class=per_class, audit=audit)
    classes = opened.config.data.classes
    lines = [
        (f"{classes[one.class_index]}: " if one.class_index is not None else "") + one.to_text()
        for one in judged.results
    ]
    lines.append("wrong means: not what your people would say; the promise is about all accepted items together")
    if per_class:
        lines[-1] = "wrong means: not what your people would say; each class keeps its own promise"
    if judged.to_text():
        lines.append(judged.to_text())
    if judged.audit:
        lines.append(f"{len(judged.audit)} of them are asked in a round of their own")
        found = audit_count(opened.history())
        if found is not None and found.looked_at:
            lines.append(found.to_text())
    render.result(
        {
            "accepted": len(judged.items),
            "error": error,
            "delta": delta,
            "per_class": per_class,
            "promises": judged.results,
            "audit": judged.audit,
            "attempt": judged.attempt,
            "not_covered": judged.newer,
        },
        "\n".join(lines),
        as_json=as_json,
    )
    step = next_of(opened)
    if judged.items and not judged.audit:
        step = "activessl export labels.csv"
    elif judged.more is not None and step == "activessl query":
        step = f"activessl query --strategy random --size {judged.more}"
    render.following(step)
