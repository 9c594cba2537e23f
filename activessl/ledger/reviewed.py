"""Answers to review questions: annotators differed about an item, and a further person decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from activessl.labels.answers import Answer
from activessl.ledger.history import RoundHistory


def with_decisions(
    answers: Mapping[str, Answer], rounds: Iterable[RoundHistory], reviewers: Set[str]
) -> Mapping[str, Answer]:
    """Mark the answers that decide as ground truth.

    Label Studio cannot reserve a task for a person. So an answer to a review question decides only if it is by one of
    the reviewers or, where none are named, by somebody who had not answered the item in another question; else it is
    one more answer of that person.

    Args:
        answers: By source.
        rounds: All rounds.
        reviewers: The names of those who decide; empty for anybody else than those who differ.
    """
    asked = {q.id for r in rounds for q in r.questions if q.kind == "review"}
    if not asked:
        return answers
    before: dict[str, set[str]] = {}
    for answer in answers.values():
        if answer.question not in asked and answer.kind == "label":
            before.setdefault(answer.item, set()).add(answer.annotator)
    decides = {
        source
        for source, a in answers.items()
        if a.question in asked
        and a.kind == "label"
        and not a.imported
        and (a.annotator in reviewers if reviewers else a.annotator not in before.get(a.item, ()))
    }
    return {s: replace(a, ground_truth=True) if s in decides else a for s, a in answers.items()}
