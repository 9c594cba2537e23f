"""Objects by name: those of activessl from a table, those of other packages by entry point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from activessl.errors import ActiveSSLError

__all__ = ["Registry"]


@dataclass(frozen=True)
class Registry:
    """The objects of one kind, such as encoders, by name.

    Args:
        what: The word for one such object, such as "encoder".
        built_in: Name to "module:attribute". A module is imported when its name is requested.
        error: Raised for a name that cannot be used.
        group: The entry-point group of other packages; None where other packages cannot add any.

    Example:
        >>> from activessl.errors import QueryError
        >>> registry = Registry("number", {"e": "math:e"}, QueryError)
        >>> registry.names(), round(registry.get("e"), 2)
        (('e',), 2.72)
        >>> registry.get("pi")
        Traceback (most recent call last):
        activessl.errors.QueryError: unknown number 'pi'
         hint: use one of e
    """

    what: str
    built_in: Mapping[str, str]
    error: type[ActiveSSLError]
    group: str | None = None

    def names(self) -> tuple[str, ...]:
        """All names, sorted; imports nothing."""
        return tuple(sorted({*self.built_in, *(point.name for point in self._points())}))

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self.names()

    def get(self, name: str) -> Any:
        """Import and return the object that is registered under a name.

        Raises:
            ActiveSSLError: Of type ``error``: the name is unknown, or its module cannot be imported.
        """
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return getattr(import_module(module), attribute)
        point = next((point for point in self._points() if point.name == name), None)
        if point is None:
            raise self.error(f"unknown {self.what} {name!r}", hint=f"use one of {', '.join(self.names())}")
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise self.error(
                f"{self.what} {name!r} of {point.value} cannot be imported: {error}",
                hint="install the missing dependency, or uninstall the package that offers it",
            ) from error

    def _points(self) -> tuple[EntryPoint, ...]:
        return () if self.group is None else tuple(entry_points(group=self.group))
