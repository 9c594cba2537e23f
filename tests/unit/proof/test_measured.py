"""Kept figures: shown only of exactly these labels, and never in place of what is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from activessl.ledger.history import History
from activessl.ledger.machines import MachineHistory
from activessl.ledger.schema import AUDIT, CONFIRM, Closed, Missing
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.classes import ClassQuality, Share
from activessl.measuring.savings.estimated import LiveSavings
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.proof.measured import (
    Measured,
    accuracy_on_test_data,
    chosen_by,
    kept_measures,
    key_of,
    newer_text,
    read_kept,
    too_many_imported,
    unsaid_text,
    write_kept,
)
from activessl.proof.measured import tested_items as items_tested  # pytest would take the name for a test

LIVE = LiveSavings(100, 200.0, 0.5, 0.1, 0.7, 0.9, 20, -1.0, None, "replays")
ACCURACY = Audit(0.9, 0.84, 0.94, 0.9, 100, 95.0, 0.9, 0.9)
QUALITY = (ClassQuality(Share(0.5, 0.3, 0.7, 20), None),)
CONFIG = check_config({"data": {"path": "x", "modality": "vector", "classes": ("cat", "dog")}})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path, CONFIG)
    found._know(CONFIG.data.classes)
    (tmp_path / "embeddings" / "f").mkdir(parents=True)
    return found


def begun(tell, *more) -> History:
    return tell.history(
        tell.encoded(20), tell.asked(1, *tell.drawn("a"), *tell.chosen("b")), tell.said("a", "cat"), *more
    )


def keep(project: Project, history: History, **changes: object) -> None:
    told = {
        "audit": ACCURACY.to_dict(),
        "live": LIVE.to_dict(),
        "classes": [one.to_dict() for one in QUALITY],
        "newer": 3,
        "gone": 2,
        "random_labels": 41,
    }
    write_kept(project, key_of(history, project.config), told | changes)


def test_kept_figures_are_read_again_as_they_were_measured(tell, project: Project) -> None:
    history = begun(tell, tell.taught(1))
    keep(project, history)
    assert kept_measures(project, history) == Measured(ACCURACY, LIVE, QUALITY, 3, 2, 41)
    keep(project, history, audit=None, live=None, classes=[])
    assert kept_measures(project, history) == Measured(None, None, (), 3, 2, 41)


def test_figures_of_other_labels_are_measured_again(tell, project: Project) -> None:
    keep(project, begun(tell, tell.taught(1)))
    assert kept_measures(project, begun(tell, tell.taught(1), tell.said("b", "dog"))) is None


def test_before_vectors_or_labels_there_is_nothing_to_measure(tell, project: Project) -> None:
    assert kept_measures(project, tell.history()) == Measured()
    assert kept_measures(project, tell.history(tell.encoded(20))) == Measured()


def test_labels_without_a_head_have_no_accuracy_but_say_how_many_items_are_gone(tell, project: Project) -> None:
    history = begun(tell)
    assert kept_measures(project, history) is None
    keep(project, history)
    assert kept_measures(project, history) == Measured(gone=2)


def test_a_head_whose_labels_were_all_taken_back_is_still_measured(tell, project: Project) -> None:
    history = tell.history(
        tell.encoded(20), tell.asked(1, *tell.drawn("a")), tell.said("a", "cat"), tell.taught(1),
        tell.said("a", kind="delete"),
    )  # fmt: skip
    assert not history.labels
    assert kept_measures(project, history) is None


def test_without_the_vectors_kept_figures_are_not_shown(tell, project: Project) -> None:
    history = begun(tell, tell.taught(1))
    keep(project, history)
    (project.folder / "embeddings" / "f").rmdir()
    assert kept_measures(project, history) is None


@pytest.mark.parametrize(
    "changes", [{"audit": {"accuracy": 0.9}}, {"classes": [{"recall": None}]}, {"newer": "x"}, {"classes": [3]}]
)
def test_kept_figures_of_another_form_are_measured_again(tell, project: Project, changes: dict) -> None:
    history = begun(tell, tell.taught(1))
    keep(project, history, **changes)
    assert kept_measures(project, history) is None


def test_a_damaged_count_of_items_that_are_gone_is_counted_again_before_the_first_head(tell, project: Project) -> None:
    history = begun(tell)
    keep(project, history, gone=None)
    assert kept_measures(project, history) is None


@pytest.mark.parametrize("name", ["audit", "live", "classes", "newer", "gone", "random_labels"])
def test_a_figure_that_was_not_kept_is_measured(tell, project: Project, name: str) -> None:
    history = begun(tell, tell.taught(1))
    told = {"audit": None, "live": None, "classes": [], "newer": 0, "gone": 0, "random_labels": 0}
    del told[name]
    write_kept(project, key_of(history, project.config), told)
    assert kept_measures(project, history) is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", "{}", '{"key": "another"}'])
def test_a_cache_that_is_missing_damaged_or_of_other_labels_is_empty(project: Project, text: str | None) -> None:
    if text is not None:
        (project.folder / "reports").mkdir()
        (project.folder / "reports" / "evidence.json").write_text(text)
    assert read_kept(project, "k") == {}
    write_kept(project, "k", {"gone": 1})
    assert read_kept(project, "k") == {"gone": 1, "key": "k"}


def test_a_round_that_was_just_opened_changes_no_figure(tell) -> None:
    before = begun(tell, Closed(round=1, why=""))
    opened = begun(tell, Closed(round=1, why=""), tell.asked(2, *tell.drawn("c", "d")))
    assert key_of(before, CONFIG) == key_of(opened, CONFIG)


CHANGES: dict[str, Callable] = {
    "another class of a label": lambda tell: tell.said("a", "dog", by="bob", ground_truth=True),
    "a draw that was skipped": lambda tell: tell.said("c", kind="skip"),
    "a draw with an unknown class": lambda tell: tell.said("c", "cow"),
    "a label that a strategy asked for": lambda tell: tell.said("b", "dog"),
    "an import": lambda tell: tell.imported("z", "cat"),
    "a missing item": lambda tell: Missing(items=("a",), turn=5),
    "items that were added": lambda tell: tell.encoded(21, ("n",), turn=5),
    "items that were removed": lambda tell: tell.encoded(19, (), turn=5),
    "a pool that is not known": lambda tell: tell.encoded(20, None, turn=5),
    "other vectors": lambda tell: tell.encoded(20, (), turn=5).model_copy(update={"fingerprint": "g"}),
    "test data": lambda tell: tell.taught(1, per_class={"cat": (1, 1, 1)}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_figures_rest_on_makes_them_others(tell, change: str) -> None:
    def history(*more) -> History:
        return tell.history(
            tell.encoded(20),
            tell.asked(1, *tell.drawn("a", "c"), *tell.chosen("b")),
            tell.said("a", "cat"),
            Closed(round=1, why=""),
            *more,
        )

    assert key_of(history(), CONFIG) != key_of(history(CHANGES[change](tell)), CONFIG)


def test_a_new_head_gives_new_figures_because_it_says_what_is_predicted_for_items_without_a_class(tell) -> None:
    """Else figures from before the teaching would be shown of the head that came after it."""
    before, after = begun(tell), begun(tell, tell.taught(1))
    again, same = begun(tell, tell.taught(1, digest="e")), begun(tell, tell.taught(1), tell.taught(1, turn=5))
    assert len({key_of(one, CONFIG) for one in (before, after, again)}) == 3
    assert key_of(after, CONFIG) == key_of(same, CONFIG)


def test_settings_that_change_the_head_or_what_it_is_measured_on_make_other_figures(tell) -> None:
    history = begun(tell)
    told = CONFIG.model_dump()
    others = [
        told | {"head": {"name": "prototype"}},
        told | {"seed": 1},
        told | {"data": told["data"] | {"classes": ("dog", "cat")}},
        told | {"data": told["data"] | {"group": "(x)"}},
    ]
    keys = {key_of(history, check_config(one)) for one in others} | {key_of(history, CONFIG)}
    assert len(keys) == 5


def test_a_label_from_a_cluster_only_gives_other_figures_than_one_of_an_item_alone(tell) -> None:
    def history(cluster: bool) -> History:
        asked = tell.asked(1, *tell.chosen("a", "b"), strategy=CONFIRM)
        return tell.history(tell.encoded(20), asked, tell.said("a", "cat", cluster=cluster))

    assert key_of(history(True), CONFIG) != key_of(history(False), CONFIG)


def test_only_strategies_that_chose_items_count_as_a_choice(tell) -> None:
    history = tell.history(
        tell.asked(1, *tell.drawn("a"), strategy="random"),
        tell.asked(2, *tell.drawn("b"), strategy="power"),  # drawn by weights
        tell.asked(3, *tell.chosen("c"), strategy=AUDIT),
        tell.asked(4, *tell.chosen("d"), strategy=CONFIRM),
        tell.asked(5, *tell.chosen("f"), strategy="random"),
    )
    assert chosen_by(history) == frozenset()
    more = tell.history(tell.asked(1, *tell.drawn("a"), *tell.chosen("b"), strategy="margin"))
    assert chosen_by(more) == {"margin"}


@pytest.mark.parametrize(("elsewhere", "told"), [(1, 0), (2, 2)])
def test_up_to_a_tenth_of_the_labels_may_come_from_elsewhere_before_nothing_is_said_of_savings(
    tell, elsewhere: int, told: int
) -> None:
    ours = [f"i{k}" for k in range(10 - elsewhere)]
    theirs = [f"o{k}" for k in range(elsewhere)]
    history = tell.history(
        *(tell.imported(item, "cat") for item in theirs),
        tell.asked(1, *tell.chosen(*ours)),
        *(tell.said(item, "cat") for item in ours),
    )
    assert too_many_imported(history) == told
    if told:
        assert unsaid_text(history) == "2 of 10 labels were not chosen by this project: they were imported"
    else:
        assert unsaid_text(history) == "too few random labels yet"


def test_where_nothing_was_chosen_this_is_the_reason_why_no_saving_is_told(tell) -> None:
    history = tell.history(tell.asked(1, *tell.drawn("a"), strategy="random"), tell.said("a", "cat"))
    assert unsaid_text(history) == "no items were chosen by a strategy yet"


def test_items_outside_the_figures_are_told_of_each_kind(tell) -> None:
    history = tell.history(
        tell.asked(1, *tell.drawn("a", "b", "c"), *tell.chosen("d")),
        tell.said("a", "cow"),
        tell.said("b", "cow"),
        tell.said("b", "cat", by="bob"),  # it has a label all the same
        tell.said("c", "cat"),
        tell.said("d", "cow"),  # nobody drew it
    )
    told = newer_text(history, 0)
    assert told.startswith("1 random items were labeled with a class that the project does not have")
    both = newer_text(history, 1_200)
    assert both == f"1,200 items were added after these random labels were drawn and are not covered; {told}"
    assert newer_text(tell.history(), 0) == ""


def test_an_accuracy_on_test_data_needs_test_items(tell) -> None:
    def head(**told: object) -> History:
        return tell.history(tell.asked(1, *tell.chosen("a")), tell.said("a", "cat"), tell.taught(1, **told))

    found = accuracy_on_test_data(head(accuracy=0.29, test_items=100))
    assert found is not None and (found.right, found.items) == (29, 100)  # 0.29 * 100 is 28.999…
    for nothing in (tell.history(), head(), head(accuracy=0.5), head(accuracy=0.5, test_items=0), head(test_items=5)):
        assert accuracy_on_test_data(nothing) is None


def test_classes_rest_on_test_items_only_where_they_were_counted_by_class(tell) -> None:
    def head(**told: object) -> History:
        return tell.history(tell.asked(1, *tell.chosen("a")), tell.said("a", "cat"), tell.taught(1, **told))

    assert items_tested(tell.history()) == 0
    assert items_tested(head(accuracy=0.9, test_items=50)) == 0
    assert items_tested(head(per_class={"cat": (1, 1, 1)}, test_items=50)) == 50
    assert items_tested(head(per_class={"cat": (1, 1, 1)})) == 0


def test_figures_with_a_machine_are_not_shown_after_it_was_taken_out_of_the_config(tell) -> None:
    history = replace(begun(tell), said={"old": MachineHistory()})
    machines = {"old": {"kind": "table", "path": "said.csv"}}
    data = {"path": "x", "modality": "vector", "classes": ("cat", "dog")}
    assert key_of(history, check_config({"data": data, "machines": machines})) != key_of(history, CONFIG)
