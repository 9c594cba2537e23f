"""Modules that are imported when one of their attributes is first used.

Use it for a library that takes long to import, in a module that a short command such as ``status`` imports for another
reason. Type checkers see the import itself::

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
    """Return a module that is imported when one of its attributes is first used.

    Args:
        name: Name of the module.

    Example:
        >>> later("statistics").median([1, 2, 9])
        2
    """
    return _Later(name)


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)  # the next access does not come here again
        return found
