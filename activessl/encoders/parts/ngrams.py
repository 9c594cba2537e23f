"""Parts of texts without a download: tokens by their letters, by their form, and by the words that they stand beside.

Letters: n-grams of 1 to 4 characters, hashed, weighted by rarity, and projected onto the leading singular directions of
the pool's vocabulary. Company: for frequent words, which words stand beside them in the pool (Levy & Goldberg, Neural
Word Embedding as Implicit Matrix Factorization, NeurIPS 2014: positive pointwise mutual information, factorized). Form:
capital letters, digits, signs. The neighbors of a token are seen by the head, which reads several tokens at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils.extmath import randomized_svd

from activessl.encoders.parts.base import ItemParts, Stored, to_half
from activessl.encoders.parts.registry import PartEntry
from activessl.encoders.parts.tokens import token_places
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.text.terms import fold
from activessl.encoders.text.tfidf import read_texts
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell

LETTERS, COMPANY = 64, 48
_BUCKETS = 2**14
_WORDS, _TEXTS = 20_000, 20_000
_FORMS = 16


@dataclass(frozen=True, eq=False)
class NgramEncoder:
    """Token vectors from letters, company and form: 256 bytes a token."""

    fingerprint: str
    provenance: dict[str, Any]
    directions: Float[np.ndarray, "b l"]
    company: Mapping[str, Float[np.ndarray, " c"]]
    name: str = "ngrams"
    dims: tuple[int, ...] = (LETTERS + COMPANY + _FORMS,)
    flat: bool = True

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:
        """Yield the tokens of the pool's texts."""
        for start in range(0, len(pool), batch_size):
            for text in read_texts(pool, range(start, min(start + batch_size, len(pool)))):
                places = token_places(text)
                words = [text[a:b] for a, b in places]
                yield ItemParts((to_half(self.vectors(words))[None],), places)

    def vectors(self, words: Sequence[str]) -> Float[np.ndarray, "p d"]:
        """The vectors of the tokens of a text."""
        folded = [fold(word) or " " for word in words]
        letters = np.asarray(_hashed(folded) @ self.directions)
        unknown = np.zeros(COMPANY, dtype=np.float32)
        company = np.array([self.company.get(word, unknown) for word in folded])
        return np.concatenate([letters, company, _forms(words)], axis=1)


def _hashed(words: Sequence[str]) -> Any:
    counted = HashingVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), n_features=_BUCKETS, alternate_sign=False, norm="l2", lowercase=False
    )
    return counted.transform(words)


def _forms(words: Sequence[str]) -> Float[np.ndarray, "p f"]:
    """What is lost when a word is folded, and where in the text it stands."""
    found = np.zeros((len(words), _FORMS), dtype=np.float32)
    for row, word in enumerate(words):
        first, rest = word[:1], word[1:]
        found[row] = (
            first.isupper() and not (rest and rest.isupper()),
            len(word) > 1 and word.isupper(),
            any(letter.isupper() for letter in rest) and not word.isupper(),
            word.islower(),
            word.isdigit(),
            any(letter.isdigit() for letter in word),
            not first.isalnum(),
            word in "@",
            word in "#",
            word in ".!?",
            word in "\"'“”‘’«»",
            row == 0,
            row == len(words) - 1,
            len(word) == 1,
            len(word) > 7,
            not word.isascii(),
        )
    return found


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: takes seconds
    on_progress: OnProgress | None = None,
) -> NgramEncoder:
    """Learn directions of letters and of company from at most 20,000 texts.

    Args:
        pool: Texts.
        folder: Where encoders are kept.
        seed: Seed of the sample and of the singular vectors.
        minutes: Unused.
        on_progress: Called with stage "train".

    Raises:
        EncoderError: The pool holds no texts.
    """
    if pool.modality != "text":
        raise EncoderError(f"encoder 'ngrams' reads texts, not {pool.modality}", hint="use the encoder 'auto'")
    key = fit_key("ngrams", pool, seed=seed)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    rows = sorted(np.random.default_rng(seed).permutation(len(pool))[:_TEXTS].tolist())
    texts = [[fold(text[a:b]) or " " for a, b in token_places(text)] for text in read_texts(pool, rows)]
    counts = Counter(word for text in texts for word in text)
    words = [word for word, _ in counts.most_common(_WORDS)]
    often = np.sqrt([counts[word] for word in words])

    # frequent words decide the directions, but not in proportion: "the" is one word
    matrix = scipy.sparse.diags(np.minimum(often, 10.0)) @ _hashed(words)
    rarity = np.log(len(words) / (1 + np.asarray((matrix > 0).sum(axis=0)).ravel())).clip(0.1)
    directions = np.zeros((_BUCKETS, LETTERS), dtype=np.float32)
    d = min(LETTERS, len(words) - 1)
    if d > 0:
        parts: Any = randomized_svd(matrix @ scipy.sparse.diags(rarity), d, random_state=seed)
        directions[:, :d] = rarity[:, None] * parts[2].T
        scale = np.asarray(_hashed(words[:2000]) @ directions).std()
        directions /= max(float(scale), 1e-9)
    tell(on_progress, "train", 1, 2)

    company = _company(texts, words, seed)
    tell(on_progress, "train", 2, 2)
    config = {"words": words}
    tensors = {"directions": directions, "company": company.astype(np.float32)}
    provenance = {"objective": "letters and company of tokens", "texts": len(texts), "words": len(words), "seed": seed}
    return load(save_encoder(folder, "ngrams", config, tensors, provenance, key=key))


def _company(texts: list[list[str]], words: list[str], seed: int) -> Float[np.ndarray, "w c"]:
    """Directions of the positive pointwise mutual information of words and the words one and two places off."""
    number = {word: at for at, word in enumerate(words)}
    pairs: Counter[tuple[int, int]] = Counter()
    n = len(words)
    for text in texts:
        known = [number.get(word, -1) for word in text]
        for offset in (-2, -1, 1, 2):
            for at, word in enumerate(known):
                other = at + offset
                if word >= 0 and 0 <= other < len(known) and known[other] >= 0:
                    # left and right are different contexts
                    pairs[(word, known[other] + (n if offset > 0 else 0))] += 1
    found = np.zeros((n, COMPANY))
    if not pairs:
        return found
    where = np.array(list(pairs))
    seen = scipy.sparse.csr_matrix((np.array(list(pairs.values()), float), where.T), shape=(n, 2 * n)).tocoo()
    of_word, of_context = (np.asarray(seen.sum(axis=axis)).ravel() for axis in (1, 0))
    # contexts smoothed as in the paper, so that rare ones are not overrated
    share = of_context**0.75 / (of_context**0.75).sum()
    gain = np.log(seen.data / (of_word[seen.row] * share[seen.col])).clip(0)
    d = min(COMPANY, n - 1)
    if d > 0 and gain.any():
        parts: Any = randomized_svd(
            scipy.sparse.csr_matrix((gain, (seen.row, seen.col)), shape=(n, 2 * n)), d, random_state=seed
        )
        found[:, :d] = parts[0] * np.sqrt(parts[1])
        found /= max(float(found.std()), 1e-9)
    return found


def load(folder: Path) -> NgramEncoder:
    """Read the encoder back from its folder."""
    note, arrays = read_encoder(folder)
    company = dict(zip(note["config"]["words"], arrays["company"], strict=True))
    return NgramEncoder(note["fingerprint"], note["provenance"], arrays["directions"], company)


ENTRY = PartEntry(
    fit=fit,
    modalities=("text",),
    summary="letters, company and form of tokens: no download",
    stored=lambda encoder: Stored((encoder.fingerprint,)),
    load=lambda folders, _: load(folders[0]),
)
