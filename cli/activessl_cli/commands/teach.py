"""``activessl teach``: train the head on all labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.schema import Taught
    from activessl.session import Session


def teach(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Train the head on all labels."""
    from activessl.session import Session

    session = Session.open(project)
    with render.progress("teach") as on_progress:
        taught = session.teach(on_progress=on_progress)
    measure(session, "teach")
    render.result(taught, tell(taught, session), as_json=as_json)
    render.following(next_of(session.project))


def measure(session: Session, verb: str) -> None:
    """Measure now what ``status`` prints, so that ``status`` is fast."""
    if session.draws:  # nothing takes time
        return
    with render.progress(verb) as on_progress:
        session.measure(on_progress=on_progress)


def tell(taught: Taught, session: Session) -> str:
    """Describe in one line what a head was taught."""
    from activessl.reports.wording import skipped_text

    history = session.project.history()
    newest = next((r for r in history.rounds if r.number == taught.round), None)
    if newest is None:
        about = "before the first round:"
    else:
        about = f"{skipped_text(newest)};" if history.all_skipped(newest) else f"round {taught.round}:"
    text = f"{about} head trained on {taught.labels:,} labels in {render.duration(taught.seconds)}"
    if taught.accuracy is not None:
        text += f"; accuracy {taught.accuracy:.3f} on {taught.test_items:,} test items"
    if taught.change is not None:
        text += f"; {100 * taught.change:.1f} % of the predictions changed"
    if taught.machines:
        text += f"; it heeds {', '.join(taught.machines)}"
    if taught.suspects:
        text += f"; {taught.suspects} suspect label{'s' * (taught.suspects > 1)}"
    return text
