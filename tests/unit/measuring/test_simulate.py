from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Habits
from activessl.errors import HeadError, MeasureError, QueryError
from activessl.measuring.simulation.simulate import simulate
from activessl.strategies.base import Query, State


def data(n: int = 240, k: int = 3, d: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    return rng.normal(size=(k, d))[truth] * 2 + rng.normal(size=(n, d)), truth


@dataclass(frozen=True)
class Watched:
    """The first candidates, and a record of what was seen."""

    log: tuple[list, ...] = ([],)
    name: str = "watched"

    def query(self, state: State, query_size: int) -> Query:
        self.log[0].append(state)
        if state.predict is not None:  # now, because the head goes on learning
            np.testing.assert_allclose(state.predict(state.vectors), state.probs, atol=1e-6)
        rows = state.candidates[:query_size]
        return Query(
            rows,
            tuple(map(str, rows)),
            np.zeros(len(rows)),
            ("first",) * len(rows),
            np.full(len(rows), np.nan),
            self.name,
        )


def test_random_is_always_among_the_arms_and_the_shape_is_as_promised() -> None:
    x, y = data()
    found = json.loads(simulate(x, y, strategies=("typiclust",), seeds=3, budgets=(3, 6, 12)).to_json())
    assert list(found["curves"]) == ["typiclust", "random"]
    for arm in found["curves"].values():
        assert arm["labels"] == [3, 6, 12]
        assert np.shape(arm["accuracy"]) == (3, 3) and np.shape(arm["seconds"]) == (3, 3)
    assert found["settings"]["seeds"] == 3


def test_the_same_seed_gives_the_same_curves_and_another_gives_others() -> None:
    x, y = data()
    runs = [simulate(x, y, strategies=("random",), seeds=2, budgets=(3, 6), seed=s) for s in (1, 1, 2)]
    first, again, other = (r.baseline.curve.accuracy for r in runs)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_two_processes_give_what_one_gives() -> None:
    x, y = data(n=90)
    alone = simulate(x, y, strategies=("random",), seeds=2, budgets=(3, 6))
    both = simulate(x, y, strategies=("random",), seeds=2, budgets=(3, 6), jobs=2)
    np.testing.assert_array_equal(alone.baseline.curve.accuracy, both.baseline.curve.accuracy)


def test_a_strategy_starts_from_no_labels_and_then_sees_the_head() -> None:
    x, y = data()
    watched = Watched(([],))
    simulate(x, y, strategies=(watched,), seeds=1, budgets=(3, 6))
    first, second = watched.log[0]
    assert len(first.labeled) == 0 and first.probs is None
    assert second.labeled.tolist() == [0, 1, 2]
    assert second.probs.shape == (len(second.vectors), 3)
    assert second.predict is not None
    np.testing.assert_allclose(np.linalg.norm(first.vectors, axis=1), 1, atol=1e-5)


def test_a_strategy_that_needs_a_head_gets_a_random_first_batch_and_the_result_says_so() -> None:
    x, y = data()
    found = simulate(x, y, strategies=("margin", "typiclust"), seeds=2, budgets=(3, 6))
    assert found.arms["margin"].cold_start == "random"
    assert found.arms["typiclust"].cold_start == "itself"
    np.testing.assert_array_equal(
        found.arms["margin"].curve.accuracy[:, 0], found.baseline.curve.accuracy[:, 0]
    )  # paired: the same random batch


def test_a_given_split_is_kept_and_a_missing_one_is_stratified() -> None:
    x, y = data()
    split = (np.arange(240) % 4 == 0) * 2
    assert simulate(x, y, split=split, strategies=("random",), seeds=1, budgets=(3,)).settings["n_test"] == 60
    assert simulate(x, y, strategies=("random",), seeds=1, budgets=(3,)).settings["n_test"] == 48


def test_class_names_work_as_labels() -> None:
    x, y = data()
    names = np.array(["ant", "bee", "cow"])[y]
    by_name, by_number = (simulate(x, t, strategies=("random",), seeds=1, budgets=(6,)) for t in (names, y))
    np.testing.assert_array_equal(by_name.baseline.curve.accuracy, by_number.baseline.curve.accuracy)


def test_a_skipped_item_of_the_first_batch_is_replaced_although_no_head_is_taught_yet() -> None:
    x, y = data()
    found = simulate(x, y, strategies=("margin", "bald"), seeds=2, budgets=(20, 40), oracle=Habits(skips=0.3))
    assert [found.arms[name].cold_start for name in ("margin", "bald")] == ["random", "random"]
    assert found.arms["margin"].curve.labels.tolist() == [20, 40]


def test_an_annotator_that_errs_costs_accuracy_and_skips_cost_time_not_labels() -> None:
    x, y = data()
    fine = simulate(x, y, strategies=("random",), seeds=4, budgets=(30, 60))
    wrong = simulate(x, y, strategies=("random",), seeds=4, budgets=(30, 60), oracle=Habits(mistakes=0.6))
    lazy = simulate(x, y, strategies=("random",), seeds=4, budgets=(30, 60), oracle=Habits(skips=0.4))
    assert wrong.baseline.curve.mean[-1] < fine.baseline.curve.mean[-1] - 0.1
    assert np.all(lazy.baseline.human_seconds[:, -1] > 1.2 * fine.baseline.human_seconds[:, -1])


def test_an_interrupted_simulation_goes_on_where_it_stopped(tmp_path) -> None:
    x, y = data()

    class Stop(Exception):
        pass

    def stop_at_two(progress) -> None:
        if progress.done == 2:
            raise Stop

    settings = {"strategies": ("random",), "seeds": 4, "budgets": (3, 6), "cache": tmp_path}
    with pytest.raises(Stop):
        simulate(x, y, on_progress=stop_at_two, **settings)
    file = next(tmp_path.iterdir())
    with file.open("a") as out:
        out.write(
            '{"key": "x", "track": 3}\n{"key": "y"}\n{"key": "z", "track": {"accuracy": ["a"]}}\n[]\n'
        )  # by others
        out.write('{"key": "torn')  # killed while writing

    steps = []
    resumed = simulate(x, y, on_progress=lambda p: steps.append(p.done), **settings)
    assert steps == [2, 3, 4]
    fresh = simulate(x, y, strategies=("random",), seeds=4, budgets=(3, 6))
    np.testing.assert_array_equal(resumed.baseline.curve.accuracy, fresh.baseline.curve.accuracy)
    simulate(x + 1, y, on_progress=lambda p: steps.append(p.done), **settings)
    assert steps[3] == 0  # other data, nothing taken from the cache


def test_zero_jobs_mean_one_for_each_core_and_fewer_are_refused() -> None:
    x, y = data()
    one, all_cores = (simulate(x, y, strategies=("random",), seeds=1, budgets=(3, 6), jobs=jobs) for jobs in (1, 0))
    np.testing.assert_array_equal(one.baseline.curve.accuracy, all_cores.baseline.curve.accuracy)
    with pytest.raises(MeasureError, match="-1 jobs"):
        simulate(x, y, strategies=("random",), seeds=1, budgets=(3, 6), jobs=-1)


def test_two_objects_of_one_name_are_kept_apart() -> None:
    x, y = data()
    found = simulate(x, y, strategies=(Watched(([],)), Watched(([],))), seeds=1, budgets=(3,))
    assert list(found.arms) == ["watched", "watched#2", "random"]


def test_the_text_holds_a_row_for_each_arm_and_a_sentence_for_each_saving() -> None:
    x, y = data()
    text = simulate(x, y, strategies=("typiclust",), seeds=2, budgets=(3, 6, 12)).to_text()
    assert text.count("typiclust") == 2 and "random" in text


def test_finished_runs_are_never_written_again_because_the_last_line_is_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = data()
    settings = {"strategies": ("random",), "seeds": 3, "budgets": (3, 6), "cache": tmp_path}
    simulate(x, y, **settings)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole + '{"key": "törn'.encode()[:-3])  # in the middle of a letter

    def emptied(*_: object, **__: object) -> None:
        raise AssertionError("killed here, all runs would be gone")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", emptied)
        patch.setattr(Path, "write_bytes", emptied)
        simulate(x, y, **settings)
    assert file.read_bytes() == whole


def test_runs_of_another_version_are_not_taken_for_those_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = data()
    settings = {"strategies": ("random",), "seeds": 2, "budgets": (3, 6), "cache": tmp_path}

    def taken() -> int:
        steps: list[int] = []
        simulate(x, y, **settings, on_progress=lambda p: steps.append(p.done))
        return steps[0]

    assert (taken(), taken()) == (0, 2)
    monkeypatch.setattr("activessl.measuring.simulation.replay.VERSION", 0)
    assert taken() == 0
    monkeypatch.undo()
    assert taken() == 2
    monkeypatch.setattr("activessl.measuring.simulation.replay.version", lambda _: "0.0")
    assert taken() == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"budgets": (500,)}, "a budget of 500 labels for a pool of 192"),
        ({"budgets": (6, 3)}, "do not ascend"),
        ({"budgets": ()}, "do not ascend"),
        ({"budgets": (0, 3)}, "do not ascend"),
        ({"seeds": 0}, "0 seeds"),
        ({"jobs": -1}, "-1 jobs"),
        ({"n_classes": 2}, "labels from 0 to 2 with 2 classes"),
        ({"n_classes": 4}, "1 of 4 classes have no item"),
        ({"split": np.zeros(240)}, "a split of shape"),
        ({"split": np.arange(240) % 3}, "2 of 3 classes have no item"),
        ({"labels": np.zeros(240)}, "1 class in the labels"),
        ({"labels": np.full(240, np.nan)}, "labels hold NaN"),
        ({"labels": np.zeros(7)}, "one row and one class"),
        ({"oracle": Habits(skips=0.9), "budgets": (150,)}, "the other items are skipped"),
    ],
)
def test_what_cannot_be_measured_is_refused(change: dict, told: str) -> None:
    x, y = data()
    given = {"vectors": x, "labels": y, "strategies": ("random",), "seeds": 1, "budgets": (3,), **change}
    with pytest.raises(MeasureError) as error:
        simulate(given.pop("vectors"), given.pop("labels"), **given)
    assert told in error.value.message or told in error.value.hint
    assert error.value.hint


def test_nan_in_the_vectors_is_refused_with_its_row() -> None:
    x, y = data()
    x[17, 3] = np.nan
    with pytest.raises(MeasureError, match="first in row 17"):
        simulate(x, y, strategies=("random",), seeds=1, budgets=(3,))


def test_unknown_strategies_and_heads_are_refused() -> None:
    x, y = data()
    with pytest.raises(QueryError):
        simulate(x, y, strategies=("tarot",), seeds=1, budgets=(3,))
    with pytest.raises(HeadError):
        simulate(x, y, strategies=("random",), head="tarot", seeds=1, budgets=(3,))


def test_a_strategy_that_repeats_items_is_caught() -> None:
    x, y = data()

    @dataclass(frozen=True)
    class Stuck(Watched):
        name: str = "stuck"

        def query(self, state: State, query_size: int) -> Query:
            rows = np.arange(query_size)
            return Query(
                rows, tuple(map(str, rows)), np.zeros(query_size), ("",) * query_size, np.zeros(query_size), "stuck"
            )

    with pytest.raises(QueryError, match="stuck gave 3 items"):
        simulate(x, y, strategies=(Stuck(),), seeds=1, budgets=(3, 6))


def test_what_people_really_answered_is_replayed() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 60)
    points = rng.normal(size=(120, 4)) + 4 * truth[:, None]
    told = {"strategies": ("random",), "seeds": 2, "budgets": (10, 40), "n_classes": 2}
    right = simulate(points, truth, answers=truth, times=np.array([7.0]), **told)
    wrong = simulate(points, truth, answers=1 - truth, times=np.array([7.0]), **told)
    assert right.baseline.curve.mean[-1] > 0.95 and wrong.baseline.curve.mean[-1] < 0.05
    assert right.baseline.human_seconds[:, -1].tolist() == [280.0, 280.0]
    assert right.settings["oracle"]["answers"] == "of people"


def test_answers_that_do_not_fit_are_refused() -> None:
    points, truth = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    with pytest.raises(MeasureError, match="answers of shape"):
        simulate(points, truth, n_classes=2, answers=truth[:-1], budgets=(4,), seeds=1)
    with pytest.raises(MeasureError, match="times that are missing"):
        simulate(points, truth, n_classes=2, times=np.array([0.0]), budgets=(4,), seeds=1)


@pytest.mark.parametrize("random_share", [0.0, 0.2])
def test_a_strategy_that_needs_a_posterior_waits_for_the_second_class(random_share: float) -> None:
    x, _ = data()
    rare = (np.arange(240) % 20 == 0).astype(int)  # the first three labels are often of one class
    found = simulate(x, rare, strategies=("bald",), seeds=4, budgets=(3, 6, 60), random_share=random_share)
    assert found.arms["bald"].curve.accuracy.shape == (4, 3)
    assert np.isfinite(found.arms["bald"].curve.accuracy).all()


def test_a_strategy_that_needs_a_posterior_is_refused_with_a_head_that_never_has_one() -> None:
    x, y = data()
    with pytest.raises(QueryError, match="needs draws"):
        simulate(x, y, strategies=("bald",), seeds=1, budgets=(6, 12), head="neighbours")


@pytest.mark.parametrize("wrong", [-2, 3, 17, -9])
def test_an_answer_or_a_machine_outside_of_the_classes_is_refused_alone(wrong: int) -> None:
    points, truth = data(60)
    for name, told in (("answers", "answers of shape"), ("machine", "machine answers of shape")):
        said = truth.copy()
        said[7] = wrong
        with pytest.raises(MeasureError, match=told):
            simulate(points, truth, n_classes=3, **{name: said}, budgets=(4,), seeds=1)


@pytest.mark.parametrize("times", [[], [[1.0]], [0.0, 1.0], [1.0, -1.0], [1.0, np.nan], [np.inf]])
def test_times_that_nobody_can_have_needed_are_refused(times: list) -> None:
    points, truth = data(60)
    with pytest.raises(MeasureError, match="times that are missing, NaN or not above 0"):
        simulate(points, truth, times=np.array(times), budgets=(4,), seeds=1)


@pytest.mark.parametrize("vectors", [np.full((60, 2), "a"), np.full((60, 2), 1j), np.zeros((60, 2), dtype=object)])
def test_vectors_that_are_no_real_numbers_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(MeasureError, match="vectors of type"):
        simulate(vectors, np.arange(60) % 2, budgets=(4,), seeds=1)


def test_of_a_given_split_one_item_of_each_class_in_the_pool_is_enough() -> None:
    points, truth = data(60)
    split = ((truth == 2) & (np.arange(60) > 2)).astype(int)  # one item of the last class is in the pool
    found = simulate(points, truth, split=split, strategies=("random",), budgets=(4,), seeds=1)
    assert found.settings["n_pool"] == 41
    with pytest.raises(MeasureError, match="1 of 3 classes have no item to learn from"):
        simulate(points, truth, split=(truth == 2).astype(int), budgets=(4,), seeds=1)
