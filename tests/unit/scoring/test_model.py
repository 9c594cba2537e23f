from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from activessl.encoders.compute.graph import Graph
from activessl.encoders.embeddings import embed
from activessl.encoders.registry import fit_encoder
from activessl.encoders.wheels.catalogue import wheels_for
from activessl.errors import ActiveSSLError, ConfigError, EncoderError, HeadError, LabelError
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.registry import head_names, make_head
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl.scoring import as_onnx
from activessl.scoring.as_onnx import OnnxScorer, export_model, write_onnx
from activessl.scoring.estimator import PoolClassifier
from activessl.scoring.head_graphs import write_head
from activessl.scoring.model import Model
from activessl.scoring.model_folder import FILE

CLASSES = ("ant", "bee", "cat", "dog")


def data(folder: Path, kind: str) -> Pool:
    rng = np.random.default_rng(0)
    smooth_noise = rng.normal(size=(90, 20, 20, 3)).cumsum(1) * 10 + 100
    arrays: dict[str, Any] = {
        "colour": {"images": smooth_noise.clip(0, 255).astype(np.uint8)},
        "grey": {"images": smooth_noise[..., 0].clip(0, 255).astype(np.uint8)},
        "vector": {"vectors": rng.normal(size=(150, 12)).astype(np.float32)},
        "series": {"X": rng.normal(size=(90, 2, 60)).cumsum(2).astype(np.float32)},
        "audio": {
            "data": (rng.normal(size=(60, 2000)).cumsum(1) * 100).astype(np.int16).ravel(),
            "offsets": np.arange(61) * 2000,
            "sample_rate": np.array(8000),
        },
    }
    np.savez(folder / f"{kind}.npz", **arrays[kind])
    return load_pool(folder / f"{kind}.npz")


def build(folder: Path, kind: str = "vector", encoder: str = "vectors", **settings: Any) -> tuple[Model, Pool, Path]:
    """A model, its pool, and where its encoder lies."""
    pool = data(folder, kind)
    made = fit_encoder(encoder, pool, folder=folder / "encoders", **settings)
    vectors = embed(made, pool, folder / "embeddings").vectors
    place = smooth(centred_rows(vectors))
    head = make_head("logistic", 4).fit(place.points[:40], np.random.default_rng(1).integers(0, 3, 40))
    model = Model(made, pool.modality, CLASSES, vectors.mean(axis=0), place, head, "logistic", place.usual_reach())
    return model, pool, folder / "encoders" / made.fingerprint


@pytest.mark.parametrize(
    ("kind", "encoder", "settings"),
    [
        ("vector", "vectors", {}),
        ("colour", "pixels", {}),
        ("grey", "patches", {}),
        ("colour", "patches", {"grid": 3}),
        ("colour", "hybrid", {"steps": 2}),
        pytest.param(
            "colour",
            "pretrained",
            {"side": 64},
            marks=pytest.mark.skipif(not wheels_for("image")[0].installed(), reason="a wheel is not installed"),
        ),
        ("audio", "melpatches", {}),
        ("audio", "hybrid", {"steps": 2}),
        ("series", "rocket", {}),
    ],
)
def test_the_onnx_file_answers_as_the_model_does(tmp_path: Path, kind: str, encoder: str, settings: Any) -> None:
    model, pool, where = build(tmp_path, kind, encoder, **settings)
    made = export_model(model, tmp_path / "model", encoder_folder=where, sample=pool, onnx=True)
    assert made.checked is not None and made.checked.difference < 1e-3
    again = Model.load(tmp_path / "model")
    ours, theirs = again.score(pool), OnnxScorer(again, tmp_path / "model" / FILE).score(pool)
    np.testing.assert_allclose(theirs.probs, ours.probs, atol=1e-3)
    np.testing.assert_array_equal(ours.probs, model.score(pool).probs)
    assert theirs.ids == pool.ids


@pytest.mark.parametrize("name", [name for name in head_names() if name != "logistic"])
def test_every_head_of_ours_is_written(tmp_path: Path, name: str) -> None:
    model, pool, where = build(tmp_path)
    other = make_head(name, 4).fit(model.pool.points[:40], np.arange(40) % 3)
    model = replace(model, head=other, head_name=name)
    made = export_model(model, tmp_path / "model", encoder_folder=where, sample=pool, onnx=True)
    assert made.checked is not None and made.checked.difference < 1e-3
    np.testing.assert_allclose(Model.load(tmp_path / "model").score(pool).probs, model.score(pool).probs, atol=1e-6)


def test_a_transformer_of_series_scores_without_onnx_and_says_why(tmp_path: Path) -> None:
    model, pool, where = build(tmp_path, "series", "hybrid", steps=2)
    with pytest.raises(EncoderError, match="'hybrid' cannot be written as ONNX: it reads series of any length"):
        export_model(model, tmp_path / "model", encoder_folder=where, sample=pool, onnx=True)
    model.save(tmp_path / "plain", encoder_folder=where)
    np.testing.assert_array_equal(Model.load(tmp_path / "plain").score(pool).probs, model.score(pool).probs)


def test_a_head_that_onnx_cannot_say_is_named() -> None:
    stranger: Any = object()
    with pytest.raises(HeadError, match="the head 'theirs' cannot be written as ONNX"):
        write_head(Graph(), stranger, "points", "theirs")


def test_an_onnx_file_that_answers_differently_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, pool, where = build(tmp_path)
    model.save(tmp_path / "model", encoder_folder=where)
    right = as_onnx.write_place

    def wrong(graph: Any, model: Model, vectors: str) -> Any:
        points, novelty = right(graph, model, vectors)
        return graph.add("Neg", points), novelty

    monkeypatch.setattr(as_onnx, "write_place", wrong)
    with pytest.raises(HeadError, match="predictions of the ONNX file differ"):
        write_onnx(model, tmp_path / "model", pool)
    assert not (tmp_path / "model" / FILE).exists()
    assert Model.load(tmp_path / "model").classes == CLASSES


def test_an_encoder_that_onnx_cannot_say_is_named_and_the_folder_scores_without(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = [f"{a} {b}" for a in ("red", "green", "blue", "grey") for b in ("fox", "owl", "elk", "emu", "ape")]
    pq.write_table(pa.table({"text": words}), tmp_path / "t.parquet")
    pool = load_pool(tmp_path / "t.parquet")
    made = fit_encoder("tfidf", pool, folder=tmp_path / "encoders")
    vectors = embed(made, pool, tmp_path / "e").vectors
    place = smooth(centred_rows(vectors))
    head = make_head("logistic", 4).fit(place.points, np.arange(20) // 5)
    model = Model(made, "text", CLASSES, vectors.mean(axis=0), place, head, "logistic", place.usual_reach())
    settings: Any = {"encoder_folder": tmp_path / "encoders" / made.fingerprint, "sample": pool}
    left = export_model(model, tmp_path / "model", **settings)
    assert left.onnx is None and left.why_not is not None and "'tfidf' cannot be written" in left.why_not
    assert Model.load(tmp_path / "model").score(pool).probs.argmax(axis=1).tolist() == (np.arange(20) // 5).tolist()
    with pytest.raises(EncoderError, match="'tfidf' cannot be written as ONNX"):
        export_model(model, tmp_path / "model", **settings, onnx=True)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_packages_the_model_is_exported_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    model, pool, where = build(tmp_path)
    left = export_model(model, tmp_path / "model", encoder_folder=where, sample=pool)
    assert left.onnx is None and left.why_not is not None and package in left.why_not
    assert not (tmp_path / "model" / FILE).exists()
    with pytest.raises(ConfigError) as told:
        export_model(model, tmp_path / "model", encoder_folder=where, sample=pool, onnx=True)
    assert "activessl[onnx]" in told.value.hint


def test_what_is_unlike_the_pool_is_novel_and_what_is_in_it_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model, _, _ = build(tmp_path)
    points = rng.normal(size=(500, 12)).astype(np.float32)
    _, usual = model.place(points)
    assert 0.3 < usual.mean() < 0.7
    two = np.zeros((300, 12), dtype=np.float32)
    two[:, :2] = rng.normal(size=(300, 2))  # the pool lies in a plane
    place = smooth(centred_rows(two))
    flat = Model(model.encoder, "vector", CLASSES, two.mean(axis=0), place, model.head, "logistic", place.usual_reach())
    assert flat.place(points)[1].min() == 1.0
    assert flat.place(two)[1].mean() < 0.6


def test_a_damaged_or_foreign_folder_is_refused_with_a_hint(tmp_path: Path) -> None:
    model, _, where = build(tmp_path)
    model.save(tmp_path / "model", encoder_folder=where)
    model.save(tmp_path / "model", encoder_folder=where)  # again is fine
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("years of work")
    with pytest.raises(HeadError, match="holds something else"):
        model.save(tmp_path / "other", encoder_folder=where)
    assert (tmp_path / "other" / "thesis.tex").read_text() == "years of work"
    note = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps(note | {"format": 99}))
    with pytest.raises(HeadError, match="format 99"):
        Model.load(tmp_path / "model")
    (tmp_path / "model" / "model.json").unlink()
    with pytest.raises(HeadError, match="no complete model"):
        Model.load(tmp_path / "model")


@pytest.mark.parametrize("note", [None, "{}", "[1]", "not json"])
def test_a_folder_of_data_is_left_alone_though_its_names_are_those_of_a_model(tmp_path: Path, note: str | None) -> None:
    model, _, where = build(tmp_path)
    (tmp_path / "data" / "pool").mkdir(parents=True)
    (tmp_path / "data" / "pool" / "precious.png").write_text("x")
    if note is not None:
        (tmp_path / "data" / "model.json").write_text(note)
    with pytest.raises(HeadError, match="holds something else"):
        model.save(tmp_path / "data", encoder_folder=where)
    assert (tmp_path / "data" / "pool" / "precious.png").read_text() == "x"


def test_a_model_that_could_not_be_written_leaves_the_one_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, pool, where = build(tmp_path)
    folder = tmp_path / "out" / "model"
    model.save(folder, encoder_folder=where)
    before = model.score(pool).probs

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(model.head), "save", full)
        with pytest.raises(HeadError, match="No space left"):
            model.save(folder, encoder_folder=where)
    np.testing.assert_array_equal(Model.load(folder).score(pool).probs, before)
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize(
    "bad", [np.full((2, 12), np.nan), np.ones((2, 5)), np.ones(12)], ids=["nan", "too short", "one row"]
)
def test_vectors_that_do_not_fit_are_refused(tmp_path: Path, bad: np.ndarray) -> None:
    model, _, _ = build(tmp_path)
    with pytest.raises(HeadError):
        model.predict_proba(bad)


def test_items_of_another_kind_are_refused(tmp_path: Path) -> None:
    model, _, _ = build(tmp_path)
    with pytest.raises(ActiveSSLError, match="cannot score series"):
        model.score(data(tmp_path, "series"))


def test_series_that_the_onnx_file_cannot_read_are_named(tmp_path: Path) -> None:
    model, pool, where = build(tmp_path, "series", "rocket")
    export_model(model, tmp_path / "model", encoder_folder=where, sample=pool, onnx=True)
    holes = np.random.default_rng(0).normal(size=(3, 2, 60)).astype(np.float32)
    holes[1, 0, 30] = np.nan
    np.savez(tmp_path / "holes.npz", X=holes)
    broken = load_pool(tmp_path / "holes.npz")
    assert np.all(np.isfinite(model.score(broken).probs))
    with pytest.raises(EncoderError, match="holes:1 has missing values"):
        OnnxScorer(model, tmp_path / "model" / FILE).score(broken)
    # one of them in a project's sample is no reason against the file: others can be read
    made = export_model(model, tmp_path / "model", encoder_folder=where, sample=broken, onnx=True)
    assert made.checked is not None and (made.checked.items, made.checked.left_out) == (2, 1)
    none = export_model(model, tmp_path / "model", encoder_folder=where, sample=broken.subset(["holes:1"]))
    assert none.onnx is None and "missing values" in str(none.why_not)


def test_as_a_scikit_learn_classifier_it_can_be_cloned_scored_and_taught_anew(tmp_path: Path) -> None:
    model, _, _ = build(tmp_path)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 120)
    X, y = (3 * np.eye(4, 12)[truth] + rng.normal(size=(120, 12))).astype(np.float32), np.array(CLASSES)[truth]
    taught = PoolClassifier.taught(model)
    np.testing.assert_array_equal(taught.predict_proba(X), model.predict_proba(X))
    before = model.predict_proba(X)
    assert cross_val_score(clone(taught), X, y, cv=3).mean() > 0.8
    anew = clone(taught).fit(X, y)
    assert set(anew.predict(X)) == set(CLASSES) and anew.score(X, y) > 0.8
    np.testing.assert_array_equal(model.predict_proba(X), before)  # the model's own head is left as it was
    with pytest.raises(LabelError, match="no class 'yak'"):
        anew.fit(X, np.where(y == "dog", "yak", y))
