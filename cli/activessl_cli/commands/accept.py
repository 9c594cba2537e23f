"""``activessl accept``: accept confident predictions as labels, with a bound on the share of wrong ones."""

from __future__ import annotations

from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption


def accept(
    error: Annotated[
        float | None, typer.Option(help="The largest share of accepted items that may be wrong, such as 0.01.")
    ] = None,
    delta: Annotated[float, typer.Option(help="The probability with which the bound may fail.")] = 0.1,
    per_class: Annotated[bool, typer.Option("--per-class", help="Keep the bound for each class.")] = False,
    audit: Annotated[int, typer.Option(min=0, help="How many accepted items people check.")] = 20,
    undo: Annotated[bool, typer.Option("--undo", help="Withdraw the acceptance of all accepted items.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Accept confident predictions as labels, with a bound on the share of wrong ones; or withdraw them."""
    from activessl.errors import ConfigError
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.proof.acceptance import accept_pool, withdraw
    from activessl.proof.promise import audit_count

    opened = Project.open(project)
    only_classes(opened, "accept")
    if undo:
        count = withdraw(opened, "withdrawn by hand")
        text = f"{count:,} items are no longer accepted" if count else "no item is accepted"
        render.result({"withdrawn": count}, text, as_json=as_json)
        render.following(next_of(opened))
        return
    if error is None:
        raise ConfigError(
            "no error rate given", hint="name the largest share of wrong labels: activessl accept --error 0.01"
        )
    judged = accept_pool(opened, error=error, delta=delta, per_class=per_class, audit=audit)
    classes = opened.config.data.classes
    lines = [
        (f"{classes[one.class_index]}: " if one.class_index is not None else "") + one.to_text()
        for one in judged.results
    ]
    lines.append("wrong: not the label that people would give; the bound holds for all accepted items together")
    if per_class:
        lines[-1] = "wrong: not the label that people would give; the bound holds for each class"
    if judged.to_text():
        lines.append(judged.to_text())
    if judged.audit:
        lines.append(f"{len(judged.audit)} accepted items are asked about in an audit round")
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
