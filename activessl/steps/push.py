"""Send the open round to the annotator, and write that into the ledger."""

from __future__ import annotations

from collections.abc import Mapping

from activessl.annotators.base import Annotator, Asked, Confirmer, Offering
from activessl.annotators.base import Pushed as PushResult
from activessl.errors import AnnotatorError, QueryError
from activessl.labels.questions import REOPENED, Question
from activessl.ledger.history import RoundHistory
from activessl.ledger.schema import Offered, Pushed
from activessl.pool.pool import Pool
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.steps.close import close_round
from activessl.steps.missing import noticed
from activessl.strategies.explain import without_classes


def push(project: Project, annotator: Annotator) -> PushResult:
    """Send the unanswered questions of the open round to the annotator, with suggestions.

    Raises:
        QueryError: No round is open, or its remaining items are gone from the data.
        AnnotatorError: The annotator did not accept the questions.
    """
    _, known = noticed(project)
    with project.lock():
        snapshot = Snapshot.of(project)
        current = snapshot.history.open_round
        if current is None:
            first = "" if snapshot.history.encoded else "`activessl encode`, then "
            raise QueryError("no round is open", hint=f"run {first}`activessl query`")
        pool = project.pool() if known is None else known
        waiting = snapshot.history.waiting(current)
        if not waiting and snapshot.history.gone(current):
            close_round(project, "its last items are gone")
            raise QueryError(
                f"the remaining items of round {current.number} are gone from the data",
                hint="run `activessl query` to open the next round",
            )
        pushed, event = push_round(annotator, snapshot, pool, current, waiting)
        note_offer(project, annotator)
        project.append(event)
        return pushed


def note_offer(project: Project, annotator: Annotator) -> None:
    """Write into the ledger that people can choose from other classes than before: some were added or removed."""
    offer = annotator.offer if isinstance(annotator, Offering) else None
    history = project.history()
    if offer is not None and history.choice.last.get(offer.project) != offer.classes:  # both as they are named there
        own = project.own.data.classes
        project.append(Offered(project=offer.project, classes=offer.classes, own=own, turn=history.events))
        project.history()  # updates the classes of the project


def push_round(
    annotator: Annotator, snapshot: Snapshot, pool: Pool, current: RoundHistory, waiting: tuple[Question, ...]
) -> tuple[PushResult, Pushed]:
    """Send a round to the annotator; return the result and the event for the ledger.

    Args:
        annotator: The annotator.
        snapshot: The project, with the head of the suggestions.
        pool: The items.
        current: The round.
        waiting: Its unanswered questions.

    Raises:
        AnnotatorError: The annotator did not accept the questions, or cannot show clusters.
    """
    config, model = snapshot.project.config, snapshot.history.model
    asked = Asked(waiting, current.queried.strategy, current.number)
    if current.confirms:
        if not isinstance(annotator, Confirmer):
            raise AnnotatorError(
                f"round {current.number} shows clusters of items, but {type(annotator).__name__} cannot show clusters",
                hint="end the round with `activessl query --close`, then query without --confirm",
            )
        pushed = annotator.push_clusters(pool, asked, model=model)
        return pushed, _event(current, model, pushed, {})
    if config.annotator.similar_together and not current.audits:
        waiting = snapshot.chained(current.questions, waiting)
    told = tuple(_without_classes(question, snapshot) for question in waiting)
    # audits are blind
    shown = [] if current.audits else snapshot.suggestions(waiting)
    said = {s.question: s.preselected(snapshot.kind) for s in shown if s.blind}
    first = {question.id for question in waiting if question.asking == 1}
    unseen = {question: name for question, name in said.items() if name is not None and question in first}
    pushed = annotator.push(pool, Asked(told, asked.strategy, asked.round), shown, model=model)
    return pushed, _event(current, model, pushed, unseen)


def _without_classes(question: Question, snapshot: Snapshot) -> Question:
    """Return the question with a reason that names no class, neither of now nor of before.

    This holds for every item: the annotator keeps the reason, and an item with a suggestion may be asked blind later.
    """
    classes = (*snapshot.project.config.data.classes, *snapshot.history.naming.earlier)
    said = without_classes(question.reason, classes)
    if not said and question.item in snapshot.history.reopened:
        said = REOPENED
    return question.model_copy(update={"reason": said})


def _event(current: RoundHistory, model: str, pushed: PushResult, unseen: Mapping[str, str]) -> Pushed:
    return Pushed(
        round=current.number,
        model=model,
        new=pushed.new,
        suggestions=pushed.suggestions,
        where=pushed.where,
        project=pushed.project,
        made=pushed.made,
        unseen=dict(unseen),
    )
