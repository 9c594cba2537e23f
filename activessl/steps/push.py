"""What an annotator gets of a round, and what is written down about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from activessl.annotators.base import Annotator, Confirmer
from activessl.annotators.base import Pushed as PushResult
from activessl.errors import AnnotatorError
from activessl.labels.answers import is_again
from activessl.ledger.asking import query_of
from activessl.ledger.fold import RoundHistory
from activessl.ledger.schema import AUDIT, Pushed
from activessl.pool.pool import Pool
from activessl.project.snapshot import Snapshot
from activessl.steps.confirm import groups_left
from activessl.strategies.base import Query
from activessl.strategies.explain import without_classes


def push_round(
    annotator: Annotator, snapshot: Snapshot, pool: Pool, current: RoundHistory, waiting: tuple[str, ...]
) -> tuple[PushResult, Pushed]:
    """Put a round before the annotator; what came of it, and the event that says so.

    Args:
        annotator: Who is asked.
        snapshot: The project, with the head whose suggestions are shown.
        pool: The items.
        current: The round.
        waiting: Its items that nobody has answered.

    Raises:
        AnnotatorError: The annotator did not take it, or cannot show groups.
    """
    if current.queried.groups:
        return _push_groups(annotator, snapshot, pool, current)
    config, model = snapshot.project.config, snapshot.history.model
    audit = current.queried.strategy == AUDIT
    if config.annotator.similar_together and not audit:
        waiting = snapshot.chained(current.asked, waiting)
    query = _told(query_of(current, pool.row, waiting), config.data.classes)
    # whoever looks at what the machine accepted should not be shown what it said
    shown = [] if audit else snapshot.suggestions(query, current.number)
    said = {s.item_id: s.preselected(multi_label=snapshot.multi_label) for s in shown if s.blind}
    unseen = {item: name for item, name in said.items() if name is not None and not is_again(item)}
    pushed = annotator.push(pool, query, shown, model=model)
    return pushed, _event(current, model, pushed, unseen)


def _push_groups(
    annotator: Annotator, snapshot: Snapshot, pool: Pool, current: RoundHistory
) -> tuple[PushResult, Pushed]:
    if not isinstance(annotator, Confirmer):
        raise AnnotatorError(
            f"round {current.number} shows groups of items, which {type(annotator).__name__} cannot",
            hint="end it with `activessl query --close`, and query without --confirm",
        )
    groups, model = groups_left(snapshot.history, current), snapshot.history.model
    pushed = annotator.push_groups(pool, groups, model=model)
    return pushed, _event(current, model, pushed, {})


def _told(query: Query, classes: tuple[str, ...]) -> Query:
    """The query as the annotator may tell it: its reasons name no class.

    Of no item, because the annotator keeps a reason as it is, and what is shown now may be asked blind later.
    """
    return replace(query, reasons=tuple(without_classes(reason, classes) for reason in query.reasons))


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
