"""``activessl round`` and ``activessl run``: the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from activessl_cli import render
from activessl_cli.commands.finetune import after_round
from activessl_cli.commands.teach import measure, tell
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.history import History
    from activessl.ledger.schema import Taught
    from activessl.session import Session

EveryOption = Annotated[float, typer.Option(min=0.5, help="Seconds between two looks for new labels.")]


def round_(project: ProjectOption = HERE, every: EveryOption = 5.0, as_json: JsonOption = False) -> None:
    """One round: query, push, wait for the people, pull, teach."""
    from activessl.session import Session

    session = Session.open(project)
    taught = one_round(session, every)
    measure(session, "round")
    render.result(taught, tell(taught), as_json=as_json)
    render.following(next_of(session.project))


def run(
    project: ProjectOption = HERE,
    rounds: Annotated[int | None, typer.Option(min=1, help="At most this many rounds, this time.")] = None,
    every: EveryOption = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Rounds until the budget is spent or the stopping rule says so; [stop] in activessl.toml sets both."""
    from activessl.session import Session

    session = Session.open(project)
    done = 0
    why = session.should_stop()
    while why is None and (rounds is None or done < rounds):
        taught = one_round(session, every)
        render.story(tell(taught))
        after_round(session)
        done += 1
        why = session.should_stop()
    if done:
        measure(session, "run")
    why = why or (f"{done} rounds were" if done != 1 else "1 round was") + " asked for"
    text = f"stopped after {done} round{'s' * (done != 1)}: {why}"
    render.result({"rounds": done, "stopped": why}, text, as_json=as_json)
    render.following("activessl report")


def one_round(session: Session, every: float) -> Taught:
    """Query, push, wait, pull, teach; a round that is open is finished."""
    told: list[int] = []

    def tell_waiting(history: History) -> None:
        current = history.open_round
        left = sum(len(question.items) for question in history.waiting(current)) if current else 0
        if current and not told:
            where = current.pushed[-1].where if current.pushed else "–"
            render.story(f"round {current.number}: {len(current.items)} items; label here: {where}")
        if not left and history.quarantined:
            render.story(f"{len(history.quarantined)} answers set aside: add their class to data.classes")
        if not told or told[-1] != left:
            told.append(left)
            render.story(f"{left} item{' waits' if left == 1 else 's wait'} to be labeled")

    return session.round(every=every, on_wait=tell_waiting)
