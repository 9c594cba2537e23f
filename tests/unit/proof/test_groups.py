"""Items that belong together: no group on both sides of a measurement, and wider intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.errors import ConfigError, PoolError
from activessl.heads.folds import dealt_groups, fold_predictions
from activessl.measuring.quality.audit import audit_accuracy
from activessl.measuring.quality.classes import audit_classes
from activessl.measuring.quality.groups import design_effect
from activessl.pool.groups import group_names, groups_text
from activessl.project.config import check_config
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.holdout import held_out
from activessl.session import Session
from activessl_cli.main import main

PATIENTS, EACH = 40, 12
CLASSES = ("ill", "well")


def test_ids_that_do_not_match_are_groups_of_their_own_and_are_told() -> None:
    ids = ["p1/a", "p1/b", "p22/a", "x", "y"]
    assert group_names(r"^(p\d+)/", ids) == ["p1", "p1", "p22", "x", "y"]
    assert groups_text(r"^(p\d+)/", ids).startswith("2 groups; 2 items match data.group nowhere")
    assert groups_text(r"^(p\d+)/", ids[:3]) == "2 groups"
    assert groups_text(None, ids) == ""


@pytest.mark.parametrize(("pattern", "why"), [("p[", "not a regular expression"), ("p1", "0 par"), ("(a)(b)", "2 par")])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str, why: str) -> None:
    data = {"path": "x", "modality": "vector", "classes": CLASSES, "group": pattern}
    with pytest.raises(ConfigError, match=why):
        check_config({"data": data})


def test_folds_do_not_divide_groups_and_are_about_equal() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(20, size=200)
    fold = dealt_groups(200, groups, rng)
    assert all(len(set(fold[groups == g])) == 1 for g in range(20))
    assert np.bincount(fold).min() >= 30
    assert len(set(dealt_groups(3, np.zeros(3, int), rng))) == 1


def test_a_prediction_knows_no_label_of_its_own_group() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 6)
    x = rng.normal(size=(30, 40))[groups] + 0.05 * rng.normal(size=(180, 40))
    y = rng.integers(2, size=30)[groups]  # the class of a group has nothing to do with its vectors
    alone = fold_predictions(x, y, head="logistic", n_classes=2, seed=0)
    apart = fold_predictions(x, y, head="logistic", n_classes=2, seed=0, groups=groups)
    assert np.mean(alone == y) > 0.95
    assert np.mean(apart == y) < 0.75


def drawn(accuracy: float, rho: float, groups: int, each: int, m: int, rng: np.random.Generator) -> tuple:
    shape = 1 / rho - 1
    right = rng.random((groups, each)) < rng.beta(accuracy * shape, (1 - accuracy) * shape, groups)[:, None]
    picks = rng.choice(groups * each, m, replace=False)
    return right.ravel()[picks], picks // each


def test_intervals_hold_the_accuracy_on_new_groups_at_a_correlation_of_one_half() -> None:
    rng = np.random.default_rng(2)
    held, naive = [], []
    for _ in range(200):
        right, groups = drawn(0.85, 0.5, 25, 30, 80, rng)
        for found, told in ((held, groups), (naive, None)):
            audit = audit_accuracy(right, np.full(80, 0.1), groups=told)
            found.append(audit.low <= 0.85 <= audit.high)
    assert np.mean(naive) < 0.75
    assert np.mean(held) > 0.85


def test_groups_of_one_item_change_nothing_and_equal_items_count_once_at_most() -> None:
    right = np.random.default_rng(3).random(60) < 0.8
    chance = np.full(60, 0.1)
    audit = audit_accuracy(right, chance, groups=np.arange(60))
    assert audit_accuracy(right, chance) == audit_accuracy(right, chance, groups=None)
    plain = audit_accuracy(right, chance)
    assert (audit.low, audit.high, audit.groups) == (plain.low, plain.high, 60)
    copies = np.repeat(right[:12], 5)
    assert 12 / 60 < 1 / design_effect(copies, np.repeat(np.arange(12), 5)) < 0.45
    truth, said = copies.astype(int), np.ones(60, dtype=int)
    [_, loose], [_, tight] = (
        audit_classes(truth, said, chance, 2, groups=g) for g in (np.repeat(np.arange(12), 5), None)
    )
    assert loose.precision is not None
    assert tight.precision is not None
    assert loose.precision.share == tight.precision.share
    assert loose.precision.low < tight.precision.low - 0.03


def session(folder: Path, **more: object) -> tuple[Session, np.ndarray]:
    rng = np.random.default_rng(4)
    patients = np.repeat(np.arange(PATIENTS), EACH)
    y = rng.integers(2, size=PATIENTS)[patients]
    x = rng.normal(size=(PATIENTS, 30))[patients] + 0.1 * rng.normal(size=(len(patients), 30))
    x[:, 0] += 0.8 * y
    ids = np.array([f"patient_{p:02}/{i}" for i, p in enumerate(patients)])
    np.savez(folder / "items.npz", vectors=x.astype(np.float32), ids=ids)
    return Session.create(
        folder / "project", folder / "items.npz", CLASSES, query_size=40, strategy="random", **more
    ), y


def labeled(folder: Path, **more: object) -> Evidence:
    folder.mkdir()
    made, y = session(folder, **more)
    made.encode()
    ids = made.project.pool().ids
    people = Oracle({item: CLASSES[k] for item, k in zip(ids, y, strict=True)}, CLASSES, seed=0)
    for _ in range(3):
        made.round(people)
    return Evidence(Snapshot.of(made.project))


@pytest.mark.slow
def test_a_project_with_groups_measures_what_its_model_does_with_new_ones(tmp_path: Path) -> None:
    flattered = labeled(tmp_path / "alone").audit
    honest = labeled(tmp_path / "groups", group=r"^(patient_\d+)/").audit
    assert flattered is not None
    assert honest is not None
    assert flattered.accuracy > 0.9  # each patient has labels on both sides
    assert honest.accuracy < flattered.accuracy - 0.1
    assert honest.high - honest.low > flattered.high - flattered.low
    assert f"of {honest.groups} groups" in honest.to_text()


def test_test_items_of_patients_in_the_pool_do_not_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(5)
    ids = np.array([f"patient_{p:02}/new" for p in (3, 7, 50, 51)])
    np.savez(
        tmp_path / "test.npz",
        vectors=rng.normal(size=(4, 30)).astype(np.float32),
        ids=ids,
        labels=np.array([0, 1, 0, 1]),
    )
    session(tmp_path)
    folder = tmp_path / "with test"
    init = ["init", str(tmp_path / "items.npz"), "--classes", ",".join(CLASSES), "--project", str(folder)]
    with pytest.raises(SystemExit):
        main([*init, "--test", str(tmp_path / "test.npz"), "--group", r"^(patient_\d+)/"])
    said = capsys.readouterr().out
    assert "2 test items are also in the pool or of a group that is" in said
    assert f"{PATIENTS} groups" in said
    made = Session.open(folder)
    made.encode()
    found = held_out(made.project, Snapshot.of(made.project))
    vectors, truth = found.vectors, found.truth
    assert (len(vectors), truth.tolist()) == (2, [0, 1])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["check", "--project", str(folder), "--json"])
    assert json.loads(capsys.readouterr().out)["items"] == PATIENTS * EACH


def patients_table(folder: Path, offset: int = 0) -> Path:
    rows = [f"patient_{p:02}/{i},{p + offset}" for i, p in enumerate(np.repeat(np.arange(PATIENTS), EACH))]
    (folder / "patients.csv").write_text("\n".join(["item,patient", *rows]))
    return folder / "patients.csv"


def test_a_column_of_the_metadata_groups_as_a_pattern_does(tmp_path: Path) -> None:
    found = []
    for name, told in (("p", {"group": r"^(patient_\d+)/"}), ("c", {"group_column": "patient"})):
        (tmp_path / name).mkdir()
        made, _ = session(tmp_path / name, **told, metadata=patients_table(tmp_path))
        made.encode()
        found.append(Evidence(Snapshot.of(made.project)))
    assert np.array_equal(found[0].snapshot.groups, found[1].snapshot.groups)
    assert found[1].snapshot.groups.max() == PATIENTS - 1
    # other groups are other figures, though no label has changed: those that were kept do not count any more
    keys = [Evidence(one.snapshot)._key for one in found]
    patients_table(tmp_path, offset=100_000)
    assert [Evidence(one.snapshot)._key == key for one, key in zip(found, keys, strict=True)] == [True, False]


@pytest.mark.parametrize(
    ("header", "cell", "why"),
    [
        ("item,patent", "1", "no column 'patient'"),
        ("item,patient", "", "no item of items.npz has a value in 'patient'"),
    ],
)
def test_groups_that_are_not_known_are_refused_before_people_label(
    tmp_path: Path, header: str, cell: str, why: str
) -> None:
    (tmp_path / "patients.csv").write_text(f"{header}\npatient_00/0,{cell}\n")
    with pytest.raises(PoolError, match=why):
        session(tmp_path, group_column="patient", metadata=tmp_path / "patients.csv")
    with pytest.raises(ConfigError, match="group and group_column exclude each other"):
        session(tmp_path, group_column="patient", group="(p)", metadata=tmp_path / "patients.csv")


def test_test_items_whose_groups_are_not_known_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    truth = {"vectors": rng.normal(size=(4, 30)).astype(np.float32), "labels": np.array([0, 1, 0, 1])}
    ids = np.array([f"new/{i}" for i in range(4)])
    np.savez(tmp_path / "test.npz", ids=ids, **truth)
    told = {"group_column": "patient", "metadata": patients_table(tmp_path), "test": tmp_path / "test.npz"}
    with pytest.raises(PoolError, match=r"no row of patients.csv is about an item of the pool"):
        session(tmp_path, **told)
    np.savez(tmp_path / "test.npz", ids=ids, patient=np.array([3, 7, 50, 51]), **truth)
    made, _ = session(tmp_path, **told)
    made.encode()
    assert len(held_out(made.project, Snapshot.of(made.project)).truth) == 2
