"""Modules that are imported when something of theirs is first used.

For a library that takes long to import, in a module that a short verb such as ``status`` needs for something else. The
type checkers see the import itself::

    if TYPE_CHECKING:
        import numpy as np
    else:
        np = later("numpy")
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any


def later(name: str) -> ModuleType:
    """A module as it will be: imported when something of it is first used.

    Args:
        name: Of the module.

    Example:
        >>> later("statistics").median([1, 2, 9])
        2
    """
    return _Later(name)


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)  # from now on it is found as fast as in the module itself
        return found
