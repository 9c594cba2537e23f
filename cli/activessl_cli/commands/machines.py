"""``activessl machines``: what answers for less than a person, and what people's labels show that it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.project.folder import Project
    from activessl.proof.machines import MachineFigures
    from activessl.steps.ask_machine import MachineResult

app = typer.Typer(
    help="List the machines with their cost, reliability and verdict; ask one; withdraw its answers.",
    invoke_without_command=True,
)

NameArgument = Annotated[str, typer.Argument(help="The name of the machine in activessl.toml.")]


@app.callback()
def machines(context: typer.Context, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the machines of activessl.toml with their cost, reliability and verdict."""
    if context.invoked_subcommand is not None:
        return
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.project.snapshot import Snapshot
    from activessl.proof.machines import machine_figures

    opened = Project.open(project)
    only_classes(opened, "machines")
    figures = machine_figures(Snapshot.of(opened))
    classes = opened.config.data.classes
    render.result({one.name: one.to_dict(classes) for one in figures}, _listed(figures, opened), as_json=as_json)
    unasked = next((one.name for one in figures if not one.answered and not one.none and not one.spent.answers), None)
    if not figures:
        render.following("add a section [machines.NAME] to activessl.toml, then activessl machines")
    else:
        render.following(next_of(opened) if unasked is None else f"activessl machines ask {unasked}")


@app.command()
def ask(
    name: NameArgument,
    items: Annotated[int | None, typer.Option(min=1, help="Ask about at most so many items; by default all.")] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Ask a machine about the items that it was not asked about; an answer is never paid for twice."""
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.steps.ask_machine import ask_machine

    opened = Project.open(project)
    only_classes(opened, "machines")
    with render.progress("ask") as on_progress:
        found = ask_machine(opened, name, items, on_progress=on_progress)
    render.result(found, _told(found, opened), as_json=as_json)
    history = opened.history()
    teachable = bool(history.labels and history.untaught)
    render.following("activessl teach" if teachable else next_of(opened))


@app.command()
def withdraw(name: NameArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Withdraw all answers of a machine; the labels of people stay."""
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.steps.ask_machine import withdraw_machine

    opened = Project.open(project)
    only_classes(opened, "machines")
    count = withdraw_machine(opened, name)
    text = f"{count:,} answers of {name} are withdrawn" if count else f"{name} has no answers"
    render.result({"machine": name, "withdrawn": count}, text, as_json=as_json)
    taught = opened.history().taught
    render.following("activessl teach" if taught is not None and name in taught.machines else next_of(opened))


def _listed(figures: tuple[MachineFigures, ...], project: Project) -> str:
    if not figures:
        return "no machines"
    currency = project.config.rates.currency or ""
    rows, notes = [], []
    for one in figures:
        found = one.reliability
        share = "–" if found is None or found.share is None else f"{100 * found.share:.0f} %"
        interval = "–" if found is None else f"{100 * found.low:.0f} to {100 * found.high:.0f} %"
        cost = f"{one.spent.price:.2f} {currency}".strip() if one.spent.price else "–"
        rows.append((one.name, one.kind, f"{one.answered:,}", f"{one.none:,}", share, interval, cost, _yes(one.heeded)))
        notes.append(f"{one.name}: {one.verdict}")
        if one.evidence is not None and one.evidence < one.needed:
            not_now = "not heeded" if not one.heeded else "the next model will not heed it"
            notes[-1] += f"; {not_now}: evidence of people's labels {one.evidence:.1f}, {one.needed:.0f} are needed"
        elif one.heeded and not one.answered:
            notes[-1] += "; the model in use was taught with them: run `activessl teach`"
        if one.accuracy is not None and one.accuracy.machine:
            notes[-1] += f"; {one.accuracy.to_text()}"
    head = ("machine", "kind", "answers", "none", "right", "90 % interval", "cost", "heeded")
    return render.table(head, rows) + "\n" + "\n".join(notes)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _told(found: MachineResult, project: Project) -> str:
    text = f"{found.machine}: {found.answered:,} answers"
    if found.none:
        text += f", {found.none:,} items without an answer (most often: {found.why})"
    if found.price:
        text += f"; {found.price:.2f} {project.config.rates.currency}"
    if found.tokens:
        text += f"; {found.tokens:,} tokens"
    if found.left:
        text += f"; {found.left:,} items left"
    return f"{text}; stopped: {found.stopped}" if found.stopped else text
