"""Slices: where labels are few, where the model is worse, and rounds that are spread over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.errors import MeasureError, PoolError
from activessl.measuring.quality.slices import compare_slices, read_off, strata_of_rounds, thinly_labeled
from activessl.project.snapshot import Snapshot
from activessl.proof.draws import random_draws
from activessl.proof.estimates import ENOUGH, Evidence
from activessl.proof.slices import slice_report
from activessl.reports.sections.base import Material
from activessl.reports.sections.slices import Slices
from activessl.session import Session
from activessl.strategies.balanced import Balanced, quotas
from activessl.strategies.base import State
from activessl.strategies.registry import get_strategy
from activessl_cli.main import run

CLASSES = ("a", "b")
N = 600


def worse(*told: Any, **more: Any) -> list[tuple[int, int]]:
    return [(one.column, one.slice) for one in compare_slices(*told, **more) if one.worse]


def test_false_alarms_are_as_rare_as_stated_also_with_many_columns() -> None:
    alarms, projects = 0, 100
    for seed in range(projects):
        rng = np.random.default_rng(seed)
        columns = [rng.integers(v, size=60) for v in (2, 3, 5, 2, 3, 4, 2, 6)]
        alarms += bool(worse(rng.random(60) < 0.85, columns, rng=rng, permutations=99))
    assert alarms <= 10  # of 100 at 5 %; the seeds are fixed


def test_a_worse_slice_is_found_and_named_and_its_opposite_is_not() -> None:
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        bad = rng.integers(2, size=400)
        columns = [bad, *(rng.integers(v, size=400) for v in (2, 3, 5))]
        named = worse(rng.random(400) < 0.95 - 0.15 * bad, columns, rng=rng, permutations=199)
        found += (0, 1) in named
        assert (0, 0) not in named
    assert found >= 17


def test_confidence_says_where_to_look_but_not_what_is_found() -> None:
    rng = np.random.default_rng(3)
    bad = np.arange(100) % 2
    right = np.ones(100, dtype=bool)
    right[bad == 1] = np.arange(50) % 50 >= 11  # 22 % wrong
    right[bad == 0] = np.arange(50) % 50 >= 3
    columns = [bad, *(rng.integers(v, size=100) for v in (2, 3, 5, 7, 10))]
    flat = [np.zeros(c.max() + 1) for c in columns]
    told = [np.array([-0.15, 0.15]), *flat[1:]]
    [plain, hinted] = (
        compare_slices(right, columns, rng=np.random.default_rng(0), doubts=d, permutations=999)[1]
        for d in (flat, told)
    )
    assert plain.p is not None
    assert hinted.p is not None
    assert hinted.p < plain.p / 2
    # a doubt about a slice that is not worse finds nothing
    assert not worse(np.arange(100) % 11 > 0, columns, rng=rng, doubts=told, permutations=199)


def test_groups_stay_together_and_rounds_are_not_mixed() -> None:
    alarms, careless = 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(24), 5)
        right = np.repeat(rng.random(24) < 0.8, 5)  # one outcome for each group
        camera = np.repeat(rng.integers(2, size=24), 5)
        alarms += bool(worse(right, [camera], rng=rng, groups=group, permutations=99))
        careless += bool(worse(right, [camera], rng=rng, permutations=99))
    assert careless >= 12
    assert alarms <= 8
    # later rounds draw from what is easy, and mostly from one camera: no difference between the cameras
    alarms = careless = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        late = np.arange(200) >= 100
        right = rng.random(200) < np.where(late, 0.97, 0.7)
        camera = (rng.random(200) < np.where(late, 0.8, 0.2)).astype(int)
        rounds = strata_of_rounds(np.arange(200) // 20)
        alarms += bool(worse(right, [camera], rng=rng, strata=rounds, permutations=99))
        careless += bool(worse(right, [camera], rng=rng, permutations=99))
    assert careless >= 25
    assert alarms <= 8


def test_slices_with_few_draws_are_not_tested_and_labels_that_would_tell_are_counted() -> None:
    right = np.arange(60) >= 6
    [small, rest] = compare_slices(right, [(np.arange(60) >= 7).astype(int)], rng=np.random.default_rng(0))
    assert (small.p, small.wrong, rest.p) == (None, 6, None)
    [one, _] = compare_slices(right, [(np.arange(60) % 5 > 0).astype(int)], rng=np.random.default_rng(0))
    assert one.p is not None
    assert not one.worse
    slight = np.zeros(60, dtype=bool)
    slight[::2], slight[1::2] = np.arange(30) >= 5, np.arange(30) >= 3
    [one, other] = compare_slices(slight, [np.arange(60) % 2], rng=np.random.default_rng(0))
    assert one.more is not None
    assert 500 < one.more < 1500  # 17 against 10 %: about 1,000 at a fortieth, two-sided tables
    assert other.more is None
    for outcome in (np.ones(60, bool), np.zeros(60, bool)):  # nothing can be worse
        assert not any(t.worse for t in compare_slices(outcome, [np.arange(60) % 2], rng=np.random.default_rng(0)))
    with pytest.raises(MeasureError, match="60 outcomes do not match"):
        compare_slices(right, [np.zeros(59, int)], rng=np.random.default_rng(0))


def test_thin_slices_need_a_large_gap_that_chance_does_not_make() -> None:
    assert thinly_labeled(np.array([60, 40]), np.array([500, 500])).tolist() == [False, False]
    assert thinly_labeled(np.array([8, 0]), np.array([500, 100])).tolist() == [False, False]
    assert thinly_labeled(np.array([190, 10]), np.array([700, 300])).tolist() == [False, True]
    assert thinly_labeled(np.array([1600, 400]), np.array([700, 300])).tolist() == [False, False]  # two thirds
    assert thinly_labeled(np.array([0, 0]), np.array([700, 300])).tolist() == [False, False]


def test_what_is_in_the_vectors_can_be_read_off_and_what_is_not_cannot() -> None:
    rng = np.random.default_rng(0)
    x, of = rng.normal(size=(300, 40)), rng.integers(3, size=300)
    folds = rng.integers(5, size=300)
    assert np.abs(read_off(x, of, folds) - 0.5).max() < 0.12
    x[:, 3] += 4 * (of == 1)
    areas = read_off(x, of, folds)
    assert areas[1] > 0.98
    assert np.isnan(read_off(x, np.minimum(np.arange(300), 1), folds)).all()


def test_quotas_follow_the_root_of_the_items_and_what_is_there_to_ask() -> None:
    items = np.array([8100, 900, 100])
    given = quotas(items, np.zeros(3, int), items, 130)
    assert given.tolist() == [90, 30, 10]
    assert quotas(items, np.array([90, 0, 10]), items, 30).tolist() == [0, 30, 0]
    assert quotas(items, np.zeros(3, int), np.array([8100, 0, 4]), 30).sum() == 30


def test_a_balanced_round_is_spread_and_no_sample_of_the_pool() -> None:
    rng = np.random.default_rng(0)
    of = (np.arange(200) >= 180).astype(int)
    state = State(rng.normal(size=(200, 5)), np.arange(10), np.arange(10) % 2, 2, rng, excluded=np.arange(200) >= 185)
    chosen = Balanced(get_strategy("random"), "camera", of, ("A", "B")).query(state, 12)
    assert np.bincount(of[chosen.indices]).tolist() == [7, 5]  # of 22 labels a quarter, as the roots of 180 and 20
    assert len(set(chosen.indices.tolist())) == 12
    assert not set(chosen.indices.tolist()) & {*range(10), *range(185, 200)}
    assert np.isnan(chosen.propensities).all()
    assert set(np.diff(chosen.scores) < 0) == {True}
    assert sum("camera B: 0 of 20 items" in reason for reason in chosen.reasons) == 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, np.ndarray, Oracle]:
    """A project whose camera C1 hides the class, with 160 labels, 80 of them random."""
    folder = tmp_path_factory.mktemp("slices")
    rng = np.random.default_rng(0)
    y, camera = rng.integers(2, size=N), rng.choice(3, size=N, p=[0.6, 0.35, 0.05])
    x = rng.normal(size=(N, 8))
    x[:, 0] += np.where(camera == 1, 0.0, 5.0) * y
    ids = np.array([f"i{i:03}" for i in range(N)])
    late = np.array(["early", "late"])[rng.integers(2, size=N)]
    np.savez(folder / "items.npz", vectors=x.astype(np.float32), ids=ids, shift=late)
    cells = [f"{item},C{c}" for item, c in zip(ids, camera, strict=True)]
    (folder / "cameras.csv").write_text("\n".join(["item,camera", *cells, "stranger,C9"]))
    session = Session.create(
        folder / "p", folder / "items.npz", CLASSES, query_size=40, metadata=folder / "cameras.csv"
    )
    session.encode()
    people = Oracle({item: CLASSES[k] for item, k in zip(ids, y, strict=True)}, CLASSES, seed=0)
    for strategy, balance in (("random", None), ("margin", None), ("random", None), (None, "camera")):
        session.query(strategy=strategy, balance=balance)
        session.push(people)
        session.wait(people)
        session.teach()
    return session, camera, people


@pytest.mark.slow
def test_a_project_names_the_camera_and_its_accuracy_is_that_of_the_draws(
    made: tuple[Session, np.ndarray, Oracle], capsys: pytest.CaptureFixture[str]
) -> None:
    session, camera, _ = made
    evidence = Evidence(Snapshot.of(session.project))
    report = slice_report(evidence)
    assert [(one.column, one.slice) for one in report.worse] == [("camera", "C1")]
    by = {(one.column, one.slice): one for one in report.slices}
    assert [by["camera", f"C{c}"].items for c in range(3)] == np.bincount(camera).tolist()
    draws = random_draws(evidence.snapshot, ENOUGH)
    rows = evidence.snapshot.training[0][draws.at]
    assert [by["camera", f"C{c}"].random_labels for c in range(3)] == np.bincount(camera[rows], minlength=3).tolist()
    bad = by["camera", "C1"]
    truth = np.mean(evidence.correct[draws.at][camera[rows] == 1])
    assert bad.accuracy == pytest.approx(truth, abs=0.1)  # also the labels that were known before a draw count
    assert bad.low < bad.accuracy < bad.high < by["camera", "C0"].low  # type: ignore[operator]
    assert bad.difference_high < 0  # type: ignore[operator]
    assert any("1 row is of no item of the pool in cameras.csv" in line for line in report.remarks)
    # the same numbers by the verb, in the report and, kept, in status
    at = ("-p", str(session.project.folder))
    assert run("slices", *at, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["worse"] == [{"column": "camera", "slice": "C1", "p": bad.p}]
    assert run("slices", *at) == 0
    out = capsys.readouterr()
    assert f"camera C1: accuracy {100 * bad.accuracy:.1f} %" in out.out  # type: ignore[operator]
    assert out.err.endswith(" --balance camera\n")
    assert run("status", *at) == 0
    assert "slices: 1 worse than chance explains, first: camera C1" in capsys.readouterr().out
    section = Slices.gather(Material.of(evidence.snapshot))
    assert section.to_dict()["slices"]["worse"] == told["worse"]
    assert section.to_text()[0].startswith("slices       camera C1: accuracy")
    assert session.report().to_html().count("camera C1: accuracy") == 1


def test_a_balanced_round_of_a_project_asks_where_labels_are_few_and_draws_stay_uniform(
    made: tuple[Session, np.ndarray, Oracle],
) -> None:
    session, camera, _ = made
    opened = session.project.history().rounds[3]
    row = {item: i for i, item in enumerate(session.project.pool().ids)}
    chosen = [q for q in opened.questions if q.kind == "new"]
    drawn = [q for q in opened.questions if q.kind == "random"]
    labels = np.bincount([camera[row[q.item]] for q in chosen], minlength=3)
    assert labels[2] / labels.sum() > 3 * 0.05
    assert all("camera C" in q.reason for q in chosen)
    assert drawn
    assert all(q.uniform for q in drawn)
    free = N - sum(len(r.items) for r in session.project.history().rounds[:3])
    assert [q.propensity for q in drawn] == pytest.approx([4 / free] * len(drawn))
    assert all(q.propensity is None for q in chosen)


@pytest.mark.slow
def test_what_was_found_is_not_said_of_other_labels_or_other_metadata(
    made: tuple[Session, np.ndarray, Oracle], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made[0].project.folder
    table = folder.parent / "cameras.csv"
    before = table.read_text()
    assert run("slices", "-p", str(folder), "--by", "shift") == 0  # a part is not kept
    assert run("slices", "-p", str(folder)) == 0
    capsys.readouterr()
    try:
        table.write_text(before + "\n")
        assert run("status", "-p", str(folder), "--json") == 0
        assert json.loads(capsys.readouterr().out)["slices"] == {"worse": [], "thin": []}
        table.unlink()
        for verb in (("slices",), ("query", "--balance", "camera")):
            assert run(*verb, "-p", str(folder)) == 1
            assert capsys.readouterr().err.startswith("error: the table of metadata")
        assert run("check", "-p", str(folder)) == 0
        assert "the metadata cannot be used: the table of metadata" in capsys.readouterr().out
        assert (
            Slices.gather(Material.of(Snapshot.of(made[0].project)))
            .to_text()[0]
            .startswith("slices       not measured")
        )
    finally:
        table.write_text(before)
    (folder / "reports" / "slices.json").write_text('{"key": [[[')
    assert run("status", "-p", str(folder)) == 0
    for name, why in (("where", "no column 'where'"), ("--json", "No such"), ("nope\x1b[2J", "no column 'nope")):
        assert run("slices", "-p", str(folder), "--by", name) in (1, 2), why
        assert "\x1b" not in capsys.readouterr().err


def test_slices_before_any_label_are_counted_and_nothing_is_promised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "items.npz", vectors=rng.normal(size=(40, 4)).astype(np.float32), by=np.arange(40) % 3)
    session = Session.create(tmp_path / "p", tmp_path / "items.npz", CLASSES)
    assert run("slices", "-p", str(tmp_path / "p")) == 1
    assert "not encoded yet" in capsys.readouterr().err
    session.encode()
    assert run("slices", "-p", str(tmp_path / "p"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["slice"], one["items"], one["accuracy"]) for one in told["slices"]] == [
        ("0", 14, None),
        ("1", 13, None),
        ("2", 13, None),
    ]
    assert (told["tested"], told["worse"]) == (0, [])
    assert "nothing is labeled yet" in told["remarks"][-1]
    np.savez(tmp_path / "bare.npz", vectors=rng.normal(size=(40, 4)).astype(np.float32))
    bare = Session.create(tmp_path / "q", tmp_path / "bare.npz", CLASSES)
    bare.encode()
    assert run("slices", "-p", str(tmp_path / "q")) == 0
    assert "the items have no metadata" in capsys.readouterr().out
    with pytest.raises(PoolError, match="the items have no metadata, and no column 'camera'"):
        bare.query(balance="camera")
    assert Slices.gather(Material.of(Snapshot.of(bare.project))).to_dict() == {"slices": None}
