"""Errors of strategies: those of other packages are told as theirs, ours keep their traceback."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from activessl.errors import QueryError
from activessl.strategies.base import Query, State
from activessl.strategies.foreign import _instead, ask, translated
from activessl.strategies.heeding import WithMachine, heeds_machine
from activessl.strategies.registry import get_strategy

STATE = State(np.eye(3), np.array([0]), np.array([1]), 2, np.random.default_rng(0))


class Broken:
    """A strategy of somebody else."""

    name = "lib:BreakingTies"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def query(self, state: State, query_size: int) -> Query:
        raise self.error


def of(module: str, error: BaseException) -> Any:
    return type("Broken", (Broken,), {"__module__": module})(error)


def test_faults_of_ours_stay_what_they_are() -> None:
    for module in ("activessl", "activessl.strategies.auto", "activessl_modal.strategies"):
        with pytest.raises(ZeroDivisionError):
            ask(of(module, ZeroDivisionError("no")), STATE, 1)
    assert len(ask(get_strategy("random"), STATE, 2)) == 2


def test_faults_of_others_name_them_and_a_strategy_to_use_instead() -> None:
    for module in ("skactiveml.pool", "their.activessl", "notactivessl"):
        with pytest.raises(QueryError, match="lib:BreakingTies failed: ZeroDivisionError: no") as told:
            ask(of(module, ZeroDivisionError("\n  no.\nmore")), STATE, 1)
        assert "the strategy 'margin' of activessl" in str(told.value.hint)
        assert isinstance(told.value.__cause__, ZeroDivisionError)
    with pytest.raises(QueryError, match="ours"):
        ask(of("their", QueryError("ours", hint="keep it")), STATE, 1)
    with pytest.raises(KeyboardInterrupt):
        ask(of("their", KeyboardInterrupt()), STATE, 1)


def test_an_error_without_a_text_has_its_class_and_a_long_one_is_cut() -> None:
    with pytest.raises(QueryError, match=r"^x failed: AssertionError\n"), translated("x"):
        raise AssertionError
    with pytest.raises(QueryError) as told, translated("x"):
        raise ValueError("y" * 500)
    assert told.value.message.count("y") == 200


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("lib:TypiClust", "typiclust"),
        ("a.b.ProbCover", "prob_cover"),
        ("modal_margin_sampling", "margin"),
        ("x:Odd", "auto"),
    ],
)
def test_the_strategy_of_ours_is_found_by_its_kind(name: str, ours: str) -> None:
    assert _instead(name) == f"use the strategy {ours!r} of activessl instead"


def test_only_an_arm_with_a_machine_heeds_it_and_chooses_as_its_strategy() -> None:
    plain = get_strategy("random")
    arm = WithMachine(plain)
    assert heeds_machine(arm) and not heeds_machine(plain)
    assert arm.name == "random+machine"
    assert WithMachine(get_strategy("bald")).needs_samples and not arm.needs_samples
    one, other = (
        strategy.query(State(np.eye(9), np.array([0]), np.array([1]), 2, np.random.default_rng(3)), 4).indices.tolist()
        for strategy in (plain, arm)
    )
    assert one == other
