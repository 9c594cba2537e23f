"""The next step of a project: always one that can succeed."""

from __future__ import annotations

from activessl.ledger.history import History
from activessl.project.data_now import DataNow

#: The step of the annotators.
LABEL = "label in Label Studio, then activessl pull"
#: The step of another annotator, where each open question has an answer and waits for further ones.
ANOTHER = "another person labels in Label Studio, then activessl pull"


def next_step(history: History, data: DataNow | None = None) -> str:
    """Return the next command, or the manual step and the command after it.

    Args:
        history: History of the project.
        data: State of its data files; None if a command has just used them.
    """
    # a folder without any encoded item and any new one is empty, such as where a disk is not mounted
    emptied = data is not None and history.encoded is not None and data.gone >= history.encoded.items and not data.new
    if data is not None and (not data.there or emptied):
        return "restore the data, or correct data.path in activessl.toml"
    if history.encoded is None or (data is not None and data.new):
        return "activessl encode"
    current = history.open_round
    if current is None:
        return "activessl query" if left_to_ask(history) else "activessl report"
    if not history.waiting(current):
        # if all items were skipped there is nothing to teach, and the next query ends the round
        return "activessl teach" if history.labels and history.untaught else "activessl query"
    if not current.pushed:
        return "activessl push"
    return ANOTHER if len(history.half_answered(current)) == len(history.waiting(current)) else LABEL


def left_to_ask(history: History) -> int:
    """Count encoded items that can still be asked about."""
    return history.to_ask
