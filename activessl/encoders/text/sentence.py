"""Texts -> vectors by a pretrained sentence model, from the hub or from a folder.

Needs the package ``sentence-transformers``, which is not installed by default. The weights are not copied; their digest
is saved, so that different weights under the same name are detected. Only safetensors are read.

Reimers & Gurevych, Sentence-BERT, EMNLP 2019 (arXiv:1908.10084).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.encoders.hub import digest, licence, opened, same_weights
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.text.tfidf import read_texts
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress

#: Small (22 million weights), fast on a CPU, Apache 2.0.
DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True, eq=False)
class SentenceEncoder:
    """An unchanged pretrained model; its vectors are scaled to unit length."""

    fingerprint: str
    provenance: dict[str, Any]
    model: Any
    dim: int
    name: str = "sentence"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the model's vectors of the pool's texts."""
        for start in range(0, len(pool), batch_size):
            texts = read_texts(pool, range(start, min(start + batch_size, len(pool))))
            vectors = self.model.encode(
                texts, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
            yield np.asarray(vectors, dtype=np.float32)


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,  # noqa: ARG001  of the protocol: nothing is random
    minutes: float = 0.0,  # noqa: ARG001
    on_progress: OnProgress | None = None,  # noqa: ARG001
    model: str = DEFAULT,
) -> SentenceEncoder:
    """Open a pretrained model and save its digest.

    Args:
        pool: Texts.
        folder: Where encoders are kept.
        seed: Unused.
        minutes: Unused.
        on_progress: Unused.
        model: A name on the hub, or a folder.

    Raises:
        EncoderError: The package is not installed, or the model cannot be opened.
    """
    if pool.modality != "text":
        raise EncoderError(f"encoder 'sentence' reads texts, not {pool.modality}", hint="use the encoder 'auto'")
    key = fit_key("sentence", pool, model=model)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    started = time.perf_counter()
    network = open_model(model)
    # renamed in version 6 of the package
    ask = getattr(network, "get_embedding_dimension", None) or network.get_sentence_embedding_dimension
    dim, sha256 = int(ask()), digest(network)
    config = {"model": model, "sha256": sha256, "dim": dim}
    provenance = {
        "objective": "pretrained, unchanged",
        "source": model,
        "licence": licence(model),
        "sha256": sha256,
        "seconds": round(time.perf_counter() - started, 2),
    }
    saved = save_encoder(folder, "sentence", config, {}, provenance, key=key)
    return SentenceEncoder(saved.name, provenance, network, dim)


def load(folder: Path) -> SentenceEncoder:
    """Open the model of a saved encoder again.

    Raises:
        EncoderError: The model cannot be opened, or its weights are different.
    """
    note, _ = read_encoder(folder)
    config = note["config"]
    model = open_model(config["model"])
    same_weights(model, config["sha256"], config["model"])
    return SentenceEncoder(note["fingerprint"], note["provenance"], model, config["dim"])


def open_model(model: str) -> Any:
    """Load a model from a folder, or from the hub or its cache, on the GPU if there is one, else on the CPU.

    Raises:
        EncoderError: The package is not installed, or the model cannot be opened.
    """

    def opener(local: bool) -> Any:
        from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]  # an extra

        # only safetensors: a pickle can run any code, and so can a model's own code
        return SentenceTransformer(
            model, trust_remote_code=False, local_files_only=local, model_kwargs={"use_safetensors": True}
        )

    return opened(model, opener, encoder="sentence", extra="sentence", instead="use the encoder 'tfidf'")


ENTRY = EncoderEntry(
    fit=fit,
    load=load,
    modalities=("text",),
    summary="a pretrained sentence model (needs activessl[sentence]; from the hub or a folder)",
)
