"""``activessl gate``: judge a stage and record the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.schema import Decided


def gate(
    stage: Annotated[
        str | None, typer.Argument(help="The stage to judge; by default the first without a `go`.")
    ] = None,
    note: Annotated[str, typer.Option(help="A note that is recorded with the figures.")] = "",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Judge a stage of activessl.toml, and record the decision: go, no-go or open."""
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.proof.gates import pass_gate

    opened = Project.open(project)
    only_classes(opened, "gate")
    decided = pass_gate(opened, stage, note=note)
    render.result(decided, tell(decided), as_json=as_json)
    render.following("activessl report" if decided.decision == "go" else next_of(opened))


def tell(decided: Decided) -> str:
    """Describe the decision of a gate."""
    from activessl.reports.wording import check_rows, gate_line

    head = ("", "measured", "90 % interval", "needed", "from")
    lines = [gate_line(decided), render.table(head, check_rows(decided.checks))]
    if any(check.low is not None and not check.name.startswith("hours") for check in decided.checks):
        lines.append("intervals of shares hold for all looks at a gate together: they are wider than those of `status`")
    return "\n".join(lines)
