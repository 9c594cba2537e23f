from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool

TOPICS = ("the match ended with a late goal", "shares fell on the exchange", "a new telescope saw the comet")


def pool_of(path: Path, texts: list[str]) -> Pool:
    pq.write_table(pa.table({"text": texts}), path)
    return load_pool(path)


def encode(encoder: Any, pool: Pool) -> np.ndarray:
    return np.concatenate(list(encoder.batches(pool, 7)))


def test_texts_of_a_topic_are_near_each_other_even_when_misspelt(tmp_path: Path) -> None:
    texts = [f"{TOPICS[i % 3]} number {i}" for i in range(30)]
    pool = pool_of(tmp_path / "t.parquet", [*texts, "a nww telescoop saaw the commet"])
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool)
    near = np.argsort(-vectors[:30] @ vectors[30])[:5]
    assert (near % 3 == 2).all()


def test_what_is_read_back_weighs_terms_as_before_and_knows_no_new_ones(tmp_path: Path) -> None:
    pool = pool_of(tmp_path / "t.parquet", [f"{TOPICS[i % 3]} {i}" for i in range(60)])
    encoder = fit_encoder("tfidf", pool, folder=tmp_path / "e", dim=8, terms=50)
    again = load_encoder(tmp_path / "e" / encoder.fingerprint)
    other = pool_of(tmp_path / "o.parquet", ["the goal of the match", "χψω", "9"])
    assert np.array_equal(encode(encoder, other), encode(again, other))
    assert np.abs(encode(again, other)[0]).max() > 0
    assert not encode(again, other)[1].any()
    assert encoder.provenance["terms"] <= 150  # of three families


def test_directions_are_uncorrelated_over_the_pool_so_each_term_meets_its_own_weights(tmp_path: Path) -> None:
    pool = pool_of(tmp_path / "t.parquet", [f"{TOPICS[i % 3]} {i}" for i in range(40)])
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e", dim=8), pool)
    products = vectors.T @ vectors
    assert np.allclose(products, np.diag(np.diag(products)), atol=1e-2)
    assert (np.diff(np.diag(products)) <= 1e-4).all()  # the strongest first


@pytest.mark.parametrize(
    "texts",
    [["a", "b", "c"], ["same"] * 60, ["x" * 100_000, "y", "z"], ["one"]],
    ids=["letters", "same", "long", "one"],
)
def test_strange_texts_give_finite_vectors(tmp_path: Path, texts: list[str]) -> None:
    pool = pool_of(tmp_path / "t.parquet", texts)
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool)
    assert len(vectors) == len(texts)
    assert np.isfinite(vectors).all()


def test_texts_that_share_no_term_are_told_apart_and_empty_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(tmp_path / "t.parquet", [chr(0x4E00 + i) for i in range(60)])
    vectors = encode(fit_encoder("tfidf", pool, folder=tmp_path / "e"), pool)
    assert len(np.unique(vectors.round(4), axis=0)) == 60
    monkeypatch.setattr(Pool, "read", lambda self, row: "")
    with pytest.raises(EncoderError, match="no term") as caught:
        fit_encoder("tfidf", pool, folder=tmp_path / "empty")
    assert caught.value.hint


def sentence_model(folder: Path) -> str:
    """A real sentence model, tiny, with random weights: others each time."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    part = folder / "part"
    part.mkdir(parents=True, exist_ok=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "apple", "pie", "oil"]
    (part / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(part / "vocab.txt")).save_pretrained(part)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(words), **size)).save_pretrained(part)
    body = Transformer(str(part))
    SentenceTransformer(modules=[body, Pooling(16)]).save(str(folder / "model"))
    return str(folder / "model")


def test_without_its_package_the_sentence_encoder_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EncoderError, match="package") as caught:
        fit_encoder("sentence", pool_of(tmp_path / "t.parquet", ["a"]), folder=tmp_path / "e", model=str(tmp_path))
    assert "activessl[sentence]" in caught.value.hint


def test_where_the_hub_cannot_be_reached_the_error_is_one_line_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="hub cannot be reached") as caught:
        fit_encoder("sentence", pool_of(tmp_path / "t.parquet", ["a"]), folder=tmp_path / "e", model="nobody/has-this")
    assert "\n" not in caught.value.message
    assert "tfidf" in caught.value.hint


def test_a_sentence_model_is_the_same_when_read_back_and_other_weights_are_noticed(tmp_path: Path) -> None:
    model = sentence_model(tmp_path)
    pool = pool_of(tmp_path / "t.parquet", ["apple pie", "oil", "pie"])
    encoder = fit_encoder("auto", pool, folder=tmp_path / "e", model=model)
    vectors = encode(encoder, pool)
    assert encoder.name == "sentence"
    assert vectors.shape == (3, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    folder = tmp_path / "e" / encoder.fingerprint
    assert np.array_equal(encode(load_encoder(folder), pool), vectors)
    assert fit_encoder("sentence", pool, folder=tmp_path / "e", model=model).fingerprint == encoder.fingerprint
    assert len(encoder.provenance["sha256"]) == 64
    sentence_model(tmp_path)
    with pytest.raises(EncoderError, match="differ from the weights"):
        load_encoder(folder)
