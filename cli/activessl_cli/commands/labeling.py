"""``activessl push`` and ``activessl pull``: send questions to the annotators, fetch their answers."""

from __future__ import annotations

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption


def push(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Send the questions of the open round to the annotators, with the model's suggestions."""
    from activessl.session import Session

    session = Session.open(project)
    pushed = session.push()
    render.result(
        pushed,
        f"{len(pushed.tasks)} tasks, {pushed.new} new, {pushed.suggestions} suggestions\nlabel here: {pushed.where}",
        as_json=as_json,
    )
    render.following(next_of(session.project))


def pull(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Fetch new answers from the annotators into the ledger."""
    from activessl.annotators.base import Noting
    from activessl.reports.wording import note_lines
    from activessl.session import Session

    session = Session.open(project)
    before, people = session.project.history().classes, session.annotator()
    new = session.pull(people)
    notes = people.notes if isinstance(people, Noting) else ()
    history = session.project.history()
    current = history.open_round
    waiting = 0 if current is None else sum(len(question.items) for question in history.waiting(current))
    text = (
        f"{new} new answers; {len(history.labels):,} items labeled, {len(history.skipped)} skipped, {waiting} waiting"
    )
    joined = [name for name in history.classes if name not in before]
    gone = [name for name in before if name not in history.classes]
    if joined:
        text += f"\nadded in the label config: {', '.join(joined)}"
    if gone:
        text += f"\nremoved from the label config: {', '.join(gone)}; answers with these classes are kept and set aside"
    if history.quarantined:
        unknown = sorted({c for a in history.quarantined for c in a.classes} - set(history.classes))
        text += f"\n{len(history.quarantined)} answers set aside: the project has no class {', '.join(unknown)}"
    text = "\n".join([text, *note_lines(notes)])
    render.result(
        {
            "new": new,
            "labeled": len(history.labels),
            "skipped": len(history.skipped),
            "waiting": waiting,
            "quarantined": len(history.quarantined),
            "joined": joined,
            "gone": gone,
            "unread": len(history.unread),
            "notes": notes,
        },
        text,
        as_json=as_json,
    )
    render.following(next_of(session.project))
