"""What to do next with a project: only what can succeed."""

from __future__ import annotations

from activessl.ledger.history import History
from activessl.project.data_now import DataNow

#: What people do between two verbs.
LABEL = "label in Label Studio, then activessl pull"


def next_step(history: History, data: DataNow | None = None) -> str:
    """A verb, or what has to be done by hand and the verb after it.

    Args:
        history: Of the project.
        data: Its data as they are now; None where a verb has just used them.
    """
    if data is not None and not data.there:
        return "put the data back, or correct data.path in activessl.toml"
    if history.encoded is None or (data is not None and data.new):
        return "activessl encode"
    current = history.open_round
    if current is None:
        return "activessl query" if _left(history) else "activessl report"
    if not history.waiting(current):
        # where all was skipped there is nothing to teach, and the next query ends the round
        return "activessl teach" if history.labels and history.untaught else "activessl query"
    return LABEL if current.pushed else "activessl push"


def _left(history: History) -> int:
    """Items that were encoded, and can still be asked about."""
    done = history.labels.keys() | history.set_aside | history.machine.keys() | history.missing
    return 0 if history.encoded is None else history.encoded.items - len(done)
