"""A machine that compares texts with the names of the classes, by an encoder of sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from activessl.encoders.text.tfidf import read_texts
from activessl.encoders.wheels.catalogue import wheel_named
from activessl.errors import ConfigError
from activessl.heads.calibrate import softmax
from activessl.ledger.schema import Said
from activessl.machines.base import Setting, batches, said_of, version_of
from activessl.pool.pool import Pool

#: Cosines of sentences and class names differ by a few hundredths: this makes shares of them.
SHARPNESS = 20.0


@dataclass(frozen=True)
class ZeroShot:
    """Cosines between each text and each class name, as shares; their mean over the pool is taken off at use."""

    version: str
    names: Float[np.ndarray, "k d"]
    vectors: Callable[[list[str]], Float[np.ndarray, "b d"]]

    def ask(self, pool: Pool, items: Iterable[str]) -> Iterator[list[Said]]:
        """Compare the texts with the names."""
        for part in batches(items):
            texts = read_texts(pool, [pool.row(item) for item in part])
            shares = softmax(SHARPNESS * _unit(self.vectors(texts)) @ self.names.T)
            yield [said_of(item, row) for item, row in zip(part, shares, strict=True)]


def zero_shot_of(setting: Setting) -> ZeroShot:
    """Open the encoder and encode the names of the classes.

    Raises:
        ConfigError: The project has no texts, or the encoder is unknown.
        EncoderError: The package of the encoder is not installed.
    """
    from activessl.encoders.wheels import text

    setting.only("text")
    model = setting.needed("model")
    wheel = wheel_named(model)
    if wheel is None or wheel.modality != "text":
        raise ConfigError(
            f"machines.{setting.name}: no encoder of sentences {model!r}", hint="use use-multilingual or minilm-l6"
        )
    vectors, _ = text.opened(wheel)
    # the default prompt is a question to a language model
    prompt = setting.config.prompt if "prompt" in setting.config.model_fields_set else ""
    asked = [f"{prompt} {name}".strip().replace("_", " ") for name in setting.classes]
    version = version_of("zero_shot", model, sorted(dict(wheel.files).items()), asked)
    return ZeroShot(version, _unit(vectors(asked)), vectors)


def _unit(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    given = np.asarray(vectors, dtype=np.float64)
    return np.asarray(given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12))
