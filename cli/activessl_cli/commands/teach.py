"""``activessl teach``: learn from the labels there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.schema import Taught
    from activessl.session import Session


def teach(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Learn from the labels there are."""
    from activessl.session import Session

    session = Session.open(project)
    taught = session.teach()
    measure(session, "teach")
    render.result(taught, tell(taught), as_json=as_json)
    render.following(next_of(session.project))


def measure(session: Session, verb: str) -> None:
    """Measure now what ``status`` will show: here people wait for a model, there for an answer."""
    with render.progress(verb) as on_progress:
        session.measure(on_progress=on_progress)


def tell(taught: Taught) -> str:
    """What a head learned, in a line."""
    text = f"round {taught.round}: {taught.labels:,} labels learned in {render.duration(taught.seconds)}"
    if taught.accuracy is not None:
        text += f"; accuracy {taught.accuracy:.3f} on {taught.test_items:,} test items"
    if taught.change is not None:
        text += f"; {100 * taught.change:.1f} % of the predictions changed"
    if taught.suspects:
        text += f"; {taught.suspects} label{'s look' if taught.suspects > 1 else ' looks'} wrong"
    return text
