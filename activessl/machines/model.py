"""A machine that is an earlier model: a folder that ``activessl export model`` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from activessl.errors import ActiveSSLError, ConfigError
from activessl.ledger.schema import Said
from activessl.machines.base import Setting, batches, said_of, version_of
from activessl.pool.pool import Pool
from activessl.scoring.model import Model
from activessl.sealed import sha256_of


@dataclass(frozen=True)
class Earlier:
    """An earlier model; the classes that both have count.

    Attributes:
        version: Hash of the model and the classes.
        classes: The classes of the project.
        model: The model.
        names: What each class of the model is called now.
    """

    version: str
    classes: tuple[str, ...]
    model: Model
    names: tuple[str, ...]

    def ask(self, pool: Pool, items: Iterable[str]) -> Iterator[list[Said]]:
        """Score the items."""
        into = np.array([[mine == theirs for mine in self.classes] for theirs in self.names], dtype=np.float64)
        for part in batches(items):
            shares = self.model.score(pool.subset(part)).probs @ into
            yield [said_of(item, row, "of no class of the project") for item, row in zip(part, shares, strict=True)]


def model_of(setting: Setting) -> Earlier:
    """Read an exported model.

    Raises:
        ConfigError: No model of the same form of data with classes of the project.
    """
    path = setting.path()
    try:
        model = Model.load(path)
    except ActiveSSLError as error:
        raise ConfigError(f"machines.{setting.name}: {error.message}", hint=error.hint) from None
    names = tuple(map(setting.now, model.classes))
    if model.modality != setting.modality or model.kind.independent or not set(names) & set(setting.classes):
        raise ConfigError(
            f"the model in {path} is of {model.modality} with the classes {', '.join(model.classes[:5])}",
            hint=f"use a model of {setting.modality} with one class of this project or more",
        )
    return Earlier(version_of("model", _digest(path), setting.classes), setting.classes, model, names)


def _digest(folder: Path) -> tuple[tuple[str, str], ...]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".onnx")
    return tuple((str(path.relative_to(folder)), sha256_of(path)) for path in files)
