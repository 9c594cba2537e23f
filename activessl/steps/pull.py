"""Fetch new answers, and write them into the ledger."""

from __future__ import annotations

from dataclasses import replace

from activessl.annotators.base import Annotator
from activessl.labels.answers import Answer
from activessl.ledger.forgetting import Names, known_as, renamed_answer
from activessl.ledger.history import History
from activessl.ledger.schema import Answered, Pulled
from activessl.project.folder import Project
from activessl.steps.push import note_offer


def pull(project: Project, annotator: Annotator) -> int:
    """Write new answers into the ledger; return how many there were.

    Raises:
        AnnotatorError: The annotator cannot be reached, or refuses the request.
    """
    with project.lock():
        history = project.history()
        answers, watermark = annotator.pull(history.watermark)
        # the answers first: the watermark must never be ahead of the stored answers
        with project.ledger() as ledger:
            new = ledger.append([Answered(answer=resolved(answer, history)) for answer in answers])
            ledger.append([Pulled(watermark=watermark)])
        note_offer(project, annotator)
    return new


def resolved(answer: Answer, history: History) -> Answer:
    """Complete an answer with the item and the asking of its question: annotators may store only the question's id, as
    tasks of earlier versions do for repeated questions. What was forgotten stays forgotten."""
    if history.erased:
        answer = _forgotten(answer, history)
    question = history.questions.get(answer.question)
    if question is None or answer.cluster:
        return answer
    return replace(answer, item=question.item, asking=question.asking)


def _forgotten(answer: Answer, history: History) -> Answer:
    """Replace the names of what was forgotten, which the labeling tool still has."""
    item, who = (
        known_as(answer.item, history.erased, "item"),
        known_as(answer.annotator, history.erased, "annotator"),
    )
    return renamed_answer(answer, Names(items={answer.item: item}, people={answer.annotator: who}))
