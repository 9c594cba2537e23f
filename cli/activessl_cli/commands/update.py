"""``activessl update``: add items, and replace the model in use if the newest one is better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.project.folder import Project
    from activessl.steps.update import Updated


def update(
    data: Annotated[
        Path | None,
        typer.Argument(help="New items to add first, as with `activessl add`.", show_default=False),
    ] = None,
    into: Annotated[str, typer.Option(help="With new items: the subfolder of the data to copy into.")] = "added",
    rollback: Annotated[bool, typer.Option("--rollback", help="Use the model again that was in use before.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Use the newest model without a comparison.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Add new items, teach the newest model, and use it if fresh random labels show that it is better."""
    from activessl.errors import ConfigError
    from activessl.project.regions.verbs import only_classes
    from activessl.proof.added import drift_text, waiting_text
    from activessl.session import Session

    if rollback and (anyway or data is not None):
        raise ConfigError("--rollback excludes new items and --anyway", hint="leave out --rollback, or the others")
    session = Session.open(project)
    only_classes(session.project, "update")
    lines: list[str] = []
    if rollback:
        done = session.roll_back()
    else:
        if data is not None:
            before = len(session.project.history().comparisons)
            with render.progress("add") as on_progress:
                lines.append(session.add(data, into=into, on_progress=on_progress).to_text())
            with render.progress("encode") as on_progress:
                session.encode(on_progress=on_progress)
            history = session.project.history()
            lines += [drift_text(one) for one in history.comparisons[before:]]
            lines += [line for line in (waiting_text(history),) if line]
        with render.progress("update") as on_progress:
            done = session.update(anyway=anyway, on_progress=on_progress)
    lines += _lines(done)
    render.result(
        {
            "outcome": done.outcome,
            "why": done.why,
            "model": done.in_use.model,
            "folder": done.folder,
            "comparison": done.challenge,
            "fresh": done.fresh,
            "needed": done.needed,
        },
        "\n".join(lines),
        as_json=as_json,
    )
    render.following(_next(session.project, done))


def _lines(done: Updated) -> list[str]:
    lines = [done.challenge.to_text()] if done.challenge is not None else []
    changed = done.outcome in ("first", "promoted", "rolled back")
    return [*lines, f"{done.why}; the model in use {'is now' if changed else 'stays'} {done.folder}"]


def _next(project: Project, done: Updated) -> str:
    """Return a step that can succeed: random items only where fresh labels are missing and no round is open."""
    from activessl.steps.next_step import left_to_ask

    step, left = next_of(project), left_to_ask(project.history())
    if done.outcome in ("first", "promoted", "rolled back"):
        return f"activessl predict DATA --model {done.folder}"
    if done.outcome in ("waiting", "open") and done.needed and step == "activessl query":
        return f"activessl query --strategy random --size {min(done.needed, left)}"
    return step
