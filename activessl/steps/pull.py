"""What annotators said since last time, written down as answers to what was asked."""

from __future__ import annotations

from dataclasses import replace

from activessl.annotators.base import Annotator
from activessl.labels.answers import Answer
from activessl.ledger.history import History
from activessl.ledger.schema import Answered, Pulled
from activessl.project.folder import Project
from activessl.steps.push import note_offer


def pull(project: Project, annotator: Annotator) -> int:
    """Write new answers into the ledger; return how many there were.

    Raises:
        AnnotatorError: The annotator cannot be reached, or refuses.
    """
    with project.lock():
        history = project.history()
        answers, watermark = annotator.pull(history.watermark)
        # the answers first: a watermark is never ahead of what it stands for
        with project.ledger() as ledger:
            new = ledger.append([Answered(answer=resolved(answer, history)) for answer in answers])
            ledger.append([Pulled(watermark=watermark)])
        note_offer(project, annotator)
    return new


def resolved(answer: Answer, history: History) -> Answer:
    """The answer with what the project knows of its question. Annotators know a question by its id only: a task that an
    earlier version made does not tell the item, where the question is not the first about it."""
    question = history.questions.get(answer.question)
    if question is None or answer.cluster:
        return answer
    return replace(answer, item=question.item, asking=question.asking)
