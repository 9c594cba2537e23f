"""The interface of a machine: an annotator that costs less than a person, and that nobody trusts unmeasured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from activessl.errors import ConfigError
from activessl.labels.changes import Naming
from activessl.ledger.schema import Said
from activessl.pool.pool import Pool
from activessl.project.config import MachineConfig

#: Items that a machine on this computer answers between two writes to the ledger.
BATCH = 256


@runtime_checkable
class Machine(Protocol):
    """Answers about items with a share for each class."""

    @property
    def version(self) -> str:
        """A hash of all that its answers depend on: another version is asked anew."""
        ...

    def ask(self, pool: Pool, items: Iterable[str]) -> Iterator[list[Said]]:
        """Answer about items of the pool, in batches as they are ready; an item without an answer is told why.

        A machine that waits for others may yield an empty batch before it waits: other processes can write meanwhile.

        Raises:
            ActiveSSLError: The machine cannot be asked; what it answered so far stands.
        """
        ...


@dataclass(frozen=True)
class Setting:
    """What a machine is made from.

    Attributes:
        name: Its name in ``activessl.toml``.
        config: Its section there.
        classes: The classes of the project, in order.
        folder: The folder of the project, which paths are relative to.
        modality: The form of the project's data.
        naming: The changes of the classes: what answered before them has the names of then.
    """

    name: str
    config: MachineConfig
    classes: tuple[str, ...]
    folder: Path
    modality: str
    naming: Naming = field(default_factory=Naming)

    def now(self, name: str) -> str:
        """The class that a name means now; the same name if it is none, or of a class that was split."""
        read = self.naming.read(name)
        return name if read.by is not None or not self.naming.replaced(name) else read.names[0]

    def needed(self, key: str) -> Any:
        """The value of a setting of this machine.

        Raises:
            ConfigError: It has none.
        """
        value = getattr(self.config, key)
        if not value:
            raise ConfigError(
                f"machines.{self.name} of kind {self.config.kind!r} has no {key}",
                hint=f"set {key} in [machines.{self.name}] of activessl.toml",
            )
        return value

    def path(self) -> Path:
        """The path in its section.

        Raises:
            ConfigError: It has none, or nothing is there.
        """
        path = self.folder / Path(self.needed("path")).expanduser()
        if not path.exists():
            raise ConfigError(f"machines.{self.name}: there is no {path}", hint="correct path in activessl.toml")
        return path

    def only(self, modality: str) -> None:
        """Raise an error if the project has another form of data.

        Raises:
            ConfigError: It has.
        """
        if self.modality != modality:
            raise ConfigError(
                f"machines.{self.name} of kind {self.config.kind!r} reads {modality}, but the project has "
                f"{self.modality}",
                hint="use a machine of kind table, function or model",
            )


def version_of(*told: object) -> str:
    """A hash of what a machine depends on.

    Example:
        >>> version_of("rules", ("a",)) == version_of("rules", ("a",)), len(version_of("b"))
        (True, 16)
    """
    return sha256(repr(told).encode()).hexdigest()[:16]


def said_of(item: str, scores: Float[np.ndarray, " k"] | None, why: str = "") -> Said:
    """An answer with shares that sum to one, or none where the scores have no share.

    Example:
        >>> said_of("a", np.array([3.0, 1.0])).scores, said_of("b", np.zeros(2)).why
        ((0.75, 0.25), 'no class')
    """
    if scores is None:
        return Said(item=item, scores=None, why=why)
    given = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(given).all() or given.min() < 0 or given.sum() <= 0:
        return Said(item=item, scores=None, why=why or "no class")
    return Said(item=item, scores=tuple(round(float(share), 6) for share in given / given.sum()))


def batches(items: Iterable[str], size: int = BATCH) -> Iterator[list[str]]:
    """The items in pieces of at most ``size``."""
    left = iter(items)
    while part := list(islice(left, size)):
        yield part
