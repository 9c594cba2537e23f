"""A machine that is a function of an installed package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from activessl.errors import ConfigError
from activessl.ledger.schema import Said
from activessl.machines.base import Setting, batches, said_of, version_of
from activessl.pool.pool import Pool
from activessl.registry import Registry

#: Functions of other packages: (media of one item, names of the classes) -> the name of a class, a score for each
#: class, or None. Code never stands in ``activessl.toml``.
FUNCTIONS = Registry("function", {}, ConfigError, "activessl.machine_functions")


@dataclass(frozen=True)
class Function:
    """A function that reads one item at a time; an error of the function is no answer."""

    version: str
    classes: tuple[str, ...]
    call: Callable[[Any, tuple[str, ...]], Any]

    def ask(self, pool: Pool, items: Iterable[str]) -> Iterator[list[Said]]:
        """Call the function with each item."""
        for part in batches(items):
            yield [self._said(item, pool) for item in part]

    def _said(self, item: str, pool: Pool) -> Said:
        try:
            found = self.call(pool.read(pool.row(item)), self.classes)
        except Exception as error:  # noqa: BLE001  # code of others, about one item of thousands
            return Said(item=item, scores=None, why=f"{type(error).__name__}: {str(error)[:80]}")
        if found is None:
            return Said(item=item, scores=None, why="no answer")
        if isinstance(found, str):
            known = found in self.classes
            return said_of(item, np.eye(len(self.classes))[self.classes.index(found)] if known else None, "no class")
        try:
            scores = np.asarray(found, dtype=np.float64)
        except (TypeError, ValueError):
            return Said(item=item, scores=None, why="no class")
        return said_of(item, scores if scores.shape == (len(self.classes),) else None, "no class")


def function_of(setting: Setting) -> Function:
    """Find the function of an installed package.

    Raises:
        ConfigError: No such function is registered, or its package cannot be imported.
    """
    name = setting.needed("function")
    call = FUNCTIONS.get(name)
    if not callable(call):
        raise ConfigError(
            f"{name!r} is no function", hint="register a function of an item and the names of the classes"
        )
    told = getattr(call, "version", "")  # a function may tell its version
    return Function(version_of("function", name, setting.classes, told), setting.classes, call)
