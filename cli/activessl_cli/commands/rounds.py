"""``activessl round`` and ``activessl run``: run the loop."""

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

EveryOption = Annotated[float, typer.Option(min=0.5, help="Seconds between two pulls while people label.")]


def round_(project: ProjectOption = HERE, every: EveryOption = 5.0, as_json: JsonOption = False) -> None:
    """Run one round: query, push, wait for the answers, pull, teach."""
    from activessl.session import Session

    session = Session.open(project)
    taught = one_round(session, every)
    measure(session, "round")
    render.result(taught, tell(taught, session), as_json=as_json)
    step = next_of(session.project)
    render.following("activessl round" if step == "activessl query" else step)


def run(
    project: ProjectOption = HERE,
    rounds: Annotated[int | None, typer.Option(min=1, help="The largest number of rounds of this run.")] = None,
    every: EveryOption = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Run rounds until a limit of [stop] or [rates] in activessl.toml is reached."""
    from activessl.session import Session
    from activessl.steps.check import stop_if_fatal

    session = Session.open(project)
    stop_if_fatal(session.project)
    done = 0
    why = session.should_stop()
    while why is None and (rounds is None or done < rounds):
        taught = one_round(session, every)
        render.story(tell(taught, session))
        after_round(session)
        done += 1
        why = session.should_stop()
    if done:
        measure(session, "run")
    why = why or f"the limit of --rounds {rounds} is reached"
    text = f"stopped after {done} round{'s' * (done != 1)}: {why}"
    render.result({"rounds": done, "stopped": why}, text, as_json=as_json)
    render.following("activessl report")


def one_round(session: Session, every: float) -> Taught:
    """Run one round: query, push, wait, pull, teach. An open round is continued."""
    from activessl.annotators.base import Noting
    from activessl.reports.wording import note_lines, skipped_text

    told: list[int] = []
    noted: set[str] = set()
    people = session.annotator()

    def tell_waiting(history: History) -> None:
        current = history.open_round
        left = sum(len(question.items) for question in history.waiting(current)) if current else 0
        if current and not told:
            where = current.pushed[-1].where if current.pushed else "–"
            render.story(f"round {current.number}: {len(current.items)} items; label here: {where}")
        for line in note_lines(people.notes) if isinstance(people, Noting) else ():
            if line not in noted:
                noted.add(line)
                render.story(line)
        if not left and history.quarantined:
            render.story(
                f"{len(history.quarantined)} answers set aside: add their classes to data.classes in activessl.toml"
            )
        if current and history.all_skipped(current) and not history.labels:  # the next round begins without a word
            render.story(skipped_text(current))
        if not told or told[-1] != left:
            told.append(left)
            render.story(f"{left} item{'s' * (left != 1)} left to label")

    return session.round(people, every=every, on_wait=tell_waiting)
