"""Texts -> vectors without a download: words, pairs of words, letters within words and across them, compressed.

Counts are damped by their logarithm and weighted by the rarity of a term, and the leading singular directions of the
pool are kept (Deerwester et al., Indexing by Latent Semantic Analysis, JASIS 1990). Letters make the encoder robust to
spelling errors and to inflection, and stand for words in scripts without spaces (``terms.py``). A pretrained sentence
model (``sentence.py``) gives better vectors.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import scipy.sparse
from jaxtyping import Float
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from activessl.encoders.registry import EncoderEntry
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.text.terms import FAMILIES, FORM, prepared, script_of, vectorizer
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell

#: Only this many characters of a longer text are read.
_LONGEST = 20_000


@dataclass(frozen=True, eq=False)
class TfidfEncoder:
    """Weighted terms of each family, scaled to unit length and projected onto the pool's leading directions."""

    fingerprint: str
    provenance: dict[str, Any]
    families: tuple[TfidfVectorizer, ...]
    components: Float[np.ndarray, "terms d"]
    form: int = FORM
    name: str = "tfidf"

    @property
    def dim(self) -> int:
        """How many directions are kept."""
        return int(self.components.shape[1])

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the projections of the pool's texts; a text without a known term is the zero vector."""
        for start in range(0, len(pool), batch_size):
            texts = prepared(read_texts(pool, range(start, min(start + batch_size, len(pool)))), self.form)
            terms = scipy.sparse.hstack([family.transform(texts) for family in self.families], format="csr")
            yield np.asarray(terms @ self.components, dtype=np.float32)


def read_texts(pool: Pool, rows: range | list[int]) -> list[str]:
    """The texts at some rows of a pool, each up to 20,000 characters."""
    return [cast(str, pool.read(row))[:_LONGEST] for row in rows]


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: takes seconds
    on_progress: OnProgress | None = None,
    dim: int = 256,
    terms: int = 15_000,
) -> TfidfEncoder:
    """Learn terms, their weights and the leading directions from at most 20,000 texts of a pool.

    Args:
        pool: Texts.
        folder: Where encoders are kept.
        seed: Seed of the sample and of the singular vectors.
        minutes: Unused.
        on_progress: Called with stage "train".
        dim: Number of directions that are kept.
        terms: Largest number of terms of each family.

    Raises:
        EncoderError: The pool holds no texts, or all texts are empty.
    """
    if pool.modality != "text":
        raise EncoderError(f"encoder 'tfidf' reads texts, not {pool.modality}", hint="use the encoder 'auto'")
    key = fit_key("tfidf", pool, seed=seed, dim=dim, terms=terms, form=FORM)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    started = time.perf_counter()
    rows = sorted(np.random.default_rng(seed).permutation(len(pool))[:20_000].tolist())
    texts = prepared(read_texts(pool, rows))

    # a term of one text says nothing about other texts; if all terms are of one text only, all of them are used
    families, rows_of = _fitted(texts, terms, 2)
    if not families.keys() - {"characters"}:  # two texts that share only a space share nothing
        families, rows_of = _fitted(texts, terms, 1)
    if not families:
        raise EncoderError("no term is found in the texts", hint="add texts that are not empty")
    tell(on_progress, "train", 1, 2)

    # each term counts as much as its family
    script = script_of(texts)
    weights = script.weights()
    matrix: Any = scipy.sparse.hstack([part * weights[name] for name, part in rows_of.items()], format="csr")
    factors = np.repeat([weights[name] for name in families], [part.shape[1] for part in rows_of.values()])
    d = min(dim, *matrix.shape)
    parts: Any = randomized_svd(matrix, d, random_state=seed)  # scikit-learn's stubs do not name three results
    _, strengths, directions = parts

    # weak directions are mostly chance co-occurrences of terms: scaling by the root of the strength reduces this noise
    components = directions.T * np.sqrt(strengths / max(strengths[0], 1e-12)) * factors[:, None]
    tell(on_progress, "train", 2, 2)

    config = {name: sorted(family.vocabulary_, key=family.vocabulary_.__getitem__) for name, family in families.items()}
    tensors: dict[str, Any] = {f"idf.{name}": family.idf_.astype(np.float64) for name, family in families.items()}
    provenance = {
        "objective": "weighted words, letters and characters, leading singular directions",
        "source": "Deerwester et al. 1990",
        "texts": len(texts),
        "terms": int(matrix.shape[1]),
        "bits of a letter": round(script.bits, 2),
        "repeated words": round(script.repeated, 3),
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 2),
    }
    tensors["components"] = np.ascontiguousarray(components, dtype=np.float32)
    return load(save_encoder(folder, "tfidf", {"vocabulary": config, "form": FORM}, tensors, provenance, key=key))


def load(folder: Path) -> TfidfEncoder:
    """Read the encoder back from its folder."""
    note, tensors = read_encoder(folder)
    families, form = [], note["config"].get("form", 1)
    # in the order in which the components were fitted; JSON does not keep this order
    for name in (name for name in FAMILIES if name in note["config"]["vocabulary"]):
        vocabulary = note["config"]["vocabulary"][name]
        family = vectorizer(name, form, vocabulary={term: column for column, term in enumerate(vocabulary)})
        family.idf_ = tensors[f"idf.{name}"]
        families.append(family)
    return TfidfEncoder(note["fingerprint"], note["provenance"], tuple(families), tensors["components"], form)


def _fitted(texts: list[str], terms: int, min_df: int) -> tuple[dict[str, TfidfVectorizer], dict[str, Any]]:
    """The families that have a term in at least ``min_df`` of the texts, and their rows of weighted terms."""
    families, found = {}, {}
    for name in FAMILIES:
        family = vectorizer(name, min_df=min_df, max_features=terms)
        with contextlib.suppress(ValueError):  # scikit-learn raises it if a family has no term
            found[name] = family.fit_transform(texts)
            families[name] = family
    return families, found


ENTRY = EncoderEntry(
    fit=fit,
    load=load,
    modalities=("text",),
    summary="words and letters of any script, weighted and compressed (LSA): no download, takes seconds",
)
