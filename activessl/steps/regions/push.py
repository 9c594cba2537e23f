"""Send the open round of a project of regions to the annotators, and write that into the ledger."""

from __future__ import annotations

from activessl.annotators.base import Annotator, Asked, Drawer
from activessl.annotators.base import Pushed as PushResult
from activessl.errors import AnnotatorError, QueryError
from activessl.labels.questions import Question
from activessl.ledger.schema import Pushed
from activessl.pool.progress import OnProgress
from activessl.project.folder import Project
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.steps.close import close_round
from activessl.steps.missing import notice_missing
from activessl.steps.push import note_offer
from activessl.strategies.explain import without_classes

__all__ = ["push"]


def push(project: Project, annotator: Annotator, on_progress: OnProgress | None = None) -> PushResult:
    """Send the unanswered questions of the open round, with the model's regions as suggestions.

    Raises:
        QueryError: No round is open, or its remaining items are gone from the data.
        AnnotatorError: The annotator cannot draw, or did not accept the questions.
    """
    notice_missing(project)
    with project.lock():
        snapshot = RegionSnapshot.of(project, on_progress)
        history, current = snapshot.history, snapshot.history.open_round
        if current is None:
            first = "" if history.encoded else "`activessl encode`, then "
            raise QueryError("no round is open", hint=f"run {first}`activessl query`")
        if not isinstance(annotator, Drawer):
            raise AnnotatorError(
                f"the project asks for {project.config.data.task}, and {type(annotator).__name__} draws none",
                hint="use an annotator with the method push_regions",
            )
        waiting = history.waiting(current)
        if not waiting and history.gone(current):
            close_round(project, "its last items are gone")
            raise QueryError(
                f"the remaining items of round {current.number} are gone from the data",
                hint="run `activessl query` to open the next round",
            )
        told = tuple(_told(question, snapshot) for question in waiting)
        asked = Asked(told, current.queried.strategy, current.number)
        pushed = annotator.push_regions(project.pool(), asked, snapshot.suggestions(waiting), model=history.model)
        note_offer(project, annotator)
        project.append(
            Pushed(
                round=current.number,
                model=history.model,
                new=pushed.new,
                suggestions=pushed.suggestions,
                where=pushed.where,
                project=pushed.project,
                made=pushed.made,
            )
        )
        return pushed


def _told(question: Question, snapshot: RegionSnapshot) -> Question:
    """A question whose reason names no class, neither of now nor of before."""
    classes = (*snapshot.classes, *snapshot.history.naming.earlier)
    return question.model_copy(update={"reason": without_classes(question.reason, classes)})
