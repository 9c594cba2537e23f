"""How random draws end, and what had a label when they were made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activessl.labels.answers import Answer, AnswerKind
from activessl.labels.questions import Question
from activessl.ledger.draws import Draw, draws_of
from activessl.ledger.fold import fold
from activessl.ledger.history import History
from activessl.ledger.schema import Answered, Closed, Encoded, Event, Queried, Recorded

START = datetime(2026, 1, 1, tzinfo=UTC)


def history(*events: Event) -> History:
    recorded = [Recorded(seq=i + 1, at=START, event=event) for i, event in enumerate(events)]
    return fold(recorded, classes=("cat", "dog"))


def asked(number: int, *random: str, new: tuple[str, ...] = ()) -> Queried:
    drawn = tuple(Question(kind="random", items=(item,), propensity=0.1, uniform=True) for item in random)
    chosen = tuple(Question(kind="new", items=(item,)) for item in new)
    return Queried(
        round=number, strategy="auto", seed=(0, number), fingerprint="f", seconds=0.0, questions=drawn + chosen
    )


def said(
    item: str, *classes: str, kind: AnswerKind = "label", source: str = "", suggested: str | None = None
) -> Answered:
    name = source or f"ann {item}"
    at = START + timedelta(minutes=1)
    return Answered(answer=Answer(name, name, item, kind, classes, "ann", 4.0, at, suggested=suggested))


def ends(found: History) -> dict[str, str]:
    return {draw.item: draw.ended for draw in draws_of(found)}


def test_a_draw_ends_with_a_class_an_unknown_class_a_skip_or_not_at_all() -> None:
    found = history(
        asked(1, "a", "b", "c", "d"),
        said("a", "cat"),
        said("b", "cow"),
        said("c", kind="skip"),
        Closed(round=1, why=""),
    )
    assert ends(found) == {"a": "class", "b": "unknown", "c": "skip", "d": "open"}
    assert not any(draw.waits for draw in draws_of(found))


def test_a_question_of_the_open_round_waits() -> None:
    first, second = draws_of(history(asked(1, "a", "b"), said("a", "cat")))
    assert first.ended == "class"
    assert (second.ended, second.waits) == ("open", True)


def test_a_round_that_nobody_answered_has_no_draws() -> None:
    nothing = history(
        asked(1, "a", "b"), Closed(round=1, why="no time"), asked(2, "c", "a"), said("a", "cat"), said("c", "dog")
    )
    assert [(draw.item, draw.round) for draw in draws_of(nothing)] == [("c", 2), ("a", 2)]


def test_an_answer_that_comes_after_the_round_was_closed_is_its_answer() -> None:
    late = history(
        asked(1, "a", "b"), Closed(round=1, why="no time"), asked(2, "c"), said("a", "cat"), said("c", "dog")
    )
    assert [(draw.item, draw.round, draw.ended) for draw in draws_of(late)] == [
        ("a", 1, "class"),
        ("b", 1, "open"),
        ("c", 2, "class"),
    ]


def test_a_draw_that_a_strategy_asked_again_ends_with_that_answer() -> None:
    """Else the items that a strategy finds interesting would be missing among the draws."""
    found = history(
        asked(1, "a", "b"), said("b", "cat"), Closed(round=1, why=""), asked(2, "c", new=("a",)), said("a", "dog")
    )
    assert ends(found) == {"a": "class", "b": "class", "c": "open"}


def test_what_had_a_label_is_told_by_when_the_label_came() -> None:
    found = history(
        said("old", "cat", source="import by x of old"),
        asked(1, "a"),
        said("a", "cat"),
        asked(2, "b", new=("n",)),
        said("imported", "dog", source="import by x of imported"),
        asked(3, "c"),
        said("n", "dog"),
    )
    assert found.labeled_in == {"old": 0, "a": 1, "imported": 2, "n": 3}


def test_a_corrected_label_was_known_from_the_first_one_on() -> None:
    found = history(asked(1, "a"), said("a", "cat"), asked(2, "b"), said("a", "dog"))
    assert found.labels["a"].classes == ("dog",)
    assert found.labeled_in == {"a": 1}


def test_a_suggestion_that_was_selected_is_noted() -> None:
    found = history(asked(1, "a", "b"), said("a", "cat", suggested="cat"), said("b", "cat"))
    assert {draw.item: draw.seen for draw in draws_of(found)} == {"a": True, "b": False}


def test_items_that_are_gone_from_the_pool_are_counted() -> None:
    def encoded(items: int, added: tuple[str, ...] | None, turn: int) -> Encoded:
        return Encoded(fingerprint="f", encoder="e", items=items, dim=2, seconds=0.0, added=added, turn=turn)

    found = history(encoded(100, None, 0), asked(1, "a"), said("a", "cat"), encoded(75, ("n1", "n2"), 3))
    assert found.removed == ((1, 27),)
    assert isinstance(draws_of(found)[0], Draw)
