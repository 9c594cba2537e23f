"""The end of a round."""

from __future__ import annotations

from activessl.ledger.schema import Closed
from activessl.project.folder import Project


def close_round(project: Project, why: str, number: int | None = None) -> None:
    """End the open round; unanswered items may be asked about again. The caller holds the project's lock.

    Args:
        project: The project.
        why: The reason, for the ledger.
        number: Only this round: another person, or another worker, may have ended it and opened the next one.
    """
    current = project.history().open_round
    if current is not None and number in (None, current.number):
        project.append(Closed(round=current.number, why=why))


def close_answered(project: Project) -> None:
    """End the open round if all its questions are answered. The caller holds the project's lock."""
    history = project.history()
    current = history.open_round
    if current is not None and not history.waiting(current):
        close_round(project, "all its items were answered" + (" or are gone" if history.gone(current) else ""))
