"""The doors of every strategy, the registry, and the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from activessl import registry
from activessl.errors import LabelError, QueryError
from activessl.strategies.base import Query, State
from activessl.strategies.explain import Facts, gather_facts, reasons, without_classes
from activessl.strategies.external import ScikitActiveML, SmallText
from activessl.strategies.mixtures import TCM
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy, strategy_names
from activessl.strategies.scene import Choice, close_scene, open_scene
from activessl.strategies.uncertainty.strategies import Random, Uncertainty


def make_state(n: int = 30, **changes: object) -> State:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n, 6)).astype(np.float32)
    probs = rng.dirichlet(np.ones(3), size=n)
    state = State(vectors, np.array([0, 1]), np.array([0, 2]), 3, np.random.default_rng(1), probs=probs)
    return state.replace(**changes)


# doors


def test_copies_are_set_aside_with_their_multiplicity() -> None:
    state = make_state()
    vectors = state.vectors.copy()
    vectors[10] = vectors[5]
    vectors[11] = 3 * vectors[5]
    vectors[20] = vectors[1]  # of a labeled item
    scene = open_scene(state.replace(vectors=vectors), 4)
    assert 5 in scene.rows
    assert not {10, 11, 20} & set(scene.rows.tolist())
    at = int(np.searchsorted(scene.rows, 5))
    assert scene.multiplicity[at] == 3
    assert scene.copies(at).tolist() == [5, 10, 11]


def test_random_propensities_count_each_copy() -> None:
    vectors = make_state().vectors.copy()
    vectors[10] = vectors[5]
    state = make_state(vectors=vectors)
    drawn = np.zeros(30)
    chance = np.full(30, np.nan)
    for seed in range(400):
        query = Random().query(state.replace(rng=np.random.default_rng(seed)), 9)
        drawn[query.indices] += 1
        chance[query.indices] = query.propensities
    assert chance[5] == chance[10] == pytest.approx(9 / 27 / 2)
    assert drawn[5] / 400 == pytest.approx(chance[5], abs=0.07)
    assert np.nansum(chance) == pytest.approx(9)


def test_cheap_items_come_first_when_all_else_is_equal() -> None:
    costs = np.linspace(30, 1, 30)
    query = Uncertainty().query(make_state(probs=np.full((30, 3), 1 / 3), costs=costs), 5)
    assert query.indices.tolist() == [29, 28, 27, 26, 25]


def test_wanted_classes_come_first_when_all_else_is_equal() -> None:
    probs = np.tile([0.45, 0.45, 0.1], (30, 1))
    probs[7] = [0.45, 0.1, 0.45]
    query = Uncertainty().query(make_state(probs=probs, class_weights=np.array([1.0, 1.0, 9.0])), 1)
    assert query.indices.tolist() == [7]


def test_class_weights_do_nothing_before_there_is_a_head() -> None:
    assert open_scene(make_state(probs=None, class_weights=np.array([1.0, 2.0, 3.0])), 1).appeal is None


def test_scores_put_the_picks_in_order() -> None:
    scene = open_scene(make_state(), 3)
    query = close_scene(scene, Choice(scene.rows[:3], np.array([0.1, 0.9, 0.5])), strategy="x")
    assert query.indices.tolist() == [scene.rows[1], scene.rows[2], scene.rows[0]]
    assert query.scores.tolist() == [0.9, 0.5, 0.1]


def test_tcm_turns_from_clusters_to_margin_with_the_number_of_labels() -> None:
    state = make_state()
    assert "typicality" in TCM().query(state, 3).parts
    late = state.replace(labeled=np.arange(12), labels=np.arange(12) % 3)
    assert "uncertainty" in TCM().query(late, 3).parts


# reasons


def test_a_reason_says_whom_the_item_stands_for_and_what_the_model_thinks() -> None:
    state = make_state(probs=np.tile([0.48, 0.47, 0.05], (30, 1)), class_names=("scratch", "inclusion", "pit"))
    said = reasons(state, np.array([4]), Facts(np.array([1312]), ((0,),)))[0]
    assert said == (
        "represents 1,312 similar unlabeled items; the model predicts scratch (48 %) or inclusion (47 %); "
        "nearest labeled item: 0 (scratch)"
    )
    # who is to judge without the model reads nothing of it
    assert without_classes(said, state.class_names or ()) == "represents 1,312 similar unlabeled items"


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        (
            "represents no other unlabeled item; the model predicts pit (48 %) or in-line (47 %)",
            "represents no other unlabeled item",
        ),
        ("the model predicts pit (90 %)", ""),
        ("drawn at random; represents 3 pitiful items", "drawn at random; represents 3 pitiful items"),
        ("labeled before; rather in-line than pit", "labeled before"),
        ("drawn at random; the model predicts a; b (99 %)", ""),
    ],
)
def test_a_reason_can_be_told_without_any_class(reason: str, kept: str) -> None:
    assert without_classes(reason, ("pit", "in-line", "a; b")) == kept


def test_a_sure_model_is_quoted_with_its_class() -> None:
    state = make_state(probs=np.tile([0.9, 0.06, 0.04], (30, 1)))
    assert reasons(state, np.array([4]), Facts(np.array([1]), ((0,),)))[0] == (
        "represents 1 similar unlabeled item; the model predicts class 0 (90 %); nearest labeled item: 0 (class 0)"
    )


def test_a_multi_label_reason_names_the_least_sure_classes() -> None:
    state = make_state(probs=np.tile([0.5, 0.99, 0.4], (30, 1)), labels=np.zeros((2, 3), dtype=int))
    assert (
        "least certain about class 0 (50 %) and class 2 (40 %)"
        in reasons(state, np.array([4]), Facts(np.array([1]), ((0,),)))[0]
    )


def test_a_nearest_label_of_no_class_is_not_told_and_one_of_several_names_them() -> None:
    state = make_state(labels=np.array([[0, 0, 0], [1, 0, 1]]))
    none, several = reasons(state, np.array([4, 5]), Facts(np.array([1, 1]), ((0,), (1,))))
    assert "nearest" not in none  # it would name no class, and be read by who is to judge without any
    assert several.endswith(f"nearest labeled item: {state.id_of(1)} (class 0, class 2)")


def test_the_nearest_label_is_told_and_not_the_others() -> None:
    state = make_state(labeled=np.array([9, 0, 4]), labels=np.array([2, 0, 1]))
    said = reasons(state, np.array([7]), Facts(np.array([1]), ((0, 4, 9),)))[0]
    assert said.endswith("nearest labeled item: 0 (class 0)")


@pytest.mark.parametrize(
    ("labeled", "labels", "told"),
    [([0, 1], [0, 3], "labels include 3"), ([0, 1], [0, -1], "labels include -1"), ([0, 30], [0, 1], "include 30"),
     ([-2, 0], [0, 1], "include -2")],
)  # fmt: skip
def test_the_first_number_outside_its_range_is_named(labeled: list[int], labels: list[int], told: str) -> None:
    with pytest.raises(QueryError, match=told):
        get_strategy("random").query(make_state(labeled=np.array(labeled), labels=np.array(labels)), 3)


def test_k_center_gives_the_distance_as_reason_and_the_mean_for_the_first_pick_without_labels() -> None:
    first = get_strategy("k_center").query(
        make_state(labeled=np.array([], int), labels=np.array([], int), probs=None), 2
    )
    assert first.reasons[0].startswith("near the mean of the pool; ")
    assert first.reasons[1].startswith("distance ")
    assert get_strategy("k_center").query(make_state(), 1).reasons[0].startswith("distance ")


def test_the_count_of_a_pick_is_its_blob() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat([0, 1], [80, 20])
    vectors = (np.eye(6)[owner] + 0.01 * rng.normal(size=(100, 6))).astype(np.float32)
    state = make_state(n=100).replace(vectors=vectors, labeled=np.array([], dtype=int), labels=np.array([], dtype=int))
    facts = gather_facts(state, np.array([0, 99]), state.candidates, rng=rng)
    assert facts.covers[0] > facts.covers[1] > 0
    assert facts.neighbours == ()


def test_what_is_far_from_every_pick_is_counted_for_none() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat([0, 1], [60, 40])
    vectors = (np.eye(6)[owner] + 0.01 * rng.normal(size=(100, 6))).astype(np.float32)
    state = make_state(n=100).replace(vectors=vectors, labeled=np.array([], dtype=int), labels=np.array([], dtype=int))
    covers = gather_facts(state, np.array([0]), state.candidates, rng=rng).covers
    assert 40 <= covers[0] <= 60  # half of the candidates are similar; the other blob never is


def test_neighbours_are_labeled_and_nearest_first() -> None:
    state = make_state()
    query = get_strategy("margin").query(state, 4)
    x = state.vectors / np.linalg.norm(state.vectors, axis=1, keepdims=True)
    for row, near in zip(query.indices, query.neighbours, strict=True):
        distance = [float(np.linalg.norm(x[row] - x[j])) for j in near]
        assert set(near) == {0, 1}
        assert distance == sorted(distance)


# registry


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(QueryError) as caught:
        get_strategy("nonsense")
    assert "max_herding" in caught.value.hint


def test_an_unknown_parameter_lists_the_parameters() -> None:
    with pytest.raises(QueryError) as caught:
        get_strategy("max_herding", sigma=1)
    assert "width" in caught.value.hint


def test_a_parameter_of_a_strategy_that_is_no_dataclass_is_its_own_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own:
        name = "own"

        def __init__(self, step: int = 1) -> None:
            self.step = step

        def query(self, state: State, query_size: int) -> Query:
            return get_strategy("random").query(state, query_size)

    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("own", "x:Own", "activessl.strategies")])
    monkeypatch.setattr(EntryPoint, "load", lambda self: Own)
    assert get_strategy("own", step=3).step == 3
    with pytest.raises(QueryError, match="cannot be created"):
        get_strategy("own", stride=2)


def test_a_strategy_is_passed_through_but_not_with_parameters() -> None:
    made = Random()
    assert get_strategy(made) is made
    with pytest.raises(QueryError):
        get_strategy(made, width=1)
    with pytest.raises(QueryError):
        get_strategy(3)  # type: ignore[arg-type]


@dataclass(frozen=True)
class First:
    """A strategy of another package."""

    step: int = 1
    name: str = "first"

    def query(self, state: State, query_size: int) -> Query:
        return get_strategy("random").query(state, query_size)


def test_strategies_of_other_packages_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    good = EntryPoint("first", f"{__name__}:First", "activessl.strategies")
    lost = EntryPoint("lost", "no_such_module:Thing", "activessl.strategies")
    monkeypatch.setattr(registry, "entry_points", lambda group: [good, lost])
    monkeypatch.setattr(EntryPoint, "load", lambda self: First if self.name == "first" else __import__("no_such_mod"))
    assert "first" in strategy_names()
    assert get_strategy("first", step=2) == First(step=2)
    with pytest.raises(QueryError, match="cannot be imported"):
        get_strategy("lost")
    with pytest.raises(QueryError, match="no parameter 'stride'"):
        get_strategy("first", stride=2)


def test_names_are_listed_without_importing_the_strategies() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from activessl.strategies.registry import strategy_names; strategy_names();"
        "print(sorted({'torch', 'faiss', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# other libraries


class FakePoolStrategy:
    """The shape of a scikit-activeml strategy."""

    random_state = None

    def query(self, X, y, candidates=None, batch_size=1, return_utilities=False):
        self.random_state = np.random.RandomState(self.random_state)
        assert np.isnan(y[candidates]).all()
        utilities = np.full((batch_size, len(X)), np.nan)
        utilities[:, candidates] = self.random_state.rand(len(candidates))
        return candidates[np.argsort(-utilities[0, candidates])[:batch_size]], utilities


class FakeTextStrategy:
    """The shape of a small-text strategy."""

    def query(self, clf, dataset, indices_unlabeled, indices_labeled, y, n=10):
        proba = clf.predict_proba(dataset[indices_unlabeled])
        assert clf.embed(dataset[indices_labeled]).shape[0] == len(indices_labeled) == len(y)
        return indices_unlabeled[np.argsort(proba.max(axis=1))[:n]]


def test_a_pool_strategy_of_scikit_activeml_works_and_repeats() -> None:
    held = FakePoolStrategy()
    first, second = (ScikitActiveML(held).query(make_state(), 5) for _ in range(2))
    assert first.indices.tolist() == second.indices.tolist()
    assert first.strategy == "scikit-activeml:FakePoolStrategy"
    assert held.random_state is None
    assert np.isfinite(first.parts["utility"]).all()


def test_a_strategy_of_small_text_sees_the_head() -> None:
    state = make_state()
    query = SmallText(FakeTextStrategy()).query(state, 5)
    best = state.candidates[np.argsort(state.probs[state.candidates].max(axis=1))[:5]]
    assert set(query.indices.tolist()) == set(best.tolist())
    with pytest.raises(QueryError, match="needs the head"):
        SmallText(FakeTextStrategy()).query(make_state(probs=None), 5)


def test_an_error_of_another_library_says_whose_it_is() -> None:
    class Broken:
        def query(self, *args, **kwargs):
            raise ValueError("no such thing\nmore")

    with pytest.raises(QueryError, match="scikit-activeml:Broken failed: ValueError: no such thing"):
        ScikitActiveML(Broken()).query(make_state(), 5)


class EmptyPoolException(Exception):
    """As small-text's: its base is Exception alone."""


@pytest.mark.parametrize("error", [EmptyPoolException("empty"), AssertionError(), UnboundLocalError("x"), OSError("y")])
def test_no_error_of_another_library_comes_out_as_it_is(error) -> None:
    class TypiClust:
        def query(self, *args, **kwargs):
            raise error

    for strategy in (ScikitActiveML(TypiClust()), SmallText(TypiClust())):
        with pytest.raises(QueryError, match=f"TypiClust failed: {type(error).__name__}") as caught:
            strategy.query(make_state(), 5)
        assert "'typiclust' of activessl" in caught.value.hint and caught.value.__cause__ is error


def test_an_interruption_and_our_own_errors_pass_through_the_code_of_other_libraries() -> None:
    class Stopped:
        def __init__(self, error):
            self.error = error

        def query(self, *args, **kwargs):
            raise self.error

    for error in (KeyboardInterrupt(), LabelError("ours", hint="do this")):
        with pytest.raises(type(error)):
            SmallText(Stopped(error)).query(make_state(), 5)


def test_what_another_library_returns_is_checked_before_it_is_used() -> None:
    class Odd:
        def query(self, *args, **kwargs):
            return ["a", "b"], None

    with pytest.raises(QueryError, match="scikit-activeml:Odd failed: ValueError"):
        ScikitActiveML(Odd()).query(make_state(), 5)


def test_the_random_share_translates_errors_of_a_strategy_that_another_package_offers() -> None:
    class Offered:
        name = "offered"

        def query(self, state, query_size):
            raise IndexError("list index out of range")

    with pytest.raises(QueryError, match="offered failed: IndexError") as caught:
        RandomShare(Offered(), 0.0).query(make_state(), 5)
    assert "'auto'" in caught.value.hint


def test_fewer_than_asked_from_another_library_is_an_error() -> None:
    class Short:
        def query(self, clf, dataset, indices_unlabeled, indices_labeled, y, n=10):
            return np.repeat(indices_unlabeled[:1], n)

    with pytest.raises(QueryError, match="returned 1 distinct"):
        SmallText(Short()).query(make_state(), 5)


@pytest.mark.parametrize("costs", [np.ones(29), np.ones(31), np.ones((30, 1)), np.arange(30.0), np.full(30, np.nan)])
def test_costs_are_one_positive_number_for_each_item(costs: np.ndarray) -> None:
    with pytest.raises(QueryError, match="costs must be one positive number"):
        get_strategy("margin").query(make_state(costs=costs), 3)


@pytest.mark.parametrize("weights", [np.ones(2), np.ones(4), np.array([1.0, -1, 1]), np.array([1.0, np.inf, 1])])
def test_class_weights_are_one_finite_number_for_each_class(weights: np.ndarray) -> None:
    with pytest.raises(QueryError, match="class"):
        get_strategy("margin").query(make_state(class_weights=weights), 3)


def test_drop_query_starts_from_clusters_and_asks_for_the_function_of_the_head() -> None:
    none = np.array([], dtype=np.int64)
    first = make_state(probs=None, labeled=none, labels=none)
    found = get_strategy("drop_query").query(first.replace(rng=np.random.default_rng(3)), 4)
    clusters = get_strategy("kmeans").query(first.replace(rng=np.random.default_rng(3)), 4)
    assert found.indices.tolist() == clusters.indices.tolist()
    with pytest.raises(QueryError, match="predict function"):
        get_strategy("drop_query").query(make_state(), 4)
